/* The float layout: see compressor/float32.h. */
#include <string.h>
#include "compressor/float32.h"

size_t float32_bytes(const void *state, size_t n)
{
	(void)state;
	return n * sizeof(float);
}

void float32_encode(const struct agg_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                    void *push)
{
	(void)job, (void)worker;
	memcpy((float *)push + begin, v + begin, (end - begin) * sizeof *v);
}

void float32_mean(const struct agg_job *job, int count, const void *const *pushes, size_t begin, size_t end,
                  void *pull)
{
	const struct backend *be = job->be;
	float share = (float)(1.0 / count);
	for (size_t at = begin; at < end; at += FLOAT32_BLOCK) {
		size_t n = end - at < FLOAT32_BLOCK ? end - at : FLOAT32_BLOCK;
		float *sum = (float *)pull + at;
		memcpy(sum, (const float *)pushes[0] + at, n * sizeof *sum);
		for (int m = 1; m < count; m++)
			be->add(n, (const float *)pushes[m] + at, sum);
		be->scale(n, share, sum, sum);
	}
}

void float32_signs(const struct agg_job *job, const void *floats, uint64_t *vote, uint64_t *abstain)
{
	job->be->sign_pack(job->n, floats, SIGN_ABSTAIN, NULL, 0, vote, abstain);
}

void float32_descend(const struct agg_job *job, const void *pull, size_t begin, size_t end, double lr,
                     double decay, float *memory, float *x)
{
	(void)memory;
	job->be->descend(end - begin, (const float *)pull + begin, (float)lr, (float)decay, x + begin);
}
