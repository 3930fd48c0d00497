/* Compressor `sto-sign`: random signs, whose mean is the value over b. */
#include <float.h>
#include <math.h>
#include "compressor/noisy.h"

struct sto_sign {
	double b; /* 0: the message's largest value */
};

static bool sto_sign_whole(const void *state)
{
	return ((const struct sto_sign *)state)->b == 0;
}

/* v + b u > 0 for u uniform in (-1, 1) with the probability (1 + v / b) / 2, and surely from v = b on. */
static void sto_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                            size_t end, float *memory, void *push)
{
	double b = ((const struct sto_sign *)job->state)->b;
	(void)memory;
	if (sto_sign_whole(job->state))
		b = fmin(noisy_measure(job, job->be->max_abs, v, push), FLT_MAX);
	noisy_encode(job, worker, SIGN_UNIFORM, 1, b, v, begin, end, push);
}

static const struct key sto_sign_keys[] = {
        {.name = "b",
         .also = "bound, b_max",
         .kind = KEY_REAL,
         .offset = offsetof(struct sto_sign, b),
         .default_json = "\"max\"",
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .word = "max",
         .word_value = 0,
         .help = "the size from which on a sign is sure; \"max\" is the largest of this message, which must "
                 "then be made at once, after the whole gradient"},
        {0},
};

const struct compressor compressor_sto_sign = {
        .row = {.name = "sto-sign",
                .also = "sto_signsgd, stochastic_sign, stochastic_sign_sgd, sto_sign_sgd",
                .about = "random signs, whose mean is the value over b",
                .formula = "+1 with the probability 1/2 + v_m/(2 b), else -1; sure where |v_m| > b. NaN, and "
                           "zeros where all are 0, are fair coins. Jin et al. 2020. Up: 8 ceil(n / 64) bytes",
                .keys = sto_sign_keys,
                .state_bytes = sizeof(struct sto_sign)},
        .says = MESSAGE_SIGNS,
        .bits = 1,
        .random = true,
        .whole = sto_sign_whole,
        .encode = sto_sign_encode,
};
