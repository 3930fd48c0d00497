/*
 * Aggregator `mda`: the mean of the n - f vectors of least diameter, and of several such sets the first in
 * lexicographic order. How they are found (aggregator/least_diameter.h) is bounded whatever the messages are,
 * so no number of subsets is refused: only more than 64 messages.
 */
#include "aggregator/clique.h"
#include "aggregator/least_diameter.h"
#include "aggregator/rule_row.h"

static int mda_check(const void *state, int n, int f, struct err *e)
{
	if (rule_minority(state, n, f, e))
		return -1;
	if (n <= CLIQUE_MOST)
		return 0;
	err_user(e, "found n = %d messages, expected at most %d", n, CLIQUE_MOST);
	e->kind = ERR_IMPOSSIBLE;
	return -1;
}

static void mda_plan(const struct rule_view *v, struct rule_plan *p)
{
	least_diameter(v, p);
	rule_mean_of_chosen(v, v->n - v->f, p);
}

static const struct rule rule_mda = {
        .squares = LEAST_DIAMETER_SQUARES, .check = mda_check, .plan = mda_plan, .chooses = true};

static const struct key mda_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_mda = {
        RULE_ROW(rule_mda),
        .row = {.name = "mda",
                .also = "minimum_diameter_averaging, min_diameter_averaging, brute",
                .about = "mean of the n - f vectors that lie closest together",
                .formula = "answer = mean of the n - f vectors whose largest ||v_i - v_k|| is least; of "
                           "several such sets the first in lexicographic order. Needs 2 f < n, n <= 64. El "
                           "Mhamdi et al. 2020. 32 bits a coordinate up and 32 down",
                .keys = mda_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
