/*
 * Forward and backward through fully connected layers. The matrix products read W from the parameter vector
 * and write its gradient into g, so nothing is packed, transposed or copied.
 */
#include "models/dense.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include "base/mem.h"

struct dense {
	struct dense_shape shape;
	const struct backend *be;
	struct queue *queue;
	size_t batch; /* samples that the buffers hold */
	uint64_t seed;
	size_t weight[DENSE_LAYERS_MAX]; /* where in x a layer's W begins; its b follows */
	size_t bias[DENSE_LAYERS_MAX];
	float *out[DENSE_LAYERS_MAX]; /* [batch][width[l + 1]] outputs; the last: logits, then their gradient
	                               */
	struct loss *loss;            /* of the present batch, on the machine */
	float *delta[2]; /* [batch][widest hidden] gradients of hidden outputs, used in turn; NULL: no need */
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

size_t dense_lane_bytes(const struct dense_shape *shape, const struct model_env *env)
{
	size_t floats = (size_t)n_deltas(shape) * widest_hidden(shape);
	for (int l = 0; l < shape->layers; l++)
		floats += shape->width[l + 1];
	return floats * (size_t)env->batch * sizeof(float) + sizeof(struct loss);
}

void *dense_create(const struct dense_shape *shape, const struct model_env *env)
{
	struct dense *d = mem_alloc(sizeof *d);
	d->shape = *shape;
	d->be = env->be;
	d->queue = env->queue;
	d->batch = (size_t)env->batch;
	d->seed = env->seed;
	for (int l = 0; l < shape->layers; l++) {
		struct tensor t;
		dense_tensor(shape, 2 * (size_t)l, &t);
		d->weight[l] = t.offset;
		d->bias[l] = t.offset + t.count;
		d->out[l] =
		        d->be->memory->alloc(d->batch * shape->width[l + 1] * sizeof(float), "activations");
	}
	d->loss = d->be->memory->alloc(sizeof *d->loss, "loss");
	for (int i = 0; i < n_deltas(shape); i++)
		d->delta[i] = d->be->memory->alloc(d->batch * widest_hidden(shape) * sizeof(float),
		                                   "gradients of activations");
	return d;
}

void dense_destroy(void *instance)
{
	struct dense *d = instance;
	for (int l = 0; l < d->shape.layers; l++)
		d->be->memory->release(d->out[l]);
	for (int i = 0; i < n_deltas(&d->shape); i++)
		d->be->memory->release(d->delta[i]);
	d->be->memory->release(d->loss);
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

/* The input of layer l: the batch, or the output of the layer before. */
static const float *input(const struct dense *d, int l, const struct batch *batch)
{
	return l == 0 ? batch->x : d->out[l - 1];
}

static void forward(const struct dense *d, const float *x, const struct batch *batch)
{
	size_t rows = (size_t)batch->count;
	if (batch->count < 1 || rows > d->batch)
		BUG("a batch of another size than the model was made for");
	for (int l = 0; l < d->shape.layers; l++) {
		size_t in = d->shape.width[l], out = d->shape.width[l + 1];
		float *y = d->out[l];
		d->be->gemm(d->queue, false, true, rows, out, in, 1, input(d, l, batch), x + d->weight[l], 0,
		            y);
		d->be->add_bias(d->queue, rows, out, x + d->bias[l], y);
		if (l + 1 == d->shape.layers)
			break;
		if (d->shape.activation == ACTIVATION_RELU)
			d->be->relu(d->queue, rows * out, y);
		else
			d->be->tanh(d->queue, rows * out, y);
	}
}

/* From dy, the gradient of the logits, to g. The batch itself needs no gradient. */
static void backward(const struct dense *d, const float *x, const struct batch *batch, const float *dy,
                     float *g)
{
	size_t rows = (size_t)batch->count;
	for (int l = d->shape.layers - 1; l >= 0; l--) {
		size_t in = d->shape.width[l], out = d->shape.width[l + 1];
		d->be->gemm(d->queue, true, false, out, in, rows, 1, dy, input(d, l, batch), 0,
		            g + d->weight[l]);
		d->be->sum_rows(d->queue, rows, out, dy, g + d->bias[l]);
		batch_ready(batch, d->weight[l]);
		if (l == 0)
			break;
		float *dx = d->delta[(l + 1) % 2];
		d->be->gemm(d->queue, false, false, rows, in, out, 1, dy, x + d->weight[l], 0, dx);
		if (d->shape.activation == ACTIVATION_RELU)
			d->be->relu_back(d->queue, rows * in, d->out[l - 1], dx);
		else
			d->be->tanh_back(d->queue, rows * in, d->out[l - 1], dx);
		dy = dx;
	}
}

/* From the logits to the loss, and with `back` to their gradient. */
static void make_loss(const struct dense *d, const struct batch *batch, bool back)
{
	int last = d->shape.layers - 1;
	d->be->memory->fill(d->queue, d->loss, 0, sizeof *d->loss);
	d->be->softmax_loss(d->queue, (size_t)batch->count, d->shape.width[last + 1], d->out[last],
	                    batch->label, back, 1 / (float)batch->count, d->loss);
}

static struct loss loss_of(const struct dense *d)
{
	struct loss loss;
	d->be->memory->download(d->queue, &loss, d->loss, sizeof loss);
	return loss;
}

double dense_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	const struct dense *d = instance;
	forward(d, x, batch);
	make_loss(d, batch, true);
	backward(d, x, batch, d->out[d->shape.layers - 1], g);
	return loss_of(d).sum / batch->count;
}

void dense_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum, size_t *correct)
{
	const struct dense *d = instance;
	forward(d, x, batch);
	make_loss(d, batch, false);
	struct loss loss = loss_of(d);
	*loss_sum = loss.sum;
	*correct = loss.correct;
}
