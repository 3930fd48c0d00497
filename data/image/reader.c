/*
 * One lock protects everything except pixels; the thread that reads a sample writes its pixels without the
 * lock.
 *
 * A slot is free, then open (its samples are given to threads), then whole, then taken, then free again.
 * Batch b uses slot b % slots, so it is opened when batch b - slots has been given back.
 */
#include "data/image/reader.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum { THREAD_BYTES = 8 << 20 /* file, decoder and rows of an ordinary photograph */ };

enum { BAD = 1, ODD = 2 };

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_WHOLE, SLOT_TAKEN };

struct slot {
	enum slot_state state;
	int count, dealt, done; /* samples of the batch, given to threads, finished */
	uint32_t *index;        /* [batch] */
	struct stream *coins;   /* [batch] */
	uint16_t *labels;       /* [batch] */
	uint8_t *pixels;        /* [batch][features] */
};

struct reader {
	const struct lazy_images *lazy_images;
	int batch, slots, threads;
	const struct memory *memory; /* which has the pixels */
	size_t features;
	struct slot *ring; /* [slots] */
	pthread_t *thread; /* [threads] */

	pthread_mutex_t lock; /* protects all that follows, and the slots except pixels and labels */
	pthread_cond_t work;  /* there may be a sample to read */
	pthread_cond_t news;  /* a batch is whole, or no thread is busy any more */
	struct reader_pass pass;
	uint64_t next_open; /* the next batch to be opened */
	uint64_t dealing;   /* the batch whose samples are given out: next_open - 1, or next_open */
	uint64_t next_take; /* see reader_next() */
	int busy;           /* threads that work on a sample */
	bool stop;
	struct err failed;
	size_t skipped, odd;    /* files: replaced by others; taken in spite of a note (image/bitmap.h) */
	uint8_t *known[SPLITS]; /* [split][n] which of both a file is counted as: BAD, ODD */
};

void lazy_images_hold_out(struct lazy_images *images, const uint8_t *held, size_t count)
{
	image_set_hold_out(images->image_set, held, count);
}

void lazy_images_close(struct lazy_images *images)
{
	image_set_close(images->image_set);
	mem_free(images);
}

/* --- a sample, outside the lock ----------------------------------------------------------------------- */

/* Count a file as BAD or ODD unless it is. Returns the number of such files if it is new, otherwise 0. */
static size_t count_once(struct reader *r, int split, uint32_t index, uint8_t what)
{
	size_t *count = what == BAD ? &r->skipped : &r->odd, now = 0;
	pthread_mutex_lock(&r->lock);
	if (!(r->known[split][index] & what))
		now = ++*count;
	r->known[split][index] |= what;
	pthread_mutex_unlock(&r->lock);
	return now;
}

struct sample {
	int split;
	uint32_t index;
	const struct stream *coins;
	uint8_t *pixels;
	uint16_t *label;
};

/* Read file number `index` into the sample's place. */
static int read_file(struct reader *r, const struct sample *m, uint32_t index, struct file_bytes *bytes,
                     struct transform_scratch *scratch, struct err *e)
{
	const struct image_set *p = r->lazy_images->image_set;
	const struct image_file *f = &p->at[m->split][index];
	char why[200];
	*m->label = f->label;
	if (image_set_read(p, f, bytes, e))
		return -1;
	if (transform_apply(&r->lazy_images->transform, bytes->at, bytes->n, m->coins, scratch, m->pixels,
	                    why))
		return err_user(e, "%s/%s: %s", p->path, f->name, why);
	const char *note = scratch->bitmap.note;
	if (*note && count_once(r, m->split, index, ODD) == 1)
		log_warn("%s/%s: %s; it is taken, and others like it are counted only", p->path, f->name,
		         note);
	return 0;
}

static int read_sample(struct reader *r, const struct sample *m, struct file_bytes *bytes,
                       struct transform_scratch *scratch, struct err *e)
{
	size_t all = r->lazy_images->image_set->n[m->split];
	uint32_t index = m->index;
	int rc = read_file(r, m, index, bytes, scratch, e);
	for (size_t tries = 1; rc && r->lazy_images->skip && tries < all; tries++) {
		if (count_once(r, m->split, index, BAD))
			log_warn("%s; the next image takes its place", e->text);
		err_clear(e);
		index = index + 1 < all ? index + 1 : 0;
		rc = read_file(r, m, index, bytes, scratch, e);
	}
	if (rc)
		memset(m->pixels, 0, r->features);
	return rc;
}

/* --- threads ------------------------------------------------------------------------------------------ */

static struct slot *slot_of(const struct reader *r, uint64_t number)
{
	return &r->ring[number % (uint64_t)r->slots];
}

/* A slot with a sample to read; opens the next batch if it can. NULL if there is none. */
static struct slot *find_work(struct reader *r)
{
	if (r->dealing < r->next_open) {
		struct slot *s = slot_of(r, r->dealing);
		if (s->dealt < s->count)
			return s;
		r->dealing++;
	}
	struct slot *s = slot_of(r, r->next_open);
	if (r->next_open >= r->pass.batches || s->state != SLOT_FREE)
		return NULL;
	s->count = r->pass.list(r->pass.ctx, r->next_open, s->index, s->coins);
	s->dealt = s->done = 0;
	s->state = SLOT_OPEN;
	r->next_open++;
	return s;
}

/* Read the slot's next sample. Called with the lock held, and returns with it. */
static void work_at(struct reader *r, struct slot *s, struct file_bytes *bytes,
                    struct transform_scratch *scratch)
{
	int i = s->dealt++;
	struct err e = {0};
	const struct sample m = {.split = r->pass.split,
	                         .index = s->index[i],
	                         .coins = r->pass.augmented ? &s->coins[i] : NULL,
	                         .pixels = s->pixels + (size_t)i * r->features,
	                         .label = &s->labels[i]};
	bool useless = r->failed.code != 0; /* the pass has failed: nobody reads what comes now */
	r->busy++;
	pthread_mutex_unlock(&r->lock);
	int rc = useless ? 0 : read_sample(r, &m, bytes, scratch, &e);
	pthread_mutex_lock(&r->lock);
	r->busy--;
	if (rc && !r->failed.code)
		r->failed = e;
	if (++s->done == s->count)
		s->state = SLOT_WHOLE;
	if (s->state == SLOT_WHOLE || r->busy == 0)
		pthread_cond_broadcast(&r->news);
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct file_bytes bytes = {0};
	struct transform_scratch scratch = {0};
	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct slot *s = find_work(r);
		if (s)
			work_at(r, s, &bytes, &scratch);
		else
			pthread_cond_wait(&r->work, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	mem_free(bytes.at);
	transform_scratch_clear(&scratch);
	return NULL;
}

/* With signals blocked: they are for the main thread. */
static void start_threads(struct reader *r)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < r->threads; i++) {
		int failed = pthread_create(&r->thread[i], NULL, reader_main, r);
		if (failed)
			die("threads: the system refused reader %d of %d: %s", i + 1, r->threads,
			    strerror(failed));
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct reader *reader_open(const struct lazy_images *images, int batch, int slots, int threads,
                           const struct memory *memory)
{
	if (batch < 1 || slots < 1 || threads < 1)
		BUG("a reader without batch, slots or threads");
	struct reader *r = mem_alloc(sizeof *r);
	size_t side = (size_t)images->transform.size, n = (size_t)batch;
	*r = (struct reader){
	        .lazy_images = images, .batch = batch, .slots = slots, .threads = threads, .memory = memory};
	r->features = 3 * side * side;
	r->ring = mem_array((size_t)slots, sizeof *r->ring);
	for (int i = 0; i < slots; i++) {
		r->ring[i].index = mem_array(n, sizeof *r->ring[i].index);
		r->ring[i].coins = mem_array(n, sizeof *r->ring[i].coins);
		r->ring[i].labels = mem_array(n, sizeof *r->ring[i].labels);
		r->ring[i].pixels = memory->host_alloc(n * r->features);
	}
	for (int split = 0; split < SPLITS; split++)
		r->known[split] = mem_array(images->image_set->n[split], 1);
	r->thread = mem_array((size_t)threads, sizeof *r->thread);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	pthread_cond_init(&r->news, NULL);
	start_threads(r);
	return r;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < r->threads; i++)
		pthread_join(r->thread[i], NULL);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->news);
	pthread_mutex_destroy(&r->lock);
	for (int i = 0; i < r->slots; i++) {
		mem_free(r->ring[i].index);
		mem_free(r->ring[i].coins);
		mem_free(r->ring[i].labels);
		r->memory->host_release(r->ring[i].pixels);
	}
	for (int split = 0; split < SPLITS; split++)
		mem_free(r->known[split]);
	mem_free(r->ring);
	mem_free(r->thread);
	mem_free(r);
}

/* --- lanes -------------------------------------------------------------------------------------------- */

void reader_rest(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	r->pass.batches = 0; /* open no more batches; finish the samples that were given out */
	r->dealing = r->next_open;
	while (r->busy > 0)
		pthread_cond_wait(&r->news, &r->lock);
	for (int i = 0; i < r->slots; i++)
		r->ring[i].state = SLOT_FREE;
	pthread_mutex_unlock(&r->lock);
}

void reader_begin(struct reader *r, const struct reader_pass *pass, uint64_t first)
{
	pthread_mutex_lock(&r->lock);
	r->pass = *pass;
	r->next_open = r->dealing = r->next_take = first;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
}

void reader_take(struct reader *r, uint64_t number, const uint8_t **pixels, const uint16_t **labels)
{
	struct slot *s = slot_of(r, number);
	pthread_mutex_lock(&r->lock);
	if (number >= r->pass.batches)
		BUG("a batch was asked for that the pass does not have");
	while (number >= r->next_open || s->state != SLOT_WHOLE)
		pthread_cond_wait(&r->news, &r->lock);
	s->state = SLOT_TAKEN;
	if (number >= r->next_take)
		r->next_take = number + 1;
	pthread_mutex_unlock(&r->lock);
	*pixels = s->pixels;
	*labels = s->labels;
}

void reader_give_back(struct reader *r, uint64_t number)
{
	pthread_mutex_lock(&r->lock);
	slot_of(r, number)->state = SLOT_FREE;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
}

uint64_t reader_next(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	uint64_t next = r->next_take;
	pthread_mutex_unlock(&r->lock);
	return next;
}

int reader_failed(struct reader *r, struct err *e)
{
	pthread_mutex_lock(&r->lock);
	int code = r->failed.code;
	if (code)
		*e = r->failed;
	pthread_mutex_unlock(&r->lock);
	return code ? -1 : 0;
}

size_t reader_skipped(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	size_t skipped = r->lazy_images->image_set->left_out + r->skipped;
	pthread_mutex_unlock(&r->lock);
	return skipped;
}

size_t reader_odd(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	size_t odd = r->odd;
	pthread_mutex_unlock(&r->lock);
	return odd;
}

size_t reader_bytes(int size, int batch, int slots, int threads)
{
	size_t side = (size_t)size;
	return (size_t)slots * (size_t)batch * (3 * side * side + sizeof(struct stream) + 6) +
	       (size_t)threads * THREAD_BYTES;
}
