/*
 * Layers on images: convolution, batch normalisation, pooling.
 *
 * An image value (an "image") is count x channels x height x width floats in the machine's own layout: plain
 * NCHW for ref; blocks of 16 or 8 channels, the last one filled up with zeros, for cpu. Elementwise kernels
 * of backend.h work on it as it lies, over floats() numbers, as long as they leave zero zero. to_rows() and
 * from_rows() change between it and rows [count][channels * height * width], which is plain NCHW.
 *
 * A layer belongs to one lane. It is opened once (which prepares everything), says what memory it needs, is
 * told where its values lie, and then runs without allocating. Parameters come from the flat vector in
 * canonical layout by load(), once a step: the memory `weights` is shared between the layers of all lanes
 * that were opened from the same spec, and only one of them loads it.
 *
 * Each layer works on one thread. Sums have the same order whatever else the process does.
 *
 * What is no number stays one, with one exception: the ReLU fused into a convolution may make 0 of it.
 */
#ifndef SIGNSGD_BACKEND_IMAGE_H
#define SIGNSGD_BACKEND_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

struct image {
	int count, channels, height, width;
};

enum image_kind { IMAGE_CONV, IMAGE_NORM, IMAGE_MAX_POOL, IMAGE_MEAN_POOL };

struct image_spec {
	enum image_kind kind;
	struct image in, out; /* out as image_window_out() says; norm: the same */
	/* conv: the input lies as plain rows (the network's own input; then without d_in) */
	bool rows_in;
	/* conv and pools: height, width; pad on both sides, in pools smaller than the kernel */
	int kernel[2], stride[2], pad[2];
	int groups;    /* conv: in and out channels are cut into as many groups */
	bool bias;     /* conv */
	bool relu;     /* conv, norm: max(., 0) follows */
	bool back;     /* backward() will be called */
	bool d_in;     /* and the gradient of the input is wanted */
	float epsilon; /* norm: added to the variance */
};

/* What a layer asks for: floats shared between lanes, bytes of its own from forward to backward, and bytes
 * that only matter while it runs (one scratch serves all layers of a lane). */
struct image_need {
	size_t weights_floats, keep_bytes, scratch_bytes;
};

/* Where its values lie, each aligned to 64 bytes; borrowed. bind() may clear what fills blocks up. */
struct image_memory {
	const float *in; /* floats(in), or rows */
	float *out;      /* floats(out) */
	float *d_out;    /* gradient of out; with `relu`, a convolution's backward masks it in place */
	float *d_in;     /* gradient of in, written; NULL without d_in. Never d_out itself */
	float *weights;
	void *keep, *scratch;
};

struct image_layer; /* opaque, each machine its own */

struct image_kernels {
	/* Channels that lie together: an image value is [count][groups][height * width][block]. */
	int (*block)(const struct image *i);
	size_t (*floats)(const struct image *i);
	void (*to_rows)(const struct image *i, const float *image, float *rows);
	void (*from_rows)(const struct image *i, const float *rows, float *image);

	/* Never fails; dies where the machine cannot. The keep and scratch memory need not be zeroed. */
	struct image_layer *(*open)(const struct image_spec *spec, struct image_need *need);
	void (*bind)(struct image_layer *l, const struct image_memory *m);
	void (*close)(struct image_layer *l);

	/*
	 * conv: w [out][in / groups][kernel h][kernel w], b [out] or NULL without bias.
	 * norm: w = gamma [channels], b = beta [channels]. Pools have nothing to load.
	 */
	void (*load)(struct image_layer *l, const float *w, const float *b);

	/*
	 * in -> out. conv: cross-correlation as PyTorch's Conv2d. norm (Ioffe and Szegedy 2015):
	 * gamma (in - mean) / sqrt(variance + epsilon) + beta; training: mean and (biased) variance of the
	 * batch, a channel each; else those of running [2][channels]: mean, then variance. Max pool: padding
	 * is minus infinity, the first of equals counts, a NaN is the largest. Mean pool: padding is zeros,
	 * and they count (PyTorch's default).
	 */
	void (*forward)(struct image_layer *l, bool training, const float *running);

	/*
	 * After a training forward, of which there still lie: in of a convolution or norm, out where a ReLU
	 * follows, keep. d_out -> d_in if wanted, and gradients of what load() takes into dw and db, written
	 * in the same canonical layouts (NULL where there is none).
	 */
	void (*backward)(struct image_layer *l, float *dw, float *db);

	/* norm, after a training forward: the batch's mean and biased variance, statistics [2][channels]. */
	void (*statistics)(const struct image_layer *l, float *statistics);
};

/* Size along one side of a window's output: (in + 2 pad - kernel) / stride + 1, rounded down. */
static inline int image_window_out(int in, int kernel, int stride, int pad)
{
	return (in + 2 * pad - kernel) / stride + 1;
}

#endif
