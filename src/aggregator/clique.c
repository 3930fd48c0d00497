/*
 * Cliques, as vertex covers of what is apart: see clique.h.
 *
 * A vertex with one neighbour: to leave out the neighbour is as good as anything. In a graph of circles
 * alone, any vertex is as good as any other. Otherwise some vertex has three neighbours or more: either it
 * goes, or they all do. So a search that may leave out f has at most T(f) = T(f - 1) + T(f - 3) ends, less
 * than 1.4656^f: 140,000 for f = 31.
 */
#include "aggregator/clique.h"

static uint64_t bit(int v)
{
	return (uint64_t)1 << v;
}

/* The vertex with most neighbours in `in`; in *leaf one that has a single one, or -1. */
static int widest(const uint64_t *apart, uint64_t in, int *leaf, int *degree)
{
	int best = -1;
	*leaf = -1;
	*degree = -1;
	for (uint64_t left = in; left; left &= left - 1) {
		int v = __builtin_ctzll(left), own = __builtin_popcountll(apart[v] & in);
		if (own == 1)
			*leaf = v;
		if (own > *degree) {
			*degree = own;
			best = v;
		}
	}
	return best;
}

bool clique_without(const uint64_t *apart, uint64_t in, int most)
{
	int leaf, degree, v;
	while (most >= 0) {
		v = widest(apart, in, &leaf, &degree);
		if (degree <= 0)
			return true;
		if (leaf < 0 && degree > 2)
			return clique_without(apart, in & ~bit(v), most - 1) ||
			       clique_without(apart, in & ~apart[v], most - degree);
		in &= leaf >= 0 ? ~apart[leaf] : ~bit(v);
		most--;
	}
	return false;
}

/* Each vertex in turn belongs to it if what lies behind can complete it. */
uint64_t clique_first(const uint64_t *apart, uint64_t in, int size)
{
	uint64_t taken = 0;
	for (; in && size > 0; in &= in - 1) {
		int v = __builtin_ctzll(in);
		uint64_t rest = in & (in - 1) & ~apart[v];
		if (!clique_without(apart, rest, __builtin_popcountll(rest) - (size - 1)))
			continue;
		taken |= bit(v);
		size--;
		in = rest | bit(v);
	}
	return taken;
}
