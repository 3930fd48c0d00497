/* What a reader reads ahead: the workers' batches, step after step, and passes over a set. */
#include "train/trainer_internal.h"

enum { AHEAD = 2 /* batches, beside two a lane: one being used up, one ready */ };

static int slots(int lanes)
{
	return 2 * lanes + AHEAD;
}

/* Batch `number`: of worker number % M, in step number / M. */
static int list_step(struct trainer *t, uint64_t number, uint32_t *index, struct stream *coins)
{
	uint64_t m = number % (uint64_t)t->count, step = number / (uint64_t)t->count;
	uint32_t worker = t->workers[m].id;
	uint64_t position = step * (uint64_t)t->round.batch;
	for (int i = 0; i < t->round.batch; i++, position++) {
		index[i] = partition_sample(&t->partition, (int)worker, position);
		coins[i] = stream_of(t->settings->seed, RNG_AUGMENT, worker, position);
	}
	return t->round.batch;
}

static int list_pass(const struct trainer *t, uint64_t number, uint32_t *index)
{
	size_t size = (size_t)t->round.batch, begin = (size_t)number * size, left = t->feed.samples - begin;
	int count = (int)(left < size ? left : size);
	for (int i = 0; i < count; i++) {
		size_t at = begin + (size_t)i;
		index[i] = t->feed.order ? t->feed.order[at] : (uint32_t)at;
	}
	return count;
}

static int list(void *ctx, uint64_t number, uint32_t *index, struct stream *coins)
{
	struct trainer *t = ctx;
	return t->feed.training ? list_step(t, number, index, coins) : list_pass(t, number, index);
}

void trainer_feed_open(struct trainer *t)
{
	const struct data_source *source = (const struct data_source *)t->settings->data.row;
	if (t->data.lazy_images)
		t->round.reader =
		        reader_open(t->data.lazy_images, (int)t->settings->batch, slots(pool_lanes(t->pool)),
		                    source->readers(t->settings->data.state));
}

/* The reader asks for lists while a pass lasts, so what they are made of changes only between passes. */
static void begin(struct trainer *t, const struct feed *feed, int split, uint64_t batches, uint64_t first)
{
	const struct reader_pass pass = {
	        .split = split, .augmented = feed->training, .batches = batches, .list = list, .ctx = t};
	reader_rest(t->round.reader);
	t->feed = *feed;
	reader_begin(t->round.reader, &pass, first);
}

void trainer_feed_steps(struct trainer *t)
{
	const struct feed feed = {.training = true};
	uint64_t first = (uint64_t)t->steps_done * (uint64_t)t->count;
	if (!t->round.reader || (t->feed.training && reader_next(t->round.reader) == first))
		return;
	begin(t, &feed, TRAIN, UINT64_MAX, first);
}

void trainer_feed_pass(struct trainer *t, bool test, const uint32_t *order, size_t samples)
{
	const struct feed feed = {.order = order, .samples = samples};
	size_t size = (size_t)t->round.batch;
	if (t->round.reader)
		begin(t, &feed, test ? VAL : TRAIN, (samples + size - 1) / size, 0);
}

size_t trainer_feed_bytes(const struct settings *s, int lanes)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	if (!source->readers)
		return 0;
	return reader_bytes(s->shape.width, (int)s->batch, slots(lanes), source->readers(s->data.state));
}

void trainer_skipped(const struct trainer *t, struct record *r)
{
	size_t skipped = t->round.reader ? reader_skipped(t->round.reader) : 0;
	if (skipped > 0)
		h5_set_int(record_file(r), "/meta", "data_skipped", (int64_t)skipped);
}
