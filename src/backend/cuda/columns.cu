/*
 * Convolution as products of matrices, for shapes for which cuDNN has no deterministic algorithm that fits: a
 * row of `columns` has what the kernel of one pixel of the output sees of a group of channels, taps first.
 * Rows are made in parts, of the batch's output pixels from the first on. Sums over parts and taps are in
 * their order: the bits depend on the sizes and on cuBLAS alone.
 */
#include "backend/cuda/columns.h"
#include "backend/cuda/kernel.cuh"

/* Little enough to be read from a cache of the second level. */
static const size_t part_bytes = (size_t)8 << 20;

/* One group of a convolution, and a part of its rows. */
struct part {
	int height, width, channels, out_height, out_width, kernel[2], stride[2], pad[2];
	int from, of;       /* the group's channels */
	size_t first, rows; /* output pixels */
};

static __device__ inline size_t in_at(const struct part &p, size_t image, int y, int x, int channel)
{
	return ((image * (size_t)p.height + (size_t)y) * (size_t)p.width + (size_t)x) * (size_t)p.channels +
	       (size_t)channel;
}

static __global__ void make_columns(struct part p, const float *in, float *columns)
{
	size_t numbers = (size_t)(p.kernel[0] * p.kernel[1] * p.of), i = cuda_thread();
	if (i >= p.rows * numbers)
		return;
	size_t pixel = p.first + i / numbers, plane = (size_t)p.out_height * (size_t)p.out_width;
	int k = (int)(i % numbers), tap = k / p.of, at = (int)(pixel % plane);
	int y = at / p.out_width * p.stride[0] - p.pad[0] + tap / p.kernel[1];
	int x = at % p.out_width * p.stride[1] - p.pad[1] + tap % p.kernel[1];
	bool inside = y >= 0 && x >= 0 && y < p.height && x < p.width;
	columns[i] = inside ? in[in_at(p, pixel / plane, y, x, p.from + k % p.of)] : 0;
}

/* The output's place along one side that sees the input's `at` by `tap`; -1: none does. */
static __device__ inline int seen_from(int at, int tap, int stride, int pad, int out)
{
	int from = at + pad - tap;
	return from < 0 || from % stride != 0 || from / stride >= out ? -1 : from / stride;
}

/* Adds to d_in of the images from `image` on what the part's rows say of them. */
static __global__ void add_columns(struct part p, size_t image, size_t images, const float *columns,
                                   float *d_in)
{
	size_t i = cuda_thread(), row = (size_t)p.width * (size_t)p.of, plane = row * (size_t)p.height;
	if (i >= images * plane)
		return;
	size_t which = image + i / plane;
	int y = (int)(i % plane / row), x = (int)(i % row) / p.of, channel = (int)(i % row) % p.of;
	float *at = d_in + in_at(p, which, y, x, p.from + channel), sum = *at;
	for (int tap = 0; tap < p.kernel[0] * p.kernel[1]; tap++) {
		int oy = seen_from(y, tap / p.kernel[1], p.stride[0], p.pad[0], p.out_height);
		int ox = seen_from(x, tap % p.kernel[1], p.stride[1], p.pad[1], p.out_width);
		size_t pixel = (which * (size_t)p.out_height + (size_t)oy) * (size_t)p.out_width + (size_t)ox;
		if (oy >= 0 && ox >= 0 && pixel >= p.first && pixel - p.first < p.rows)
			sum += columns[((pixel - p.first) * (size_t)(p.kernel[0] * p.kernel[1]) +
			                (size_t)tap) *
			                       (size_t)p.of +
			               (size_t)channel];
	}
	*at = sum;
}

/* --- parts -------------------------------------------------------------------------------------------- */

static size_t pixels_of(const struct image_spec *s)
{
	return (size_t)s->out.count * cuda_image_pixels(&s->out);
}

static size_t numbers_of(const struct image_spec *s)
{
	return (size_t)s->kernel[0] * (size_t)s->kernel[1] * (size_t)(s->in.channels / s->groups);
}

static size_t rows_at_once(const struct image_spec *s)
{
	size_t rows = part_bytes / (numbers_of(s) * sizeof(float)), all = pixels_of(s);
	return rows < 1 ? 1 : rows < all ? rows : all;
}

size_t cuda_columns_bytes(const struct image_spec *s)
{
	return rows_at_once(s) * numbers_of(s) * sizeof(float);
}

/* What a computation does with each group of each part: filters and channels of the group begin there. */
struct work {
	struct queue *q;
	const struct image_spec *spec;
	float *columns;
	size_t numbers, filters, of, channels, out_channels; /* of a row; of a group, of a group; of all */
};

static struct work work_of(struct queue *q, const struct image_spec *s, void *columns)
{
	return work{q,
	            s,
	            (float *)columns,
	            numbers_of(s),
	            (size_t)(s->out.channels / s->groups),
	            (size_t)(s->in.channels / s->groups),
	            (size_t)s->in.channels,
	            (size_t)s->out.channels};
}

template <class F> static void for_each_part(const struct work &w, F f)
{
	const struct image_spec *s = w.spec;
	size_t all = pixels_of(s), at_once = rows_at_once(s);
	for (size_t first = 0; first < all; first += at_once)
		for (int g = 0; g < s->groups; g++) {
			struct part p = {s->in.height,
			                 s->in.width,
			                 s->in.channels,
			                 s->out.height,
			                 s->out.width,
			                 {s->kernel[0], s->kernel[1]},
			                 {s->stride[0], s->stride[1]},
			                 {s->pad[0], s->pad[1]},
			                 g * (int)w.of,
			                 (int)w.of,
			                 first,
			                 all - first < at_once ? all - first : at_once};
			f(p, (size_t)g);
		}
}

static void columns_of(const struct work &w, const struct part &p, const float *in)
{
	LAUNCH(w.q, make_columns, cuda_blocks(p.rows * w.numbers, 1), CUDA_THREADS, p, in, w.columns);
}

void cuda_columns_forward(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                          const float *in, const float *filters, void *columns, float *out)
{
	const struct work w = work_of(q, s, columns);
	for_each_part(w, [&](const struct part &p, size_t g) {
		columns_of(w, p, in);
		cuda_gemm_in(q, precision, false, true, p.rows, w.filters, w.numbers, 1, w.columns, w.numbers,
		             filters + g * w.filters * w.numbers, w.numbers, 0,
		             out + p.first * w.out_channels + g * w.filters, w.out_channels);
	});
}

void cuda_columns_weights(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                          const float *in, const float *d_out, void *columns, float *d_filters)
{
	const struct work w = work_of(q, s, columns);
	for_each_part(w, [&](const struct part &p, size_t g) {
		columns_of(w, p, in);
		cuda_gemm_in(q, precision, true, false, w.filters, w.numbers, p.rows, 1,
		             d_out + p.first * w.out_channels + g * w.filters, w.out_channels, w.columns,
		             w.numbers, p.first > 0 ? 1 : 0, d_filters + g * w.filters * w.numbers,
		             w.numbers);
	});
}

void cuda_columns_input(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                        const float *filters, const float *d_out, void *columns, float *d_in)
{
	const struct work w = work_of(q, s, columns);
	size_t plane = cuda_image_pixels(&s->out), pixels = cuda_image_pixels(&s->in);
	cuda_memory.fill(q, d_in, 0, cuda_image_floats(&s->in) * sizeof(*d_in));
	for_each_part(w, [&](const struct part &p, size_t g) {
		size_t image = p.first / plane, images = (p.first + p.rows - 1) / plane + 1 - image;
		cuda_gemm_in(q, precision, false, false, p.rows, w.numbers, w.filters, 1,
		             d_out + p.first * w.out_channels + g * w.filters, w.out_channels,
		             filters + g * w.filters * w.numbers, w.numbers, 0, w.columns, w.numbers);
		LAUNCH(q, add_columns, cuda_blocks(images * pixels * w.of, 1), CUDA_THREADS, p, image, images,
		       w.columns, d_in);
	});
}
