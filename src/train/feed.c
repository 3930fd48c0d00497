/* Loading the data set, and the lists that its reader follows. */
#include "train/feed.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/fingerprint.h"
#include "data/hold_out.h"

enum { AHEAD = 2 /* batches in addition to two for each lane (one in use, one ready) */ };

static int slots(int lanes)
{
	return 2 * lanes + AHEAD;
}

void feed_list(struct feed *f, int shard, uint64_t step, uint32_t *index)
{
	uint64_t size = (uint64_t)f->batch_of[shard];
	if (f->shared)
		pthread_mutex_lock(&f->lock);
	for (uint64_t i = 0; i < size; i++)
		index[i] = partition_sample(&f->partition, shard, step * size + i);
	if (f->shared)
		pthread_mutex_unlock(&f->lock);
}

/*
 * List the samples of batch `number`: that of worker `number % n_reading` of this process's readers in step
 * `number / n_reading`.
 */
static int list_step(struct feed *f, uint64_t number, uint32_t *index, struct stream *coins)
{
	uint64_t m = number % (uint64_t)f->n_reading, step = number / (uint64_t)f->n_reading;
	uint32_t worker = (uint32_t)f->reading[m];
	int size = (int)f->batch_of[worker];
	feed_list(f, (int)worker, step, index);
	for (int i = 0; i < size; i++)
		coins[i] = stream_of(f->seed, RNG_AUGMENT, worker, step * (uint64_t)size + (uint64_t)i);
	return size;
}

static int list_pass(const struct feed *f, uint64_t number, uint32_t *index)
{
	size_t size = (size_t)f->batch, begin = (size_t)number * size, left = f->list.samples - begin;
	int count = (int)(left < size ? left : size);
	for (int i = 0; i < count; i++) {
		size_t at = begin + (size_t)i;
		index[i] = f->list.order ? f->list.order[at] : (uint32_t)at;
	}
	return count;
}

static int list(void *ctx, uint64_t number, uint32_t *index, struct stream *coins)
{
	struct feed *f = ctx;
	return f->list.steps ? list_step(f, number, index, coins) : list_pass(f, number, index);
}

static struct data_env env_of(const struct settings *s, struct pool *pool)
{
	return (struct data_env){.dir = s->data_dir[0] ? s->data_dir : NULL,
	                         .foreign = s->foreign,
	                         .seed = s->seed,
	                         .pool = pool};
}

int feed_fingerprint(const struct settings *s, char out[DATA_ID_SIZE], struct err *e)
{
	const struct data_env env = env_of(s, NULL);
	return data_fingerprint((const struct data_source *)s->data.row, s->data.state, &env, out, e);
}

/* Samples of the largest batch that a process with these workers makes, if any. */
static int largest_batch(const struct settings *s, const int *ids, int count, bool root)
{
	int64_t most = root || s->parts ? s->batch.most : 0;
	for (int i = 0; i < count; i++)
		most = s->batch.of[ids[i]] > most ? s->batch.of[ids[i]] : most;
	return (int)(most > 0 ? most : s->batch.most);
}

static void open_text(struct feed *f, const struct settings *s)
{
	f->kind = FEED_TEXT;
	f->column = mem_array((size_t)s->workers, sizeof *f->column);
	for (int64_t w = 1; w < s->workers; w++)
		f->column[w] = f->column[w - 1] + (size_t)s->batch.of[w - 1];
	text_walk_init(&f->walk, &f->data.shape, (size_t)s->batch.all, s->seed);
}

static int open_images(struct feed *f, const struct settings *s, struct pool *pool, struct err *e)
{
	const struct partition_share share = settings_share(s);
	const struct data_source *source = (const struct data_source *)s->data.row;
	f->kind = FEED_IMAGES;
	if (partition_init(&f->partition, &f->data, &share, s->seed, e))
		return err_prefix(e, "%s", s->source);
	f->slots = slots(pool_lanes(pool));
	f->readers = f->data.lazy_images ? source->readers(s->data.state) : 0;
	return 0;
}

/* Whose batches these workers read. */
static void list_shards(struct feed *f, const struct settings *s)
{
	size_t most = (size_t)f->count * (s->parts ? (size_t)s->workers : 1);
	f->reading = mem_array(most, sizeof *f->reading);
	for (int i = 0; i < f->count; i++) {
		int id = f->ids[i];
		for (int k = 0; s->parts && k < parts_count(s->parts, id); k++)
			f->reading[f->n_reading++] = s->parts->at[s->parts->first[id] + k];
		if (!s->parts && s->batch.of[id] > 0)
			f->reading[f->n_reading++] = id;
	}
	f->shared = s->parts != NULL;
	if (f->shared)
		pthread_mutex_init(&f->lock, NULL);
}

int feed_open(struct feed *f, const struct settings *s, struct pool *pool, const int *ids, int count,
              bool root, struct err *e)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	const struct data_env env = env_of(s, pool);
	*f = (struct feed){.batch = largest_batch(s, ids, count, root),
	                   .batch_of = s->batch.of,
	                   .seed = s->seed,
	                   .ids = ids,
	                   .count = count};
	list_shards(f, s);
	if (!source->load)
		return 0;
	if (source->load(s->data.state, &env, &f->data, e))
		return -1;
	hold_out(&f->data, s->shape.n_validation, settings_share(s).seed);
	if (f->data.note)
		log_warn("data set %s: %s", source->row.name, f->data.note);
	if (f->data.shape.window == 0)
		return open_images(f, s, pool, e);
	open_text(f, s);
	return 0;
}

/* Where the samples of a set are in the host's memory, and how many. */
static struct feed_kept held_by_host(const struct dataset *d, enum feed_set set, size_t *samples)
{
	const struct data_shape *shape = &d->shape;
	*samples = set == SET_TRAIN ? shape->n_train : set == SET_TEST ? shape->n_test : shape->n_validation;
	return set == SET_TRAIN  ? (struct feed_kept){d->train_pixels, d->train_labels}
	       : set == SET_TEST ? (struct feed_kept){d->test_pixels, d->test_labels}
	                         : (struct feed_kept){d->validation_pixels, d->validation_labels};
}

static void keep(struct feed *f, struct queue *q, enum feed_set set)
{
	size_t samples;
	const struct feed_kept host = held_by_host(&f->data, set, &samples);
	size_t bytes = samples * shape_features(&f->data.shape), label_bytes = samples * sizeof *host.labels;
	struct feed_kept *k = &f->kept[set];
	if (samples == 0)
		return;
	k->pixels = f->memory->alloc(bytes, "data set");
	k->labels = f->memory->alloc(label_bytes, "data set's labels");
	f->memory->upload(q, k->pixels, host.pixels, bytes);
	f->memory->upload(q, k->labels, host.labels, label_bytes);
}

void feed_keep(struct feed *f, const struct backend *be, struct queue *q)
{
	const struct dataset *d = &f->data;
	if (f->kind == FEED_IMAGES && d->lazy_images)
		f->reader = reader_open(d->lazy_images, f->batch, f->slots, f->readers, be->memory);
	if (f->kind != FEED_IMAGES || f->reader || !be->keeps_data)
		return;
	f->memory = be->memory;
	for (int set = 0; set < SETS; set++)
		keep(f, q, (enum feed_set)set);
	f->memory->finish(q);
}

struct gather feed_images(const struct feed *f, enum feed_set set)
{
	const struct dataset *d = &f->data;
	size_t samples;
	const struct feed_kept here = held_by_host(d, set, &samples);
	const struct feed_kept *from = f->memory ? &f->kept[set] : &here;
	return (struct gather){.pixels = from->pixels,
	                       .labels = from->labels,
	                       .channels = d->shape.channels,
	                       .height = d->shape.height,
	                       .width = d->shape.width};
}

void feed_close(struct feed *f)
{
	for (int set = 0; set < SETS; set++)
		if (f->kept[set].pixels) {
			f->memory->release(f->kept[set].pixels);
			f->memory->release(f->kept[set].labels);
		}
	reader_close(f->reader);
	if (f->kind == FEED_IMAGES)
		partition_clear(&f->partition);
	mem_free(f->column);
	mem_free(f->reading);
	if (f->shared)
		pthread_mutex_destroy(&f->lock);
	dataset_clear(&f->data);
}

/* The reader asks for batches during the whole pass, so the list may change only between two passes. */
static void begin(struct feed *f, const struct feed_list *next, enum feed_set set, uint64_t batches,
                  uint64_t first)
{
	const struct reader_pass pass = {
	        .split = (int)set, .augmented = next->steps, .batches = batches, .list = list, .ctx = f};
	reader_rest(f->reader);
	f->list = *next;
	reader_begin(f->reader, &pass, first);
}

void feed_steps(struct feed *f, int64_t step)
{
	const struct feed_list next = {.steps = true};
	uint64_t first = (uint64_t)step * (uint64_t)f->n_reading;
	if (!f->reader || f->n_reading == 0 || (f->list.steps && reader_next(f->reader) == first))
		return;
	begin(f, &next, SET_TRAIN, UINT64_MAX, first);
}

void feed_pass(struct feed *f, enum feed_set set, const uint32_t *order, size_t samples)
{
	const struct feed_list next = {.order = order, .samples = samples};
	size_t size = (size_t)f->batch;
	if (f->reader)
		begin(f, &next, set, (samples + size - 1) / size, 0);
}

double feed_text_step(struct feed *f, int64_t step)
{
	if (f->kind != FEED_TEXT)
		return 1;
	text_walk_to(&f->walk, (uint64_t)step);
	return (double)f->walk.length / f->walk.bptt;
}

size_t feed_reader_bytes(const struct settings *s, int lanes)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	if (!source->readers)
		return 0;
	return reader_bytes(s->shape.width, (int)s->batch.most, slots(lanes), source->readers(s->data.state));
}
