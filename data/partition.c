/* Shards, and the order inside them: both are shuffled lists of sample numbers. */
#include "data/partition.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"

#define EPOCH_NONE UINT64_MAX

/* Counting sort of the sample numbers [n] by label; equal labels stay in stored order. */
static void sort_by_label(const uint16_t *labels, int classes, uint32_t n, uint32_t *order)
{
	uint32_t *next =
	        mem_array((size_t)classes + 1, sizeof *next); /* where the next sample of each label goes */
	for (uint32_t i = 0; i < n; i++)
		next[labels[i] + 1]++;
	for (int c = 1; c <= classes; c++)
		next[c] += next[c - 1];
	for (uint32_t i = 0; i < n; i++)
		order[next[labels[i]]++] = i;
	mem_free(next);
}

void partition_init(struct partition *p, const struct dataset *d, enum partition_kind kind, int workers,
                    uint64_t seed)
{
	size_t n = d->shape.n_train;
	if (workers < 1 || n > UINT32_MAX)
		BUG("a partition over no worker, or of more samples than 32 bits count");
	size_t shard = partition_shard(n, workers), used = shard * (size_t)workers;
	*p = (struct partition){.workers = workers, .shard = shard, .seed = seed};
	p->owned = mem_array(n, sizeof(*p->owned)); /* nothing reads the remainder behind the shards */
	p->order = mem_array(used, sizeof(*p->order));
	p->epoch = mem_array((size_t)workers, sizeof(*p->epoch));
	for (int w = 0; w < workers; w++)
		p->epoch[w] = EPOCH_NONE;

	if (kind == PARTITION_LABEL_SHARDS) {
		sort_by_label(d->train_labels, d->shape.n_classes, (uint32_t)n, p->owned);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		p->owned[i] = i;
	if (kind == PARTITION_IID) {
		struct stream s = stream_of(seed, RNG_PARTITION, 0, 0);
		stream_shuffle(&s, p->owned, (uint32_t)n);
	}
}

void partition_clear(struct partition *p)
{
	mem_free(p->owned);
	mem_free(p->order);
	mem_free(p->epoch);
	*p = (struct partition){0};
}

uint32_t partition_sample(struct partition *p, int worker, uint64_t position)
{
	if (worker < 0 || worker >= p->workers || p->shard == 0)
		BUG("a sample was asked of a worker that has none");
	uint64_t epoch = position / p->shard;
	size_t first = (size_t)worker * p->shard;
	uint32_t *order = p->order + first;
	if (p->epoch[worker] != epoch) {
		struct stream s = stream_of(p->seed, RNG_ORDER, (uint32_t)worker, epoch);
		memcpy(order, p->owned + first, p->shard * sizeof(*order));
		stream_shuffle(&s, order, (uint32_t)p->shard);
		p->epoch[worker] = epoch;
	}
	return order[position % p->shard];
}
