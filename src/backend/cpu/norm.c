/*
 * Batch normalisation, one group of channels after the other, so that one pass finds in the cache what the
 * pass before it has read. A group is a block; of a block that does not divide PERIOD, at most PERIOD of its
 * channels, whose planes are single pixels. keep: mean and biased variance, double [channels] each, then
 * struct norm_lanes [groups].
 */
#include <math.h>
#include <string.h>

#include "backend/cpu/image.h"

/* Are the block's channels a period of what the passes work with? */
static bool is_periodic(const struct image *i)
{
	return PERIOD % cpu_image_block(i) == 0;
}

/* Channels of a group; the last one may have fewer. */
static size_t width_of(const struct image *i)
{
	return is_periodic(i) ? (size_t)cpu_image_block(i) : PERIOD;
}

static size_t groups_of(const struct image *i)
{
	size_t width = width_of(i);
	return ((size_t)i->channels + width - 1) / width;
}

void cpu_norm_need(const struct image_spec *s, struct image_need *need)
{
	need->weights_floats = 2 * (size_t)s->in.channels;
	need->keep_bytes =
	        need->weights_floats * sizeof(double) + groups_of(&s->in) * sizeof(struct norm_lanes);
}

void cpu_norm_load(struct image_layer *l, const float *w, const float *b)
{
	size_t channels = (size_t)l->spec.in.channels;
	memcpy(l->memory.weights, w, channels * sizeof(*w));
	memcpy(l->memory.weights + channels, b, channels * sizeof(*b));
}

/* One group of channels. */
struct group {
	struct planes planes;    /* their block: the channels that are there */
	size_t first;            /* its first channel */
	size_t offset;           /* of its first plane */
	double *mean, *variance; /* [block] */
	struct norm_lanes *lanes;
};

static struct planes planes_of(const struct image *i, size_t channels)
{
	size_t count = (size_t)i->count, pixels = (size_t)i->height * (size_t)i->width;
	if (is_periodic(i))
		return (struct planes){count, pixels * channels, pixels * (size_t)i->channels, (int)channels};
	return (struct planes){count * pixels, channels, (size_t)i->channels, (int)channels};
}

static struct group group_of(const struct image_layer *l, size_t g)
{
	const struct image *i = &l->spec.in;
	size_t width = width_of(i), all = (size_t)i->channels, first = g * width;
	double *mean = l->memory.keep;
	struct norm_lanes *lanes = (struct norm_lanes *)(void *)(mean + 2 * all);
	return (struct group){.planes = planes_of(i, all - first < width ? all - first : width),
	                      .first = first,
	                      .offset = is_periodic(i) ? g * cpu_image_plane(i) : first,
	                      .mean = mean + first,
	                      .variance = mean + all + first,
	                      .lanes = lanes + g};
}

static void set_lanes(const struct image_layer *l, const struct group *g, const double *mean,
                      const double *variance)
{
	const float *gamma = l->memory.weights + g->first, *beta = gamma + l->spec.in.channels;
	for (size_t i = 0; i < PERIOD; i++) {
		size_t c = i % (size_t)g->planes.block;
		g->lanes->mean[i] = (float)mean[c];
		g->lanes->scale[i] = (float)(gamma[c] / sqrt(variance[c] + l->spec.epsilon));
		g->lanes->shift[i] = beta[c];
	}
}

void cpu_norm_forward(struct image_layer *l, bool training, const float *running)
{
	for (size_t at = 0; at < groups_of(&l->spec.in); at++) {
		struct group g = group_of(l, at);
		double mean[PERIOD], variance[PERIOD];
		if (training)
			(is_periodic(&l->spec.in) ? l->planes->moments : l->planes->pixel_moments)(
			        &g.planes, l->memory.in + g.offset, g.mean, g.variance);
		for (size_t c = 0; c < (size_t)g.planes.block; c++) {
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
	for (size_t at = 0; at < groups_of(&l->spec.in); at++) {
		struct group g = group_of(l, at);
		const struct norm_slopes s = slopes_of(l, &g);
		const float *x = l->memory.in + g.offset;
		double sum[PERIOD], sum_x[PERIOD];
		double values = (double)(g.planes.count * g.planes.n / (size_t)g.planes.block);
		(is_periodic(&l->spec.in) ? l->planes->norm_sums
		                          : l->planes->pixel_slopes)(&g.planes, g.lanes, &s, x, sum, sum_x);
		for (size_t i = 0; i < PERIOD; i++) {
			size_t c = i % (size_t)g.planes.block;
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
	const double *mean = l->memory.keep, *variance = mean + channels;
	for (size_t c = 0; c < channels; c++) {
		statistics[c] = (float)mean[c];
		statistics[channels + c] = (float)variance[c];
	}
}
