/*
 * Aggregator `smea`: the mean of the n - f vectors whose covariance has the least greatest eigenvalue; of
 * several such sets the first in lexicographic order. How many of them are left out unseen
 * (aggregator/least_spread.h) depends on the messages, so more than 10^6 subsets are refused. 2 f < n, as for
 * every rule of the paper.
 */
#include "aggregator/least_spread.h"
#include "aggregator/rule_row.h"

#define SUBSETS_MOST 1e6
#define COUNTED_MOST 1e15 /* so far they are exact */

/* C(n, f), or something above what is counted. */
static double subsets(int n, int f)
{
	double count = 1;
	for (int i = 1; i <= f && count < COUNTED_MOST; i++)
		count = count * (n - f + i) / i;
	return count;
}

static int smea_check(const void *state, int n, int f, struct err *e)
{
	double count = subsets(n, f);
	bool counted = count < COUNTED_MOST;
	if (rule_minority(state, n, f, e))
		return -1;
	if (count <= SUBSETS_MOST)
		return 0;
	err_user(e, "found n = %d messages and f = %d: %s%.0f subsets of n - f, expected at most %.0f", n, f,
	         counted ? "" : "more than ", counted ? count : COUNTED_MOST, SUBSETS_MOST);
	e->kind = ERR_IMPOSSIBLE;
	return -1;
}

static void smea_plan(const struct rule_view *v, struct rule_plan *p)
{
	least_spread(v, p);
	rule_mean_of_chosen(v, v->n - v->f, p);
}

static const struct rule rule_smea = {
        .squares = LEAST_SPREAD_SQUARES, .check = smea_check, .plan = smea_plan, .chooses = true};

static const struct key smea_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_smea = {
        RULE_ROW(rule_smea),
        .row = {.name = "smea",
                .also = "smallest_maximum_eigenvalue_averaging, smallest_max_eigenvalue_averaging",
                .about = "mean of the n - f vectors that spread least in their worst direction",
                .formula = "answer = mean of the n - f vectors S whose covariance (1/|S|) sum (v - mu)(v - "
                           "mu)' has the least greatest eigenvalue; of several such sets the first in "
                           "lexicographic order. Needs 2 f < n and at most 10^6 subsets. Allouah et al. 2023 "
                           "(arXiv 2302.04787). 32 bits a coordinate up and 32 down",
                .keys = smea_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
