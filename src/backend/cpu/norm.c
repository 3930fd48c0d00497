/*
 * Batch normalisation, one group of channels after the other, so that one pass finds in the cache what the
 * pass before it has read. keep: mean and biased variance, double [groups * block] each, then struct
 * norm_lanes [groups].
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/image.h"

static size_t padded(const struct image_spec *s)
{
	return cpu_image_groups(&s->in) * (size_t)cpu_image_block(&s->in);
}

void cpu_norm_need(const struct image_spec *s, struct image_need *need)
{
	need->weights_floats = 2 * (size_t)s->in.channels;
	need->keep_bytes =
	        2 * padded(s) * sizeof(double) + cpu_image_groups(&s->in) * sizeof(struct norm_lanes);
}

void cpu_norm_load(struct image_layer *l, const float *w, const float *b)
{
	size_t channels = (size_t)l->spec.in.channels;
	memcpy(l->memory.weights, w, channels * sizeof(*w));
	memcpy(l->memory.weights + channels, b, channels * sizeof(*b));
}

/* One group of channels. */
struct group {
	struct planes planes;
	size_t first;            /* its first channel */
	size_t channels;         /* that are there */
	size_t offset;           /* of its first plane */
	double *mean, *variance; /* [block] */
	struct norm_lanes *lanes;
};

static struct group group_of(const struct image_layer *l, size_t g)
{
	const struct image *i = &l->spec.in;
	size_t block = (size_t)cpu_image_block(i), plane = cpu_image_plane(i), all = padded(&l->spec);
	double *mean = l->memory.keep;
	struct norm_lanes *lanes = (struct norm_lanes *)(void *)(mean + 2 * all);
	size_t left = (size_t)i->channels - g * block;
	return (struct group){.planes = {.count = (size_t)i->count,
	                                 .n = plane,
	                                 .stride = cpu_image_groups(i) * plane,
	                                 .block = (int)block},
	                      .first = g * block,
	                      .channels = left < block ? left : block,
	                      .offset = g * plane,
	                      .mean = mean + g * block,
	                      .variance = mean + all + g * block,
	                      .lanes = lanes + g};
}

/* Filling channels get factors of 0. */
static void set_lanes(const struct image_layer *l, const struct group *g, const double *mean,
                      const double *variance)
{
	const float *gamma = l->memory.weights + g->first, *beta = gamma + l->spec.in.channels;
	memset(g->lanes, 0, sizeof(*g->lanes));
	for (size_t i = 0; i < PERIOD; i++) {
		size_t c = i % (size_t)g->planes.block;
		if (c >= g->channels)
			continue;
		g->lanes->mean[i] = (float)mean[c];
		g->lanes->scale[i] = (float)(gamma[c] / sqrt(variance[c] + l->spec.epsilon));
		g->lanes->shift[i] = beta[c];
	}
}

void cpu_norm_forward(struct image_layer *l, bool training, const float *running)
{
	for (size_t at = 0; at < cpu_image_groups(&l->spec.in); at++) {
		struct group g = group_of(l, at);
		double mean[PERIOD], variance[PERIOD];
		if (training)
			l->planes->moments(&g.planes, l->memory.in + g.offset, g.mean, g.variance);
		for (size_t c = 0; c < g.channels; c++) {
			mean[c] = training ? g.mean[c] : running[g.first + c];
			variance[c] =
			        training ? g.variance[c] : running[(size_t)l->spec.in.channels + g.first + c];
		}
		set_lanes(l, &g, mean, variance);
		l->planes->normalise(&g.planes, g.lanes, l->spec.relu, l->memory.in + g.offset,
		                     l->spec.add ? l->memory.added + g.offset : NULL,
		                     l->memory.out + g.offset);
	}
}

/*
 * The gradient is left behind its ReLU where it is that of another value, too, and where it is a sum, which
 * pass two would else add up again. Behind an addition the ReLU's mask is in the output; without one it is
 * quicker found anew than read.
 */
static struct norm_slopes slopes_of(const struct image_layer *l, const struct group *g)
{
	const struct image_memory *m = &l->memory;
	bool add = l->spec.add, relu = l->spec.relu;
	float *left = add ? m->d_added : m->more ? m->d_out : NULL;
	return (struct norm_slopes){.dy = m->d_out + g->offset,
	                            .more = m->more ? m->more + g->offset : NULL,
	                            .y = add && relu ? m->out + g->offset : NULL,
	                            .relu = relu && !add,
	                            .left = left ? left + g->offset : NULL};
}

/* With v = variance + epsilon: dx = scale (dy - mean of dy - (x - mean) / v * mean of dy (x - mean)). */
void cpu_norm_backward(struct image_layer *l, float *dw, float *db)
{
	for (size_t at = 0; at < cpu_image_groups(&l->spec.in); at++) {
		struct group g = group_of(l, at);
		const struct norm_slopes s = slopes_of(l, &g);
		const float *x = l->memory.in + g.offset;
		double sum[PERIOD], sum_x[PERIOD];
		double values = (double)(g.planes.count * g.planes.n / (size_t)g.planes.block);
		l->planes->norm_sums(&g.planes, g.lanes, &s, x, sum, sum_x);
		for (size_t i = 0; i < PERIOD; i++) {
			size_t c = i % (size_t)g.planes.block;
			if (c >= g.channels)
				continue;
			double v = g.variance[c] + l->spec.epsilon;
			g.lanes->less[i] = (float)(sum[c] / values);
			g.lanes->slope[i] = (float)(sum_x[c] / v / values);
			dw[g.first + c] = (float)(sum_x[c] / sqrt(v));
			db[g.first + c] = (float)sum[c];
		}
		if (l->spec.d_in)
			l->planes->norm_back(&g.planes, g.lanes, s.relu && !s.left, x, s.left ? s.left : s.dy,
			                     l->memory.d_in + g.offset);
	}
}

void cpu_image_statistics(HOST_QUEUE, const struct image_layer *l, float *statistics)
{
	size_t channels = (size_t)l->spec.in.channels;
	const double *mean = l->memory.keep, *variance = mean + padded(&l->spec);
	for (size_t c = 0; c < channels; c++) {
		statistics[c] = (float)mean[c];
		statistics[channels + c] = (float)variance[c];
	}
}
