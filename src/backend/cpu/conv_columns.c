/*
 * Convolution as a matrix product: for each image the windows become the rows of a matrix (image to columns),
 * and its product with the weights is the output. Back, the same matrix turns the output's gradient into that
 * of the weights, and a product with the weights is the gradient of the columns, which is added up where they
 * came from. Of the network's own input, whose planes have one channel, the matrix is stored turned.
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
	size_t taps, filters; /* a filter has so many weights, */
	size_t pitch;         /* and from one to the next are so many floats: rows begin with a line */
	size_t in_floats, out_floats; /* of one image */
	int strip;                    /* lines of the output at once */
	/* In the weights: [filters][pitch], of the network's own input [taps][filters], then the bias. */
	size_t bias_at;
	/* In the scratch: columns, then the weights' gradient in our order, and sums of one image. */
	size_t d_weights_at, sums_at;
};

/* Lines of the output whose columns fit. */
static int strip_lines(const struct cpu_conv *c)
{
	size_t fit = STRIP_BYTES / sizeof(float) / ((size_t)c->spec.out.width * c->pitch);
	if (fit >= (size_t)c->spec.out.height)
		return c->spec.out.height;
	return fit < 1 ? 1 : (int)fit;
}

static void plan(struct cpu_conv *c, struct image_need *need)
{
	size_t weights = c->pitch * c->filters,
	       columns = (size_t)c->strip * (size_t)c->spec.out.width * c->pitch;
	c->bias_at = weights;
	need->weights_floats = c->bias_at + (c->spec.bias ? c->filters : 0);
	c->d_weights_at = (columns + 2 * VECTOR_MOST - 1) / VECTOR_MOST * VECTOR_MOST;
	c->sums_at = c->d_weights_at + weights;
	need->scratch_bytes = (c->spec.back ? c->sums_at + c->filters : c->d_weights_at) * sizeof(float);
}

static struct cpu_conv *conv_open(const struct cpu_planes *planes, const struct image_spec *s,
                                  struct image_need *need)
{
	struct cpu_conv *c = mem_alloc(sizeof(*c));
	size_t channels = (size_t)s->in.channels;
	c->spec = *s;
	c->planes = planes;
	c->taps = (size_t)s->kernel[0] * (size_t)s->kernel[1] * channels;
	/* an odd number of lines: rows of an even one share a part of the first cache */
	c->pitch = ((c->taps + VECTOR_MOST - 1) / VECTOR_MOST | 1) * VECTOR_MOST;
	c->window = (struct column_window){.planes = s->rows_in ? channels : 1,
	                                   .channels = s->rows_in ? 1 : channels,
	                                   .pitch = c->pitch,
	                                   .in = {s->in.height, s->in.width},
	                                   .out = {s->out.height, s->out.width},
	                                   .kernel = {s->kernel[0], s->kernel[1]},
	                                   .stride = {s->stride[0], s->stride[1]},
	                                   .pad = {s->pad[0], s->pad[1]}};
	c->filters = (size_t)s->out.channels;
	c->in_floats = (size_t)s->in.height * (size_t)s->in.width * channels;
	c->out_floats = (size_t)s->out.height * (size_t)s->out.width * c->filters;
	c->strip = strip_lines(c);
	plan(c, need);
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

/* An order of the weights: how far apart two filters are, and two taps. */
struct order {
	size_t filter, tap;
};

static struct order order_of(const struct cpu_conv *c)
{
	return c->spec.rows_in ? (struct order){1, c->filters} : (struct order){c->pitch, 1};
}

/* From the canonical order [filters][planes][channels][kernel], taps being [planes][kernel][channels], or
 * back. */
static void permute(const struct cpu_conv *c, bool back, const float *from, float *to)
{
	const struct order o = order_of(c);
	size_t channels = c->window.channels, size = c->taps / channels / c->window.planes, at = 0;
	for (size_t f = 0; f < c->filters; f++)
		for (size_t p = 0; p < c->window.planes; p++)
			for (size_t a = 0; a < channels; a++)
				for (size_t k = 0; k < size; k++, at++) {
					size_t tap = (p * size + k) * channels + a;
					size_t ours = f * o.filter + tap * o.tap;
					to[back ? at : ours] = from[back ? ours : at];
				}
}

static void conv_load(struct cpu_conv *c, const float *w, const float *b)
{
	permute(c, false, w, c->memory.weights);
	if (b)
		memcpy(c->memory.weights + c->bias_at, b, c->filters * sizeof(*b));
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

static void columns_make(const struct cpu_conv *c, const struct strip *s)
{
	(c->spec.rows_in ? c->planes->columns_turned : c->planes->columns)(&c->window, s->y0, s->y1, s->x,
	                                                                   s->columns);
}

static void conv_forward(struct cpu_conv *c)
{
	const float *bias = c->spec.bias ? c->memory.weights + c->bias_at : NULL;
	bool turned = c->spec.rows_in;
	for (size_t i = 0; i < (size_t)c->spec.in.count; i++)
		for (int y = 0; y < c->spec.out.height; y += c->strip) {
			struct strip s = strip_of(c, i, y);
			float *out = c->memory.out + s.out;
			columns_make(c, &s);
			c->planes->product(&(struct product){.ta = turned,
			                                     .tb = !turned,
			                                     .m = s.pixels,
			                                     .n = c->filters,
			                                     .k = c->taps,
			                                     .alpha = 1,
			                                     .a = s.columns,
			                                     .b = c->memory.weights,
			                                     .c = out,
			                                     .lda = turned ? s.pixels : c->pitch,
			                                     .ldb = turned ? c->filters : c->pitch,
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
			                                     .ldb = c->pitch,
			                                     .ldc = c->pitch});
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

/* A strip's part of the weights' gradient: columns x d_out, or the transpose of that, as they are stored. */
static struct product weights_part(const struct cpu_conv *c, const struct strip *s, float *d_weights)
{
	const float *d_out = c->memory.d_out + s->out;
	if (c->spec.rows_in)
		return (struct product){.m = c->taps,
		                        .n = c->filters,
		                        .a = s->columns,
		                        .b = d_out,
		                        .c = d_weights,
		                        .lda = s->pixels,
		                        .ldb = c->filters,
		                        .ldc = c->filters};
	return (struct product){.ta = true,
	                        .m = c->filters,
	                        .n = c->taps,
	                        .a = d_out,
	                        .b = s->columns,
	                        .c = d_weights,
	                        .lda = c->filters,
	                        .ldb = c->pitch,
	                        .ldc = c->pitch};
}

static void conv_weights_back(struct cpu_conv *c, float *dw, float *db)
{
	float *d_weights = (float *)c->memory.scratch + c->d_weights_at;
	for (size_t i = 0; i < (size_t)c->spec.in.count; i++)
		for (int y = 0; y < c->spec.out.height; y += c->strip) {
			struct strip s = strip_of(c, i, y);
			struct product p = weights_part(c, &s, d_weights);
			p.k = s.pixels;
			p.alpha = 1;
			p.beta = i == 0 && y == 0 ? 0 : 1;
			columns_make(c, &s);
			c->planes->product(&p);
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
