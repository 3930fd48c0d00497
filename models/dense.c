/*
 * Forward and backward through fully connected layers. The matrix products read W from the parameter vector
 * and write its gradient into g, so nothing is packed, transposed or copied.
 *
 * The batches of several workers stand in a layer's values one behind the other, each where a line of LINE
 * numbers begins.
 */
#include "models/dense.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include "base/mem.h"
#include "models/graph/walk.h"

enum { LINE = 16 /* floats */ };

/* The batches of a call. */
struct turn {
	const float *x; /* parameters */
	size_t count;   /* batches */
	size_t rows;    /* samples of each */
	const struct batch *batch;
	float *const *g; /* gradients; NULL: none */
	bool whole;      /* the batches' samples stand one behind the other */
};

struct dense {
	struct dense_shape shape;
	const struct backend *be;
	struct queue *queue;
	size_t batch; /* samples of a worker that the buffers hold */
	size_t fuse;  /* workers */
	uint64_t seed;
	size_t weight[DENSE_LAYERS_MAX]; /* where in x a layer's W begins; its b follows */
	size_t bias[DENSE_LAYERS_MAX];
	float *out[DENSE_LAYERS_MAX]; /* [fuse][batch][width[l + 1]] outputs; the last: logits, then their
	                               * gradient */
	struct loss *loss;            /* [fuse] of the present batches, on the machine */
	struct loss *loss_seen;       /* [fuse] */
	float *delta[2]; /* [fuse][batch][widest hidden] gradients of hidden outputs, used in turn; NULL: no
	                  * need */
	struct walk *walk;
	struct turn turn; /* of the present gradient */
};

size_t dense_n_params(const struct dense_shape *shape)
{
	size_t n = 0;
	for (int l = 0; l < shape->layers; l++)
		n += shape->width[l + 1] * (shape->width[l] + 1);
	return n;
}

bool dense_tensor(const struct dense_shape *shape, size_t index, struct tensor *t)
{
	int layer = (int)(index / 2);
	if (index >= 2 * (size_t)shape->layers)
		return false;
	size_t in = shape->width[layer], out = shape->width[layer + 1];
	struct dense_shape before = *shape;
	before.layers = layer;
	char name[16] = "fc";
	if (shape->layers > 1)
		snprintf(name, sizeof name, "fc%d", layer + 1);
	*t = (struct tensor){.rank = 1, .dims = {out}, .count = out};
	t->offset = dense_n_params(&before) + out * in;
	snprintf(t->name, sizeof t->name, "%s.bias", name);
	if (index % 2 == 1)
		return true;
	*t = (struct tensor){.rank = 2, .dims = {out, in}, .offset = t->offset - out * in, .count = out * in};
	snprintf(t->name, sizeof t->name, "%s.weight", name);
	return true;
}

static size_t widest_hidden(const struct dense_shape *shape)
{
	size_t widest = 0;
	for (int l = 1; l < shape->layers; l++)
		widest = shape->width[l] > widest ? shape->width[l] : widest;
	return widest;
}

/* Buffers for gradients of hidden outputs: while one is read, the other is written. */
static int n_deltas(const struct dense_shape *shape)
{
	return shape->layers > 2 ? 2 : shape->layers - 1;
}

/* From the rows of one batch to those of the next, in floats. */
static size_t stride(size_t rows, size_t width)
{
	return (rows * width + LINE - 1) / LINE * LINE;
}

static size_t fuse_of(const struct model_env *env)
{
	return env->fuse > 1 ? (size_t)env->fuse : 1;
}

/* Floats of a buffer. */
static size_t buffer(const struct model_env *env, size_t width)
{
	size_t rows = (size_t)env->batch, fuse = fuse_of(env);
	return (fuse - 1) * stride(rows, width) + rows * width;
}

size_t dense_lane_bytes(const struct dense_shape *shape, const struct model_env *env)
{
	size_t floats = (size_t)n_deltas(shape) * buffer(env, widest_hidden(shape));
	for (int l = 0; l < shape->layers; l++)
		floats += buffer(env, shape->width[l + 1]);
	return floats * sizeof(float) + fuse_of(env) * sizeof(struct loss) + walk_bytes(env, 0);
}

static struct turn turn_of(const struct dense *d, const float *x, size_t count, const struct batch *batch)
{
	struct turn t = {.x = x, .count = count, .rows = (size_t)batch->count, .batch = batch, .whole = true};
	for (size_t p = 0; p < count; p++) {
		if (batch[p].count < 1 || batch[p].count != batch->count || t.rows > d->batch ||
		    count > d->fuse)
			BUG("a batch of another size than the model was made for");
		t.whole = t.whole && batch[p].x == batch->x + p * t.rows * d->shape.width[0];
	}
	return t;
}

/* The input of layer l: the batch, or the output of the layer before. */
static const float *input(const struct dense *d, const struct turn *t, int l, size_t p)
{
	return l == 0 ? t->batch[p].x : d->out[l - 1] + p * stride(t->rows, d->shape.width[l]);
}

/* Batches that one call may work on, whose rows have these widths: all, if there are no gaps between them. */
static size_t together(const struct turn *t, size_t width, size_t other)
{
	return t->rows * width % LINE == 0 && t->rows * other % LINE == 0 ? t->count : 1;
}

/* From the first number of a value to its last. */
static size_t all_floats(const struct turn *t, size_t width)
{
	return (t->count - 1) * stride(t->rows, width) + t->rows * width;
}

/* Layer l, without its activation. */
static void forward_layer(const struct dense *d, const struct turn *t, int l)
{
	size_t in = d->shape.width[l], out = d->shape.width[l + 1], step = together(t, out, out),
	       rows = t->rows, products = 1;
	float *y = d->out[l];
	if ((l > 0 || t->whole) && joins_product(d->be->joins, true, rows, out, in))
		products = together(t, in, out);
	for (size_t p = 0; p < t->count; p += products)
		d->be->gemm(d->queue, false, true, products * rows, out, in, 1, input(d, t, l, p),
		            t->x + d->weight[l], 0, y + p * stride(rows, out));
	for (size_t p = 0; p < t->count; p += step)
		d->be->add_bias(d->queue, step * rows, out, t->x + d->bias[l], y + p * stride(rows, out));
}

static void forward(const struct dense *d, const struct turn *t)
{
	for (int l = 0; l < d->shape.layers; l++) {
		size_t all = all_floats(t, d->shape.width[l + 1]);
		forward_layer(d, t, l);
		if (l + 1 == d->shape.layers)
			break;
		if (d->shape.activation == ACTIVATION_RELU)
			d->be->relu(d->queue, all, d->out[l]);
		else
			d->be->tanh(d->queue, all, d->out[l]);
	}
}

/* From dy, the gradient of layer l's output without activation, to that of its input, dx. */
static void input_back(const struct dense *d, const struct turn *t, int l, const float *dy, float *dx)
{
	size_t in = d->shape.width[l], out = d->shape.width[l + 1], all = all_floats(t, in), rows = t->rows;
	size_t step = joins_product(d->be->joins, false, rows, in, out) ? together(t, in, out) : 1;
	for (size_t p = 0; p < t->count; p += step)
		d->be->gemm(d->queue, false, false, step * rows, in, out, 1, dy + p * stride(rows, out),
		            t->x + d->weight[l], 0, dx + p * stride(rows, in));
	if (d->shape.activation == ACTIVATION_RELU)
		d->be->relu_back(d->queue, all, d->out[l - 1], dx);
	else
		d->be->tanh_back(d->queue, all, d->out[l - 1], dx);
}

/* From the logits to the losses, and with `back` to their gradient. */
static void make_loss(const struct dense *d, const struct turn *t, bool back)
{
	int last = d->shape.layers - 1;
	size_t classes = d->shape.width[last + 1];
	d->be->memory->fill(d->queue, d->loss, 0, t->count * sizeof *d->loss);
	for (size_t p = 0; p < t->count; p++)
		d->be->softmax_loss(d->queue, t->rows, classes, d->out[last] + p * stride(t->rows, classes),
		                    t->batch[p].label, back, 1 / (float)t->rows, &d->loss[p]);
}

/*
 * Time t of a gradient: layer L - 1 - t of L, from the gradient of its output to those of its parameters.
 * Before the first is the way forward; the batch itself needs no gradient.
 */
static void backward(void *instance, int time)
{
	const struct dense *d = instance;
	const struct turn *t = &d->turn;
	int l = d->shape.layers - 1 - time;
	const float *dy = d->out[l];
	if (time == 0) {
		forward(d, t);
		make_loss(d, t, true);
	} else {
		dy = d->delta[l % 2];
		input_back(d, t, l + 1, time == 1 ? d->out[l + 1] : d->delta[(l + 1) % 2], d->delta[l % 2]);
	}
	size_t in = d->shape.width[l], out = d->shape.width[l + 1], step = stride(t->rows, out);
	for (size_t p = 0; p < t->count; p++) {
		d->be->gemm(d->queue, true, false, out, in, t->rows, 1, dy + p * step, input(d, t, l, p), 0,
		            t->g[p] + d->weight[l]);
		d->be->sum_rows(d->queue, t->rows, out, dy + p * step, t->g[p] + d->bias[l]);
	}
}

/* The gradient is final behind the layers before. */
static size_t below(const void *instance, int time)
{
	const struct dense *d = instance;
	return d->weight[d->shape.layers - 1 - time];
}

void *dense_create(const struct dense_shape *shape, const struct model_env *env)
{
	struct dense *d = mem_alloc(sizeof *d);
	d->shape = *shape;
	d->be = env->be;
	d->queue = env->queue;
	d->batch = (size_t)env->batch;
	d->fuse = fuse_of(env);
	d->seed = env->seed;
	for (int l = 0; l < shape->layers; l++) {
		struct tensor t;
		dense_tensor(shape, 2 * (size_t)l, &t);
		d->weight[l] = t.offset;
		d->bias[l] = t.offset + t.count;
		d->out[l] =
		        d->be->memory->alloc(buffer(env, shape->width[l + 1]) * sizeof(float), "activations");
	}
	d->loss = d->be->memory->alloc(d->fuse * sizeof *d->loss, "loss");
	d->loss_seen = mem_array(d->fuse, sizeof *d->loss_seen);
	for (int i = 0; i < n_deltas(shape); i++)
		d->delta[i] = d->be->memory->alloc(buffer(env, widest_hidden(shape)) * sizeof(float),
		                                   "gradients of activations");
	const struct walk_kind kind = {.times = shape->layers,
	                               .n = dense_n_params(shape),
	                               .instance = d,
	                               .work = backward,
	                               .below = below};
	d->walk = walk_open(env, &kind);
	return d;
}

void dense_destroy(void *instance)
{
	struct dense *d = instance;
	walk_close(d->walk);
	for (int l = 0; l < d->shape.layers; l++)
		d->be->memory->release(d->out[l]);
	for (int i = 0; i < n_deltas(&d->shape); i++)
		d->be->memory->release(d->delta[i]);
	d->be->memory->release(d->loss);
	mem_free(d->loss_seen);
	mem_free(d);
}

void dense_init(void *instance, float *x)
{
	const struct dense *d = instance;
	struct tensor t;
	for (size_t index = 0; dense_tensor(&d->shape, index, &t); index++) {
		struct stream draw = stream_of(d->seed, RNG_INIT, 0, index);
		float bound = 1 / sqrtf((float)d->shape.width[index / 2]);
		for (size_t i = 0; i < t.count; i++)
			x[t.offset + i] = (2 * stream_uniform(&draw, i) - 1) * bound;
	}
}

/* The losses of the call's batches. */
static const struct loss *losses_of(const struct dense *d, const struct turn *t)
{
	d->be->memory->download(d->queue, d->loss_seen, d->loss, t->count * sizeof *d->loss);
	return d->loss_seen;
}

void dense_grad_many(void *instance, const float *x, int count, const struct batch *batch, float *const *g,
                     double *loss)
{
	struct dense *d = instance;
	d->turn = turn_of(d, x, (size_t)count, batch);
	d->turn.g = g;
	walk_gradient(d->walk, x, count, batch, g);
	const struct loss *found = losses_of(d, &d->turn);
	for (int p = 0; p < count; p++)
		loss[p] = found[p].sum / batch->count;
}

double dense_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	double loss;
	dense_grad_many(instance, x, 1, batch, &g, &loss);
	return loss;
}

void dense_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum, size_t *correct)
{
	const struct dense *d = instance;
	const struct turn t = turn_of(d, x, 1, batch);
	forward(d, &t);
	make_loss(d, &t, false);
	const struct loss *loss = losses_of(d, &t);
	*loss_sum = loss->sum;
	*correct = loss->correct;
}
