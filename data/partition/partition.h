/*
 * Which worker trains on which sample, and in which order.
 *
 * A row of the family `partitions` (data/partition/partition_row.h) cuts the training set into shards, one
 * for each worker that has data. In each epoch a worker visits its shard in a new random order, without
 * replacement. The order is a function of (seed, worker, epoch), so it need not be saved in a checkpoint.
 *
 * A worker whose batch is 0 has no data.
 */
#ifndef SIGNSGD_DATA_PARTITION_PARTITION_H
#define SIGNSGD_DATA_PARTITION_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config/key.h"
#include "data/dataset.h"

/* Who shares a training set, and how. */
struct partition_share {
	struct choice how;    /* of the family `partitions` */
	int workers;          /* M */
	const int64_t *batch; /* [M] samples that each takes in a step; 0: it has no data */
	uint64_t seed;        /* of the partition alone */
};

/*
 * How many samples each worker would get of a training set of that shape, into size [M], before its labels
 * are known. Returns 1, and leaves `size` alone, where they follow from the labels: then all samples are in
 * use. -1 and a sentence for what cannot be met.
 */
int partition_sizes(const struct partition_share *share, const struct data_shape *shape, size_t *size,
                    struct err *e);

/* Does the seed decide who gets what? */
bool partition_drawn(const struct choice *how);

struct partition {
	int workers;
	uint64_t seed;   /* of the orders */
	size_t *first;   /* [M + 1] where the shards begin in `owned` and `order` */
	uint32_t *owned; /* [n_train] sample numbers, shard after shard */
	uint32_t *order; /* [samples in use] this epoch's order */
	uint64_t *epoch; /* [M] the epoch of `order` */
};

/*
 * Share the training set. `seed` is that of the orders. -1 and a sentence for what cannot be met, also where
 * a worker would have less than a batch; partition_clear() is due then too.
 */
int partition_init(struct partition *p, const struct dataset *d, const struct partition_share *share,
                   uint64_t seed, struct err *e);
void partition_clear(struct partition *p);

/* Samples of a worker's shard. */
size_t partition_size(const struct partition *p, int worker);

/*
 * The index in the training set of sample number `position` of the worker's endless stream (epoch = position
 * / shard). Only one thread at a time may call it for a worker; different threads may call it for different
 * workers at once.
 */
uint32_t partition_sample(struct partition *p, int worker, uint64_t position);

/* How many samples of each class each worker has, into count [M][classes]. */
void partition_count(const struct partition *p, const struct dataset *d, int64_t *count);

#endif
