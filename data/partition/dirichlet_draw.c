/* Draws from Dirichlet distributions: see data/partition/dirichlet_draw.h. */
#include "data/partition/dirichlet_draw.h"
#include <math.h>

double draw_uniform(struct draw *d)
{
	return ((double)(stream_bits(&d->stream, d->next++) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct draw *d)
{
	double u = draw_uniform(d), turn = draw_uniform(d);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * turn);
}

/* The logarithm of a Gamma variable of shape >= 1. */
static double log_gamma_large(struct draw *d, double shape)
{
	const double third = shape - 1.0 / 3, c = 1 / sqrt(9 * third);
	for (;;) {
		double x = normal(d), v = 1 + c * x, u = draw_uniform(d);
		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(u) < 0.5 * x * x + third * (1 - v + log(v)))
			return log(third * v);
	}
}

static double log_gamma(struct draw *d, double shape)
{
	if (shape >= 1)
		return log_gamma_large(d, shape);
	double above = log_gamma_large(d, shape + 1);
	return above + log(draw_uniform(d)) / shape;
}

void draw_dirichlet(struct draw *d, int count, const double *shape, double *q)
{
	double most = -INFINITY, sum = 0;
	for (int i = 0; i < count; i++) {
		q[i] = shape[i] > 0 ? log_gamma(d, shape[i]) : -INFINITY;
		most = q[i] > most ? q[i] : most;
	}
	for (int i = 0; i < count; i++)
		sum += q[i] = exp(q[i] - most);
	for (int i = 0; i < count; i++)
		q[i] /= sum;
}
