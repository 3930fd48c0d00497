/* Aggregator `sign-mean`: signs up, their mean down, as a control: what does the vote's own sign do?. */
#include "aggregator/mean.h"
#include "compressor/float32.h"
#include "compressor/sign.h"

struct sign_mean {
	int zero; /* enum sign_policy */
};

static enum sign_policy sign_mean_zero(const void *state)
{
	return (enum sign_policy)((const struct sign_mean *)state)->zero;
}

static size_t sign_mean_push_bytes(const void *state, size_t n)
{
	return sign_message_bytes(n, sign_mean_zero(state));
}

static void sign_mean_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                             size_t end, void *push)
{
	sign_message_encode(job, sign_mean_zero(job->state), worker, v, begin, end, push);
}

static void sign_mean_encode_momentum(const struct step_job *job, uint32_t worker, float beta, const float *g,
                                      float *v, size_t begin, size_t end, void *push)
{
	sign_message_encode_momentum(job, sign_mean_zero(job->state), worker, beta, g, v, begin, end, push);
}

static void sign_mean_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                              size_t end, void *pull)
{
	enum sign_policy zero = sign_mean_zero(job->state);
	const struct backend *be = job->be;
	float share = (float)(1.0 / count);
	for (size_t at = begin; at < end; at += MEAN_BLOCK) {
		size_t n = end - at < MEAN_BLOCK ? end - at : MEAN_BLOCK;
		float *sum = (float *)pull + at;
		be->sign_unpack(job->queue, n, sign_message_vote(pushes[0], at),
		                sign_message_abstain(pushes[0], job->n, zero, at), sum);
		for (int m = 1; m < count; m++) /* a step of rate -1 adds the signs */
			be->sign_apply(job->queue, n, sign_message_vote(pushes[m], at),
			               sign_message_abstain(pushes[m], job->n, zero, at), -1, 0, sum);
		be->scale(job->queue, n, share, sum, sum);
	}
}

static void sign_mean_push_signs(const struct step_job *job, const void *push, uint64_t *vote,
                                 uint64_t *abstain)
{
	sign_message_signs(job, sign_mean_zero(job->state), push, vote, abstain);
}

static const struct key sign_mean_keys[] = {
        {.name = "zero",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct sign_mean, zero),
         .default_json = "\"random\"",
         .choices = SIGN_POLICY_NAMES,
         .help = "a worker's vote on a coordinate that is exactly 0, or NaN: a fair coin, +1 or nothing, "
                 "which costs a second bit a coordinate up"},
        {0},
};

const struct aggregator aggregator_sign_mean = {
        .row = {.name = "sign-mean",
                .about = "mean of the workers' signs, without the vote's last sign: a control",
                .formula = "x <- x - lr ((1/M) sum over workers m of sign(v_m) + decay x). What the code "
                           "published with Bernstein et al. 2019 does as Signum without compression. One bit "
                           "a coordinate up and 32 down",
                .keys = sign_mean_keys,
                .state_bytes = sizeof(struct sign_mean)},
        .separable = true,
        .push_bits = 1,
        .pull_bits = 32,
        .push_bytes = sign_mean_push_bytes,
        .pull_bytes = float32_bytes,
        .encode = sign_mean_encode,
        .encode_momentum = sign_mean_encode_momentum,
        .combine = sign_mean_combine,
        .apply = mean_apply,
        .push_signs = sign_mean_push_signs,
        .pull_signs = float32_signs,
};
