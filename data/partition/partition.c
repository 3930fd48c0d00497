/* Shards, and the order inside them: both are shuffled lists of sample numbers. */
#include "data/partition/partition.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/partition/partition_row.h"

#define EPOCH_NONE UINT64_MAX

static const struct partition_row *row_of(const struct partition_share *share)
{
	return (const struct partition_row *)share->how.row;
}

/* The ask of the workers that have data. batch, worker [M]: memory for what it points to. */
static struct partition_ask ask_of(const struct partition_share *share, const struct data_shape *shape,
                                   const uint16_t *labels, int64_t *batch, int *worker)
{
	struct partition_ask ask = {.samples = shape->n_train,
	                            .classes = shape->n_classes,
	                            .labels = labels,
	                            .batch = batch,
	                            .worker = worker,
	                            .seed = share->seed};
	for (int w = 0; w < share->workers; w++) {
		if (share->batch[w] == 0)
			continue;
		worker[ask.sharers] = w;
		batch[ask.sharers++] = share->batch[w];
	}
	if (ask.sharers < 1 || ask.samples > UINT32_MAX)
		BUG("a partition over no worker, or of more samples than 32 bits count");
	return ask;
}

/* From sizes of sharers, which stand at the front of size [M], to those of workers. */
static void spread(const struct partition_share *share, int sharers, size_t *size)
{
	for (int w = share->workers; w-- > 0;)
		size[w] = share->batch[w] > 0 ? size[--sharers] : 0;
}

/* Sizes [M] of workers; with labels, whose samples are whose into `owned` too. As partition_sizes(). */
static int deal(const struct partition_share *share, const struct data_shape *shape, const uint16_t *labels,
                uint32_t *owned, size_t *size, struct err *e)
{
	size_t workers = (size_t)share->workers;
	int64_t *batch = mem_array(workers, sizeof *batch);
	int *worker = mem_array(workers, sizeof *worker);
	const struct partition_ask ask = ask_of(share, shape, labels, batch, worker);
	int rc = row_of(share)->sizes(share->how.state, &ask, size, e);
	if (rc >= 0 && labels)
		rc = row_of(share)->deal(share->how.state, &ask, owned, size, e);
	if (!rc)
		spread(share, ask.sharers, size);
	mem_free(worker);
	mem_free(batch);
	return rc;
}

int partition_sizes(const struct partition_share *share, const struct data_shape *shape, size_t *size,
                    struct err *e)
{
	return deal(share, shape, NULL, NULL, size, e);
}

bool partition_drawn(const struct choice *how)
{
	return ((const struct partition_row *)how->row)->drawn;
}

static int check_batches(const struct partition_share *share, const size_t *size, struct err *e)
{
	for (int w = 0; w < share->workers; w++)
		if ((size_t)share->batch[w] > size[w])
			return err_user(
			        e,
			        "partition \"%s\": worker %d gets %zu samples, less than its batch of %lld",
			        share->how.row->name, w, size[w], (long long)share->batch[w]);
	return 0;
}

int partition_init(struct partition *p, const struct dataset *d, const struct partition_share *share,
                   uint64_t seed, struct err *e)
{
	size_t workers = (size_t)share->workers, *size = mem_array(workers, sizeof *size);
	*p = (struct partition){.workers = share->workers, .seed = seed};
	p->owned = mem_array(d->shape.n_train, sizeof *p->owned);
	int rc = deal(share, &d->shape, d->train_labels, p->owned, size, e);
	if (!rc)
		rc = check_batches(share, size, e);
	if (!rc) {
		p->first = mem_array(workers + 1, sizeof *p->first);
		p->epoch = mem_array(workers, sizeof *p->epoch);
		for (size_t w = 0; w < workers; w++) {
			p->first[w + 1] = p->first[w] + size[w];
			p->epoch[w] = EPOCH_NONE;
		}
		p->order = mem_array(p->first[workers], sizeof *p->order);
	}
	mem_free(size);
	return rc;
}

void partition_clear(struct partition *p)
{
	mem_free(p->first);
	mem_free(p->owned);
	mem_free(p->order);
	mem_free(p->epoch);
	*p = (struct partition){0};
}

size_t partition_size(const struct partition *p, int worker)
{
	return p->first[worker + 1] - p->first[worker];
}

uint32_t partition_sample(struct partition *p, int worker, uint64_t position)
{
	size_t size = worker < 0 || worker >= p->workers ? 0 : partition_size(p, worker);
	if (size == 0)
		BUG("a sample was asked of a worker that has none");
	uint64_t epoch = position / size;
	uint32_t *order = p->order + p->first[worker];
	if (p->epoch[worker] != epoch) {
		struct stream s = stream_of(p->seed, RNG_ORDER, (uint32_t)worker, epoch);
		memcpy(order, p->owned + p->first[worker], size * sizeof *order);
		stream_shuffle(&s, order, (uint32_t)size);
		p->epoch[worker] = epoch;
	}
	return order[position % size];
}

void partition_count(const struct partition *p, const struct dataset *d, int64_t *count)
{
	size_t classes = (size_t)d->shape.n_classes;
	memset(count, 0, (size_t)p->workers * classes * sizeof *count);
	for (int w = 0; w < p->workers; w++)
		for (size_t i = p->first[w]; i < p->first[w + 1]; i++)
			count[(size_t)w * classes + d->train_labels[p->owned[i]]]++;
}
