/* One worker's share of a step. */
#include "train/worker.h"
#include <math.h>
#include "base/clock.h"
#include "train/turn.h"

struct step_job round_job(const struct round *r, const struct lane *l)
{
	struct step_job job = r->job;
	job.queue = l->queue;
	job.scratch = l->block;
	job.seen = l->seen;
	return job;
}

/* Batch `number` of the reader's list: of that shard. */
static void next_batch(struct worker *w, struct lane *l, const struct round *r, uint32_t shard,
                       uint64_t number, struct batch *out)
{
	if (r->feed->kind == FEED_NONE) /* and no clock is read: on toy problems that would be felt */
		return;
	double begin = clock_s();
	if (r->feed->kind == FEED_IMAGES)
		lane_images(l, shard, r->job.step, number, out);
	if (r->feed->kind == FEED_TEXT) {
		if (r->feed->walk.position == 0 && w->carry) /* the sequences begin at this step */
			r->be->memory->fill(l->queue, w->carry, 0, r->carry_floats * sizeof *w->carry);
		lane_text(l, shard, out);
	}
	w->data_s += clock_s() - begin;
}

/* What it does in this step; NULL: it is honest. */
static const struct attack *attack_now(const struct worker *w, const struct round *r)
{
	return w->attack && r->job.step >= w->attack_from ? w->attack : NULL;
}

static bool attacks_on(const struct worker *w, const struct round *r, enum attack_acts what)
{
	const struct attack *now = attack_now(w, r);
	return now && now->acts_on == what;
}

static void forge(struct worker *w, const struct lane *l, const struct round *r, const float *v, float *out)
{
	struct own_view view = {
	        .be = r->be,
	        .queue = l->queue,
	        .n = r->job.n,
	        .v = v,
	        .step = r->job.step,
	        .age = r->job.step - w->attack_from,
	        .stream = stream_of(r->job.seed, RNG_ATTACK, w->id, r->job.step),
	        .memory = w->memory,
	};
	w->attack->forge(w->attack_state, &view, out);
}

static void corrupt(const struct worker *w, const struct lane *l, const struct round *r)
{
	const struct packed_view view = {
	        .be = r->be,
	        .queue = l->queue,
	        .n = r->job.n,
	        .planes = message_planes(&r->method.push),
	        .bytes = r->push_bytes,
	        .stream = stream_of(r->job.seed, RNG_ATTACK, w->id, r->job.step),
	};
	w->attack->corrupt(w->attack_state, &view, w->push);
}

/* Show the transport coordinates [begin, end) of the message: a bucket is only on its way. */
static void show_message(const struct worker *w, const struct lane *l, const struct round *r, size_t begin,
                         size_t end)
{
	const struct memory *m = r->be->memory;
	const struct planes *planes = &r->buckets.planes;
	size_t n = r->job.n;
	if (r->method.push.kind == MESSAGE_CODED)
		return; /* it is on the host */
	if (begin == 0 && end == n) {
		m->download(l->queue, w->push_seen, w->push, r->push_bytes);
		return;
	}
	size_t stride = planes_stride(planes, n), from = planes_offset(planes, n, begin),
	       bytes = planes_offset(planes, n, end) - from;
	for (int p = 0; p < planes->count; p++) {
		size_t at = (size_t)p * stride + from;
		m->bring(l->queue, (char *)w->push_seen + at, (const char *)w->push + at, bytes);
	}
	m->mark_set(l->queue, w->marks[begin / r->buckets.size]);
}

void worker_show(const struct worker *w, const struct lane *l, const struct round *r)
{
	show_message(w, l, r, 0, r->job.n);
}

/* Compute vector and message of the gradient g [n] for coordinates [begin, w->made). */
static void make_message(struct worker *w, const struct lane *l, const struct round *r, const float *g,
                         size_t begin)
{
	double start = clock_s();
	const struct step_job job = round_job(r, l);
	size_t end = w->made;
	if (r->method.direction->in_place) {
		method_encode_momentum(&r->method, &job, w->id, r->beta, g, w->m, begin, end, w->unsaid,
		                       w->push);
	} else {
		turn_gradient(w, l, r, job, g, begin, end);
		method_encode(&r->method, &job, w->id, turn_vector(w, l), begin, end, w->unsaid, w->push);
	}
	if (attacks_on(w, r, ATTACK_PACKED))
		corrupt(w, l, r);
	show_message(w, l, r, begin, end);
	w->encode_s += clock_s() - start;
	__atomic_store_n(&w->made, begin, __ATOMIC_RELEASE);
}

/* The model calls this: the gradient is final from coordinate `begin` on. Make the buckets that are complete.
 */
static void make_ready(void *ctx, size_t begin)
{
	const struct maker *m = ctx;
	size_t size = m->r->buckets.size;
	while (m->w->made > begin) {
		size_t from = (m->w->made - 1) / size * size;
		if (from < begin)
			return;
		make_message(m->w, m->l, m->r, m->g, from);
		m->r->buckets.made(m->r->buckets.ctx, m->l);
	}
}

/* Compute norms and signs of the gradient g [n], if probes want them in this step. */
static void show_gradient(struct worker *w, const struct lane *l, const struct round *r, const float *g)
{
	size_t n = r->job.n;
	if (r->wants.norms) {
		r->be->sum_abs(l->queue, n, g, &l->numbers[0]);
		r->be->sum_square(l->queue, n, g, &l->numbers[1]);
		w->shown->l1 = memory_number(r->be->memory, l->queue, &l->numbers[0]);
		w->shown->l2 = sqrt(memory_number(r->be->memory, l->queue, &l->numbers[1]));
	}
	if (r->wants.signs)
		r->be->sign_pack(l->queue, n, g, SIGN_POSITIVE, NULL, 0, w->shown->signs, NULL);
}

/* At once, while the gradient may still be in a cache. Where an attack replaces the message, the vector
 * alone.
 */
static void make_whole(struct worker *w, const struct lane *l, const struct round *r, const float *g)
{
	double start = clock_s();
	if (!attacks_on(w, r, ATTACK_MESSAGE)) {
		make_message(w, l, r, g, 0);
		return;
	}
	turn_gradient(w, l, r, round_job(r, l), g, 0, r->job.n);
	r->be->memory->finish(l->queue);
	w->encode_s += clock_s() - start;
}

/* A Byzantine worker without data forges without a vector of its own; its momentum is of what it forged. */
static void compute_idle(struct worker *w, struct lane *l, const struct round *r)
{
	w->loss = 0;
	if (w->attack->acts_on != ATTACK_GRADIENT)
		return;
	forge(w, l, r, NULL, l->forged);
	make_whole(w, l, r, l->forged);
	r->be->memory->finish(l->queue);
}

/*
 * A worker with parts of the data: their gradients one after the other, the sum of their signs in place of
 * one. The same part gives the same batch and dropout in every worker; the running statistics are those of
 * the first part.
 */
static void compute_coded(struct worker *w, struct lane *l, const struct round *r)
{
	double loss = 0;
	for (int k = 0; k < w->n_parts; k++) {
		uint32_t part = (uint32_t)w->parts[k];
		struct batch batch = {.count = (int)r->feed->batch_of[part],
		                      .running = w->owns_bn && k == 0 ? r->running : NULL,
		                      .seed = r->job.seed,
		                      .worker = part,
		                      .step = r->job.step};
		next_batch(w, l, r, part, w->number + (uint64_t)k, &batch);
		if (attacks_on(w, r, ATTACK_DATA))
			lane_relabel(l, w->attack, w->attack_state, &batch);
		loss += r->model->grad(lane_instance(l, batch.count), r->x, &batch, l->scratch);
		coded_add(&l->coded, r->be, l->queue, r->job.n, k == 0, l->scratch);
	}
	w->loss = loss / w->n_parts;
	show_gradient(w, l, r, l->coded.sum);
	const float *vector = l->coded.sum;
	if (attacks_on(w, r, ATTACK_GRADIENT)) {
		forge(w, l, r, l->coded.sum, l->forged);
		vector = l->forged;
	}
	make_whole(w, l, r, vector);
	r->be->memory->finish(l->queue);
}

/* Is the message made in buckets, while the gradient is computed? */
static bool in_buckets(const struct worker *w, const struct round *r)
{
	return r->buckets.size > 0 && method_in_ranges(&r->method) && !r->method.direction->whole &&
	       (!attack_now(w, r) || attacks_on(w, r, ATTACK_DATA));
}

void worker_begin(struct worker *w, struct lane *l, const struct round *r, struct batch *out)
{
	w->made = r->job.n;
	w->encode_s = w->data_s = 0;
	w->maker = (struct maker){w, l, r, lane_gradient(l)};
	*out = (struct batch){.count = (int)r->feed->batch_of[w->id],
	                      .carry = w->carry,
	                      .running = w->owns_bn ? r->running : NULL,
	                      .seed = r->job.seed,
	                      .worker = w->id,
	                      .step = r->job.step,
	                      .ready = in_buckets(w, r) ? make_ready : NULL,
	                      .ready_ctx = &w->maker,
	                      .bucket = r->buckets.size};
	next_batch(w, l, r, w->id, w->number, out);
	if (attacks_on(w, r, ATTACK_DATA))
		lane_relabel(l, w->attack, w->attack_state, out);
}

void worker_end(struct worker *w, double loss)
{
	const struct lane *l = w->maker.l;
	const struct round *r = w->maker.r;
	const float *gradient = w->maker.g;
	w->loss = loss;
	show_gradient(w, l, r, gradient);
	if (in_buckets(w, r))
		make_ready(&w->maker, 0);
	if (attacks_on(w, r, ATTACK_GRADIENT)) {
		forge(w, l, r, gradient, l->forged);
		gradient = l->forged;
	}
	if (!in_buckets(w, r))
		make_whole(w, l, r, gradient);
	r->be->memory->finish(l->queue);
}

void worker_compute(struct worker *w, struct lane *l, const struct round *r)
{
	struct batch batch;
	if (w->idle || w->n_parts > 0) {
		w->made = r->job.n;
		w->encode_s = w->data_s = 0;
		(w->idle ? compute_idle : compute_coded)(w, l, r);
		return;
	}
	worker_begin(w, l, r, &batch);
	worker_end(w, r->model->grad(lane_instance(l, batch.count), r->x, &batch, w->maker.g));
}

void worker_encode(struct worker *w, struct lane *l, const struct round *r)
{
	if (w->made == 0)
		return;
	const struct step_job job = round_job(r, l);
	if (r->collude)
		r->collude(r->colluding, w, l, l->scratch);
	else if (!r->forged)
		forge(w, l, r, w->idle ? NULL : w->v, l->scratch);
	method_encode(&r->method, &job, w->id, r->forged ? r->forged : l->scratch, 0, r->job.n, w->unsaid,
	              w->push);
	worker_show(w, l, r);
	r->be->memory->finish(l->queue);
	__atomic_store_n(&w->made, 0, __ATOMIC_RELEASE);
}
