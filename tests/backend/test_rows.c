/*
 * Loops over rows, of every backend and vector level, against their definition in scalars: the same bits, for
 * every length around the registers' and for more rows than one.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include "backend/backend.h"
#include "base/rng.h"
#include "tests/support/backend_tables.h"

enum { COUNT_MOST = 70, ROWS_MOST = 19, PAIRS_MOST = ROWS_MOST * (ROWS_MOST - 1) / 2, SUMS = 8 };

static double value(uint32_t row, size_t i)
{
	struct stream s = stream_of(5, RNG_TEST, row, 0);
	return ((double)stream_uniform(&s, i) - 0.5) * (i % 7 ? 1 : 1e9);
}

struct rows {
	double at[ROWS_MOST][COUNT_MOST];
	const double *row[ROWS_MOST];
};

static void fill(struct rows *r)
{
	for (uint32_t m = 0; m < ROWS_MOST; m++) {
		r->row[m] = r->at[m];
		for (size_t i = 0; i < COUNT_MOST; i++)
			r->at[m][i] = value(m, i);
	}
}

static double add_eight(const double *s)
{
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static double naive_distance(const double *x, const double *y, size_t count)
{
	double sums[SUMS] = {0};
	for (size_t i = 0; i < count; i++) {
		volatile double away = x[i] - y[i], square = away * away;
		sums[i % SUMS] += square;
	}
	return add_eight(sums);
}

static double naive_product(const double *x, const double *y, size_t count)
{
	double sums[SUMS] = {0};
	for (size_t i = 0; i < count; i++) {
		volatile double product = x[i] * y[i];
		sums[i % SUMS] += product;
	}
	return add_eight(sums);
}

static void expect_bits(const void *a, const void *b, size_t bytes, const char *what, size_t count)
{
	cr_expect(memcmp(a, b, bytes) == 0, "%s of %zu elements has other bits than its definition", what,
	          count);
}

static void try_distances(const struct row_loops *loops, const struct rows *r, size_t count, size_t rows)
{
	double distances[ROWS_MOST], far[ROWS_MOST];
	for (size_t k = 0; k < ROWS_MOST; k++) {
		distances[k] = far[k] = 0.25 * (double)k;
		far[k] += k < rows ? naive_distance(r->row[0], r->row[k], count) : 0;
	}
	loops->distances(count, r->row[0], rows, r->row, distances);
	expect_bits(distances, far, sizeof far, "distances", count);
}

static void try_pairs(const struct row_loops *loops, const struct rows *r, size_t count, size_t rows)
{
	double distances[PAIRS_MOST], products[PAIRS_MOST], far[PAIRS_MOST], inner[PAIRS_MOST];
	size_t at = 0;
	for (size_t k = 0; k < PAIRS_MOST; k++)
		distances[k] = products[k] = far[k] = inner[k] = 0.25 * (double)k;
	for (size_t i = 0; i < rows; i++)
		for (size_t k = i + 1; k < rows; k++, at++) {
			far[at] += naive_distance(r->row[i], r->row[k], count);
			inner[at] += naive_product(r->row[i], r->row[k], count);
		}
	loops->pair_distances(count, rows, r->row, distances);
	loops->pair_products(count, rows, r->row, products);
	expect_bits(distances, far, sizeof far, "pair_distances", count);
	expect_bits(products, inner, sizeof inner, "pair_products", count);
}

/* What is not finite is in message 1 alone, wherever there is room for it. */
static void try_measure(const struct row_loops *loops, const struct rows *r, size_t count, size_t rows,
                        bool strange)
{
	double sums[ROWS_MOST], want[ROWS_MOST], wide[COUNT_MOST], left[COUNT_MOST], rest[COUNT_MOST];
	float x[COUNT_MOST];
	size_t odd = strange && count > 0 ? 1 : 0, found;
	for (size_t i = 0; i < COUNT_MOST; i++) {
		x[i] = (float)r->at[1][i];
		wide[i] = x[i];
		left[i] = rest[i] = 7;
	}
	for (size_t k = 0; k < ROWS_MOST; k++) {
		sums[k] = want[k] = 0.25 * (double)k;
		want[k] += k < rows ? naive_distance(wide, r->row[k], count) : 0;
	}
	for (size_t i = 0; i < count && rows > 0; i++)
		rest[i] = wide[i] - r->at[rows - 1][i];
	if (odd)
		x[count * 2 / 3] = INFINITY;
	found = loops->measure(count, x, rows, r->row, sums, strange ? NULL : left);
	cr_expect_eq(found, odd, "%zu not finite of %zu", found, count);
	if (strange)
		return;
	expect_bits(sums, want, sizeof want, "measure", count);
	expect_bits(left, rest, sizeof rest, "measure's rest", count);
}

static void try_elements(const struct row_loops *loops, const struct rows *r, size_t count)
{
	double low[COUNT_MOST], high[COUNT_MOST], left[COUNT_MOST], wide[COUNT_MOST];
	float narrow[COUNT_MOST], least[COUNT_MOST], most[COUNT_MOST];
	memcpy(low, r->at[0], sizeof low);
	memcpy(high, r->at[1], sizeof high);
	for (size_t i = 0; i < COUNT_MOST; i++) {
		narrow[i] = least[i] = (float)r->at[3][i];
		most[i] = (float)r->at[2][i];
	}
	loops->exchange(count, low, high);
	loops->exchange_floats(count, least, most);
	loops->subtract(count, r->at[0], r->at[1], left);
	loops->widen(count, narrow, wide);
	for (size_t i = 0; i < COUNT_MOST; i++) {
		double a = r->at[0][i], b = r->at[1][i];
		float c = narrow[i], d = (float)r->at[2][i];
		bool swap = i < count && b < a, swap_floats = i < count && d < c;
		cr_expect(low[i] == (swap ? b : a) && high[i] == (swap ? a : b), "exchange %zu of %zu", i,
		          count);
		cr_expect(least[i] == (swap_floats ? d : c) && most[i] == (swap_floats ? c : d),
		          "exchange_floats %zu of %zu", i, count);
		cr_expect(i >= count || (left[i] == a - b && wide[i] == (double)narrow[i]), "%zu of %zu", i,
		          count);
	}
}

static void try_mix(const struct row_loops *loops, const struct rows *r, size_t count, size_t rows)
{
	static const double w[ROWS_MOST] = {0.3, -1.7, 1e-3, 5, 0.1, -2, 1e5, 3};
	float narrow[ROWS_MOST][COUNT_MOST];
	const float *row[ROWS_MOST];
	double mixed[COUNT_MOST], want[COUNT_MOST];
	memset(mixed, 1, sizeof mixed);
	memset(want, 1, sizeof want);
	for (size_t i = 0; i < count; i++)
		want[i] = 0;
	for (size_t k = 0; k < ROWS_MOST; k++) {
		row[k] = narrow[k];
		for (size_t i = 0; i < COUNT_MOST; i++) {
			volatile double scaled = w[k] * (narrow[k][i] = (float)r->at[k][i]);
			want[i] += i < count && k < rows ? scaled : 0;
		}
	}
	loops->mix(count, rows, w, row, mixed);
	expect_bits(mixed, want, sizeof mixed, "mix", count);
}

Test(rows, loops_have_the_bits_of_their_definition)
{
	struct backend tables[TABLES_MAX];
	struct rows r;
	int found = backend_tables_all(tables);
	fill(&r);
	for (int t = 0; t < found; t++)
		for (size_t count = 0; count <= COUNT_MOST; count++) {
			try_elements(tables[t].rows, &r, count);
			for (size_t rows = 0; rows <= ROWS_MOST; rows++) {
				try_distances(tables[t].rows, &r, count, rows);
				try_pairs(tables[t].rows, &r, count, rows);
				try_measure(tables[t].rows, &r, count, rows, false);
				try_measure(tables[t].rows, &r, count, rows, true);
				try_mix(tables[t].rows, &r, count, rows);
			}
		}
}

Test(rows, what_is_not_finite_is_counted_wherever_it_stands)
{
	static const float strange[] = {NAN, -NAN, INFINITY, -INFINITY};
	struct backend tables[TABLES_MAX];
	int found = backend_tables_all(tables);
	float x[COUNT_MOST];
	for (size_t i = 0; i < COUNT_MOST; i++)
		x[i] = i % 3 ? i % 2 ? FLT_MAX : -FLT_MAX : i % 2 ? -0.0F : FLT_TRUE_MIN;
	for (int t = 0; t < found; t++)
		for (size_t i = 0; i < COUNT_MOST; i++) {
			float held = x[i];
			x[i] = strange[i % 4];
			for (size_t count = 0; count <= COUNT_MOST; count++)
				cr_expect_eq(tables[t].rows->nonfinite(count, x), i < count, "%zu of %zu", i,
				             count);
			x[i] = held;
		}
}

Test(rows, what_is_equal_stays_where_it_is)
{
	struct backend tables[TABLES_MAX];
	int found = backend_tables_all(tables);
	for (int t = 0; t < found; t++) {
		double low[9] = {0.0, -0.0, 1, 1, 1, 1, 1, 1, 0.0},
		       high[9] = {-0.0, 0.0, 1, 1, 1, 1, 1, 1, -0.0};
		float least[9], most[9], c[9], d[9];
		double a[9], b[9];
		for (int i = 0; i < 9; i++) {
			least[i] = d[i] = (float)low[i];
			most[i] = c[i] = (float)high[i];
		}
		memcpy(a, low, sizeof a);
		memcpy(b, high, sizeof b);
		tables[t].rows->exchange_floats(9, least, most);
		tables[t].rows->exchange(9, low, high);
		/* not less: the first goes up, as in the definition (a < b ? a : b, a < b ? b : a) */
		expect_bits(low, b, sizeof b, "exchange", 9);
		expect_bits(high, a, sizeof a, "exchange", 9);
		expect_bits(least, c, sizeof c, "exchange_floats", 9);
		expect_bits(most, d, sizeof d, "exchange_floats", 9);
	}
}
