#include "models/graph/walk.h"

#include <string.h>
#include "base/mem.h"

enum { TAPES = 32, LINE = 16 /* floats */ };

/* What decides what a gradient does, in words: some of all, then some of each batch. */
enum { COMMON_WORDS = 5, BATCH_WORDS = 5 };

/* The captured pieces of gradients of one kind. */
struct tape {
	uintptr_t *kind;
	struct captured **piece; /* [times], those that are there */
	uint64_t used;           /* the gradient that was the last of this kind; 0: none */
};

struct walk {
	struct walk_kind is;
	const struct backend *be;
	struct queue *queue;
	size_t fuse;
	struct stream *stream;       /* [fuse] */
	const struct batch *batch;   /* of the present gradient */
	struct tape *present;        /* its tape; NULL: it is only done */
	struct stream *stream_there; /* [fuse] the machine's; NULL: nothing is captured */
	float *carry;                /* [fuse][carry], each from a line on; the machine's, likewise */
	struct tape tape[TAPES];
	uintptr_t *kind; /* of the present gradient */
	uint64_t gradients;
};

static size_t fuse_of(const struct model_env *env)
{
	return env->fuse > 1 ? (size_t)env->fuse : 1;
}

static bool captures(const struct model_env *env)
{
	return env->be->captures && !env->profile;
}

static size_t carry_stride(size_t carry)
{
	return (carry + LINE - 1) / LINE * LINE;
}

size_t walk_bytes(const struct model_env *env, size_t carry)
{
	return captures(env) ? fuse_of(env) * (sizeof(struct stream) + carry_stride(carry) * sizeof(float))
	                     : 0;
}

static size_t kind_words(const struct walk *w)
{
	return COMMON_WORDS + w->fuse * BATCH_WORDS;
}

static void open_tapes(struct walk *w)
{
	const struct memory *m = w->be->memory;
	w->stream_there = m->alloc(w->fuse * sizeof *w->stream_there, "streams of random numbers");
	if (w->is.carry > 0)
		w->carry = m->alloc(w->fuse * carry_stride(w->is.carry) * sizeof(float), "carry");
	w->kind = mem_array(kind_words(w), sizeof *w->kind);
	for (int i = 0; i < TAPES; i++) {
		w->tape[i].kind = mem_array(kind_words(w), sizeof *w->kind);
		w->tape[i].piece = mem_array((size_t)w->is.times, sizeof(struct captured *));
	}
}

struct walk *walk_open(const struct model_env *env, const struct walk_kind *kind)
{
	struct walk *w = mem_alloc(sizeof *w);
	*w = (struct walk){.is = *kind, .be = env->be, .queue = env->queue, .fuse = fuse_of(env)};
	w->stream = mem_array(w->fuse, sizeof *w->stream);
	if (captures(env))
		open_tapes(w);
	return w;
}

static void clear(const struct walk *w, struct tape *t)
{
	for (int i = 0; i < w->is.times && t->piece[i]; i++) {
		w->be->captures->close(t->piece[i]);
		t->piece[i] = NULL;
	}
	t->used = 0;
}

void walk_close(struct walk *w)
{
	if (!w)
		return;
	for (int i = 0; i < TAPES && w->stream_there; i++) {
		clear(w, &w->tape[i]);
		mem_free(w->tape[i].kind);
		mem_free(w->tape[i].piece);
	}
	w->be->memory->release(w->stream_there);
	w->be->memory->release(w->carry);
	mem_free(w->kind);
	mem_free(w->stream);
	mem_free(w);
}

/* --- tapes -------------------------------------------------------------------------------------------- */

/* Numbers of a bucket for which somebody waits; 0: nobody does. */
static size_t bucket_of(size_t count, const struct batch *batch)
{
	size_t bucket = 0;
	for (size_t p = 0; p < count; p++)
		if (batch[p].ready)
			bucket = batch[p].bucket > 0 ? batch[p].bucket : 1;
	return bucket;
}

static void describe(struct walk *w, const float *x, size_t count, float *const *g)
{
	uintptr_t *at = w->kind;
	memset(at, 0, kind_words(w) * sizeof *at);
	*at++ = (uintptr_t)x;
	*at++ = count;
	*at++ = (uintptr_t)w->batch->count;
	*at++ = (uintptr_t)w->batch->length;
	*at++ = bucket_of(count, w->batch);
	for (size_t p = 0; p < count; p++) {
		const struct batch *b = &w->batch[p];
		const void *const where[BATCH_WORDS] = {b->x, b->token, b->label, b->running, g[p]};
		for (int i = 0; i < BATCH_WORDS; i++)
			*at++ = (uintptr_t)where[i];
	}
}

/*
 * The tape of gradients like the present one; NULL: it is the first. Then it takes the tape that was not used
 * for the longest time, so that kinds that do not come again cost no capture.
 */
static struct tape *tape_of(struct walk *w)
{
	struct tape *oldest = &w->tape[0];
	size_t bytes = kind_words(w) * sizeof *w->kind;
	w->gradients++;
	for (int i = 0; i < TAPES; i++) {
		struct tape *t = &w->tape[i];
		if (t->used > 0 && memcmp(t->kind, w->kind, bytes) == 0) {
			t->used = w->gradients;
			return t;
		}
		if (t->used < oldest->used)
			oldest = t;
	}
	clear(w, oldest);
	memcpy(oldest->kind, w->kind, bytes);
	oldest->used = w->gradients;
	return NULL;
}

static void work(const struct walk *w, int begin, int end)
{
	for (int time = begin; time < end; time++)
		w->is.work(w->is.instance, time);
}

static void capture(const struct walk *w, struct captured **piece, int begin, int end)
{
	const struct captures *c = w->be->captures;
	const struct capture_streams streams = {w->stream, w->stream_there, (int)w->fuse};
	if (!c->wanted() || !c->begin(w->queue, &streams))
		return;
	work(w, begin, end);
	*piece = c->end(w->queue);
}

/* Give the queue piece `number`, of times [begin, end). */
static void give(const struct walk *w, int number, int begin, int end)
{
	struct captured **piece = w->present ? &w->present->piece[number] : NULL;
	if (piece && !*piece)
		capture(w, piece, begin, end);
	if (piece && *piece)
		w->be->captures->replay(w->queue, *piece);
	else
		work(w, begin, end);
}

/* Between each worker's carry and where captured work looks for it. */
static void move_carries(const struct walk *w, size_t count, bool back)
{
	for (size_t p = 0; p < count && w->is.carry > 0; p++) {
		float *own = walk_carry(w, p), *worker = w->batch[p].carry;
		w->be->memory->copy(w->queue, back ? worker : own, back ? own : worker,
		                    w->is.carry * sizeof *own);
	}
}

/* Bring what captured work finds in memory. */
static void bring(const struct walk *w, size_t count)
{
	if (w->is.draws)
		w->be->memory->upload(w->queue, w->stream_there, w->stream, count * sizeof *w->stream);
	move_carries(w, count, false);
}

/* --- the walk ----------------------------------------------------------------------------------------- */

/*
 * Where the piece ends that begins at time `begin`: behind the first time that completes a bucket. *made: the
 * buckets from there on are complete.
 */
static int piece_end(const struct walk *w, int begin, size_t bucket, size_t *made)
{
	int last = w->is.times - 1;
	for (int time = begin; time < last && bucket > 0; time++) {
		size_t below = w->is.below(w->is.instance, time), before = *made;
		while (*made > below && (*made - 1) / bucket * bucket >= below)
			*made = (*made - 1) / bucket * bucket;
		if (*made < before)
			return time + 1;
	}
	return last + 1;
}

static void begin_walk(struct walk *w, const float *x, size_t count, const struct batch *batch,
                       float *const *g)
{
	w->batch = batch;
	w->present = NULL;
	for (size_t p = 0; p < count; p++)
		w->stream[p] = stream_of(batch[p].seed, RNG_DROPOUT, batch[p].worker, batch[p].step);
	if (!w->stream_there || !w->be->captures->wanted())
		return;
	describe(w, x, count, g);
	w->present = tape_of(w);
}

void walk_gradient(struct walk *w, const float *x, int count, const struct batch *batch, float *const *g)
{
	size_t parts = (size_t)count, made = w->is.n, bucket = bucket_of(parts, batch);
	begin_walk(w, x, parts, batch, g);
	if (w->present)
		bring(w, parts);
	for (int begin = 0, number = 0; begin < w->is.times; number++) {
		int end = piece_end(w, begin, bucket, &made);
		give(w, number, begin, end);
		for (size_t p = 0; p < parts; p++)
			batch_ready(&batch[p], w->is.below(w->is.instance, end - 1));
		begin = end;
	}
	if (w->present)
		move_carries(w, parts, true);
	w->present = NULL;
}

const struct stream *walk_stream(const struct walk *w, size_t part)
{
	return &w->stream[part];
}

float *walk_carry(const struct walk *w, size_t part)
{
	return w->present ? w->carry + part * carry_stride(w->is.carry) : w->batch[part].carry;
}
