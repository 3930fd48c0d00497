/*
 * Inside of the cpu backend's layers on images.
 *
 * An image value is stored in blocks of B channels: float [count][channels / B][height * width][B]. B is 16
 * or 8, by the width of oneDNN's vectors, and divides the number of channels; where 8 does not ("odd"
 * channels), B is that number, so that no block is ever filled up.
 *
 * Convolution is oneDNN's (dnnl*.c, the only door to it), but for odd channels, which it is slow with: those
 * are image to columns and a matrix product (conv_columns.c). Normalisation and pooling are limited by memory
 * and are our own loops, compiled for every vector level (norm.inc.h, pool.inc.h): they read less than
 * oneDNN's, take any number of channels, preserve NaN, and do not depend on the library's version.
 */
#ifndef SIGNSGD_BACKEND_CPU_IMAGE_H
#define SIGNSGD_BACKEND_CPU_IMAGE_H

#include <stdint.h>
#include "backend/image.h"
#include "backend/cpu/product.h"

/* One group of channels: `count` planes of n floats each, n = pixels * block, `stride` floats apart. */
struct planes {
	size_t count, n, stride;
	int block;
};

/* A whole number of vectors of any level, and of blocks of 16 and 8; a group's numbers are repeated to fill
 * it. */
enum { PERIOD = 32 };

/* A group's channels for the elementwise passes: y = (x - mean) scale + shift. */
struct norm_lanes {
	float mean[PERIOD], scale[PERIOD], shift[PERIOD];
	float less[PERIOD], slope[PERIOD]; /* backward: dx = scale (dy - less - (x - mean) slope) */
};

/* A pool's window on one plane. */
struct pool_window {
	int in[2], out[2], kernel[2], stride[2], pad[2]; /* height, width */
	int block;
};

/*
 * The windows of a convolution over one image [planes][height][width][channels] as the rows of a matrix:
 * columns [pixels of the output][planes][kernel h][kernel w][channels]. The network's own input, plain rows,
 * has planes of one channel; what is in one block is one plane. Rows are `pitch` floats apart.
 */
struct column_window {
	size_t planes, channels, pitch;
	int in[2], out[2], kernel[2], stride[2], pad[2]; /* height, width */
};

/* The gradient of what is normalised: dy + more, where y > 0 and, with relu, what was normalised is above 0.
 */
struct norm_slopes {
	const float *dy, *more, *y; /* more and y: NULL if there are none */
	bool relu;
	float *left; /* where it is left for those who read it next, which may be dy; NULL: nowhere */
};

struct cpu_planes {
	/* Mean and biased variance of each channel of the group, double [block]. */
	void (*moments)(const struct planes *p, const float *x, double *mean, double *variance);
	/* The same of planes of one pixel, of at most PERIOD channels. */
	void (*pixel_moments)(const struct planes *p, const float *x, double *mean, double *variance);
	/* added: NULL, or a value that is added before the ReLU; it may be y. */
	void (*normalise)(const struct planes *p, const struct norm_lanes *l, bool relu, const float *x,
	                  const float *added, float *y);
	/* Sums of the gradient dy and of dy (x - mean), double [block]. */
	void (*norm_sums)(const struct planes *p, const struct norm_lanes *l, const struct norm_slopes *s,
	                  const float *x, double *sum, double *sum_x);
	/* The same of planes of one pixel. */
	void (*pixel_slopes)(const struct planes *p, const struct norm_lanes *l, const struct norm_slopes *s,
	                     const float *x, double *sum, double *sum_x);
	/* dy counts only where what was normalised is above 0, if relu. */
	void (*norm_back)(const struct planes *p, const struct norm_lanes *l, bool relu, const float *x,
	                  const float *dy, float *dx);

	/* Each on one plane. from [outputs][block]: the pixel of the plane that each output came from. */
	void (*max_pool)(const struct pool_window *w, const float *x, int32_t *from, float *y);
	void (*max_back)(const struct pool_window *w, const int32_t *from, const float *dy, float *dx);
	void (*mean_pool)(const struct pool_window *w, const float *x, float *y);
	void (*mean_back)(const struct pool_window *w, const float *dy, float *dx);

	void (*relu_back)(struct queue *q, size_t n, const float *y, float *dy);

	/* The columns of the output's lines y0 to before y1. */
	void (*columns)(const struct column_window *w, int y0, int y1, const float *x, float *columns);
	/* Their transpose; of planes of one channel, whose columns are short runs. */
	void (*columns_turned)(const struct column_window *w, int y0, int y1, const float *x, float *columns);
	/*
	 * Back: each number is added to the gradient of the pixel and channel that it came from. VECTOR_MOST
	 * floats behind the columns may be read.
	 */
	void (*columns_back)(const struct column_window *w, int y0, int y1, const float *d_columns,
	                     float *dx);
	/* y [pixels][n] += bias, unless that is NULL; and max(y, 0), if relu. */
	void (*bias_relu)(size_t pixels, size_t n, const float *bias, bool relu, float *y);
	/* Sums of y [pixels][n] over the pixels. */
	void (*pixel_sums)(size_t pixels, size_t n, const float *y, float *sum);
	void (*product)(const struct product *p);
};

enum { VECTOR_MOST = 16 };

struct image_layer {
	struct image_spec spec;
	struct image_memory memory;
	const struct cpu_planes *planes;
	/* convolutions only */
	const struct conv_way *way;
	struct cpu_conv *conv;
};

/*
 * backend/cpu/dnnl.c: channels of a block, 16 where oneDNN uses AVX-512 and 16 divides their number, else 8
 * or all of them; the library's name, "oneDNN 2.6.3 (AVX-512)".
 */
int cpu_image_block(const struct image *i);
const char *cpu_image_library(void);
/* A sentence where oneDNN leaves wider vectors unused that this processor has; NULL. */
const char *cpu_image_slow(void);

/* Groups of channels of an image value, */
static inline size_t cpu_image_groups(const struct image *i)
{
	size_t block = (size_t)cpu_image_block(i);
	return (size_t)i->channels / block;
}

/* and the floats of one group of one image. */
static inline size_t cpu_image_plane(const struct image *i)
{
	return (size_t)i->height * (size_t)i->width * (size_t)cpu_image_block(i);
}

/* backend/cpu/image.c: the table's functions, and opening for one vector level. */
size_t cpu_image_floats(const struct image *i);
void cpu_image_to_rows(HOST_QUEUE, const struct image *i, const float *image, float *rows);
void cpu_image_from_rows(HOST_QUEUE, const struct image *i, const float *rows, float *image);
struct image_layer *cpu_image_open(const struct cpu_planes *planes, const struct image_spec *spec,
                                   struct image_need *need);
void cpu_image_bind(HOST_QUEUE, struct image_layer *l, const struct image_memory *m);
void cpu_image_close(struct image_layer *l);
void cpu_image_load(HOST_QUEUE, struct image_layer *l, const float *w, const float *b);
void cpu_image_forward(HOST_QUEUE, struct image_layer *l, bool training, const float *running);
void cpu_image_backward(HOST_QUEUE, struct image_layer *l, float *dw, float *db);
void cpu_image_weights_back(HOST_QUEUE, struct image_layer *l, float *dw, float *db);
void cpu_image_statistics(HOST_QUEUE, const struct image_layer *l, float *statistics);
/* Has a convolution of one batch the bits in a larger one that it has alone, if products have? */
bool cpu_image_joins(const struct image_spec *one);

/* backend/cpu/norm.c */
void cpu_norm_need(const struct image_spec *s, struct image_need *need);
void cpu_norm_load(struct image_layer *l, const float *w, const float *b);
void cpu_norm_forward(struct image_layer *l, bool training, const float *running);
void cpu_norm_backward(struct image_layer *l, float *dw, float *db);

/* A way to convolve; backend/cpu/image.c chooses one by the spec. */
struct cpu_conv; /* each way defines its own */

struct conv_way {
	struct cpu_conv *(*open)(const struct cpu_planes *planes, const struct image_spec *s,
	                         struct image_need *need);
	void (*bind)(struct cpu_conv *c, const struct image_memory *m);
	void (*close)(struct cpu_conv *c);
	void (*load)(struct cpu_conv *c, const float *w, const float *b);
	void (*forward)(struct cpu_conv *c);
	/* d_out is masked already. */
	void (*input_back)(struct cpu_conv *c);
	void (*weights_back)(struct cpu_conv *c, float *dw, float *db);
};

extern const struct conv_way conv_dnnl;    /* backend/cpu/dnnl_conv.c */
extern const struct conv_way conv_columns; /* backend/cpu/conv_columns.c */

#endif
