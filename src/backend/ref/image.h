/* Inside of the reference's layers on images: one file a kind. Contracts: backend/image.h. */
#ifndef SIGNSGD_BACKEND_REF_IMAGE_H
#define SIGNSGD_BACKEND_REF_IMAGE_H

#include "backend/image.h"

struct image_layer {
	struct image_spec spec;
	struct image_memory memory;
};

/* Element (n, c, y, x) of an image value. */
static inline size_t ref_at(const struct image *i, int n, int c, int y, int x)
{
	return (((size_t)n * (size_t)i->channels + (size_t)c) * (size_t)i->height + (size_t)y) *
	               (size_t)i->width +
	       (size_t)x;
}

static inline size_t ref_image_floats(const struct image *i)
{
	return (size_t)i->count * (size_t)i->channels * (size_t)i->height * (size_t)i->width;
}

void ref_conv_need(const struct image_spec *s, struct image_need *need);
void ref_conv_load(struct image_layer *l, const float *w, const float *b);
void ref_conv_forward(struct image_layer *l);
void ref_conv_backward(struct image_layer *l, float *dw, float *db);
void ref_conv_weights_back(struct image_layer *l, float *dw, float *db);

void ref_norm_need(const struct image_spec *s, struct image_need *need);
void ref_norm_load(struct image_layer *l, const float *w, const float *b);
void ref_norm_forward(struct image_layer *l, bool training, const float *running);
void ref_norm_backward(struct image_layer *l, float *dw, float *db);
void ref_norm_statistics(HOST_QUEUE, const struct image_layer *l, float *statistics);

void ref_pool_need(const struct image_spec *s, struct image_need *need);
void ref_pool_forward(struct image_layer *l);
void ref_pool_backward(struct image_layer *l);

#endif
