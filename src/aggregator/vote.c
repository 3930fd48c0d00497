/* Aggregator `vote`: the majority vote over signs, one bit a coordinate in both directions. */
#include "aggregator/aggregator.h"
#include "compressor/sign.h"

/* Pointers to the voters' planes live on combine()'s stack, because a step allocates nothing. */
enum { VOTERS_MAX = 4096 };

struct vote {
	int zero, tie; /* enum sign_policy */
};

static enum sign_policy vote_zero(const void *state)
{
	return (enum sign_policy)((const struct vote *)state)->zero;
}

static enum sign_policy vote_tie(const void *state)
{
	return (enum sign_policy)((const struct vote *)state)->tie;
}

static int vote_check(const void *state, int workers, int byzantine, struct err *e)
{
	(void)state, (void)byzantine;
	if (workers > VOTERS_MAX)
		return err_user(e, "vote: found %d workers, expected at most %d", workers, VOTERS_MAX);
	return 0;
}

static size_t vote_push_bytes(const void *state, size_t n)
{
	return sign_message_bytes(n, vote_zero(state));
}

static size_t vote_pull_bytes(const void *state, size_t n)
{
	return sign_message_bytes(n, vote_tie(state));
}

static void vote_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                        void *push)
{
	sign_message_encode(job, vote_zero(job->state), worker, v, begin, end, push);
}

static void vote_encode_momentum(const struct step_job *job, uint32_t worker, float beta, const float *g,
                                 float *v, size_t begin, size_t end, void *push)
{
	sign_message_encode_momentum(job, vote_zero(job->state), worker, beta, g, v, begin, end, push);
}

static void vote_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                         size_t end, void *pull)
{
	enum sign_policy zero = vote_zero(job->state), tie = vote_tie(job->state);
	const uint64_t *vote[VOTERS_MAX], *abstain[VOTERS_MAX]; /* [count] -> [words] */
	if (count > VOTERS_MAX)
		BUG("more voters than vote_check() lets in");
	for (int m = 0; m < count; m++) {
		vote[m] = sign_message_vote(pushes[m], begin);
		abstain[m] = sign_message_abstain(pushes[m], job->n, zero, begin);
	}
	struct votes votes = {.count = count, .vote = vote, .abstain = zero == SIGN_ABSTAIN ? abstain : NULL};
	struct stream coins = stream_of(job->seed, RNG_TIE, 0, job->step);
	uint64_t *answer = (uint64_t *)pull + begin / 64;
	uint64_t *silent = tie == SIGN_ABSTAIN ? answer + sign_words(job->n) : NULL;
	job->be->majority(job->queue, end - begin, &votes, tie, &coins, begin, answer, silent);
}

static void vote_apply(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
                       double decay, float *memory, float *x)
{
	(void)memory;
	job->be->sign_apply(job->queue, end - begin, sign_message_vote(pull, begin),
	                    sign_message_abstain(pull, job->n, vote_tie(job->state), begin), (float)lr,
	                    (float)decay, x + begin);
}

static void vote_push_signs(const struct step_job *job, const void *push, uint64_t *vote, uint64_t *abstain)
{
	sign_message_signs(job, vote_zero(job->state), push, vote, abstain);
}

static void vote_pull_signs(const struct step_job *job, const void *pull, uint64_t *vote, uint64_t *abstain)
{
	sign_message_signs(job, vote_tie(job->state), pull, vote, abstain);
}

static const struct key vote_keys[] = {
        {.name = "zero",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct vote, zero),
         .default_json = "\"random\"",
         .choices = SIGN_POLICY_NAMES,
         .help = "a worker's vote on a coordinate that is exactly 0, or NaN: a fair coin, +1 (as the "
                 "published code) or nothing, which costs a second bit a coordinate up"},
        {.name = "tie",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct vote, tie),
         .default_json = "\"random\"",
         .choices = SIGN_POLICY_NAMES,
         .help = "the answer where the vote is tied: a fair coin, +1 (as the published code) or nothing, "
                 "which costs a second bit a coordinate down"},
        {0},
};

const struct aggregator aggregator_vote = {
        .row = {.name = "vote",
                .also = "signsgd, sign_sgd, majority, majority_vote, signsgd_mv, signsgd_with_majority_vote",
                .about = "majority vote over the workers' signs: signSGD, and Signum with momentum",
                .formula = "V = sum over workers m of sign(v_m); x <- x - lr (sign(V) + decay x). Bernstein "
                           "et al. 2019, Algorithm 1. One bit a coordinate up and one down",
                .keys = vote_keys,
                .state_bytes = sizeof(struct vote)},
        .separable = true,
        .push_bits = 1,
        .pull_bits = 1,
        .check = vote_check,
        .push_bytes = vote_push_bytes,
        .pull_bytes = vote_pull_bytes,
        .encode = vote_encode,
        .encode_momentum = vote_encode_momentum,
        .combine = vote_combine,
        .apply = vote_apply,
        .push_signs = vote_push_signs,
        .pull_signs = vote_pull_signs,
};
