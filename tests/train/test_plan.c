/* What memory a process is planned to need, by what it has of a run. */
#include <criterion/criterion.h>
#include <stdio.h>
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

/* What probes read of the machine's memory is there twice too; two lanes. */
Test(plan, what_probes_read_is_counted_where_there_are_mirrors)
{
	static const struct {
		const char *record, *aggregator;
		size_t bytes;
	} cases[] = {
	        {"margin", "vote", 4 * 8 * ((N + 63) / 64)},
	        {"snapshots", "vote", N * sizeof(float)},
	        {"kappa", "mean", 2 * (WORKERS + 1) * 1024 * sizeof(float)},
	        {"certificate", "vote", 2 * 2 * 65536 / 8},
	};
	const struct plan_share all = {WORKERS, true, true, false}, sent = {WORKERS, false, true, false};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char asked[400], plain[400];
		for (int far = 0; far < 2; far++) {
			const char *backend = far ? ",\"backend\":\"guarded\"}" : "}";
			snprintf(plain, sizeof plain, RUN "\"%s\"%s", cases[i].aggregator, backend);
			snprintf(asked, sizeof asked, RUN "\"%s\",\"record\":{\"%s\":1}%s",
			         cases[i].aggregator, cases[i].record, backend);
			const struct plan with = plan_of(asked, &all), without = plan_of(plain, &all);
			cr_expect_eq(with.mirrors - without.mirrors, far ? cases[i].bytes : 0, "%s: %zu",
			             cases[i].record, with.mirrors - without.mirrors);
			cr_expect_gt(with.record, without.record, "%s", cases[i].record);
		}
		cr_expect_eq(plan_of(asked, &sent).mirrors, plan_of(plain, &sent).mirrors, "who records");
	}
}
