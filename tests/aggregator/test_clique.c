/*
 * Cliques against enumeration, on graphs of any kind: distances make only some of them. And the largest
 * graphs that there are, with as many left out as may be: their search ends.
 */
#include <criterion/criterion.h>
#include "aggregator/clique.h"
#include "base/rng.h"

TestSuite(clique, .timeout = 240);

/* Each pair is apart with that probability. */
static void make_graph(uint64_t *apart, int n, float share, uint64_t number)
{
	struct stream s = stream_of(11, RNG_TEST, (uint32_t)n, number);
	for (int i = 0; i < n; i++)
		apart[i] = 0;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (stream_uniform(&s, (uint64_t)(i * n + k)) < share) {
				apart[i] |= (uint64_t)1 << k;
				apart[k] |= (uint64_t)1 << i;
			}
}

static bool is_clique(const uint64_t *apart, uint64_t set)
{
	for (uint64_t left = set; left; left &= left - 1)
		if (apart[__builtin_ctzll(left)] & set)
			return false;
	return true;
}

/* Does set a stand before b in lexicographic order? The lowest vertex that only one of them has is a's. */
static bool before(uint64_t a, uint64_t b)
{
	uint64_t differ = a ^ b;
	return differ && (a & differ & -differ);
}

/* The first of all cliques of that size, or 0. */
static uint64_t enumerate(const uint64_t *apart, int n, int size)
{
	uint64_t best = 0;
	for (uint64_t set = 1; set < (uint64_t)1 << n; set++)
		if (__builtin_popcountll(set) == size && is_clique(apart, set) &&
		    (!best || before(set, best)))
			best = set;
	return best;
}

Test(clique, is_what_enumeration_finds)
{
	int there = 0, not_there = 0;
	for (uint64_t t = 0; t < 1500; t++) {
		uint64_t apart[CLIQUE_MOST];
		int n = 1 + (int)(t % 11);
		make_graph(apart, n, 0.1F * (float)(t % 10), t);
		for (int size = 1; size <= n; size++) {
			uint64_t all = ((uint64_t)1 << n) - 1, want = enumerate(apart, n, size);
			cr_assert_eq(clique_without(apart, all, n - size), want != 0, "graph %d, size %d",
			             (int)t, size);
			if (want)
				cr_assert_eq(clique_first(apart, all, size), want, "graph %d, size %d",
				             (int)t, size);
			want ? there++ : not_there++;
		}
	}
	cr_assert(there > 1000 && not_there > 1000, "%d, %d", there, not_there);
}

/* Where every vertex is apart from about three others, neither many nor few go: the hardest. */
Test(clique, the_largest_graphs_end)
{
	int found = 0;
	for (uint64_t t = 0; t < 200; t++) {
		uint64_t apart[CLIQUE_MOST], all = ~(uint64_t)0;
		make_graph(apart, CLIQUE_MOST, 0.02F + 0.0005F * (float)t, t);
		if (!clique_without(apart, all, 31))
			continue;
		uint64_t set = clique_first(apart, all, 33);
		cr_assert(__builtin_popcountll(set) == 33 && is_clique(apart, set), "graph %d", (int)t);
		found++;
	}
	cr_assert(found > 20 && found < 180, "%d", found);
}
