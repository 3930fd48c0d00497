/* Layers on images: their table, and the dispatch by kind. */
#include "backend/cuda/image.h"

#include "base/mem.h"

static int block(const struct image *i)
{
	return i->channels;
}

static void to_rows(struct queue *q, const struct image *i, const float *image, float *rows)
{
	cuda_transpose(q, (size_t)i->count, cuda_image_pixels(i), (size_t)i->channels, image, rows);
}

static void from_rows(struct queue *q, const struct image *i, const float *rows, float *image)
{
	cuda_transpose(q, (size_t)i->count, (size_t)i->channels, cuda_image_pixels(i), rows, image);
}

static struct image_layer *open_layer(enum cuda_precision precision, const struct image_spec *spec,
                                      struct image_need *need)
{
	struct image_layer *l = mem_alloc(sizeof(*l));
	l->spec = *spec;
	*need = (struct image_need){0};
	switch (spec->kind) {
	case IMAGE_CONV:
		l->conv = cuda_conv_open(precision, spec, need);
		break;
	case IMAGE_NORM:
		l->norm = cuda_norm_open(spec, need);
		break;
	case IMAGE_MAX_POOL:
		need->keep_bytes = cuda_image_floats(&spec->out) * sizeof(int32_t);
		break;
	case IMAGE_MEAN_POOL:
		break;
	}
	return l;
}

static void bind(struct queue *q, struct image_layer *l, const struct image_memory *m)
{
	(void)q;
	l->memory = *m;
}

static void close_layer(struct image_layer *l)
{
	if (!l)
		return;
	cuda_conv_close(l->conv);
	cuda_norm_close(l->norm);
	mem_free(l);
}

static void load(struct queue *q, struct image_layer *l, const float *w, const float *b)
{
	if (l->conv)
		cuda_conv_load(q, l, w, b);
	else if (l->norm)
		cuda_norm_load(q, l, w, b);
}

static void forward(struct queue *q, struct image_layer *l, bool training, const float *running)
{
	if (l->conv)
		cuda_conv_forward(q, l);
	else if (l->norm)
		cuda_norm_forward(q, l, training, running);
	else
		cuda_pool_forward(q, l);
}

static void backward(struct queue *q, struct image_layer *l, float *dw, float *db)
{
	if (!l->spec.back)
		BUG("backward of a layer that was opened without it");
	if (l->conv)
		cuda_conv_backward(q, l, dw, db);
	else if (l->norm)
		cuda_norm_backward(q, l, dw, db);
	else if (l->spec.d_in)
		cuda_pool_backward(q, l);
}

#define DEFINE_OPEN(name, precision)                                                                         \
	static struct image_layer *name(const struct image_spec *spec, struct image_need *need)              \
	{                                                                                                    \
		return open_layer(precision, spec, need);                                                    \
	}
DEFINE_OPEN(open_fp32, CUDA_FP32)
DEFINE_OPEN(open_tf32, CUDA_TF32)
DEFINE_OPEN(open_bf16, CUDA_BF16)

#define TABLE(its_open)                                                                                      \
	{                                                                                                    \
		.block = block, .floats = cuda_image_floats, .to_rows = to_rows, .from_rows = from_rows,     \
		.subsample = cuda_subsample, .subsample_back = cuda_subsample_back,                          \
		.adaptive = cuda_adaptive, .adaptive_back = cuda_adaptive_back, .open = its_open,            \
		.bind = bind, .close = close_layer, .load = load, .forward = forward, .backward = backward,  \
		.statistics = cuda_norm_statistics,                                                          \
	}

const struct image_kernels cuda_image[CUDA_PRECISIONS] = {
        [CUDA_FP32] = TABLE(open_fp32), [CUDA_TF32] = TABLE(open_tf32), [CUDA_BF16] = TABLE(open_bf16)};
