/*
 * The loops over rows (backend/rows.h): their only definition, which ref.c and every level of the cpu backend
 * include and compile for their own vector registers.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "backend/rows.h"

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif

/* The eight sums of a row, in as many registers as they need. */
typedef double row_vector __attribute__((vector_size(VECTOR_BYTES)));
typedef long long row_longs __attribute__((vector_size(VECTOR_BYTES)));
typedef int row_ints __attribute__((vector_size(VECTOR_BYTES)));

enum {
	ROW_EIGHT = 8,
	ROW_MIXED = 16,
	ROW_STREAMS = 8,
	ROW_LANES = VECTOR_BYTES / sizeof(double),
	ROW_VECTORS = ROW_EIGHT / ROW_LANES,
	ROW_SECOND = ROW_VECTORS > 1 ? ROW_LANES : 0, /* a tile has registers for two vectors of a sum */
	ROW_BESIDE = ROW_SECOND + ROW_LANES,
	ROW_NEAR = 8 /* rows of doubles of which the nearest cache holds two */
};

static const uint32_t ROW_EXPONENT = 0x7f800000; /* all ones: a NaN or an infinity */

/* Messages are read a chunk of each at a time, too short for the processor to see what comes next. */
#define ROW_AHEAD(x) __builtin_prefetch((x), 0, 2)

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

/* Compilers would rather read memory again at every use of a vector than keep it. */
#ifdef __x86_64__
#define ROW_HELD(v) __asm__("" : "+x"(v))
#else
#define ROW_HELD(v) (void)(v)
#endif

static void rows_widen(size_t count, const float *from, double *to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = from[i];
}

static size_t rows_nonfinite(size_t count, const float *x)
{
	uint32_t found = 0;
	for (size_t i = 0; i < count; i += ROW_MIXED)
		ROW_AHEAD(x + count + i);
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, x + i, sizeof bits);
		found += (bits & ROW_EXPONENT) == ROW_EXPONENT;
	}
	return found;
}

/*
 * a < b ? a : b, and a < b ? b : a. A level whose processors have instructions of just this meaning defines
 * these; else they are written with masks: of a plain loop, compilers make stores under conditions.
 */
#ifndef LESSER_DOUBLES
#define ROW_PICK(masks, a, b, yes, no)                                                                       \
	((__typeof__(a))((((masks)((a) < (b))) & (masks)(yes)) | (~((masks)((a) < (b))) & (masks)(no))))
#define LESSER_DOUBLES(a, b)  ROW_PICK(row_longs, a, b, a, b)
#define GREATER_DOUBLES(a, b) ROW_PICK(row_longs, a, b, b, a)
#define LESSER_FLOATS(a, b)   ROW_PICK(row_ints, a, b, a, b)
#define GREATER_FLOATS(a, b)  ROW_PICK(row_ints, a, b, b, a)
#endif

#define DEFINE_EXCHANGE(name, number, LESSER, GREATER)                                                       \
	static void name(size_t count, number *low, number *high)                                            \
	{                                                                                                    \
		typedef number vector __attribute__((vector_size(VECTOR_BYTES)));                            \
		enum { LANES = VECTOR_BYTES / sizeof(number) };                                              \
		size_t i = 0;                                                                                \
		for (; i + LANES <= count; i += LANES) {                                                     \
			vector a, b;                                                                         \
			memcpy(&a, low + i, sizeof a);                                                       \
			memcpy(&b, high + i, sizeof b);                                                      \
			vector lesser = LESSER(a, b), greater = GREATER(a, b);                               \
			memcpy(low + i, &lesser, sizeof lesser);                                             \
			memcpy(high + i, &greater, sizeof greater);                                          \
		}                                                                                            \
		for (; i < count; i++) {                                                                     \
			number a = low[i], b = high[i];                                                      \
			low[i] = a < b ? a : b;                                                              \
			high[i] = a < b ? b : a;                                                             \
		}                                                                                            \
	}

DEFINE_EXCHANGE(rows_exchange, double, LESSER_DOUBLES, GREATER_DOUBLES)
DEFINE_EXCHANGE(rows_exchange_floats, float, LESSER_FLOATS, GREATER_FLOATS)

static void rows_subtract(size_t count, const double *a, const double *b, double *out)
{
	INDEPENDENT
	for (size_t i = 0; i < count; i++)
		out[i] = a[i] - b[i];
}

/* Sums of ROW_MIXED coordinates stay in registers while some rows are added to `to`. */
static void rows_mix_some(size_t count, size_t rows, const double *w, const float *const *x, double *to)
{
	size_t i = 0;
	for (; i + ROW_MIXED <= count; i += ROW_MIXED) {
		row_vector sum[ROW_MIXED / ROW_LANES];
		for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
			sum[r] = row_load(to + i + r * ROW_LANES);
		for (size_t k = 0; k < rows; k++) {
			ROW_AHEAD(x[k] + count + i);
			for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
				sum[r] += w[k] * row_widened(x[k] + i + r * ROW_LANES);
		}
		for (size_t r = 0; r < ROW_MIXED / ROW_LANES; r++)
			memcpy(to + i + r * ROW_LANES, &sum[r], sizeof sum[r]);
	}
	for (; i < count; i++)
		for (size_t k = 0; k < rows; k++)
			to[i] += w[k] * x[k][i];
}

/* As many rows at a time as memory follows well. */
static void rows_mix(size_t count, size_t rows, const double *w, const float *const *x, double *to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = 0;
	for (size_t k = 0; k < rows; k += ROW_STREAMS)
		rows_mix_some(count, rows - k < ROW_STREAMS ? rows - k : ROW_STREAMS, w + k, x + k, to);
}

/* --- sums of terms -------------------------------------------------------------------------------------- */

enum row_term { ROW_SQUARE, ROW_PRODUCT };

#define ROW_TERM(term, x, y) ((term) == ROW_SQUARE ? ((x) - (y)) * ((x) - (y)) : (x) * (y))

/* Sums that ran beside each other, of ROW_BESIDE of the eight. */
static inline __attribute__((always_inline)) void row_keep(row_vector first, row_vector second, double *to)
{
	memcpy(to, &first, sizeof first);
	if (ROW_SECOND)
		memcpy(to + ROW_SECOND, &second, sizeof second);
}

/* The order in which the eight sums are added. */
static inline __attribute__((always_inline)) double row_all(const double *s)
{
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* With what is left of a row behind its last eight. */
static inline __attribute__((always_inline)) double row_end(enum row_term term, size_t begin, size_t count,
                                                            const double *x, const double *y, double *s)
{
	for (size_t i = begin; i < count; i++)
		s[i - begin] += ROW_TERM(term, x[i], y[i]);
	return row_all(s);
}

/* The sums of two pairs of rows, whose chains of additions run beside each other. */
static inline __attribute__((always_inline)) void rows_two(enum row_term term, size_t count,
                                                           const double *const x[2], const double *const y[2],
                                                           double *const sum[2])
{
	double sums[2][ROW_EIGHT];
	size_t eights = count / ROW_EIGHT * ROW_EIGHT;
	for (size_t r = 0; r < ROW_EIGHT; r += ROW_BESIDE) {
		row_vector s0 = {0}, s1 = {0}, t0 = {0}, t1 = {0};
		for (size_t i = r; i < eights; i += ROW_EIGHT) {
			size_t j = i + ROW_SECOND;
			s0 += ROW_TERM(term, row_load(x[0] + i), row_load(y[0] + i));
			s1 += ROW_TERM(term, row_load(x[1] + i), row_load(y[1] + i));
			if (ROW_SECOND) {
				t0 += ROW_TERM(term, row_load(x[0] + j), row_load(y[0] + j));
				t1 += ROW_TERM(term, row_load(x[1] + j), row_load(y[1] + j));
			}
		}
		row_keep(s0, t0, sums[0] + r);
		row_keep(s1, t1, sums[1] + r);
	}
	for (size_t k = 0; k < 2; k++)
		*sum[k] += row_end(term, eights, count, x[k], y[k], sums[k]);
}

/* Of each of x with each of y: every number that is read has two terms. sum [2][2]. */
static inline __attribute__((always_inline)) void rows_tile(enum row_term term, size_t count,
                                                            const double *const x[2],
                                                            const double *const y[2], double *const sum[4])
{
	double sums[4][ROW_EIGHT];
	size_t eights = count / ROW_EIGHT * ROW_EIGHT;
	for (size_t r = 0; r < ROW_EIGHT; r += ROW_BESIDE) {
		row_vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0};
		for (size_t i = r; i < eights; i += ROW_EIGHT) {
			row_vector a = row_load(x[0] + i), b = row_load(x[1] + i), c = row_load(y[0] + i),
			           d = row_load(y[1] + i);
			ROW_HELD(a);
			ROW_HELD(b);
			ROW_HELD(c);
			ROW_HELD(d);
			s0 += ROW_TERM(term, a, c);
			s1 += ROW_TERM(term, a, d);
			s2 += ROW_TERM(term, b, c);
			s3 += ROW_TERM(term, b, d);
			if (!ROW_SECOND)
				continue;
			a = row_load(x[0] + i + ROW_SECOND), b = row_load(x[1] + i + ROW_SECOND);
			c = row_load(y[0] + i + ROW_SECOND), d = row_load(y[1] + i + ROW_SECOND);
			ROW_HELD(a);
			ROW_HELD(b);
			ROW_HELD(c);
			ROW_HELD(d);
			t0 += ROW_TERM(term, a, c);
			t1 += ROW_TERM(term, a, d);
			t2 += ROW_TERM(term, b, c);
			t3 += ROW_TERM(term, b, d);
		}
		row_keep(s0, t0, sums[0] + r);
		row_keep(s1, t1, sums[1] + r);
		row_keep(s2, t2, sums[2] + r);
		row_keep(s3, t3, sums[3] + r);
	}
	for (size_t i = eights; i < count; i++)
		for (size_t k = 0; k < 4; k++)
			sums[k][i - eights] += ROW_TERM(term, x[k / 2][i], y[k % 2][i]);
	for (size_t k = 0; k < 4; k++)
		*sum[k] += row_all(sums[k]);
}

/* Where the sum of rows i < k stands among those of all pairs. */
static inline size_t row_pair(size_t rows, size_t i, size_t k)
{
	return i * (2 * rows - i - 1) / 2 + (k - i - 1);
}

/* Pairs (0, 1), (2, 3), ..., which stand beside the diagonal, two at a time. */
static inline __attribute__((always_inline)) void rows_beside(enum row_term term, size_t count, size_t rows,
                                                              const double *const *y, double *sums)
{
	for (size_t i = 0; i + 1 < rows; i += 4) {
		size_t j = i + 3 < rows ? i + 2 : i;
		double none = 0;
		rows_two(term, count, (const double *const[]){y[i], y[j]},
		         (const double *const[]){y[i + 1], y[j + 1]},
		         (double *const[]){sums + row_pair(rows, i, i + 1),
		                           j > i ? sums + row_pair(rows, j, j + 1) : &none});
	}
}

/* The others, in tiles; those of a few rows, which stay in the nearest cache, one after the other. */
static inline __attribute__((always_inline)) void rows_pairs(enum row_term term, size_t count, size_t rows,
                                                             const double *const *y, double *sums)
{
	rows_beside(term, count, rows, y, sums);
	for (size_t near = 0; near < rows; near += ROW_NEAR)
		for (size_t i = 0; i + 2 < rows && i < near + ROW_NEAR; i += 2)
			for (size_t k = i + 2 > near ? i + 2 : near; k < rows && k < near + ROW_NEAR;
			     k += 2) {
				const double *const two[] = {y[k], y[k + 1 < rows ? k + 1 : k]};
				double *at = sums + row_pair(rows, i, k),
				       *below = sums + row_pair(rows, i + 1, k);
				if (k + 1 < rows)
					rows_tile(term, count, y + i, two,
					          (double *const[]){at, at + 1, below, below + 1});
				else
					rows_two(term, count, y + i, two, (double *const[]){at, below});
			}
}

static void rows_pair_distances(size_t count, size_t rows, const double *const *y, double *sums)
{
	rows_pairs(ROW_SQUARE, count, rows, y, sums);
}

static void rows_pair_products(size_t count, size_t rows, const double *const *y, double *sums)
{
	rows_pairs(ROW_PRODUCT, count, rows, y, sums);
}

static void rows_distances(size_t count, const double *x, size_t rows, const double *const *y, double *sums)
{
	for (size_t k = 0; k < rows; k += 2) {
		size_t j = k + 1 < rows ? k + 1 : k;
		double none = 0;
		rows_two(ROW_SQUARE, count, (const double *const[]){x, x},
		         (const double *const[]){y[k], y[j]},
		         (double *const[]){sums + k, j > k ? sums + j : &none});
	}
}

/* --- messages ------------------------------------------------------------------------------------------- */

typedef uint32_t row_bits __attribute__((vector_size(ROW_EIGHT * sizeof(float))));

static inline __attribute__((always_inline)) void row_away(const float *x, const double *const *y,
                                                           size_t rows, size_t at, double *left,
                                                           row_vector *s0, row_vector *s1)
{
	row_vector a = row_widened(x + at), away = a - row_load(y[0] + at);
	*s0 += away * away;
	if (rows > 1) {
		away = a - row_load(y[1] + at);
		*s1 += away * away;
	}
	if (left)
		memcpy(left + at, &away, sizeof away);
}

/* From one row or two; they are constants. `left` becomes x without the last of them. */
static inline __attribute__((always_inline)) size_t
rows_away(size_t count, const float *x, size_t rows, const double *const *y, double *sums, double *left)
{
	double sums_of[2][ROW_EIGHT], rest[ROW_EIGHT];
	row_bits found = {0};
	size_t eights = count / ROW_EIGHT * ROW_EIGHT, all;
	for (size_t r = 0; r < ROW_EIGHT; r += ROW_BESIDE) {
		row_vector s0 = {0}, s1 = {0}, t0 = {0}, t1 = {0};
		for (size_t i = r; i < eights; i += ROW_EIGHT) {
			if (r == 0) {
				row_bits bits;
				memcpy(&bits, x + i, sizeof bits);
				found -= (row_bits)((bits & ROW_EXPONENT) == ROW_EXPONENT);
				ROW_AHEAD(x + count + i);
			}
			row_away(x, y, rows, i, left, &s0, &s1);
			if (ROW_SECOND)
				row_away(x, y, rows, i + ROW_SECOND, left, &t0, &t1);
		}
		row_keep(s0, t0, sums_of[0] + r);
		row_keep(s1, t1, sums_of[1] + r);
	}
	all = rows_nonfinite(count - eights, x + eights);
	for (size_t k = 0; k < ROW_EIGHT; k++)
		all += found[k];
	for (size_t k = 0; k < rows; k++) {
		for (size_t j = eights; j < count; j++)
			rest[j - eights] = x[j];
		for (size_t j = eights; j < count && left; j++)
			left[j] = rest[j - eights] - y[k][j];
		sums[k] += row_end(ROW_SQUARE, 0, count - eights, rest, y[k] + eights, sums_of[k]);
	}
	return all;
}

static size_t rows_measure(size_t count, const float *x, size_t rows, const double *const *y, double *sums,
                           double *left)
{
	size_t found = 0, k = 0;
	for (; k + 2 < rows; k += 2)
		rows_away(count, x, 2, y + k, sums + k, NULL);
	if (k + 2 == rows)
		found = left ? rows_away(count, x, 2, y + k, sums + k, left)
		             : rows_away(count, x, 2, y + k, sums + k, NULL);
	else if (k + 1 == rows)
		found = left ? rows_away(count, x, 1, y + k, sums + k, left)
		             : rows_away(count, x, 1, y + k, sums + k, NULL);
	else
		found = rows_nonfinite(count, x);
	return found;
}

static const struct row_loops rows_loops = {
        .widen = rows_widen,
        .nonfinite = rows_nonfinite,
        .exchange = rows_exchange,
        .exchange_floats = rows_exchange_floats,
        .subtract = rows_subtract,
        .mix = rows_mix,
        .distances = rows_distances,
        .measure = rows_measure,
        .pair_distances = rows_pair_distances,
        .pair_products = rows_pair_products,
};
