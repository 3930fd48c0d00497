/*
 * Convolution as a matrix product: for each image the windows become the rows of a matrix (image to columns),
 * and its product with the weights [out][planes][kernel h][kernel w][channels] is the output. Back, the same
 * matrix turns the output's gradient into that of the weights, and a product with the weights is the gradient
 * of the columns, which is added up where they came from.
 *
 * Columns are made in strips of whole lines of the output, so that they stay in the cache. A strip, and with
 * it the order of all sums, depends on the shape of one image alone. Sums are plain ones: of zeros, exactly
 * zero.
 */
#include <string.h>

#include "backend/cpu/image.h"
#include "base/mem.h"

enum { STRIP_BYTES = 256 << 10 };

struct cpu_conv {
	struct image_spec spec;
	struct image_memory memory;
	const struct cpu_planes *planes;
	struct column_window window;
	size_t taps, filters;         /* columns and rows of the weights */
	int strip;                    /* lines of the output at once */
	size_t in_floats, out_floats; /* of one image */
	/* in the scratch memory: columns, then */
	size_t d_weights_at, sums_at; /* the weights' gradient in our order, and sums of one image */
};

static struct cpu_conv *conv_open(const struct cpu_planes *planes, const struct image_spec *s,
                                  struct image_need *need)
{
	struct cpu_conv *c = mem_alloc(sizeof(*c));
	size_t channels = (size_t)s->in.channels, size = (size_t)s->kernel[0] * (size_t)s->kernel[1];
	c->spec = *s;
	c->planes = planes;
	c->window = (struct column_window){.planes = s->rows_in ? channels : 1,
	                                   .channels = s->rows_in ? 1 : channels,
	                                   .in = {s->in.height, s->in.width},
	                                   .out = {s->out.height, s->out.width},
	                                   .kernel = {s->kernel[0], s->kernel[1]},
	                                   .stride = {s->stride[0], s->stride[1]},
	                                   .pad = {s->pad[0], s->pad[1]}};
	c->taps = size * channels;
	c->filters = (size_t)s->out.channels;
	c->in_floats = (size_t)s->in.height * (size_t)s->in.width * channels;
	c->out_floats = (size_t)s->out.height * (size_t)s->out.width * c->filters;
	size_t line = (size_t)s->out.width * c->taps, fit = STRIP_BYTES / sizeof(float) / line;
	c->strip = fit < 1 ? 1 : fit < (size_t)s->out.height ? (int)fit : s->out.height;
	c->d_weights_at = ((size_t)c->strip * line + 2 * VECTOR_MOST - 1) / VECTOR_MOST * VECTOR_MOST;
	c->sums_at = c->d_weights_at + (s->back ? c->filters * c->taps : 0);
	need->weights_floats = c->filters * (c->taps + (s->bias ? 1 : 0));
	need->scratch_bytes = (c->sums_at + (s->back ? c->filters : 0)) * sizeof(float);
	return c;
}

static void conv_bind(struct cpu_conv *c, const struct image_memory *m)
{
	c->memory = *m;
}

static void conv_close(struct cpu_conv *c)
{
	mem_free(c);
}

/* Weights from their canonical order [filters][planes][channels][kernel] to ours, or back. */
static void permute(const struct cpu_conv *c, bool back, const float *from, float *to)
{
	size_t channels = c->window.channels, size = (size_t)c->spec.kernel[0] * (size_t)c->spec.kernel[1];
	for (size_t i = 0; i < c->filters * c->window.planes;
	     i++, from += channels * size, to += channels * size)
		for (size_t k = 0; k < size; k++)
			for (size_t a = 0; a < channels; a++) {
				size_t ours = k * channels + a, canonical = a * size + k;
				to[back ? canonical : ours] = from[back ? ours : canonical];
			}
}

static void conv_load(struct cpu_conv *c, const float *w, const float *b)
{
	permute(c, false, w, c->memory.weights);
	if (b)
		memcpy(c->memory.weights + c->filters * c->taps, b, c->filters * sizeof(*b));
}

/* A strip of one image. */
struct strip {
	int y0, y1;
	size_t pixels, out; /* out: where they begin in the output */
	const float *x;     /* the image */
	float *columns;
};

static struct strip strip_of(const struct cpu_conv *c, size_t image, int y0)
{
	int left = c->spec.out.height - y0, lines = left < c->strip ? left : c->strip;
	size_t width = (size_t)c->spec.out.width;
	return (struct strip){.y0 = y0,
	                      .y1 = y0 + lines,
	                      .pixels = (size_t)lines * width,
	                      .out = image * c->out_floats + (size_t)y0 * width * c->filters,
	                      .x = c->memory.in + image * c->in_floats,
	                      .columns = c->memory.scratch};
}

static void conv_forward(struct cpu_conv *c)
{
	const float *bias = c->spec.bias ? c->memory.weights + c->filters * c->taps : NULL;
	for (size_t i = 0; i < (size_t)c->spec.in.count; i++)
		for (int y = 0; y < c->spec.out.height; y += c->strip) {
			struct strip s = strip_of(c, i, y);
			float *out = c->memory.out + s.out;
			c->planes->columns(&c->window, s.y0, s.y1, s.x, s.columns);
			c->planes->product(&(struct product){.tb = true,
			                                     .m = s.pixels,
			                                     .n = c->filters,
			                                     .k = c->taps,
			                                     .alpha = 1,
			                                     .a = s.columns,
			                                     .b = c->memory.weights,
			                                     .c = out,
			                                     .lda = c->taps,
			                                     .ldb = c->taps,
			                                     .ldc = c->filters});
			c->planes->bias_relu(s.pixels, c->filters, bias, c->spec.relu, out);
		}
}

static void conv_input_back(struct cpu_conv *c)
{
	for (size_t i = 0; i < (size_t)c->spec.in.count && c->spec.d_in; i++) {
		float *d_in = c->memory.d_in + i * c->in_floats;
		memset(d_in, 0, c->in_floats * sizeof(*d_in));
		for (int y = 0; y < c->spec.out.height; y += c->strip) {
			struct strip s = strip_of(c, i, y);
			c->planes->product(&(struct product){.m = s.pixels,
			                                     .n = c->taps,
			                                     .k = c->filters,
			                                     .alpha = 1,
			                                     .a = c->memory.d_out + s.out,
			                                     .b = c->memory.weights,
			                                     .c = s.columns,
			                                     .lda = c->filters,
			                                     .ldb = c->taps,
			                                     .ldc = c->taps});
			c->planes->columns_back(&c->window, s.y0, s.y1, s.columns, d_in);
		}
	}
}

/* The sum of one image after the other. */
static void bias_back(const struct cpu_conv *c, float *db)
{
	float *sums = (float *)c->memory.scratch + c->sums_at;
	memset(db, 0, c->filters * sizeof(*db));
	for (size_t i = 0; i < (size_t)c->spec.in.count; i++) {
		c->planes->pixel_sums(c->out_floats / c->filters, c->filters,
		                      c->memory.d_out + i * c->out_floats, sums);
		for (size_t j = 0; j < c->filters; j++)
			db[j] += sums[j];
	}
}

static void conv_weights_back(struct cpu_conv *c, float *dw, float *db)
{
	float *d_weights = (float *)c->memory.scratch + c->d_weights_at;
	for (size_t i = 0; i < (size_t)c->spec.in.count; i++)
		for (int y = 0; y < c->spec.out.height; y += c->strip) {
			struct strip s = strip_of(c, i, y);
			c->planes->columns(&c->window, s.y0, s.y1, s.x, s.columns);
			c->planes->product(&(struct product){.ta = true,
			                                     .m = c->filters,
			                                     .n = c->taps,
			                                     .k = s.pixels,
			                                     .alpha = 1,
			                                     .beta = i == 0 && y == 0 ? 0 : 1,
			                                     .a = c->memory.d_out + s.out,
			                                     .b = s.columns,
			                                     .c = d_weights,
			                                     .lda = c->filters,
			                                     .ldb = c->taps,
			                                     .ldc = c->taps});
		}
	permute(c, true, d_weights, dw);
	if (c->spec.bias)
		bias_back(c, db);
}

const struct conv_way conv_columns = {
        .open = conv_open,
        .bind = conv_bind,
        .close = conv_close,
        .load = conv_load,
        .forward = conv_forward,
        .input_back = conv_input_back,
        .weights_back = conv_weights_back,
};
