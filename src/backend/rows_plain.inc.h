/*
 * The loops over rows (backend/rows.h): their only definition, which ref.c and every level of the cpu backend
 * include and compile for their own vector registers.
 */
#include <stdint.h>
#include <string.h>
#include "backend/rows.h"

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif

/* The eight sums of a row, in as many registers as they need. */
typedef double row_vector __attribute__((vector_size(VECTOR_BYTES)));

enum {
	ROW_EIGHT = 8,
	ROW_MIXED = 16,
	ROW_LANES = VECTOR_BYTES / sizeof(double),
	ROW_VECTORS = ROW_EIGHT / ROW_LANES
};

static inline __attribute__((always_inline)) row_vector row_load(const double *x)
{
	row_vector v;
	memcpy(&v, x, sizeof v);
	return v;
}

#define ROW_TWO(x)  (x)[0], (x)[1]
#define ROW_FOUR(x) ROW_TWO(x), ROW_TWO(x + 2)

/* Named one by one: of these, compilers make one instruction, of __builtin_convertvector() several. */
static inline __attribute__((always_inline)) row_vector row_widened(const float *x)
{
#if VECTOR_BYTES == 64
	return (row_vector){ROW_FOUR(x), ROW_FOUR(x + 4)};
#elif VECTOR_BYTES == 32
	return (row_vector){ROW_FOUR(x)};
#else
	return (row_vector){ROW_TWO(x)};
#endif
}

static void rows_widen(size_t count, const float *from, double *to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = from[i];
}

/* Such have an exponent of ones. */
static size_t rows_nonfinite(size_t count, const float *x)
{
	const uint32_t exponent = 0x7f800000;
	uint32_t found = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, x + i, sizeof bits);
		found += (bits & exponent) == exponent;
	}
	return found;
}

/* Written with masks: of a plain loop, compilers make stores under conditions. */
#define DEFINE_EXCHANGE(name, number, mask)                                                                  \
	static void name(size_t count, number *low, number *high)                                            \
	{                                                                                                    \
		typedef number vector __attribute__((vector_size(VECTOR_BYTES)));                            \
		typedef mask masks __attribute__((vector_size(VECTOR_BYTES)));                               \
		enum { LANES = VECTOR_BYTES / sizeof(number) };                                              \
		size_t i = 0;                                                                                \
		for (; i + LANES <= count; i += LANES) {                                                     \
			vector a, b;                                                                         \
			memcpy(&a, low + i, sizeof a);                                                       \
			memcpy(&b, high + i, sizeof b);                                                      \
			masks less = a < b;                                                                  \
			masks lesser = (less & (masks)a) | (~less & (masks)b),                               \
			      greater = (less & (masks)b) | (~less & (masks)a);                              \
			memcpy(low + i, &lesser, sizeof lesser);                                             \
			memcpy(high + i, &greater, sizeof greater);                                          \
		}                                                                                            \
		for (; i < count; i++) {                                                                     \
			number a = low[i], b = high[i];                                                      \
			low[i] = a < b ? a : b;                                                              \
			high[i] = a < b ? b : a;                                                             \
		}                                                                                            \
	}

DEFINE_EXCHANGE(rows_exchange, double, long long)
DEFINE_EXCHANGE(rows_exchange_floats, float, int)

static void rows_subtract(size_t count, const double *a, const double *b, double *out)
{
	INDEPENDENT
	for (size_t i = 0; i < count; i++)
		out[i] = a[i] - b[i];
}

/* Sums of ROW_MIXED coordinates stay in registers while all rows are added. */
static void rows_mix(size_t count, size_t rows, const double *w, const float *const *x, double *to)
{
	size_t i = 0;
	for (; i + ROW_MIXED <= count; i += ROW_MIXED) {
		row_vector sum[ROW_MIXED / ROW_LANES];
		for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
			sum[r] = (row_vector){0};
		for (size_t k = 0; k < rows; k++)
			for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
				sum[r] += w[k] * row_widened(x[k] + i + r * ROW_LANES);
		for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
			memcpy(to + i + r * ROW_LANES, &sum[r], sizeof sum[r]);
	}
	for (; i < count; i++) {
		to[i] = 0;
		for (size_t k = 0; k < rows; k++)
			to[i] += w[k] * x[k][i];
	}
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
        .nonfinite = rows_nonfinite,
        .exchange = rows_exchange,
        .exchange_floats = rows_exchange_floats,
        .subtract = rows_subtract,
        .mix = rows_mix,
        .distances = rows_distances,
        .products = rows_products,
};
