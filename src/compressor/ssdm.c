/*
 * Compressor `ssdm` (stochastic sign descent with momentum): random signs, whose mean is the vector over its
 * length. Safaryan and Richtarik 2021.
 */
#include <float.h>
#include <math.h>
#include "compressor/noisy.h"

static bool ssdm_whole(const void *state)
{
	(void)state;
	return true;
}

/* v + |v| u > 0 for u uniform in (-1, 1) with the probability (1 + v_j / |v|) / 2. */
static void ssdm_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                        float *memory, void *push)
{
	double norm = sqrt(noisy_measure(job, job->be->sum_square, v, push));
	(void)memory;
	noisy_encode(job, worker, SIGN_UNIFORM, 1, fmin(norm, FLT_MAX), v, begin, end, push);
}

const struct compressor compressor_ssdm = {
        .row = {.name = "ssdm",
                .also = "stochastic_sign_descent, stochastic_sign_descent_with_momentum",
                .about = "random signs, whose mean is the vector over its length: what `mean` makes of them "
                         "has no bias",
                .formula = "+1 with the probability 1/2 + v_m/(2 |v_m|), |v_m| the L2 norm, else -1. NaN, "
                           "and zeros where all are 0, are fair coins. Safaryan and Richtarik 2021, where "
                           "the answer is the mean. Up: 8 ceil(n / 64) bytes"},
        .aggregator = "mean",
        .says = MESSAGE_SIGNS,
        .bits = 1,
        .random = true,
        .whole = ssdm_whole,
        .encode = ssdm_encode,
};
