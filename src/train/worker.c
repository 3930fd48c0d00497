/* One worker's share of a step. */
#include "train/worker.h"
#include <math.h>
#include "base/clock.h"
#include <string.h>

void lane_open(struct lane *l, const struct model *model, const void *model_state,
               const struct model_env *env, size_t n, bool forges_gradient)
{
	size_t features = shape_features(&env->data);
	*l = (struct lane){.model = model->create(model_state, env),
	                   .scratch = env->be->alloc(n * sizeof(float))};
	if (forges_gradient)
		l->forged = env->be->alloc(n * sizeof(float));
	if (!model->wants_data)
		return;
	l->x = env->be->alloc((size_t)env->batch * features * sizeof(float));
	size_t window = (size_t)env->data.window, labels = (size_t)env->batch * (window ? window : 1);
	l->label = env->be->alloc(labels * sizeof(int32_t));
	l->token = env->be->alloc((size_t)env->batch * window * sizeof(int32_t));
	l->index = env->be->alloc((size_t)env->batch * sizeof(uint32_t));
	l->image = env->be->alloc(features);
}

void lane_close(struct lane *l, const struct model *model, const struct backend *be)
{
	if (l->model)
		model->destroy(l->model);
	be->release(l->scratch);
	be->release(l->forged);
	be->release(l->x);
	be->release(l->label);
	be->release(l->token);
	be->release(l->index);
	be->release(l->image);
}

/* Sample i of the lane's batch: its pixels normalised, channel by channel. */
static void put_sample(struct lane *l, const struct round *r, int i, const uint8_t *pixels, uint16_t label)
{
	const struct dataset *d = r->data;
	size_t features = shape_features(&d->shape), plane = features / (size_t)d->shape.channels;
	float *out = l->x + (size_t)i * features;
	for (int c = 0; c < d->shape.channels; c++)
		r->be->pixels(plane, pixels + (size_t)c * plane, 1.0f / (255.0f * d->std[c]),
		              -d->mean[c] / d->std[c], out + (size_t)c * plane);
	l->label[i] = label;
}

static void give_batch(const struct lane *l, int count, struct batch *out)
{
	out->count = count;
	out->x = l->x;
	out->label = l->label;
}

void lane_gather(struct lane *l, const struct round *r, bool test, int count, struct batch *out)
{
	const struct dataset *d = r->data;
	const uint8_t *pixels = test ? d->test_pixels : d->train_pixels;
	const uint16_t *labels = test ? d->test_labels : d->train_labels;
	size_t features = shape_features(&d->shape);
	for (int i = 0; i < count; i++)
		put_sample(l, r, i, pixels + l->index[i] * features, labels[l->index[i]]);
	give_batch(l, count, out);
}

void lane_read(struct lane *l, const struct round *r, uint64_t number, int count, struct batch *out)
{
	size_t features = shape_features(&r->data->shape);
	const uint8_t *pixels;
	const uint16_t *labels;
	reader_take(r->reader, number, &pixels, &labels);
	for (int i = 0; i < count; i++)
		put_sample(l, r, i, pixels + (size_t)i * features, labels[i]);
	reader_give_back(r->reader, number);
	give_batch(l, count, out);
}

/* The next mini-batch of this worker's own stream of samples, augmented as the data set says. */
static void next_batch(const struct worker *w, struct lane *l, const struct round *r, struct batch *out)
{
	const struct dataset *d = r->data;
	uint64_t position = r->job.step * (uint64_t)r->batch;
	size_t features = shape_features(&d->shape);
	if (r->reader) {
		lane_read(l, r, w->ticket, r->batch, out);
		return;
	}
	for (int i = 0; i < r->batch; i++, position++) {
		uint32_t sample = partition_sample(r->partition, (int)w->id, position);
		struct stream coins = stream_of(r->job.seed, RNG_AUGMENT, w->id, position);
		const uint8_t *pixels = d->train_pixels + sample * features;
		if (augment_does(&d->augment)) {
			augment_image(&d->augment, &d->shape, &coins, pixels, l->image);
			pixels = l->image;
		}
		put_sample(l, r, i, pixels, d->train_labels[sample]);
	}
	give_batch(l, r->batch, out);
}

/* The next positions of this worker's columns. Where they begin, nothing is carried. */
static void next_text(const struct worker *w, struct lane *l, const struct round *r, struct batch *out)
{
	const struct text_walk *at = r->text;
	size_t columns = (size_t)r->batch;
	if (at->position == 0 && w->carry)
		memset(w->carry, 0, r->carry_floats * sizeof *w->carry);
	text_gather(r->data->train_tokens, at->positions, w->id * columns, columns, at->position, at->length,
	            l->token, l->label);
	out->length = at->length;
	out->token = l->token;
	out->label = l->label;
}

static void forge(struct worker *w, const struct round *r, const float *v, float *out)
{
	struct own_view view = {
	        .be = r->be,
	        .n = r->job.n,
	        .v = v,
	        .step = r->job.step,
	        .stream = stream_of(r->job.seed, RNG_ATTACK, w->id, r->job.step),
	        .memory = w->memory,
	};
	w->attack->forge(w->attack_state, &view, out);
}

/* A gradient on its way into a message. */
struct maker {
	struct worker *w;
	const struct lane *l;
	const struct round *r;
};

/* Momentum and message of coordinates [begin, w->made). */
static void make(const struct maker *m, size_t begin)
{
	const struct round *r = m->r;
	struct worker *w = m->w;
	size_t end = w->made;
	r->be->momentum(end - begin, r->beta, m->l->scratch + begin, w->v + begin);
	r->agg->encode(&r->job, w->id, w->v, begin, end, w->push);
	__atomic_store_n(&w->made, begin, __ATOMIC_RELEASE);
	r->piece(r->piece_ctx, m->l, w);
}

/* All whole pieces from `begin` on that are not made yet. */
static void make_ready(void *ctx, size_t begin)
{
	const struct maker *m = ctx;
	size_t bucket = m->r->bucket;
	while (m->w->made > begin) {
		size_t from = (m->w->made - 1) / bucket * bucket;
		if (from < begin)
			return;
		make(m, from);
	}
}

void worker_compute(struct worker *w, struct lane *l, const struct round *r)
{
	struct maker maker = {w, l, r};
	bool pieces = r->bucket > 0 && !w->attack;
	struct batch batch = {.count = r->batch,
	                      .carry = w->carry,
	                      .running = w->owns_bn ? r->running : NULL,
	                      .seed = r->job.seed,
	                      .worker = w->id,
	                      .step = r->job.step,
	                      .ready = pieces ? make_ready : NULL,
	                      .ready_ctx = &maker};
	double begin = clock_s();
	w->made = r->job.n;
	if (r->text)
		next_text(w, l, r, &batch);
	else if (r->data)
		next_batch(w, l, r, &batch);
	w->data_s = clock_s() - begin;
	w->loss = r->model->grad(l->model, r->x, &batch, l->scratch);
	if (r->norms) {
		w->l1 = r->be->sum_abs(r->job.n, l->scratch);
		w->l2 = sqrt(r->be->sum_square(r->job.n, l->scratch));
	}
	if (r->signs)
		r->be->sign_pack(r->job.n, l->scratch, SIGN_POSITIVE, NULL, 0, w->signs, NULL);
	if (pieces) {
		make_ready(&maker, 0);
		return;
	}
	const float *gradient = l->scratch;
	if (w->attack && w->attack->acts_on == ATTACK_GRADIENT) {
		forge(w, r, l->scratch, l->forged);
		gradient = l->forged;
	}
	r->be->momentum(r->job.n, r->beta, gradient, w->v);
}

void worker_encode(struct worker *w, struct lane *l, const struct round *r)
{
	const float *says = w->v;
	if (w->made == 0)
		return;
	if (w->attack && w->attack->acts_on == ATTACK_MESSAGE) {
		forge(w, r, w->v, l->scratch);
		says = l->scratch;
	}
	r->agg->encode(&r->job, w->id, says, 0, r->job.n, w->push);
	__atomic_store_n(&w->made, 0, __ATOMIC_RELEASE);
}
