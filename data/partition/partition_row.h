/*
 * A partition: a row of the family `partitions`, which says how the workers share the training set.
 *
 * A row puts the sample numbers in an order and cuts it: first what the first sharer gets, then the second,
 * and so on. Sharers are the workers that have data, in order of worker. What is left behind the last shard
 * is not in use.
 */
#ifndef SIGNSGD_DATA_PARTITION_PARTITION_ROW_H
#define SIGNSGD_DATA_PARTITION_PARTITION_ROW_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/key.h"

/* What is to be shared, and by whom. */
struct partition_ask {
	size_t samples;         /* of the training set, below 2^32 */
	int classes;            /* labels are below it */
	const uint16_t *labels; /* [samples]; NULL: not known yet, only sizes() is asked */
	int sharers;
	const int64_t *batch; /* [sharers] samples that each takes in a step */
	uint64_t seed;        /* of the partition's random numbers */
};

struct partition_row {
	struct row row;
	/*
	 * The sizes of the shards, into size [sharers]. NULL: they follow from the labels, and all samples
	 * are in use. -1 and a sentence when the settings cannot be met.
	 */
	int (*sizes)(const void *state, const struct partition_ask *ask, size_t *size, struct err *e);
	/*
	 * The order of the samples, into order [samples]; without sizes(), the sizes too. -1 and a sentence
	 * when the settings cannot be met.
	 */
	int (*deal)(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
	            struct err *e);
};

/* sizes() of equal shards: floor(samples / sharers) each. */
int partition_equal_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e);

/* All sample numbers into order [samples]: as they are stored, and in the random order of the seed. */
void partition_stored(const struct partition_ask *ask, uint32_t *order);
void partition_shuffled(const struct partition_ask *ask, uint32_t *order);

/* Sort order [count] by label; equal labels keep the order that they have. */
void partition_sort(const struct partition_ask *ask, uint32_t *order, size_t count);

#endif
