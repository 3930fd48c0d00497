/*
 * Kernels of robust rules, for a machine whose memory is not the host's: messages stay there, and only sums
 * and weights, which are small, are the host's. A machine has all of them or none; a host has the loops of
 * backend/rows.h, with which these have the same bits: numbers are doubles, sums over a chunk of
 * RULES_CHUNK coordinates are eight that are added in pairs, chunks are added in order.
 */
#ifndef SIGNSGD_BACKEND_RULES_H
#define SIGNSGD_BACKEND_RULES_H

#include <stdbool.h>
#include <stddef.h>

struct queue;

enum { RULES_CHUNK = 256 };

/*
 * A vector of the machine. A kernel works on a piece of it: a message, floats, is there as a whole, and the
 * piece begins with its number `first`; doubles are those of the piece alone.
 */
enum rules_form { RULES_FLOATS, RULES_DOUBLES, RULES_ZEROS };
struct rules_row {
	const void *at;
	enum rules_form form;
};

/* Which coordinates a kernel works on. */
struct rules_piece {
	size_t first, count;
};

/* What sums are of: pairs of rows x, y. Lists of rows stand in the machine's memory. */
struct rules_pairs {
	int rows, others;
	const struct rules_row *x; /* [rows] */
	/* others > 0: each of x with each of y [others], at most 16. 0: each of x with each behind it. */
	const struct rules_row *y;
	/* NULL: sums of (x - y)^2. Else of (x - c)(y - c), c this row. */
	const struct rules_row *centre;
};

/*
 * The number of a coordinate that the sorted values of n rows give.
 * MEDIAN: of an even number, the mean of the middle two. MIDDLE: the mean of the `take` middle ones, added in
 * ascending order. AROUND: the mean of the `take` nearest to the median, equally near ones of the first rows,
 * added in order of the rows.
 */
enum rules_order_kind { RULES_MEDIAN, RULES_MIDDLE, RULES_AROUND };
struct rules_order {
	enum rules_order_kind kind;
	int take;
};

/* Where a kernel writes: floats of a vector as rules_row has them, or doubles of the piece. */
struct rules_kernels {
	/* So many rows are sorted in registers; for more, order() wants memory for their values. */
	int sorted_at_once;

	/* counts[chunk][each], from the first on: how many of row k's coordinates, k < rows, are no finite
	 * numbers. Rows are floats. */
	void (*nonfinite)(struct queue *q, struct rules_piece p, int rows, const struct rules_row *x,
	                  size_t each, double *counts);

	/*
	 * Row r of to [rows][stride] = the sum of w[r][k] x[k], k < columns, in this order; where w is 0,
	 * nothing is read. w [rows][columns], x [columns] floats: lists of the machine.
	 */
	void (*mix)(struct queue *q, struct rules_piece p, int rows, int columns, const double *w,
	            const struct rules_row *x, size_t stride, double *to);
	/* The first row alone, rounded, to a vector of floats. */
	void (*mix_floats)(struct queue *q, struct rules_piece p, int columns, const double *w,
	                   const struct rules_row *x, float *to);

	/* sums [chunk][each], from the first on: those of each pair, in order of x, then y. */
	void (*sums)(struct queue *q, struct rules_piece p, const struct rules_pairs *pairs, size_t each,
	             double *sums);

	/*
	 * all [block][each] += the sums [chunks][each] of its chunks, in order. A block has so many chunks;
	 * of the first block, `before` of them have been added before.
	 */
	void (*fold)(struct queue *q, size_t chunks, size_t block, size_t before, size_t each,
	             const double *sums, double *all);

	/*
	 * Of each coordinate of rows x [n], all floats or all doubles: the statistic, rounded, to floats.
	 * values: [n][count] doubles of scratch; NULL where sorted_at_once suffices.
	 */
	void (*order)(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
	              enum rules_form form, struct rules_order what, void *values, float *to);
	/* The median as doubles of the piece. */
	void (*median)(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
	               enum rules_form form, void *values, double *to);
};

#endif
