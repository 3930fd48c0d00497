/* Distances to weighted sums of rows: see point.h. */
#include "aggregator/point.h"
#include <math.h>

static double weighted(const struct rule_view *v, int i, const double *w)
{
	double sum = 0;
	for (int k = 0; k < v->rows; k++)
		sum += w[k] * rule_distance(v, i, k);
	return sum;
}

void point_distances(const struct rule_view *v, const double *w, double *out)
{
	double spread = 0;
	for (int k = 0; k < v->rows; k++)
		spread += w[k] > 0 || w[k] < 0 ? w[k] * weighted(v, k, w) : 0;
	for (int i = 0; i < v->n; i++)
		out[i] = sqrt(fmax(0, weighted(v, i, w) - 0.5 * spread)); /* rounding may go below 0 */
}

void row_distances(const struct rule_view *v, int row, double *out)
{
	for (int i = 0; i < v->n; i++)
		out[i] = sqrt(rule_distance(v, i, row));
}
