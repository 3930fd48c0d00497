/*
 * Passes over data that are no steps: evaluations and the full-data gradient. Batches are dealt to the
 * lanes; their sums are added in the order of the batches, so that lanes never show.
 */
#include <math.h>
#include <string.h>
#include "trainer_inside.h"

struct pass {
	struct trainer *t;
	bool test;
	size_t first, samples; /* of this pass; batches are cut from sample `first` on */
};

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
	for (size_t i = 0; i < samples; i++)
		l->index[i] = (uint32_t)(p->first + begin + i);
	lane_gather(l, &p->t->round, p->test, (int)samples, out);
	out->carry = out->running = NULL;
}

static void eval_item(void *ctx, int lane, size_t item)
{
	const struct pass *p = ctx;
	struct lane *l = &p->t->lanes[lane];
	struct sums *out = &p->t->sums[item];
	struct batch batch;
	gather_item(p, l, item, &batch);
	batch.running = p->t->running;
	p->t->round.model->eval(l->model, p->t->x, &batch, &out->loss, &out->hits);
}

static void eval_pass(struct trainer *t, bool test, size_t samples, double *loss, double *accuracy)
{
	struct pass p = {.t = t, .test = test, .samples = samples};
	size_t count = batches(t, samples), hits = 0;
	double sum = 0;
	*loss = *accuracy = NAN;
	if (samples == 0)
		return;
	pool_run(t->pool, count, eval_item, &p);
	for (size_t i = 0; i < count; i++) {
		sum += t->sums[i].loss;
		hits += t->sums[i].hits;
	}
	*loss = sum / (double)samples;
	*accuracy = (double)hits / (double)samples;
}

void trainer_eval(struct trainer *t, struct eval_row *row)
{
	*row = (struct eval_row){.step = t->steps_done, .epoch = trainer_epoch(t), .bytes = t->bytes};
	if (t->round.model->wants_data) {
		eval_pass(t, false, trainer_eval_samples(t->settings), &row->train_loss,
		          &row->train_accuracy);
		eval_pass(t, true, t->data.shape.n_test, &row->test_loss, &row->test_accuracy);
		return;
	}
	size_t hits;
	t->round.model->eval(t->lanes[0].model, t->x, NULL, &row->test_loss, &hits);
	row->train_loss = row->test_loss;
	row->train_accuracy = row->test_accuracy = NAN;
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
	p->t->be.scale(p->t->round.job.n, (float)batch.count / (float)p->t->data.shape.n_train, l->scratch,
	               l->scratch);
}

void trainer_full_gradient(void *ctx, float *g)
{
	struct trainer *t = ctx;
	if (!t->round.model->wants_data) {
		t->round.model->exact(t->lanes[0].model, t->x, g);
		return;
	}
	size_t all = t->data.shape.n_train, stride = (size_t)pool_lanes(t->pool) * (size_t)t->env.batch;
	memset(g, 0, t->round.job.n * sizeof *g);
	for (size_t first = 0; first < all; first += stride) {
		struct pass p = {
		        .t = t, .first = first, .samples = all - first < stride ? all - first : stride};
		size_t count = batches(t, p.samples);
		pool_run(t->pool, count, gradient_item, &p);
		for (size_t i = 0; i < count; i++)
			t->be.add(t->round.job.n, t->lanes[i].scratch, g);
	}
}
