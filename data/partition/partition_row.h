/*
 * A partition: a row of the family `partitions`, which says how the workers share the training set.
 *
 * A row puts the sample numbers in an order and cuts it: first what the first sharer gets, then the second,
 * and so on. Sharers are the workers that have data, in order of worker. What is left behind the last shard
 * is not in use.
 */
#ifndef SIGNSGD_DATA_PARTITION_PARTITION_ROW_H
#define SIGNSGD_DATA_PARTITION_PARTITION_ROW_H

#include <stdbool.h>
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
	const int *worker;    /* [sharers] their numbers, for complaints */
	uint64_t seed;        /* of the partition's random numbers */
};

struct partition_row {
	struct row row;
	bool drawn; /* by the seed */
	/*
	 * The sizes of the shards, into size [sharers]. Returns 1 where they follow from the labels: then all
	 * samples are in use. -1 and a sentence when the settings cannot be met.
	 */
	int (*sizes)(const void *state, const struct partition_ask *ask, size_t *size, struct err *e);
	/*
	 * The order of the samples, into order [samples], and the sizes where they follow from the labels. -1
	 * and a sentence when the settings cannot be met.
	 */
	int (*deal)(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
	            struct err *e);
};

/* sizes() of equal shards: floor(samples / sharers) each. */
int partition_equal_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e);

/* Where the shard of sharer `m` of `count` begins when all of `samples` are shared evenly; m = count: its
 * end. */
size_t partition_cut(size_t samples, int m, int count);

/* All sample numbers into order [samples]: as they are stored, and in the random order of the seed. */
void partition_stored(const struct partition_ask *ask, uint32_t *order);
void partition_shuffled(const struct partition_ask *ask, uint32_t *order);

/* Sort order [count] by label; equal labels keep the order that they have. */
void partition_sort(const struct partition_ask *ask, uint32_t *order, size_t count);

/* Samples of each class, into count [classes]. */
void partition_classes(const struct partition_ask *ask, size_t *count);

/*
 * Deal by classes: sharer m gets take [m][classes] samples of each class, from the class's samples in random
 * order. What is taken of a class is all of it.
 */
void partition_by_class(const struct partition_ask *ask, const size_t *take, uint32_t *order, size_t *size);

#endif
