/*
 * Layers on images: convolution, batch normalisation, pooling.
 *
 * An image value is count x channels x height x width floats in the backend's own layout: plain NCHW for ref;
 * blocks of 16 or 8 channels for cpu, or of all of them where 8 does not divide their number. Elementwise
 * kernels of backend.h that map zero to zero may run over its floats() numbers. to_rows() and from_rows()
 * convert between an image value and rows [count][channels * height * width], plain NCHW.
 *
 * A layer belongs to one lane. open() prepares everything and says how much memory the layer needs; bind()
 * says where its values are; then it runs without allocating. load() takes parameters from the flat vector,
 * in canonical layout, once a step. The memory `weights` is shared by the layers of all lanes that were
 * opened from the same spec; only one of them loads it.
 *
 * Each layer runs on one thread. The order of sums never depends on what else the process does.
 *
 * A NaN stays a NaN, with one exception: the ReLU fused into a convolution may turn it into 0.
 */
#ifndef SIGNSGD_BACKEND_IMAGE_H
#define SIGNSGD_BACKEND_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/memory.h"

struct image {
	int count, channels, height, width;
};

enum image_kind { IMAGE_CONV, IMAGE_NORM, IMAGE_MAX_POOL, IMAGE_MEAN_POOL };

struct image_spec {
	enum image_kind kind;
	struct image in, out; /* out as image_window_out() says; norm: the same */
	/* conv: the input is plain rows (the network's own input; then without d_in) */
	bool rows_in;
	/* conv and pools: height, width; pad on both sides, in pools smaller than the kernel */
	int kernel[2], stride[2], pad[2];
	int groups;    /* conv: number of groups of input and output channels */
	bool bias;     /* conv */
	bool add;      /* norm, where the kernels have norm_adds: another value is added, before the ReLU */
	bool relu;     /* conv, norm: max(., 0) follows */
	bool back;     /* backward() will be called */
	bool d_in;     /* and computes the gradient of the input */
	float epsilon; /* norm: added to the variance */
};

/* Memory that a layer needs: floats shared between lanes, bytes of its own from forward to backward, and
 * scratch bytes while it runs (one scratch serves all layers of a lane). */
struct image_need {
	size_t weights_floats, keep_bytes, scratch_bytes;
};

/* Where its values are, each aligned to 64 bytes; borrowed. */
struct image_memory {
	const float *in; /* floats(in), or rows */
	float *out;      /* floats(out) */
	float *d_out;    /* gradient of out; with `relu`, a convolution's backward masks it in place */
	float *d_in;     /* gradient of in, written; NULL without d_in; never the same as d_out;
	                  * a norm's may be its out, where the kernels have norm_adds */
	float *weights;
	void *keep, *scratch;
	/* norm with `add`: what is added, which may be out, and its gradient, written, which may be d_out */
	const float *added;
	float *d_added;
	/* norm, where the kernels have norm_adds: backward adds it to d_out, which it may change; or NULL */
	const float *more;
};

/* Shortcut A (He et al. 2016): every stride-th pixel in both directions; channels that `in` lacks are 0. */
struct image_shortcut {
	struct image in, out; /* the same count */
	int stride;
};

struct image_layer; /* each backend defines its own */

struct image_kernels {
	/* Channels of a block: an image value is [count][groups][height * width][block]. */
	int (*block)(const struct image *i);
	/* May a norm have `add` and `more`? If not, the network adds by kernels of backend.h. */
	bool norm_adds;
	size_t (*floats)(const struct image *i);
	void (*to_rows)(struct queue *q, const struct image *i, const float *image, float *rows);
	void (*from_rows)(struct queue *q, const struct image *i, const float *rows, float *image);

	/* in -> out, and the gradient of out -> that of in. All numbers of the value are written. */
	void (*subsample)(struct queue *q, const struct image_shortcut *s, const float *in, float *out);
	void (*subsample_back)(struct queue *q, const struct image_shortcut *s, const float *d_out,
	                       float *d_in);

	/*
	 * PyTorch's AdaptiveAvgPool2d of x [planes][from], plain rows: y [planes][to]; from and to are a
	 * height and a width. Back, dx is written.
	 */
	void (*adaptive)(struct queue *q, size_t planes, const int from[2], const int to[2], const float *x,
	                 float *y);
	void (*adaptive_back)(struct queue *q, size_t planes, const int from[2], const int to[2],
	                      const float *dy, float *dx);

	/* Never fails; dies if the machine cannot. Keep and scratch memory need not be zeroed. */
	struct image_layer *(*open)(const struct image_spec *spec, struct image_need *need);
	void (*bind)(struct queue *q, struct image_layer *l, const struct image_memory *m);
	void (*close)(struct image_layer *l);

	/*
	 * conv: w [out][in / groups][kernel h][kernel w], b [out] or NULL without bias.
	 * norm: w = gamma [channels], b = beta [channels]. Pools have nothing to load.
	 */
	void (*load)(struct queue *q, struct image_layer *l, const float *w, const float *b);

	/*
	 * in -> out. conv: cross-correlation as PyTorch's Conv2d. norm (Ioffe and Szegedy 2015):
	 * gamma (in - mean) / sqrt(variance + epsilon) + beta; training: mean and (biased) variance of the
	 * batch, a channel each; else those of running [2][channels]: mean, then variance; with `add` that is
	 * rounded before another value is added to it. Max pool: padding
	 * is minus infinity, the first of equals counts, a NaN is the largest. Mean pool: padding is zeros,
	 * and they count (PyTorch's default).
	 */
	void (*forward)(struct queue *q, struct image_layer *l, bool training, const float *running);

	/*
	 * After a training forward; unchanged since: in (of a convolution or norm), out (where a ReLU
	 * follows) and keep. d_out -> d_in if the spec says so; the gradients of load()'s parameters -> dw
	 * and db, in the same canonical layouts (NULL where there are none). conv with dw = NULL: d_in alone.
	 */
	void (*backward)(struct queue *q, struct image_layer *l, float *dw, float *db);
	/* conv: dw and db alone, when the backward() of a layer that has these images too has masked d_out.
	 */
	void (*weights_back)(struct queue *q, struct image_layer *l, float *dw, float *db);

	/* norm, after a training forward: the batch's mean and biased variance, statistics [2][channels]. */
	void (*statistics)(struct queue *q, const struct image_layer *l, float *statistics);
};

/* Size along one side of a window's output: (in + 2 pad - kernel) / stride + 1, rounded down. */
static inline int image_window_out(int in, int kernel, int stride, int pad)
{
	return (in + 2 * pad - kernel) / stride + 1;
}

#endif
