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

size_t partition_cut(size_t samples, int m, int count)
{
	return samples * (size_t)m / (size_t)count;
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

void partition_classes(const struct partition_ask *ask, size_t *count)
{
	memset(count, 0, (size_t)ask->classes * sizeof *count);
	for (size_t i = 0; i < ask->samples; i++)
		count[ask->labels[i]]++;
}

void partition_by_class(const struct partition_ask *ask, const size_t *take, uint32_t *order, size_t *size)
{
	size_t classes = (size_t)ask->classes, begin = 0;
	uint32_t *sorted = mem_array(ask->samples, sizeof *sorted);
	size_t *next = mem_array(classes, sizeof *next); /* where the rest of each class begins in `sorted` */
	partition_shuffled(ask, sorted);
	partition_sort(ask, sorted, ask->samples);
	partition_classes(ask, next);
	for (size_t c = 0; c < classes; c++) {
		size_t count = next[c];
		next[c] = begin;
		begin += count;
	}
	for (int m = 0; m < ask->sharers; m++) {
		const uint32_t *first = order;
		for (size_t c = 0; c < classes; c++) {
			size_t count = take[(size_t)m * classes + c];
			memcpy(order, sorted + next[c], count * sizeof *order);
			order += count;
			next[c] += count;
		}
		size[m] = (size_t)(order - first);
	}
	mem_free(next);
	mem_free(sorted);
}
