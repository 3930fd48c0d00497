/* The walk of `signsgd check`: it must find nothing on this machine, and must find a broken kernel. */
#include <criterion/criterion.h>
#include <stdio.h>
#include "backend/backend.h"
#include "check/check.h"
#include "registry.h"

static void count_results(void *ctx, const struct check_result *r)
{
	int *failed = ctx;
	if (!r->passed)
		fprintf(stderr, "%s on %s: %s\n", r->kernel, r->backend, r->where);
	failed[0]++;
	failed[1] += !r->passed;
}

Test(check, every_kernel_of_every_backend_agrees_with_ref, .timeout = 300)
{
	int seen[2] = {0, 0};
	const struct choice all = {0};
	struct err e = {0};
	cr_expect_eq(check_run(&all, count_results, seen, &e), 0, "%s", e.text);
	cr_expect_gt(seen[0], 20);
	cr_expect_eq(seen[1], 0);
}

/* One coordinate in a thousand words wrong, and only for large M: the walk must still see it. */
static void (*honest_majority)(struct queue *, size_t, const struct votes *, enum sign_policy,
                               const struct stream *, size_t, uint64_t *, uint64_t *);

static void crooked_majority(struct queue *q, size_t n, const struct votes *b, enum sign_policy tie,
                             const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain)
{
	honest_majority(q, n, b, tie, coins, first, vote, abstain);
	if (b->count > 30 && n > 64)
		vote[1] ^= 1;
}

static void crooked_descend(HOST_QUEUE, size_t n, const float *d, float lr, float decay, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] -= lr * d[i] + lr * decay * x[i] * (1.0f + 1e-6f);
}

Test(check, finds_broken_kernels, .timeout = 300)
{
	struct backend ref;
	struct err e = {0};
	int seen[2] = {0, 0};
	cr_assert_eq(((const struct backend_row *)family_find(&family_backends, "ref"))->open(&ref, NULL, &e),
	             0);
	struct check_table broken = {.name = "broken", .kernels = ref};
	honest_majority = ref.majority;
	broken.kernels.majority = crooked_majority;
	broken.kernels.descend = crooked_descend;
	cr_expect_eq(check_tables(&ref, &broken, 1, count_results, seen), 2);
	cr_expect_eq(seen[1], 2);
}

/* Also where kernels have memory of their own, and a backend that is not listed. */
Test(check, a_backend_alone, .timeout = 300)
{
	int seen[2] = {0, 0};
	const struct choice guarded = {.row = family_find(&family_backends, "guarded")};
	struct err e = {0};
	cr_expect_eq(check_run(&guarded, count_results, seen, &e), 0, "%s", e.text);
	cr_expect_gt(seen[0], 20);
	cr_expect_eq(seen[1], 0);
}
