/* Noise, then signs: see compressor/noisy.h. */
#include "compressor/noisy.h"

void noisy_encode(const struct step_job *job, uint32_t worker, enum noise_kind kind, double scale,
                  double size, const float *v, size_t begin, size_t end, void *push)
{
	const struct stream coins = stream_of(job->seed, RNG_ZERO, worker, job->step);
	const struct sign_noise noise = {.kind = kind,
	                                 .scale = (float)scale,
	                                 .size = (float)size,
	                                 .stream = stream_of(job->seed, RNG_MESSAGE, worker, job->step)};
	job->be->noise_pack(job->queue, end - begin, v + begin, &noise, &coins, begin,
	                    (uint64_t *)push + begin / 64);
}

double noisy_measure(const struct step_job *job,
                     void (*kernel)(struct queue *q, size_t n, const float *x, double *out), const float *v,
                     void *push)
{
	double *number = push; /* until the vote plane is written there */
	kernel(job->queue, job->n, v, number);
	return memory_number(job->be->memory, job->queue, number);
}
