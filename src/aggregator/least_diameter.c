/*
 * The subset of least diameter: see least_diameter.h.
 *
 * Subsets are not enumerated. The diameter is one of the n (n - 1) / 2 distances, and a set of n - f messages
 * within it exists or not (aggregator/clique.h): so a binary search over the sorted distances finds the least
 * one, and at most n searches more the first set. Each is bounded by 1.4656^f, f <= 31.
 */
#include "aggregator/least_diameter.h"
#include "aggregator/clique.h"

/* Which vectors are farther from each other than `diameter`, as bits. */
static void part(const struct rule_view *v, double diameter, uint64_t *apart)
{
	for (int i = 0; i < v->n; i++) {
		apart[i] = 0;
		for (int k = 0; k < v->n; k++)
			apart[i] |= (uint64_t)(rule_distance(v, i, k) > diameter) << k;
	}
}

void least_diameter(const struct rule_view *v, struct rule_plan *p)
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
}
