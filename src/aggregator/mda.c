/*
 * Aggregator `mda`: the mean of the n - f vectors of least diameter, and of several such sets the first in
 * lexicographic order.
 *
 * The sets are not enumerated. The diameter is one of the n (n - 1) / 2 distances, and a set of n - f vectors
 * within it exists or not (aggregator/clique.h): so a binary search over the sorted distances finds the least
 * one, and n searches more the first set. Each is bounded by 1.4656^f, f <= 31, whatever the messages are, so
 * that no number of subsets needs to be refused: only more than 64 messages.
 */
#include "aggregator/clique.h"
#include "aggregator/rule_row.h"

static int mda_check(const void *state, int n, int f, struct err *e)
{
	if (rule_minority(state, n, f, e))
		return -1;
	return n <= CLIQUE_MOST ? 0
	                        : err_user(e, "found n = %d messages, expected at most %d", n, CLIQUE_MOST);
}

/* Which vectors are farther from each other than `diameter`, as bits. */
static void part(const struct rule_view *v, double diameter, uint64_t *apart)
{
	for (int i = 0; i < v->n; i++) {
		apart[i] = 0;
		for (int k = 0; k < v->n; k++)
			apart[i] |= (uint64_t)(rule_distance(v, i, k) > diameter) << k;
	}
}

static void mda_plan(const struct rule_view *v, struct rule_plan *p)
{
	uint64_t apart[CLIQUE_MOST], all = ~(uint64_t)0 >> (CLIQUE_MOST - v->n), set;
	size_t count = 1, low = 0;
	p->squares[0] = 0; /* the diameter of a single vector */
	for (int i = 0; i < v->n; i++)
		for (int k = i + 1; k < v->n; k++)
			p->squares[count++] = rule_distance(v, i, k);
	stats_sort(p->squares, count);
	for (size_t high = count - 1; low < high;) {
		size_t middle = low + (high - low) / 2;
		part(v, p->squares[middle], apart);
		if (clique_without(apart, all, v->f))
			high = middle;
		else
			low = middle + 1;
	}
	part(v, p->squares[low], apart);
	set = clique_first(apart, all, v->n - v->f);
	for (int i = 0; i < v->n; i++)
		p->chosen[i] = set >> i & 1;
	rule_mean_of_chosen(v, v->n - v->f, p);
}

static const struct rule rule_mda = {.squares = 1, .check = mda_check, .plan = mda_plan, .chooses = true};

static const struct key mda_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_mda = {
        RULE_ROW(rule_mda),
        .row = {.name = "mda",
                .also = "minimum_diameter_averaging, min_diameter_averaging, brute",
                .about = "mean of the n - f vectors that lie closest together",
                .formula =
                        "answer = mean of the n - f vectors whose largest ||v_i - v_k|| is least; of several "
                        "such sets the first in lexicographic order. Needs 2 f < n, n <= 64. El Mhamdi et "
                        "al. "
                        "2020. 32 bits a coordinate up and 32 down",
                .keys = mda_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
