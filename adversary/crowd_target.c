/* What colluders want of a vote: see crowd_target.h. */
#include "adversary/crowd_target.h"

static int sign(double x)
{
	return (x > 0) - (x < 0);
}

void crowd_right(const struct crowd_view *view, enum crowd_target target, size_t begin, size_t count,
                 int *votes, int *right)
{
	double mean[CROWD_CHUNK];
	crowd_votes(view, begin, count, votes);
	crowd_mean(view, begin, count, mean);
	for (size_t i = 0; i < count; i++) {
		int by_vote = sign(votes[i]), by_mean = sign(mean[i]);
		int first = target == TARGET_VOTE ? by_vote : by_mean,
		    second = target == TARGET_VOTE ? by_mean : by_vote;
		right[i] = first ? first : second ? second : 1;
	}
}

int crowd_target_check(const void *state, const struct crowd_terms *terms, struct err *e)
{
	(void)state;
	if (terms->signs)
		return 0;
	return err_user(e,
	                "the attack is one on votes, and messages of compressor \"%s\" are no plain signs; "
	                "expected compressor \"sign\", with aggregator \"vote\" or \"mean\"",
	                terms->compressor);
}
