/* What memory a process is planned to need, by what it has of a run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
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
	const struct plan root = plan_of(clipping, &(struct plan_share){1, true, true, true, NULL, NULL}),
	                  share = plan_of(clipping, &(struct plan_share){1, false, true, true, NULL, NULL}),
	                  without =
	                          plan_of(clipping, &(struct plan_share){1, false, false, true, NULL, NULL});
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
	const struct plan_share all = {WORKERS, true, true, false, NULL, NULL},
	                        sent = {WORKERS, true, true, true, NULL, NULL};
	const struct plan own = plan_of(host, &all), far = plan_of(guarded, &all),
	                  apart = plan_of(guarded, &sent);
	const size_t state = (1 + WORKERS) * N * sizeof(float);
	cr_expect_eq(own.mirrors, 0);
	cr_expect_eq(plan_of(host, &sent).mirrors, 0);
	cr_expect_eq(far.mirrors, state);
	cr_expect_eq(apart.mirrors, state + (WORKERS + 1) * N * sizeof(float));
	cr_expect_eq(far.total - own.total, far.mirrors);
}

/* Every part lies in one place, and both places have a total. */
Test(plan, what_lies_on_the_device_is_told_apart)
{
	const struct plan_share all = {WORKERS, true, true, false, NULL, NULL};
	const struct plan own = plan_of(host, &all), far = plan_of(guarded, &all);
	const size_t state = (1 + WORKERS) * N * sizeof(float);
	size_t device = 0;
	for (const struct plan_part *p = plan_parts; p->name; p++)
		device += p->device ? plan_part_bytes(&far, p) : 0;
	cr_expect_eq(own.device, 0);
	cr_expect_eq(far.device, device);
	cr_expect_eq(far.device, state + far.messages + far.lanes);
	cr_expect_eq(far.total - far.device, far.mirrors + far.record + far.base + far.data);
}

Test(plan, too_little_memory_of_a_device_is_said_with_both_numbers)
{
	const struct plan_share all = {WORKERS, true, true, false, NULL, NULL};
	struct err e = {0};
	setenv("SIGNSGD_GUARDED_BYTES", "1048576", 1);
	const struct plan far = plan_of(guarded, &all), own = plan_of(host, &all);
	cr_expect_eq(plan_room(&far, &e), -1);
	cr_expect_eq(e.code, EXIT_WORLD);
	cr_expect_str_eq(e.text, "memory: this run needs about 2.7 MiB of the memory of backend \"guarded\", "
	                         "found 1.0 MiB free of 1.0 MiB; `signsgd validate` says what it goes to");
	cr_expect_eq(plan_room(&own, &e), 0);
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
	const struct plan_share all = {WORKERS, true, true, false, NULL, NULL},
	                        sent = {WORKERS, false, true, false, NULL, NULL};
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
