/*
 * Loops over rows: vectors of doubles that the host works on a chunk at a time, as the rules of
 * src/aggregator do. They touch memory of the host alone, never the machine's, so they take no queue.
 *
 * Every backend that computes on the host has the same bits: sums are eight, sum k of the elements whose
 * number leaves k when divided by 8, and are added as ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)).
 */
#ifndef SIGNSGD_BACKEND_ROWS_H
#define SIGNSGD_BACKEND_ROWS_H

#include <stddef.h>

struct row_loops {
	void (*widen)(size_t count, const float *from, double *to);
	/* How many of x are NaN or infinite. */
	size_t (*nonfinite)(size_t count, const float *x);
	/* low and high become the lesser and the greater of both, element by element; no NaN. */
	void (*exchange)(size_t count, double *low, double *high);
	void (*exchange_floats)(size_t count, float *low, float *high);
	void (*subtract)(size_t count, const double *a, const double *b, double *out); /* out may be a */
	/* to = the sum of w[k] x[k], k < rows, in this order from 0 on. */
	void (*mix)(size_t count, size_t rows, const double *w, const float *const *x, double *to);
	/* sums[k] += the sum of (x - y[k])^2, k < rows. */
	void (*distances)(size_t count, const double *x, size_t rows, const double *const *y, double *sums);
	/*
	 * distances() of a message, in one reading: how many of x are NaN or infinite comes back. left, if it
	 * is not NULL: x - y[rows - 1].
	 */
	size_t (*measure)(size_t count, const float *x, size_t rows, const double *const *y, double *sums,
	                  double *left);
	/* sums += the sum of (y[i] - y[k])^2, or of y[i] y[k], of all pairs i < k: (0, 1), (0, 2) ... (1, 2)
	 * ... */
	void (*pair_distances)(size_t count, size_t rows, const double *const *y, double *sums);
	void (*pair_products)(size_t count, size_t rows, const double *const *y, double *sums);
};

#endif
