/* The nearest of the sorted values. */
#include "base/quantile.h"
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double quantile(double *values, size_t count, double at)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[(size_t)(at * (double)(count - 1) + 0.5)];
}
