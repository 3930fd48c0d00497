/* Means around the median of a coordinate: see around.h. */
#include "aggregator/around.h"
#include <math.h>

/* The distance of the nearest `take`: as often as there are others, the end that lies farther away falls off.
 */
static double reach_of(const struct rule_column *c, double median, int take)
{
	int low = 0, high = c->n - 1;
	while (high - low >= take)
		if (median - c->sorted[low] > c->sorted[high] - median)
			low++;
		else
			high--;
	return fmax(median - c->sorted[low], c->sorted[high] - median);
}

double around_median(const struct rule_column *c, int take)
{
	double median = stats_median(c->sorted, (size_t)c->n), reach = reach_of(c, median, take), sum = 0;
	int edge = take; /* how many are taken at that very distance */
	for (int m = 0; m < c->n; m++)
		edge -= fabs(c->values[m] - median) < reach;
	for (int m = 0; m < c->n; m++) {
		double away = fabs(c->values[m] - median);
		if (away < reach || (away == reach && edge-- > 0))
			sum += c->values[m];
	}
	return sum / take;
}
