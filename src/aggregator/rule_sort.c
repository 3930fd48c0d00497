/*
 * Which rows are compared to sort the values of every coordinate: Batcher's merge exchange (Knuth, The Art of
 * Computer Programming, volume 3, Algorithm 5.2.2M), whose exchanges are the same for all coordinates.
 */
#include <string.h>
#include "aggregator/rule_internal.h"

/* The sums of Knuth's exercise 5.2.2-10, for the next power of two. */
size_t rule_exchanges(size_t rows)
{
	size_t t = 0;
	while (((size_t)1 << t) < rows)
		t++;
	return (t * t - t + 4) * ((size_t)1 << t) / 4 - 1;
}

static void list_all(struct rule_engine *g)
{
	int top = 1;
	g->n_exchanges = 0;
	while (top < g->n)
		top *= 2;
	for (int p = top / 2; p > 0; p /= 2)
		for (int q = top / 2, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p)
			for (int i = 0; i < g->n - d; i++)
				if ((i & p) == r)
					g->exchange[g->n_exchanges++] = (struct rule_exchange){
					        .low = (uint16_t)i, .high = (uint16_t)(i + d)};
}

/* From the last one back: one is needed if a row that it writes is. */
void rule_list_exchanges(struct rule_engine *g, int first, int last)
{
	bool *needed = g->keep;
	size_t kept;
	list_all(g);
	kept = g->n_exchanges;
	for (int i = 0; i < g->n; i++)
		needed[i] = i >= first && i <= last;
	for (size_t i = g->n_exchanges; i > 0; i--) {
		struct rule_exchange x = g->exchange[i - 1];
		if (needed[x.low] || needed[x.high]) {
			needed[x.low] = needed[x.high] = true;
			g->exchange[--kept] = x;
		}
	}
	g->n_exchanges -= kept;
	memmove(g->exchange, g->exchange + kept, g->n_exchanges * sizeof *g->exchange);
}
