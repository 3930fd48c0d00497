/* Aggregator `vote`: the majority vote over signs, one bit a coordinate in both directions. */
#include "aggregator/aggregator.h"

struct vote {
	int tie; /* enum sign_policy */
};

static enum sign_policy vote_tie(const void *state)
{
	return (enum sign_policy)((const struct vote *)state)->tie;
}

static bool vote_abstains(const void *state)
{
	return vote_tie(state) == SIGN_ABSTAIN;
}

static void vote_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                         size_t end, void *pull)
{
	enum sign_policy tie = vote_tie(job->state);
	struct vote_list list;
	struct votes votes = message_votes(job, count, pushes, begin, &list);
	struct stream coins = stream_of(job->seed, RNG_TIE, 0, job->step);
	uint64_t *answer = (uint64_t *)pull + begin / 64;
	uint64_t *silent = tie == SIGN_ABSTAIN ? answer + sign_words(job->n) : NULL;
	job->be->majority(job->queue, end - begin, &votes, tie, &coins, begin, answer, silent);
}

static const struct key vote_keys[] = {
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
        .compressor = "sign",
        .takes = TAKES_SIGNS,
        .answers = MESSAGE_SIGNS,
        .separable = true,
        .majority = true,
        .abstains = vote_abstains,
        .combine = vote_combine,
};
