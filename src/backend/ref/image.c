/* Layers on images by definition: plain loops over NCHW, sums in double, rounded once at the end. */
#include "backend/ref/image.h"

#include <string.h>

#include "backend/ref/ref.h"
#include "base/err.h"
#include "base/mem.h"

static void copy_rows(HOST_QUEUE, const struct image *i, const float *from, float *to)
{
	memcpy(to, from, ref_image_floats(i) * sizeof(*to));
}

static struct image_layer *open_layer(const struct image_spec *spec, struct image_need *need)
{
	struct image_layer *l = mem_alloc(sizeof(*l));
	l->spec = *spec;
	*need = (struct image_need){0};
	switch (spec->kind) {
	case IMAGE_CONV:
		ref_conv_need(spec, need);
		break;
	case IMAGE_NORM:
		ref_norm_need(spec, need);
		break;
	case IMAGE_MAX_POOL:
	case IMAGE_MEAN_POOL:
		ref_pool_need(spec, need);
		break;
	}
	return l;
}

static void bind(HOST_QUEUE, struct image_layer *l, const struct image_memory *m)
{
	l->memory = *m;
}

static void close_layer(struct image_layer *l)
{
	mem_free(l);
}

static void load(HOST_QUEUE, struct image_layer *l, const float *w, const float *b)
{
	if (l->spec.kind == IMAGE_CONV)
		ref_conv_load(l, w, b);
	else if (l->spec.kind == IMAGE_NORM)
		ref_norm_load(l, w, b);
}

static void forward(HOST_QUEUE, struct image_layer *l, bool training, const float *running)
{
	if (l->spec.kind == IMAGE_CONV)
		ref_conv_forward(l);
	else if (l->spec.kind == IMAGE_NORM)
		ref_norm_forward(l, training, running);
	else
		ref_pool_forward(l);
}

static void backward(HOST_QUEUE, struct image_layer *l, float *dw, float *db)
{
	if (!l->spec.back)
		BUG("backward of a layer that was opened without it");
	if (l->spec.kind == IMAGE_CONV)
		ref_conv_backward(l, dw, db);
	else if (l->spec.kind == IMAGE_NORM)
		ref_norm_backward(l, dw, db);
	else
		ref_pool_backward(l);
}

static void weights_back(HOST_QUEUE, struct image_layer *l, float *dw, float *db)
{
	ref_conv_weights_back(l, dw, db);
}

#define IMAGE_BLOCK(i) 1
#include "backend/image_plain.inc.h"

static int block(const struct image *i)
{
	(void)i;
	return 1;
}

const struct image_kernels ref_image = {
        .block = block,
        .norm_adds = true,
        .floats = ref_image_floats,
        .to_rows = copy_rows,
        .from_rows = copy_rows,
        .subsample = plain_subsample,
        .subsample_back = plain_subsample_back,
        .adaptive = plain_adaptive,
        .adaptive_back = plain_adaptive_back,
        .open = open_layer,
        .bind = bind,
        .close = close_layer,
        .load = load,
        .forward = forward,
        .backward = backward,
        .weights_back = weights_back,
        .statistics = ref_norm_statistics,
};
