/* The float32 layout: see compressor/float32.h. */
#include "compressor/float32.h"

size_t float32_bytes(const void *state, size_t n)
{
	(void)state;
	return n * sizeof(float);
}

void float32_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                    void *push)
{
	(void)worker;
	job->be->memory->copy(job->queue, (float *)push + begin, v + begin, (end - begin) * sizeof *v);
}

void float32_signs(const struct step_job *job, const void *message, uint64_t *vote, uint64_t *abstain)
{
	job->be->sign_pack(job->queue, job->n, message, SIGN_ABSTAIN, NULL, 0, vote, abstain);
}
