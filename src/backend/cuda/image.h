/*
 * Inside of the backend's layers on images. Values are channels-last: float [count][height *
 * width][channels], a block of all channels, without filling.
 *
 * Convolution is cuDNN's, and so is batch normalisation in training; the rest are kernels of our own, which
 * give the bits of ref: pools (cuDNN does not say which of equal values gets a gradient), what moves numbers,
 * sums over pixels, and normalisation with given statistics.
 */
#ifndef SIGNSGD_BACKEND_CUDA_IMAGE_H
#define SIGNSGD_BACKEND_CUDA_IMAGE_H

#include "backend/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

struct image_layer {
	struct image_spec spec;
	struct image_memory memory;
	struct cuda_conv *conv; /* convolutions only */
	struct cuda_norm *norm; /* normalisations only */
};

static inline size_t cuda_image_pixels(const struct image *i)
{
	return (size_t)i->height * (size_t)i->width;
}

static inline size_t cuda_image_floats(const struct image *i)
{
	return (size_t)i->count * (size_t)i->channels * cuda_image_pixels(i);
}

/* What cuDNN gets begins at multiples of 64 bytes: numbers of an array that other arrays follow. */
static inline size_t cuda_whole_lines(size_t floats)
{
	return (floats + 15) / 16 * 16;
}

/* handle.c: the queue's handle of cuDNN; and one for opening layers, for which
 * cuda_planning_end() lets others in again. */
void *cuda_layers_handle(struct queue *q);
void *cuda_planning_begin(void);
void cuda_planning_end(void);

/* conv.c */
struct cuda_conv *cuda_conv_open(enum cuda_precision precision, const struct image_spec *s,
                                 struct image_need *need);
void cuda_conv_close(struct cuda_conv *c);
void cuda_conv_load(struct queue *q, struct image_layer *l, const float *w, const float *b);
void cuda_conv_forward(struct queue *q, struct image_layer *l);
void cuda_conv_backward(struct queue *q, struct image_layer *l, float *dw, float *db);

/* norm.c */
struct cuda_norm *cuda_norm_open(const struct image_spec *s, struct image_need *need);
void cuda_norm_close(struct cuda_norm *n);
void cuda_norm_load(struct queue *q, struct image_layer *l, const float *w, const float *b);
void cuda_norm_forward(struct queue *q, struct image_layer *l, bool training, const float *running);
void cuda_norm_backward(struct queue *q, struct image_layer *l, float *dw, float *db);
void cuda_norm_statistics(struct queue *q, const struct image_layer *l, float *statistics);

/* image.cu */
void cuda_subsample(struct queue *q, const struct image_shortcut *s, const float *in, float *out);
void cuda_subsample_back(struct queue *q, const struct image_shortcut *s, const float *d_out, float *d_in);
void cuda_adaptive(struct queue *q, size_t planes, const int from[2], const int to[2], const float *x,
                   float *y);
void cuda_adaptive_back(struct queue *q, size_t planes, const int from[2], const int to[2], const float *dy,
                        float *dx);
/* Matrices [count][rows][columns] -> [count][columns][rows]. */
void cuda_transpose(struct queue *q, size_t count, size_t rows, size_t columns, const float *from, float *to);
/* out[n] = sum over rows of x [rows][n], in double, in an order that only the sizes decide. */
void cuda_sum_pixels(struct queue *q, size_t rows, size_t n, const float *x, float *out);
/* to = y > 0 ? dy : 0 */
void cuda_mask(struct queue *q, size_t n, const float *y, const float *dy, float *to);
/* To bfloat16, rounded to the nearest (the even one of two), and back. */
void cuda_to_bf16(struct queue *q, size_t n, const float *x, uint16_t *to);
void cuda_from_bf16(struct queue *q, size_t n, const uint16_t *x, float *to);

/* pool.cu */
void cuda_pool_forward(struct queue *q, const struct image_layer *l);
void cuda_pool_backward(struct queue *q, const struct image_layer *l);

/* norm.cu: values [rows][n], a mean, variance, gamma and beta a channel. */
struct cuda_channels {
	const float *mean, *variance, *gamma, *beta;
	float epsilon;
};
/* out = gamma (in - mean) / sqrt(variance + epsilon) + beta, then max(out, 0) if relu. */
void cuda_normalise(struct queue *q, size_t rows, size_t n, const struct cuda_channels *c, bool relu,
                    const float *in, float *out);
/* The batch's statistics [2][n], of `values` values a channel, from the mean and the unbiased variance. */
void cuda_norm_biased(struct queue *q, size_t n, size_t values, const float *mean, const float *unbiased,
                      float *statistics);
/* Where a channel has one value: its mean is that value, its variance 0. */
void cuda_norm_single(struct queue *q, size_t n, const float *in, float *mean, float *variance);
void cuda_norm_single_back(struct queue *q, size_t n, const struct cuda_channels *c, const float *in,
                           const float *dy, float *dx, float *d_gamma, float *d_beta);

#ifdef __cplusplus
}
#endif

#endif
