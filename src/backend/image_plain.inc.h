/*
 * Layers on images that are the same lines on every backend, apart from the layout: ref/image.c and the cpu
 * backend include this file. Needs IMAGE_BLOCK(i), the channels of a block of an image value.
 */
#include <stddef.h>
#include <string.h>
#include "backend/image.h"

/* The layout of an image value. */
struct layout {
	size_t block, groups, height, width;
};

static struct layout layout_of(const struct image *i)
{
	size_t block = (size_t)IMAGE_BLOCK(i);
	return (struct layout){block, ((size_t)i->channels + block - 1) / block, (size_t)i->height,
	                       (size_t)i->width};
}

static size_t layout_floats(const struct image *i)
{
	struct layout l = layout_of(i);
	return (size_t)i->count * l.groups * l.height * l.width * l.block;
}

static size_t layout_place(const struct layout *l, size_t sample, size_t channel, size_t h, size_t w)
{
	size_t group = channel / l->block;
	return (((sample * l->groups + group) * l->height + h) * l->width + w) * l->block +
	       channel % l->block;
}

/*
 * Copy the shortcut's sampled pixels from the input to the output, or, back, from the output's gradient to
 * the input's: `run` channels at once, as many as are contiguous in both.
 */
static void sample_run(const struct image_shortcut *s, size_t channel, size_t run, const float *from,
                       float *to, bool back)
{
	struct layout in = layout_of(&s->in), out = layout_of(&s->out);
	size_t stride = (size_t)s->stride;
	for (size_t i = 0; i < (size_t)s->in.count; i++)
		for (size_t h = 0; h < out.height; h++)
			for (size_t w = 0; w < out.width; w++) {
				size_t a = layout_place(&in, i, channel, h * stride, w * stride),
				       b = layout_place(&out, i, channel, h, w);
				memcpy(to + (back ? a : b), from + (back ? b : a), run * sizeof(*to));
			}
}

static void sample_all(const struct image_shortcut *s, const float *from, float *to, bool back)
{
	size_t channels = (size_t)s->in.channels, in = (size_t)IMAGE_BLOCK(&s->in),
	       out = (size_t)IMAGE_BLOCK(&s->out), most = in < out ? in : out;
	memset(to, 0, layout_floats(back ? &s->in : &s->out) * sizeof(*to));
	for (size_t c = 0; c < channels; c += most)
		sample_run(s, c, channels - c < most ? channels - c : most, from, to, back);
}

static void plain_subsample(HOST_QUEUE, const struct image_shortcut *s, const float *in, float *out)
{
	sample_all(s, in, out, false);
}

static void plain_subsample_back(HOST_QUEUE, const struct image_shortcut *s, const float *d_out, float *d_in)
{
	sample_all(s, d_out, d_in, true);
}

/* Output cell i of `out` covers the input cells from begin to before end (PyTorch's AdaptiveAvgPool2d). */
struct cell {
	int begin, end;
};

static struct cell cell_of(int i, int in, int out)
{
	return (struct cell){i * in / out, ((i + 1) * in + out - 1) / out};
}

static float cell_area(struct cell rows, struct cell columns)
{
	return (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

static void plain_adaptive(HOST_QUEUE, size_t planes, const int from[2], const int to[2], const float *x,
                           float *y)
{
	for (size_t p = 0; p < planes; p++, x += from[0] * from[1])
		for (int i = 0; i < to[0] * to[1]; i++) {
			struct cell rows = cell_of(i / to[1], from[0], to[0]),
			            columns = cell_of(i % to[1], from[1], to[1]);
			float sum = 0;
			for (int h = rows.begin; h < rows.end; h++)
				for (int w = columns.begin; w < columns.end; w++)
					sum += x[h * from[1] + w];
			*y++ = sum / cell_area(rows, columns);
		}
}

static void plain_adaptive_back(HOST_QUEUE, size_t planes, const int from[2], const int to[2],
                                const float *dy, float *dx)
{
	memset(dx, 0, planes * (size_t)(from[0] * from[1]) * sizeof(*dx));
	for (size_t p = 0; p < planes; p++, dx += from[0] * from[1])
		for (int i = 0; i < to[0] * to[1]; i++, dy++) {
			struct cell rows = cell_of(i / to[1], from[0], to[0]),
			            columns = cell_of(i % to[1], from[1], to[1]);
			for (int h = rows.begin; h < rows.end; h++)
				for (int w = columns.begin; w < columns.end; w++)
					dx[h * from[1] + w] += *dy / cell_area(rows, columns);
		}
}
