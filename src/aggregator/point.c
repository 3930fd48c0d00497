/* Distances to weighted sums of messages: see point.h. */
#include "aggregator/point.h"
#include <math.h>

static double weighted(const struct rule_view *v, int i, const double *w)
{
	double sum = 0;
	for (int k = 0; k < v->n; k++)
		sum += w[k] * rule_product(v, i, k);
	return sum;
}

void point_distances(const struct rule_view *v, int row, const double *w, double *out)
{
	double square = 0;
	for (int k = 0; k < v->n && row < 0; k++)
		square += w[k] > 0 || w[k] < 0 ? w[k] * weighted(v, k, w) : 0;
	for (int i = 0; i < v->n; i++) /* rounding may go below 0 */
		out[i] = sqrt(row >= 0 ? rule_distance(v, i, row)
		                       : fmax(0, rule_product(v, i, i) - 2 * weighted(v, i, w) + square));
}
