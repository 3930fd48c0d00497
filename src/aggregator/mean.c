/* Aggregator `mean`: distributed SGD, with momentum if the workers have one. */
#include "aggregator/mean.h"
#include "compressor/float32.h"

void mean_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin, size_t end,
                  void *pull)
{
	const struct backend *be = job->be;
	float share = (float)(1.0 / count);
	for (size_t at = begin; at < end; at += MEAN_BLOCK) {
		size_t n = end - at < MEAN_BLOCK ? end - at : MEAN_BLOCK;
		float *sum = (float *)pull + at;
		be->memory->copy(job->queue, sum, (const float *)pushes[0] + at, n * sizeof *sum);
		for (int m = 1; m < count; m++)
			be->add(job->queue, n, (const float *)pushes[m] + at, sum);
		be->scale(job->queue, n, share, sum, sum);
	}
}

void mean_apply(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
                double decay, float *memory, float *x)
{
	(void)memory;
	job->be->descend(job->queue, end - begin, (const float *)pull + begin, (float)lr, (float)decay,
	                 x + begin);
}

const struct aggregator aggregator_mean = {
        .row = {.name = "mean",
                .also = "average, avg, averaging, sgd, fedavg, fedsgd",
                .about = "mean of the workers' vectors: distributed SGD, with momentum at the workers",
                .formula =
                        "x <- x - lr ((1/M) sum over workers m of v_m + decay x): the mean, not the sum. The "
                        "momentum v = (1 - beta) g + beta v carries the factor (1 - beta), so that a "
                        "published rate r of heavy-ball momentum (u = g + beta u, x <- x - r u) is lr = r / "
                        "(1 - beta) here. Not robust: a NaN or an infinity of one worker reaches x. The "
                        "baseline of Bernstein et al. 2019, Figure 5. 32 bits a coordinate up and 32 down"},
        .separable = true,
        .float_mean = true,
        .push_bits = 32,
        .pull_bits = 32,
        .push_bytes = float32_bytes,
        .pull_bytes = float32_bytes,
        .encode = float32_encode,
        .combine = mean_combine,
        .apply = mean_apply,
        .push_signs = float32_signs,
        .pull_signs = float32_signs,
};
