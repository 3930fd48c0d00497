/*
 * Passes over data that are no steps: evaluations, the full-data gradient, the gradients that make it up.
 * Batches are dealt to the lanes; what they give is taken in the order of the batches, so that lanes never
 * show.
 */
#include <math.h>
#include <string.h>
#include "train/trainer_internal.h"

struct pass {
	struct trainer *t;
	bool test;
	size_t first, samples; /* of this pass; batches are cut from sample `first` on */
	const uint32_t *order; /* [n_train] sample numbers; NULL: as they are stored */
};

/* The worker of random numbers in a pass: one that nobody is, so that masks are a pass's own. */
enum { PASS_WORKER = 0xffffff };

static size_t batches(const struct trainer *t, size_t samples)
{
	size_t size = (size_t)t->env.batch;
	return (samples + size - 1) / size;
}

/* Samples of batch `item` of a pass, gathered into lane l. */
static void gather_item(const struct pass *p, struct lane *l, size_t item, struct batch *out)
{
	size_t size = (size_t)p->t->env.batch, begin = item * size;
	size_t samples = p->samples - begin < size ? p->samples - begin : size;
	for (size_t i = 0; i < samples; i++) {
		size_t place = p->first + begin + i;
		l->index[i] = p->order ? p->order[place] : (uint32_t)place;
	}
	*out = (struct batch){.seed = p->t->round.job.seed,
	                      .worker = PASS_WORKER,
	                      .step = (uint64_t)p->t->steps_done * batches(p->t, p->t->data.shape.n_train) +
	                              p->first / size + item};
	if (p->t->round.reader)
		lane_read(l, &p->t->round, p->first / size + item, (int)samples, out);
	else
		lane_gather(l, &p->t->round, p->test, (int)samples, out);
}

static void eval_item(void *ctx, int lane, size_t item)
{
	const struct pass *p = ctx;
	struct lane *l = &p->t->lanes[lane];
	struct sums *out = &p->t->sums[item];
	struct batch batch;
	gather_item(p, l, item, &batch);
	batch.running = p->t->running;
	p->t->round.model->eval(l->model, p->t->x, &batch, &out->loss, &out->correct);
}

static void eval_pass(struct trainer *t, bool test, size_t samples, double *loss, double *accuracy)
{
	struct pass p = {.t = t, .test = test, .samples = samples};
	size_t count = batches(t, samples), correct = 0;
	double sum = 0;
	*loss = *accuracy = NAN;
	if (samples == 0)
		return;
	trainer_feed_pass(t, test, NULL, samples);
	pool_run(t->pool, count, eval_item, &p);
	for (size_t i = 0; i < count; i++) {
		sum += t->sums[i].loss;
		correct += t->sums[i].correct;
	}
	*loss = sum / (double)samples;
	*accuracy = (double)correct / (double)samples;
}

int trainer_eval(struct trainer *t, struct eval_row *row, struct err *e)
{
	*row = (struct eval_row){.step = t->steps_done,
	                         .epoch = trainer_epoch(t),
	                         .bytes = t->bytes,
	                         .train_perplexity = NAN,
	                         .test_perplexity = NAN,
	                         .test_bits = NAN};
	if (t->round.text) {
		trainer_text_eval(t, row);
		return 0;
	}
	if (t->round.model->wants_data) {
		eval_pass(t, false, trainer_eval_samples(t->settings), &row->train_loss,
		          &row->train_accuracy);
		eval_pass(t, true, t->data.shape.n_test, &row->test_loss, &row->test_accuracy);
		trainer_feed_steps(t); /* so that the next step finds its batches */
		return t->round.reader ? reader_failed(t->round.reader, e) : 0;
	}
	size_t correct;
	t->round.model->eval(t->lanes[0].model, t->x, NULL, &row->test_loss, &correct);
	row->train_loss = row->test_loss;
	row->train_accuracy = row->test_accuracy = NAN;
	return 0;
}

/* One batch's gradient into the scratch of the lane of the same number: each lane is used by one item. */
static void gradient_item(void *ctx, int lane, size_t item)
{
	const struct pass *p = ctx;
	struct lane *l = &p->t->lanes[item];
	struct batch batch;
	(void)lane;
	gather_item(p, l, item, &batch);
	p->t->round.model->grad(l->model, p->t->x, &batch, l->scratch);
}

/* Every batch's gradient of the first `samples` in order, to take(self, size of the batch, g [n]). g may be
 * overwritten. */
static void gradient_pass(struct trainer *t, const uint32_t *order, size_t samples,
                          void (*take)(void *self, size_t count, float *g), void *self)
{
	size_t size = (size_t)t->env.batch, stride = (size_t)pool_lanes(t->pool) * size;
	trainer_feed_pass(t, false, order, samples);
	for (size_t first = 0; first < samples; first += stride) {
		struct pass p = {.t = t,
		                 .first = first,
		                 .samples = samples - first < stride ? samples - first : stride,
		                 .order = order};
		size_t count = batches(t, p.samples);
		pool_run(t->pool, count, gradient_item, &p);
		for (size_t i = 0; i < count; i++)
			take(self, p.samples - i * size < size ? p.samples - i * size : size,
			     t->lanes[i].scratch);
	}
}

struct full {
	const struct trainer *t;
	float *sum; /* [n] */
};

static void add_share(void *self, size_t count, float *g)
{
	const struct full *f = self;
	size_t n = f->t->round.job.n;
	f->t->be.scale(n, (float)count / (float)f->t->data.shape.n_train, g, g);
	f->t->be.add(n, g, f->sum);
}

void trainer_full_gradient(void *ctx, float *g)
{
	struct trainer *t = ctx;
	struct full full = {.t = t, .sum = g};
	if (!t->round.model->wants_data) {
		t->round.model->exact(t->lanes[0].model, t->x, g);
		return;
	}
	memset(g, 0, t->round.job.n * sizeof *g);
	gradient_pass(t, NULL, t->data.shape.n_train, add_share, &full);
}

struct taker {
	void (*take)(void *self, const float *g);
	void *self;
};

static void pass_on(void *self, size_t count, float *g)
{
	const struct taker *to = self;
	(void)count;
	to->take(to->self, g);
}

void trainer_each_gradient(void *ctx, void (*take)(void *self, const float *g), void *self)
{
	struct trainer *t = ctx;
	struct taker to = {take, self};
	size_t all = t->data.shape.n_train, size = (size_t)t->env.batch;
	struct stream draw = stream_of(t->round.job.seed, RNG_PROBE, 1, (uint64_t)t->steps_done);
	for (size_t i = 0; i < all; i++)
		t->order[i] = (uint32_t)i;
	stream_shuffle(&draw, t->order, (uint32_t)all);
	gradient_pass(t, t->order, all / size * size, pass_on, &to);
}
