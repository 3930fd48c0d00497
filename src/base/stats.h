/* Order statistics in place, without asking for memory: what qsort() may do. */
#ifndef SIGNSGD_BASE_STATS_H
#define SIGNSGD_BASE_STATS_H

#include <stddef.h>

/* x[0..n-1] in rising order (heapsort). NaN end up anywhere. */
void order_sort(double *x, size_t n);

/* The value that would be x[k] if x[0..n-1] were sorted, k < n (Hoare's FIND); x is reordered. No NaN. */
double order_select(double *x, size_t n, size_t k);

/* The q-quantile, 0 < q <= 1: the smallest value with at least a share q at or below it. x is reordered. */
double order_quantile(double *x, size_t n, double q);

/* The median of sorted x: for even n the mean of the middle two. */
double order_median(const double *sorted, size_t n);

#endif
