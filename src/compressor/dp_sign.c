/*
 * Compressor `dp-sign`: signs of a clipped vector after normal noise, which hides what is in a worker's data.
 *
 * With |v| clipped to C, a worker's vector and no vector at all are at most C apart, and normal noise of the
 * deviation sigma = (C / epsilon) sqrt(2 ln(1.25 / delta)) makes one message (epsilon, delta)-private for
 * epsilon < 1 (Dwork and Roth 2014, Theorem A.1); taking signs of it gives away nothing more. Over T steps
 * that is (T epsilon, T delta) by adding up. Renyi's divergence of order a of each message is a r,
 * r = C^2 / (2 sigma^2) (Mironov 2017), so that T messages are (T r + 2 sqrt(T r ln(1 / delta)),
 * delta)-private by the best a (Bun and Steinke 2016, Proposition 1.3), for any epsilon.
 */
#include <math.h>
#include "compressor/noisy.h"

struct dp_sign {
	double clip, epsilon, delta;
};

/* sigma epsilon / clip; 1 / delta may be no number. */
static double multiplier_of(const struct dp_sign *s)
{
	return sqrt(2 * (log(1.25) - log(s->delta)));
}

static double sigma_of(const struct dp_sign *s)
{
	return s->clip / s->epsilon * multiplier_of(s);
}

static bool dp_sign_whole(const void *state)
{
	(void)state;
	return true;
}

/* A norm that is NaN fails the comparison too, and hides what is left of v as NaN. */
static void dp_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                           size_t end, float *memory, void *push)
{
	const struct dp_sign *s = job->state;
	double norm = sqrt(noisy_measure(job, job->be->sum_square, v, push));
	(void)memory;
	noisy_encode(job, worker, SIGN_NORMAL, norm <= s->clip ? 1 : s->clip / norm, sigma_of(s), v, begin,
	             end, push);
}

static struct privacy dp_sign_privacy(const void *state, int64_t steps)
{
	const struct dp_sign *s = state;
	double ratio = s->epsilon / multiplier_of(s), divergence = (double)steps * ratio * ratio / 2;
	return (struct privacy){.epsilon = (double)steps * s->epsilon,
	                        .delta = fmin((double)steps * s->delta, 1),
	                        .renyi_epsilon = divergence + 2 * sqrt(divergence * -log(s->delta)),
	                        .renyi_delta = s->delta};
}

static const struct key dp_sign_keys[] = {
        {.name = "clip",
         .also = "c, max_grad_norm, l2_norm_clip, clipping_norm",
         .kind = KEY_REAL,
         .offset = offsetof(struct dp_sign, clip),
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "C: a vector of a larger L2 norm is scaled down to it"},
        {.name = "epsilon",
         .also = "eps, target_epsilon",
         .kind = KEY_REAL,
         .offset = offsetof(struct dp_sign, epsilon),
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "of one message; the formula of sigma is proven below 1"},
        {.name = "delta",
         .also = "target_delta",
         .kind = KEY_REAL,
         .offset = offsetof(struct dp_sign, delta),
         .default_json = "1e-5",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .below = true,
         .help = "of one message, and of all by Renyi's composition"},
        {0},
};

const struct compressor compressor_dp_sign = {
        .row = {.name = "dp-sign",
                .also = "dp_signsgd, dp_sign_sgd, private_sign",
                .about = "signs of a clipped vector after normal noise: differential privacy",
                .formula = "+1 with the probability Phi(u/sigma), else -1; u = v_m min(1, clip/|v_m|), sigma "
                           "= (clip/epsilon) sqrt(2 ln(1.25/delta)). Jin et al. 2020. Up: 8 ceil(n / 64) "
                           "bytes. What is spent over all steps, and what it takes for granted: "
                           "docs/SECURITY.md",
                .keys = dp_sign_keys,
                .state_bytes = sizeof(struct dp_sign)},
        .says = MESSAGE_SIGNS,
        .bits = 1,
        .random = true,
        .whole = dp_sign_whole,
        .privacy = dp_sign_privacy,
        .encode = dp_sign_encode,
};
