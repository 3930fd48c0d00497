/*
 * Batch normalisation. In training by cuDNN, with statistics of the batch; else, and where a channel has only
 * one value, by kernels of our own.
 *
 * cuDNN keeps 1 / sqrt(variance + epsilon), from which a small variance cannot be had back. The variance for
 * statistics() is taken from its running statistics, which replace what was there (a factor of 1) and count
 * values - 1 of them.
 *
 * keep: arrays of one float a channel, each padded to whole lines.
 */
#include "backend/cuda/image.h"
#include "backend/cuda/library.h"
#include "base/mem.h"

enum array { MEAN, INVERSE_DEVIATION, BATCH_MEAN, UNBIASED, D_GAMMA, D_BETA, ARRAYS };

struct cuda_norm {
	cudnn_tensor image, channels;
	size_t values;  /* of a channel */
	size_t at_d_in; /* in the scratch, in floats: of a gradient that nobody wants; before it the masked
	                   one */
};

static size_t channels_of(const struct image_layer *l)
{
	return (size_t)l->spec.in.channels;
}

static float *array_of(const struct image_layer *l, enum array which)
{
	return (float *)l->memory.keep + (size_t)which * cuda_whole_lines(channels_of(l));
}

static const float *beta_of(const struct image_layer *l)
{
	return l->memory.weights + cuda_whole_lines(channels_of(l));
}

static cudnn_tensor tensor_open(const struct cudnn *library, cudnn_format format, const struct image *i)
{
	cudnn_tensor t = NULL;
	cudnn_check(library->tensor_create(&t), "describe an array");
	cudnn_check(library->tensor_set(t, format, CUDNN_FLOAT, i->count, i->channels, i->height, i->width),
	            "describe an array");
	return t;
}

struct cuda_norm *cuda_norm_open(const struct image_spec *s, struct image_need *need)
{
	const struct cudnn *library = cudnn_must_be_there();
	const struct image *i = &s->in;
	struct cuda_norm *n = mem_alloc(sizeof(*n));
	size_t line = cuda_whole_lines((size_t)i->channels), floats = cuda_whole_lines(cuda_image_floats(i));
	n->image = tensor_open(library, CUDNN_NHWC, i);
	/* a number a channel is the same in both layouts; this one is what everybody gives */
	n->channels = tensor_open(library, CUDNN_NCHW, &(struct image){1, i->channels, 1, 1});
	n->values = (size_t)i->count * cuda_image_pixels(i);
	need->weights_floats = 2 * line;
	need->keep_bytes = ARRAYS * line * sizeof(float);
	n->at_d_in = s->relu ? floats : 0;
	if (s->back)
		need->scratch_bytes = (n->at_d_in + (s->d_in ? 0 : floats)) * sizeof(float);
	return n;
}

void cuda_norm_close(struct cuda_norm *n)
{
	if (!n)
		return;
	const struct cudnn *library = cudnn_must_be_there();
	cudnn_check(library->tensor_destroy(n->image), "let go of an array");
	cudnn_check(library->tensor_destroy(n->channels), "let go of an array");
	mem_free(n);
}

void cuda_norm_load(struct queue *q, struct image_layer *l, const float *w, const float *b)
{
	size_t bytes = channels_of(l) * sizeof(*w);
	cuda_memory.copy(q, l->memory.weights, w, bytes);
	cuda_memory.copy(q, (float *)beta_of(l), b, bytes);
}

static void normalise(struct queue *q, struct image_layer *l, const float *mean, const float *variance)
{
	struct cuda_channels c = {mean, variance, l->memory.weights, beta_of(l), l->spec.epsilon};
	cuda_normalise(q, l->norm->values, channels_of(l), &c, l->spec.relu, l->memory.in, l->memory.out);
}

static void by_the_batch(struct queue *q, struct image_layer *l)
{
	const struct cuda_norm *n = l->norm;
	const float one = 1, zero = 0;
	/* what is there has a factor of 0, which a NaN would survive */
	cuda_memory.fill(q, array_of(l, BATCH_MEAN), 0, 2 * cuda_whole_lines(channels_of(l)) * sizeof(float));
	cudnn_check(cudnn_must_be_there()->norm(cuda_layers_handle(q), CUDNN_NORM_SPATIAL, &one, &zero,
	                                        n->image, l->memory.in, n->image, l->memory.out, n->channels,
	                                        l->memory.weights, beta_of(l), 1, array_of(l, BATCH_MEAN),
	                                        array_of(l, UNBIASED), (double)l->spec.epsilon,
	                                        array_of(l, MEAN), array_of(l, INVERSE_DEVIATION)),
	            "normalise a batch");
	if (l->spec.relu)
		cuda_relu(q, cuda_image_floats(&l->spec.out), l->memory.out);
}

void cuda_norm_forward(struct queue *q, struct image_layer *l, bool training, const float *running)
{
	if (!training) {
		normalise(q, l, running, running + channels_of(l));
	} else if (l->norm->values > 1) {
		by_the_batch(q, l);
	} else {
		cuda_norm_single(q, channels_of(l), l->memory.in, array_of(l, BATCH_MEAN),
		                 array_of(l, UNBIASED));
		normalise(q, l, array_of(l, BATCH_MEAN), array_of(l, UNBIASED));
	}
}

static void back_by_the_batch(struct queue *q, struct image_layer *l, const float *d_out)
{
	const struct cuda_norm *n = l->norm;
	const float one = 1, zero = 0;
	float *d_in = l->spec.d_in ? l->memory.d_in : (float *)l->memory.scratch + n->at_d_in;
	cudnn_check(cudnn_must_be_there()->norm_back(
	                    cuda_layers_handle(q), CUDNN_NORM_SPATIAL, &one, &zero, &one, &zero, n->image,
	                    l->memory.in, n->image, d_out, n->image, d_in, n->channels, l->memory.weights,
	                    array_of(l, D_GAMMA), array_of(l, D_BETA), (double)l->spec.epsilon,
	                    array_of(l, MEAN), array_of(l, INVERSE_DEVIATION)),
	            "find the gradients of a normalisation");
}

static void back_of_one(struct queue *q, struct image_layer *l, const float *d_out)
{
	struct cuda_channels c = {array_of(l, BATCH_MEAN), array_of(l, UNBIASED), l->memory.weights,
	                          beta_of(l), l->spec.epsilon};
	cuda_norm_single_back(q, channels_of(l), &c, l->memory.in, d_out,
	                      l->spec.d_in ? l->memory.d_in : NULL, array_of(l, D_GAMMA),
	                      array_of(l, D_BETA));
}

/* Where dw and db begin, another array ends: cuDNN gets lines of its own. */
void cuda_norm_backward(struct queue *q, struct image_layer *l, float *dw, float *db)
{
	const float *d_out = l->memory.d_out;
	if (l->spec.relu) {
		cuda_mask(q, cuda_image_floats(&l->spec.out), l->memory.out, d_out, l->memory.scratch);
		d_out = l->memory.scratch;
	}
	if (l->norm->values > 1)
		back_by_the_batch(q, l, d_out);
	else
		back_of_one(q, l, d_out);
	cuda_memory.copy(q, dw, array_of(l, D_GAMMA), channels_of(l) * sizeof(*dw));
	cuda_memory.copy(q, db, array_of(l, D_BETA), channels_of(l) * sizeof(*db));
}

void cuda_norm_statistics(struct queue *q, const struct image_layer *l, float *statistics)
{
	cuda_norm_biased(q, channels_of(l), l->norm->values, array_of(l, BATCH_MEAN), array_of(l, UNBIASED),
	                 statistics);
}
