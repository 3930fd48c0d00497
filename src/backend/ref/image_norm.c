/* Batch normalisation by definition (Ioffe and Szegedy 2015, Algorithm 1 and the gradients of section 3). */
#include <math.h>
#include <string.h>

#include "backend/ref/image.h"

/* keep: mean and variance of the batch, double [2][channels]. */

void ref_norm_need(const struct image_spec *s, struct image_need *need)
{
	need->weights_floats = 2 * (size_t)s->in.channels;
	need->keep_bytes = 2 * (size_t)s->in.channels * sizeof(double);
}

void ref_norm_load(struct image_layer *l, const float *w, const float *b)
{
	size_t channels = (size_t)l->spec.in.channels;
	memcpy(l->memory.weights, w, channels * sizeof(*w));
	memcpy(l->memory.weights + channels, b, channels * sizeof(*b));
}

/* Sums over channel c's values: of f(x - shift) with f(v) = v, or v^2. */
static double sum_over(const struct image_layer *l, int c, double shift, bool square)
{
	const struct image *i = &l->spec.in;
	double sum = 0;
	for (int n = 0; n < i->count; n++)
		for (int y = 0; y < i->height; y++)
			for (int x = 0; x < i->width; x++) {
				double v = l->memory.in[ref_at(i, n, c, y, x)] - shift;
				sum += square ? v * v : v;
			}
	return sum;
}

static double values_of(const struct image *i)
{
	return (double)i->count * i->height * i->width;
}

static void measure(struct image_layer *l)
{
	const struct image *i = &l->spec.in;
	double *mean = l->memory.keep, *variance = mean + i->channels;
	for (int c = 0; c < i->channels; c++) {
		mean[c] = sum_over(l, c, 0, false) / values_of(i);
		variance[c] = sum_over(l, c, mean[c], true) / values_of(i);
	}
}

void ref_norm_forward(struct image_layer *l, bool training, const float *running)
{
	const struct image *i = &l->spec.in;
	const float *gamma = l->memory.weights, *beta = gamma + i->channels;
	const double *mean = l->memory.keep, *variance = mean + i->channels;
	if (training)
		measure(l);
	for (int c = 0; c < i->channels; c++) {
		double middle = training ? mean[c] : running[c];
		double spread = sqrt((training ? variance[c] : running[i->channels + c]) + l->spec.epsilon);
		for (int n = 0; n < i->count; n++)
			for (int y = 0; y < i->height; y++)
				for (int x = 0; x < i->width; x++) {
					size_t at = ref_at(i, n, c, y, x);
					double v =
					        gamma[c] * ((l->memory.in[at] - middle) / spread) + beta[c];
					if (l->spec.add)
						v = (float)v + l->memory.added[at];
					l->memory.out[at] = l->spec.relu && v < 0 ? 0 : (float)v;
				}
	}
}

static float d_out_at(const struct image_layer *l, size_t at)
{
	return l->spec.relu && !(l->memory.out[at] > 0) ? 0 : l->memory.d_out[at];
}

/* What must be done with the gradient of the output before it is read. */
static void take_d_out(struct image_layer *l)
{
	size_t n = ref_image_floats(&l->spec.out);
	for (size_t at = 0; at < n && l->memory.more; at++)
		l->memory.d_out[at] += l->memory.more[at];
	for (size_t at = 0; at < n && l->spec.add; at++)
		l->memory.d_added[at] = d_out_at(l, at);
}

/* With u = (x - mean) / spread: dx = gamma / spread (dy - mean of dy - u mean of dy u). */
static void backward_of(struct image_layer *l, int c, float *d_gamma, float *d_beta)
{
	const struct image *i = &l->spec.in;
	const double *mean = l->memory.keep, *variance = mean + i->channels;
	double spread = sqrt(variance[c] + l->spec.epsilon), sum = 0, sum_u = 0;
	for (int n = 0; n < i->count; n++)
		for (int y = 0; y < i->height; y++)
			for (int x = 0; x < i->width; x++) {
				size_t at = ref_at(i, n, c, y, x);
				sum += d_out_at(l, at);
				sum_u += d_out_at(l, at) * (l->memory.in[at] - mean[c]) / spread;
			}
	*d_gamma = (float)sum_u;
	*d_beta = (float)sum;
	for (int n = 0; n < i->count && l->spec.d_in; n++)
		for (int y = 0; y < i->height; y++)
			for (int x = 0; x < i->width; x++) {
				size_t at = ref_at(i, n, c, y, x);
				double u = (l->memory.in[at] - mean[c]) / spread;
				double centred = d_out_at(l, at) - (sum + u * sum_u) / values_of(i);
				l->memory.d_in[at] = (float)(l->memory.weights[c] / spread * centred);
			}
}

void ref_norm_backward(struct image_layer *l, float *dw, float *db)
{
	take_d_out(l);
	for (int c = 0; c < l->spec.in.channels; c++)
		backward_of(l, c, &dw[c], &db[c]);
}

void ref_norm_statistics(HOST_QUEUE, const struct image_layer *l, float *statistics)
{
	const double *measured = l->memory.keep;
	for (int i = 0; i < 2 * l->spec.in.channels; i++)
		statistics[i] = (float)measured[i];
}
