/*
 * The loops over rows (backend/rows.h): their only definition, which ref.c and every level of the cpu backend
 * include and compile for their own vector registers.
 */
#include <string.h>
#include "backend/rows.h"

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif

/* The eight sums of a row, in as many registers as they need. */
typedef double row_vector __attribute__((vector_size(VECTOR_BYTES)));
typedef long long row_mask __attribute__((vector_size(VECTOR_BYTES)));

enum { ROW_EIGHT = 8, ROW_LANES = VECTOR_BYTES / sizeof(double), ROW_VECTORS = ROW_EIGHT / ROW_LANES };

static inline __attribute__((always_inline)) row_vector row_load(const double *x)
{
	row_vector v;
	memcpy(&v, x, sizeof v);
	return v;
}

static void rows_widen(size_t count, const float *from, double *to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = from[i];
}

/* Where the mask is set: x, else y. */
static inline __attribute__((always_inline)) row_vector row_choose(row_mask m, row_vector x, row_vector y)
{
	return (row_vector)((m & (row_mask)x) | (~m & (row_mask)y));
}

/* Written with masks: of a plain loop, compilers make stores under conditions. */
static void rows_exchange(size_t count, double *low, double *high)
{
	size_t i = 0;
	for (; i + ROW_LANES <= count; i += ROW_LANES) {
		row_vector a = row_load(low + i), b = row_load(high + i);
		row_mask less = a < b;
		row_vector lesser = row_choose(less, a, b), greater = row_choose(less, b, a);
		memcpy(low + i, &lesser, sizeof lesser);
		memcpy(high + i, &greater, sizeof greater);
	}
	for (; i < count; i++) {
		double a = low[i], b = high[i];
		low[i] = a < b ? a : b;
		high[i] = a < b ? b : a;
	}
}

static void rows_subtract(size_t count, const double *a, const double *b, double *out)
{
	INDEPENDENT
	for (size_t i = 0; i < count; i++)
		out[i] = a[i] - b[i];
}

static void rows_add_scaled(size_t count, double w, const double *restrict x, double *restrict sum)
{
	for (size_t i = 0; i < count; i++)
		sum[i] += w * x[i];
}

#define ROW_SQUARE(x, y)  (((x) - (y)) * ((x) - (y)))
#define ROW_PRODUCT(x, y) ((x) * (y))

/* Of two rows at a time, whose chains of additions run beside each other. */
#define DEFINE_ROW_SUMS(name, TERM)                                                                          \
	static double name##_end(size_t begin, size_t count, const double *x, const double *y,               \
	                         const row_vector *sums)                                                     \
	{                                                                                                    \
		double s[ROW_EIGHT];                                                                         \
		memcpy(s, sums, sizeof s);                                                                   \
		for (size_t i = begin; i < count; i++)                                                       \
			s[i - begin] += TERM(x[i], y[i]);                                                    \
		return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));                    \
	}                                                                                                    \
	static void name(size_t count, const double *x, size_t rows, const double *const *y, double *sums)   \
	{                                                                                                    \
		for (size_t k = 0; k < rows; k += 2) {                                                       \
			const double *y0 = y[k], *y1 = y[k + 1 < rows ? k + 1 : k];                          \
			row_vector s0[ROW_VECTORS] = {0}, s1[ROW_VECTORS] = {0};                             \
			size_t i = 0;                                                                        \
			for (; i + ROW_EIGHT <= count; i += ROW_EIGHT)                                       \
				for (size_t r = 0; r < ROW_VECTORS; r++) {                                   \
					row_vector a = row_load(x + i + r * ROW_LANES);                      \
					s0[r] += TERM(a, row_load(y0 + i + r * ROW_LANES));                  \
					s1[r] += TERM(a, row_load(y1 + i + r * ROW_LANES));                  \
				}                                                                            \
			sums[k] += name##_end(i, count, x, y0, s0);                                          \
			if (k + 1 < rows)                                                                    \
				sums[k + 1] += name##_end(i, count, x, y1, s1);                              \
		}                                                                                            \
	}

DEFINE_ROW_SUMS(rows_distances, ROW_SQUARE)
DEFINE_ROW_SUMS(rows_products, ROW_PRODUCT)

static const struct row_loops rows_loops = {
        .widen = rows_widen,
        .exchange = rows_exchange,
        .subtract = rows_subtract,
        .add_scaled = rows_add_scaled,
        .distances = rows_distances,
        .products = rows_products,
};
