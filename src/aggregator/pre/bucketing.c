/* Pre-aggregator `bucketing`: means of messages that chance puts together. */
#include "aggregator/pre/pre.h"
#include "base/rng.h"

struct bucketing {
	int64_t s;
};

static const struct key bucketing_keys[] = {
        RULE_COUNT("s", offsetof(struct bucketing, s), "2", "messages in a bucket; the last may have fewer"),
        {.name = NULL},
};

static int bucketing_left(const void *state, int n)
{
	int64_t s = ((const struct bucketing *)state)->s;
	return (int)((n + s - 1) / s);
}

/* Drawn anew in every step, where the rule runs: the same in every process that has a share of it. */
static void bucketing_plan(const struct rule_view *v, struct rule_plan *p)
{
	const struct bucketing *b = v->state;
	struct stream draw = stream_of(v->seed, RNG_BUCKETS, 0, v->step);
	stream_shuffle(&draw, p->order, (uint32_t)v->n);
	for (int64_t i = 0; i < v->n; i++) {
		int64_t bucket = i / b->s, rest = v->n - bucket * b->s;
		uint32_t message = p->order[i];
		p->w[bucket * v->rows + message] = 1.0 / (double)(rest < b->s ? rest : b->s);
		p->bucket[message] = (int)bucket;
	}
}

const struct pre pre_bucketing = {
        .row = {.name = "bucketing",
                .also = "bucket, buckets, s_resampling, resampling",
                .about = "the messages are put into buckets of `s` at random; each bucket gives its mean",
                .formula =
                        "a random order of the n messages, new in every step, cut into n' = ceil(n / s) "
                        "buckets; y_b = mean of bucket b. f' = f: a Byzantine message spoils one bucket at "
                        "most; what follows needs its precondition with n' and f'. Karimireddy et al. 2022, "
                        "Algorithm 1",
                .keys = bucketing_keys,
                .state_bytes = sizeof(struct bucketing)},
        .rule = {.distances = RULE_FROM_OTHERS, .left = bucketing_left, .plan = bucketing_plan},
};
