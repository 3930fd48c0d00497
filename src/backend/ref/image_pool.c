/* Pooling by definition. keep of a max pool: the pixel that each output came from, int32 [outputs], y * width
 * + x. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "backend/ref/image.h"

void ref_pool_need(const struct image_spec *s, struct image_need *need)
{
	if (s->kind == IMAGE_MAX_POOL)
		need->keep_bytes = ref_image_floats(&s->out) * sizeof(int32_t);
	if (s->back)
		need->scratch_bytes = (size_t)s->in.height * (size_t)s->in.width * sizeof(double);
}

/* One channel of one image. */
struct plane {
	const struct image_spec *spec;
	const float *in; /* [height][width] */
	float *d_in;
	size_t first_out; /* index of its first output */
};

/* Calls meet(ctx, place) for the pixels of the window of output (y, x), line by line. */
static void for_window(const struct image_spec *s, int y, int x, void (*meet)(void *ctx, int place),
                       void *ctx)
{
	for (int ky = 0; ky < s->kernel[0]; ky++)
		for (int kx = 0; kx < s->kernel[1]; kx++) {
			int iy = y * s->stride[0] - s->pad[0] + ky, ix = x * s->stride[1] - s->pad[1] + kx;
			if (iy >= 0 && iy < s->in.height && ix >= 0 && ix < s->in.width)
				meet(ctx, iy * s->in.width + ix);
		}
}

struct gatherer {
	const float *in;
	double sum;
	float best;
	int place;
};

static void meet_sum(void *ctx, int place)
{
	struct gatherer *g = ctx;
	g->sum += g->in[place];
}

static void meet_most(void *ctx, int place)
{
	struct gatherer *g = ctx;
	float v = g->in[place];
	bool larger = g->place < 0 || v > g->best || (isnan(v) && !isnan(g->best));
	g->best = larger ? v : g->best;
	g->place = larger ? place : g->place;
}

static void forward_plane(struct image_layer *l, const struct plane *p)
{
	const struct image_spec *s = p->spec;
	bool most = s->kind == IMAGE_MAX_POOL;
	size_t at = p->first_out;
	for (int y = 0; y < s->out.height; y++)
		for (int x = 0; x < s->out.width; x++, at++) {
			struct gatherer g = {.in = p->in, .place = -1};
			for_window(s, y, x, most ? meet_most : meet_sum, &g);
			l->memory.out[at] =
			        most ? g.best : (float)(g.sum / ((double)s->kernel[0] * s->kernel[1]));
			if (most)
				((int32_t *)l->memory.keep)[at] = g.place;
		}
}

struct scatterer {
	double *d_in;
	double share;
};

static void meet_share(void *ctx, int place)
{
	struct scatterer *s = ctx;
	s->d_in[place] += s->share;
}

static void backward_plane(struct image_layer *l, const struct plane *p)
{
	const struct image_spec *s = p->spec;
	size_t pixels = (size_t)s->in.height * (size_t)s->in.width, at = p->first_out;
	double *d_in = l->memory.scratch;
	memset(d_in, 0, pixels * sizeof(*d_in));
	for (int y = 0; y < s->out.height; y++)
		for (int x = 0; x < s->out.width; x++, at++) {
			double d = l->memory.d_out[at];
			struct scatterer share = {d_in, d / ((double)s->kernel[0] * s->kernel[1])};
			if (s->kind == IMAGE_MAX_POOL)
				d_in[((const int32_t *)l->memory.keep)[at]] += d;
			else
				for_window(s, y, x, meet_share, &share);
		}
	for (size_t i = 0; i < pixels; i++)
		p->d_in[i] = (float)d_in[i];
}

static void for_planes(struct image_layer *l, void (*run)(struct image_layer *, const struct plane *))
{
	const struct image_spec *s = &l->spec;
	size_t in = (size_t)s->in.height * (size_t)s->in.width;
	size_t out = (size_t)s->out.height * (size_t)s->out.width;
	for (size_t i = 0; i < (size_t)s->in.count * (size_t)s->in.channels; i++) {
		struct plane p = {.spec = s,
		                  .in = l->memory.in + i * in,
		                  .d_in = l->memory.d_in ? l->memory.d_in + i * in : NULL,
		                  .first_out = i * out};
		run(l, &p);
	}
}

void ref_pool_forward(struct image_layer *l)
{
	for_planes(l, forward_plane);
}

void ref_pool_backward(struct image_layer *l)
{
	if (l->spec.d_in)
		for_planes(l, backward_plane);
}
