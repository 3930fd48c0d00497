/* What memory a process is planned to need, by what it has of a run. */
#include <criterion/criterion.h>
#include "tests/support/train.h"

TestSuite(plan, .timeout = 60);

enum { N = 70000, WORKERS = 3 };

#define RUN                                                                                                  \
	"{\"workers\":3,\"steps\":4,\"batch\":1,\"momentum\":0.5,\"lr\":0.1,\"optimizer\":\"sgd\","          \
	"\"model\":{\"kind\":\"quadratic\",\"dimensions\":70000},\"aggregator\":"

static const char clipping[] = RUN "{\"kind\":\"centered-clipping\",\"tau\":1}}";
static const char guarded[] = RUN "\"mean\",\"backend\":\"guarded\"}", host[] = RUN "\"mean\"}";

static struct plan plan_of(const char *text, const struct plan_share *share)
{
	struct runs runs;
	struct plan plan;
	trainer_plan_share(train_settings(&runs, text), 2, share, &plan);
	runs_clear(&runs);
	return plan;
}

/* A process with a share of the coordinates has the rule's memory, and its scratch, also where others record.
 */
Test(plan, a_rule_takes_memory_wherever_messages_meet)
{
	const struct plan root = plan_of(clipping, &(struct plan_share){1, true, true, true}),
	                  share = plan_of(clipping, &(struct plan_share){1, false, true, true}),
	                  without = plan_of(clipping, &(struct plan_share){1, false, false, true});
	cr_expect_eq(share.optimiser, N * sizeof(float));
	cr_expect_eq(share.optimiser, root.optimiser);
	cr_expect_eq(share.messages, root.messages);
	cr_expect_eq(share.record, 0);
	cr_expect_eq(without.optimiser, 0);
	cr_expect_lt(without.messages, share.messages);
	cr_expect_eq(share.total - without.total, share.optimiser + share.messages - without.messages);
}

/* Where memory is not the host's, the state is there twice; messages too, if the transport is the host's. */
Test(plan, mirrors_are_counted_where_there_are_any)
{
	const struct plan_share all = {WORKERS, true, true, false}, sent = {WORKERS, true, true, true};
	const struct plan own = plan_of(host, &all), far = plan_of(guarded, &all),
	                  apart = plan_of(guarded, &sent);
	const size_t state = (1 + WORKERS) * N * sizeof(float);
	cr_expect_eq(own.mirrors, 0);
	cr_expect_eq(plan_of(host, &sent).mirrors, 0);
	cr_expect_eq(far.mirrors, state);
	cr_expect_eq(apart.mirrors, state + (WORKERS + 1) * N * sizeof(float));
	cr_expect_eq(far.total - own.total, far.mirrors);
}
