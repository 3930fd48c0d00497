/* Passes over images, and gradients over the whole training set. */
#include "train/evaluate.h"
#include <math.h>
#include "base/mem.h"

/* A section of a pass that the lanes work on together. */
struct pass {
	struct evaluation *ev;
	enum feed_set set;
	size_t first, samples; /* batches begin at sample `first` */
	const uint32_t *order; /* [n_train] sample numbers; NULL: in stored order */
};

/* A pass draws its random numbers as a worker that does not exist, so they differ from those of all steps. */
enum { PASS_WORKER = 0xffffff };

static size_t eval_samples(const struct settings *s)
{
	return (size_t)s->eval.train < s->shape.n_train ? (size_t)s->eval.train : s->shape.n_train;
}

static size_t eval_batches(const struct settings *s, int batch)
{
	size_t longer = eval_samples(s) > s->shape.n_test ? eval_samples(s) : s->shape.n_test;
	longer = longer > s->shape.n_validation ? longer : s->shape.n_validation;
	return longer / (size_t)batch + EVALUATE_STREAMS;
}

void evaluate_open(struct evaluation *ev, const struct settings *s, const struct model *model,
                   const struct state *st, struct workforce *workforce)
{
	*ev = (struct evaluation){.settings = s, .model = model, .state = st, .workforce = workforce};
	ev->sums = mem_array(eval_batches(s, workforce->feed.batch), sizeof *ev->sums);
	if (workforce->feed.kind == FEED_TEXT)
		ev->streams =
		        st->be->memory->alloc(evaluate_text_floats(st->carry_floats) * sizeof *ev->streams,
		                              "carries of an evaluation");
	if (settings_has_passes(s))
		ev->order = mem_array(workforce->feed.data.shape.n_train, sizeof *ev->order);
}

void evaluate_close(struct evaluation *ev)
{
	if (ev->streams)
		ev->state->be->memory->release(ev->streams);
	mem_free(ev->sums);
	mem_free(ev->order);
}

static size_t batches(const struct evaluation *ev, size_t samples)
{
	size_t size = (size_t)ev->workforce->feed.batch;
	return (samples + size - 1) / size;
}

/* Gather batch `item` of section p into lane l. */
static void gather(const struct pass *p, struct lane *l, size_t item, struct batch *out)
{
	const struct feed *f = &p->ev->workforce->feed;
	size_t size = (size_t)f->batch, begin = item * size, number = p->first / size + item;
	size_t count = p->samples - begin < size ? p->samples - begin : size;
	for (size_t i = 0; i < count; i++) {
		size_t place = p->first + begin + i;
		l->index[i] = p->order ? p->order[place] : (uint32_t)place;
	}
	*out = (struct batch){.seed = f->seed,
	                      .worker = PASS_WORKER,
	                      .step = (uint64_t)p->ev->state->step * batches(p->ev, f->data.shape.n_train) +
	                              number};
	lane_pass(l, p->set, number, (int)count, out);
}

static void eval_item(void *ctx, int lane, size_t item)
{
	const struct pass *p = ctx;
	struct evaluation *ev = p->ev;
	struct lane *l = &ev->workforce->lanes[lane];
	struct batch batch;
	gather(p, l, item, &batch);
	batch.running = ev->state->running;
	ev->model->eval(l->model, ev->state->x, &batch, &ev->sums[item].loss, &ev->sums[item].correct);
}

static void eval_set(struct evaluation *ev, enum feed_set set, size_t samples, double *loss, double *accuracy)
{
	struct pass p = {.ev = ev, .set = set, .samples = samples};
	size_t count = batches(ev, samples), correct = 0;
	double sum = 0;
	*loss = *accuracy = NAN;
	if (samples == 0)
		return;
	feed_pass(&ev->workforce->feed, set, NULL, samples);
	pool_run(ev->workforce->pool, count, eval_item, &p);
	for (size_t i = 0; i < count; i++) {
		sum += ev->sums[i].loss;
		correct += ev->sums[i].correct;
	}
	*loss = sum / (double)samples;
	*accuracy = (double)correct / (double)samples;
}

/* For a model without data: f(x), which is recorded as the loss of both sets. */
static void eval_function(struct evaluation *ev, struct eval_row *row)
{
	size_t correct;
	ev->model->eval(ev->workforce->lanes[0].model, ev->state->x, NULL, &row->test_loss, &correct);
	row->train_loss = row->test_loss;
	row->train_accuracy = row->test_accuracy = NAN;
}

int evaluate_all(struct evaluation *ev, struct eval_row *row, struct err *e)
{
	struct feed *f = &ev->workforce->feed;
	row->train_perplexity = row->test_perplexity = row->test_bits = NAN;
	row->validation_loss = row->validation_accuracy = row->validation_bits = NAN;
	if (f->kind == FEED_TEXT)
		evaluate_text(ev, eval_samples(ev->settings), row);
	if (f->kind == FEED_NONE)
		eval_function(ev, row);
	if (f->kind != FEED_IMAGES)
		return 0;
	eval_set(ev, SET_TRAIN, eval_samples(ev->settings), &row->train_loss, &row->train_accuracy);
	eval_set(ev, SET_TEST, f->data.shape.n_test, &row->test_loss, &row->test_accuracy);
	eval_set(ev, SET_VALIDATION, f->data.shape.n_validation, &row->validation_loss,
	         &row->validation_accuracy);
	feed_steps(f, ev->state->step); /* so that the next step finds its batches */
	return f->reader ? reader_failed(f->reader, e) : 0;
}

/* Compute one batch's gradient into the scratch of lane number `item`: each item has its own lane. */
static void gradient_item(void *ctx, int lane, size_t item)
{
	const struct pass *p = ctx;
	struct lane *l = &p->ev->workforce->lanes[item];
	struct batch batch;
	(void)lane;
	gather(p, l, item, &batch);
	p->ev->model->grad(l->model, p->ev->state->x, &batch, l->scratch);
}

/*
 * Compute the gradient of each batch of `samples` samples and call take(self, samples of the batch, g [n]),
 * which may overwrite g.
 */
static void gradient_pass(struct evaluation *ev, const uint32_t *order, size_t samples,
                          void (*take)(void *self, size_t count, float *g), void *self)
{
	struct workforce *workforce = ev->workforce;
	size_t size = (size_t)workforce->feed.batch, stride = (size_t)pool_lanes(workforce->pool) * size;
	feed_pass(&workforce->feed, SET_TRAIN, order, samples);
	for (size_t first = 0; first < samples; first += stride) {
		struct pass p = {.ev = ev,
		                 .first = first,
		                 .samples = samples - first < stride ? samples - first : stride,
		                 .order = order};
		size_t count = batches(ev, p.samples);
		pool_run(workforce->pool, count, gradient_item, &p);
		for (size_t i = 0; i < count; i++)
			take(self, p.samples - i * size < size ? p.samples - i * size : size,
			     workforce->lanes[i].scratch);
		ev->state->be->memory->finish(ev->state->queue); /* the lanes write there again */
	}
}

struct full {
	const struct evaluation *ev;
	float *sum; /* [n] */
};

static void add_share(void *self, size_t count, float *g)
{
	const struct full *f = self;
	const struct state *st = f->ev->state;
	st->be->scale(st->queue, st->n, (float)count / (float)f->ev->workforce->feed.data.shape.n_train, g,
	              g);
	st->be->add(st->queue, st->n, g, f->sum);
}

void evaluate_full_gradient(void *ctx, float *g)
{
	struct evaluation *ev = ctx;
	struct full full = {.ev = ev, .sum = g};
	if (ev->workforce->feed.kind == FEED_NONE) {
		ev->model->exact(ev->workforce->lanes[0].model, ev->state->x, g);
		return;
	}
	ev->state->be->memory->fill(ev->state->queue, g, 0, ev->state->n * sizeof *g);
	gradient_pass(ev, NULL, ev->workforce->feed.data.shape.n_train, add_share, &full);
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

void evaluate_each_gradient(void *ctx, void (*take)(void *self, const float *g), void *self)
{
	struct evaluation *ev = ctx;
	const struct feed *f = &ev->workforce->feed;
	struct taker to = {take, self};
	size_t all = f->data.shape.n_train, size = (size_t)f->batch;
	struct stream draw = stream_of(f->seed, RNG_PROBE, 1, (uint64_t)ev->state->step);
	for (size_t i = 0; i < all; i++)
		ev->order[i] = (uint32_t)i;
	stream_shuffle(&draw, ev->order, (uint32_t)all);
	gradient_pass(ev, ev->order, all / size * size, pass_on, &to);
}
