/* One worker's share of a step. */
#include "train/worker.h"
#include <math.h>
#include <string.h>
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
			memset(w->carry, 0, r->carry_floats * sizeof *w->carry);
		lane_text(l, w->id, out);
	}
	w->data_s = clock_s() - begin;
}

static void forge(struct worker *w, const struct lane *l, const struct round *r, const float *v, float *out)
{
	struct own_view view = {
	        .be = r->be,
	        .queue = l->queue,
	        .n = r->job.n,
	        .v = v,
	        .step = r->job.step,
	        .stream = stream_of(r->job.seed, RNG_ATTACK, w->id, r->job.step),
	        .memory = w->memory,
	};
	w->attack->forge(w->attack_state, &view, out);
}

static bool forges_message(const struct worker *w)
{
	return w->attack && w->attack->acts_on == ATTACK_MESSAGE;
}

/* A message while it is made in buckets from a gradient. */
struct maker {
	struct worker *w;
	const struct lane *l;
	const struct round *r;
};

/* Compute momentum and message of the gradient g [n] for coordinates [begin, w->made). */
static void make_message(struct worker *w, const struct lane *l, const struct round *r, const float *g,
                         size_t begin)
{
	double start = clock_s();
	const struct step_job job = round_job(r, l);
	size_t end = w->made;
	if (r->agg->encode_momentum) {
		r->agg->encode_momentum(&job, w->id, r->beta, g, w->v, begin, end, w->push);
	} else {
		r->be->momentum(l->queue, end - begin, r->beta, g + begin, w->v + begin);
		r->agg->encode(&job, w->id, w->v, begin, end, w->push);
	}
	r->be->memory->finish(l->queue);
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
		w->shown->l1 = r->be->sum_abs(l->queue, n, g);
		w->shown->l2 = sqrt(r->be->sum_square(l->queue, n, g));
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
	if (!forges_message(w)) {
		make_message(w, l, r, g, 0);
		return;
	}
	r->be->momentum(l->queue, r->job.n, r->beta, g, w->v);
	r->be->memory->finish(l->queue);
	w->encode_s += clock_s() - start;
}

void worker_compute(struct worker *w, struct lane *l, const struct round *r)
{
	struct maker maker = {w, l, r};
	bool in_buckets = r->buckets.size > 0 && !w->attack;
	struct batch batch = {.count = r->feed->batch,
	                      .carry = w->carry,
	                      .running = w->owns_bn ? r->running : NULL,
	                      .seed = r->job.seed,
	                      .worker = w->id,
	                      .step = r->job.step,
	                      .ready = in_buckets ? make_ready : NULL,
	                      .ready_ctx = &maker};
	const float *gradient = l->scratch;
	w->made = r->job.n;
	w->encode_s = 0;
	next_batch(w, l, r, &batch);
	w->loss = r->model->grad(l->model, r->x, &batch, l->scratch);
	show_gradient(w, l, r, l->scratch);
	if (in_buckets) {
		make_ready(&maker, 0);
		return;
	}
	if (w->attack && w->attack->acts_on == ATTACK_GRADIENT) {
		forge(w, l, r, l->scratch, l->forged);
		gradient = l->forged;
	}
	make_whole(w, l, r, gradient);
}

void worker_encode(struct worker *w, struct lane *l, const struct round *r)
{
	if (w->made == 0)
		return;
	const struct step_job job = round_job(r, l);
	forge(w, l, r, w->v, l->scratch);
	r->agg->encode(&job, w->id, l->scratch, 0, r->job.n, w->push);
	r->be->memory->finish(l->queue);
	__atomic_store_n(&w->made, 0, __ATOMIC_RELEASE);
}
