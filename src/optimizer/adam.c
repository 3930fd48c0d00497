/* Optimizer `adam`: Adam's step from the answer, in every process alike. */
#include <math.h>
#include "optimizer/optimizer.h"

struct adam {
	double beta1, beta2, eps;
};

/* Both moments: m [n], then s [n]. */
static size_t adam_memory_floats(const void *state, size_t n)
{
	(void)state;
	return 2 * n;
}

/* 1 / (1 - beta^t), of the beta that the kernel uses, which is a float. */
static float bias_correction(double beta, uint64_t step)
{
	return (float)(1 / (1 - pow((float)beta, (double)(step + 1))));
}

static void adam_apply(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
                       double decay, float *memory, float *x)
{
	const struct adam *a = job->state;
	job->be->adam(job->queue, end - begin, (const float *)pull + begin, (float)a->beta1, (float)a->beta2,
	              (float)a->eps, bias_correction(a->beta1, job->step),
	              bias_correction(a->beta2, job->step), (float)lr, (float)decay, memory + begin,
	              memory + job->n + begin, x + begin);
}

static const struct key adam_keys[] = {
        {.name = "beta1",
         .kind = KEY_REAL,
         .offset = offsetof(struct adam, beta1),
         .default_json = "0.9",
         .lowest = 0,
         .highest = 0.999999,
         .help = "decay of the mean of gradients"},
        {.name = "beta2",
         .kind = KEY_REAL,
         .offset = offsetof(struct adam, beta2),
         .default_json = "0.999",
         .lowest = 0,
         .highest = 0.999999,
         .help = "decay of the mean of squared gradients"},
        {.name = "eps",
         .kind = KEY_REAL,
         .offset = offsetof(struct adam, eps),
         .default_json = "1e-8",
         .lowest = 0,
         .highest = 1,
         .help = "added to the root; with 0, a coordinate whose gradients were all 0 becomes NaN"},
        {0},
};

const struct optimizer optimizer_adam = {
        .row = {.name = "adam",
                .also = "adamw",
                .about = "Adam from the answer, with decoupled weight decay",
                .formula = "m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2; x <- x - lr (m / "
                           "(1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps) + decay x), g the answer, t = "
                           "step + 1. Kingma and Ba 2015, Algorithm 1; the decay as in Loshchilov and "
                           "Hutter 2019. With beta1 = beta2 = eps = 0 it is signSGD (Bernstein et al. "
                           "2019)",
                .keys = adam_keys,
                .state_bytes = sizeof(struct adam)},
        .takes = TAKES_FLOATS,
        .own_momentum = true,
        .scale_free = true,
        .memory_floats = adam_memory_floats,
        .apply = adam_apply,
};
