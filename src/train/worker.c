/* One worker's share of a step. */
#include "train/worker.h"
#include <math.h>
#include "base/clock.h"

struct step_job round_job(const struct round *r, const struct lane *l)
{
	struct step_job job = r->job;
	job.queue = l->queue;
	return job;
}

static void next_batch(struct worker *w, struct lane *l, const struct round *r, struct batch *out)
{
	double begin = clock_s();
	if (r->feed->kind == FEED_IMAGES)
		lane_images(l, w->id, r->job.step, w->number, out);
	if (r->feed->kind == FEED_TEXT) {
		if (r->feed->walk.position == 0 && w->carry) /* the sequences begin at this step */
			r->be->memory->fill(l->queue, w->carry, 0, r->carry_floats * sizeof *w->carry);
		lane_text(l, w->id, out);
	}
	w->data_s = clock_s() - begin;
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

/* A message while it is made in buckets from a gradient. */
struct maker {
	struct worker *w;
	const struct lane *l;
	const struct round *r;
};

/* Show the transport coordinates [begin, end) of the message: a bucket is only on its way. */
static void show_message(const struct worker *w, const struct lane *l, const struct round *r, size_t begin,
                         size_t end)
{
	const struct memory *m = r->be->memory;
	const struct planes *planes = &r->buckets.planes;
	size_t n = r->job.n;
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

/* Compute momentum and message of the gradient g [n] for coordinates [begin, w->made). */
static void make_message(struct worker *w, const struct lane *l, const struct round *r, const float *g,
                         size_t begin)
{
	double start = clock_s();
	const struct step_job job = round_job(r, l);
	size_t end = w->made;
	method_encode_momentum(&r->method, &job, w->id, r->beta, g, w->v, begin, end, w->unsaid, w->push);
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
		make_message(m->w, m->l, m->r, m->l->scratch, from);
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

/* At once, while the gradient may still be in a cache. Where an attack replaces the message, the momentum
 * alone.
 */
static void make_whole(struct worker *w, const struct lane *l, const struct round *r, const float *g)
{
	double start = clock_s();
	if (!attacks_on(w, r, ATTACK_MESSAGE)) {
		make_message(w, l, r, g, 0);
		return;
	}
	r->be->momentum(l->queue, r->job.n, r->beta, g, w->v);
	r->be->memory->finish(l->queue);
	w->encode_s += clock_s() - start;
}

/* A Byzantine worker without data forges without a vector of its own; its momentum is of what it forged. */
static void compute_idle(struct worker *w, struct lane *l, const struct round *r)
{
	w->loss = w->data_s = 0;
	if (w->attack->acts_on != ATTACK_GRADIENT)
		return;
	forge(w, l, r, NULL, l->forged);
	make_whole(w, l, r, l->forged);
	r->be->memory->finish(l->queue);
}

void worker_compute(struct worker *w, struct lane *l, const struct round *r)
{
	w->made = r->job.n;
	w->encode_s = 0;
	if (w->idle) {
		compute_idle(w, l, r);
		return;
	}
	struct maker maker = {w, l, r};
	bool in_buckets = r->buckets.size > 0 && method_in_ranges(&r->method) &&
	                  (!attack_now(w, r) || attacks_on(w, r, ATTACK_DATA));
	struct batch batch = {.count = (int)r->feed->batch_of[w->id],
	                      .carry = w->carry,
	                      .running = w->owns_bn ? r->running : NULL,
	                      .seed = r->job.seed,
	                      .worker = w->id,
	                      .step = r->job.step,
	                      .ready = in_buckets ? make_ready : NULL,
	                      .ready_ctx = &maker};
	const float *gradient = l->scratch;
	next_batch(w, l, r, &batch);
	if (attacks_on(w, r, ATTACK_DATA))
		lane_relabel(l, w->attack, w->attack_state, &batch);
	w->loss = r->model->grad(lane_instance(l, batch.count), r->x, &batch, l->scratch);
	show_gradient(w, l, r, l->scratch);
	if (in_buckets)
		make_ready(&maker, 0);
	if (attacks_on(w, r, ATTACK_GRADIENT)) {
		forge(w, l, r, l->scratch, l->forged);
		gradient = l->forged;
	}
	if (!in_buckets)
		make_whole(w, l, r, gradient);
	r->be->memory->finish(l->queue);
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
	show_message(w, l, r, 0, r->job.n);
	r->be->memory->finish(l->queue);
	__atomic_store_n(&w->made, 0, __ATOMIC_RELEASE);
}
