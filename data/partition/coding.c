/* Who has which parts of the data: see coding.h. */
#include "data/partition/coding.h"

const struct parts *parts_make(struct arena *a, const struct choice *coding, uint64_t seed, int workers)
{
	const struct coding *row = (const struct coding *)coding->row;
	struct parts *out = arena_alloc(a, sizeof *out);
	int *first = arena_alloc(a, ((size_t)workers + 1) * sizeof *first), count = 0;
	int *at = arena_alloc(a, (size_t)workers * (size_t)workers * sizeof *at);
	for (int w = 0; w < workers; w++) {
		first[w] = count;
		for (int k = 0; k < workers; k++)
			if (row->holds(coding->state, seed, workers, w, k))
				at[count++] = k;
		if (count == first[w])
			at[count++] = w;
	}
	first[workers] = count;
	*out = (struct parts){.first = first, .at = at};
	return out;
}
