/* What rows of the family `partitions` are made of: see data/partition/partition_row.h. */
#include "data/partition/partition_row.h"
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

int partition_equal_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e)
{
	(void)state;
	(void)e;
	for (int m = 0; m < ask->sharers; m++)
		size[m] = ask->samples / (size_t)ask->sharers;
	return 0;
}

void partition_stored(const struct partition_ask *ask, uint32_t *order)
{
	for (uint32_t i = 0; i < ask->samples; i++)
		order[i] = i;
}

void partition_shuffled(const struct partition_ask *ask, uint32_t *order)
{
	struct stream s = stream_of(ask->seed, RNG_PARTITION, 0, 0);
	partition_stored(ask, order);
	stream_shuffle(&s, order, (uint32_t)ask->samples);
}

/* Counting sort. */
void partition_sort(const struct partition_ask *ask, uint32_t *order, size_t count)
{
	/* where the next sample of each label goes */
	size_t *next = mem_array((size_t)ask->classes + 1, sizeof *next);
	uint32_t *from = mem_array(count, sizeof *from);
	memcpy(from, order, count * sizeof *from);
	for (size_t i = 0; i < count; i++)
		next[ask->labels[from[i]] + 1]++;
	for (int c = 1; c <= ask->classes; c++)
		next[c] += next[c - 1];
	for (size_t i = 0; i < count; i++)
		order[next[ask->labels[from[i]]]++] = from[i];
	mem_free(from);
	mem_free(next);
}
