/*
 * Which worker trains on which sample, and in which order.
 *
 * The training set is cut into M shards of floor(n_train / M) samples; the remainder (fewer than M) is not
 * used. iid: the shards of one random permutation. shards: contiguous ranges in stored order. label-shards:
 * contiguous ranges after a stable sort by label, the hard, heterogeneous case.
 *
 * In each epoch a worker visits its shard in a new random order, without replacement. The order is a function
 * of (seed, worker, epoch), so it need not be saved in a checkpoint.
 */
#ifndef SIGNSGD_DATA_PARTITION_H
#define SIGNSGD_DATA_PARTITION_H

#include <stddef.h>
#include <stdint.h>
#include "data/dataset.h"

enum partition_kind { PARTITION_IID, PARTITION_SHARDS, PARTITION_LABEL_SHARDS };

#define PARTITION_NAMES ((const char *const[]){"iid", "shards", "label-shards", NULL})

static inline size_t partition_shard(size_t n_train, int workers)
{
	return n_train / (size_t)workers;
}

struct partition {
	int workers;
	size_t shard; /* samples of each worker */
	uint64_t seed;
	uint32_t *owned; /* [workers][shard] sample numbers */
	uint32_t *order; /* [workers][shard] this epoch's order */
	uint64_t *epoch; /* [workers] the epoch of `order` */
};

void partition_init(struct partition *p, const struct dataset *d, enum partition_kind kind, int workers,
                    uint64_t seed);
void partition_clear(struct partition *p);

/*
 * The index in the training set of sample number `position` of the worker's endless stream (epoch = position
 * / shard). Only one thread at a time may call it for a worker; different threads may call it for different
 * workers at once.
 */
uint32_t partition_sample(struct partition *p, int worker, uint64_t position);

#endif
