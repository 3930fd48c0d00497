/* Order statistics, computed in place: no memory is asked for, which qsort() may do. */
#ifndef SIGNSGD_BASE_STATS_H
#define SIGNSGD_BASE_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Sort x[0..n-1] in rising order (heapsort). Where a NaN ends up is not defined. */
void stats_sort(double *x, size_t n);

/* The value that would be x[k], k < n, if x[0..n-1] were sorted (Hoare's FIND). Reorders x; no NaN. */
double stats_select(double *x, size_t n, size_t k);

/* The q-quantile, 0 < q <= 1: the smallest x[i] such that at least a share q of x is <= x[i]. Reorders x. */
double stats_quantile(double *x, size_t n, double q);

/* marked[i]: is x[i] one of the k least? Of equal ones those of lower index come first. No NaN. */
void stats_mark_least(const double *x, size_t n, size_t k, bool *marked);

/* The median of sorted x: for even n the mean of the middle two. */
double stats_median(const double *sorted, size_t n);

#endif
