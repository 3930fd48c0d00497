/*
 * Loops over rows, of every backend and vector level, against their definition in scalars: the same bits, for
 * every length around the registers' and for more rows than one.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "backend/backend.h"
#include "base/rng.h"
#include "tests/support/backend_tables.h"

enum { COUNT_MOST = 70, ROWS_MOST = 5, SUMS = 8 };

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

static void try_sums(const struct row_loops *loops, const struct rows *r, size_t count, size_t rows)
{
	double distances[ROWS_MOST], products[ROWS_MOST], far[ROWS_MOST], inner[ROWS_MOST];
	for (size_t k = 0; k < ROWS_MOST; k++)
		distances[k] = products[k] = far[k] = inner[k] = 0.25 * (double)k;
	for (size_t k = 0; k < rows; k++) {
		far[k] += naive_distance(r->row[0], r->row[k], count);
		inner[k] += naive_product(r->row[0], r->row[k], count);
	}
	loops->distances(count, r->row[0], rows, r->row, distances);
	loops->products(count, r->row[0], rows, r->row, products);
	expect_bits(distances, far, sizeof far, "distances", count);
	expect_bits(products, inner, sizeof inner, "products", count);
}

static void try_elements(const struct row_loops *loops, const struct rows *r, size_t count)
{
	double low[COUNT_MOST], high[COUNT_MOST], left[COUNT_MOST], sum[COUNT_MOST], wide[COUNT_MOST];
	float narrow[COUNT_MOST];
	memcpy(low, r->at[0], sizeof low);
	memcpy(high, r->at[1], sizeof high);
	memcpy(sum, r->at[2], sizeof sum);
	for (size_t i = 0; i < COUNT_MOST; i++)
		narrow[i] = (float)r->at[3][i];
	loops->exchange(count, low, high);
	loops->subtract(count, r->at[0], r->at[1], left);
	loops->add_scaled(count, 0.3, r->at[1], sum);
	loops->widen(count, narrow, wide);
	for (size_t i = 0; i < COUNT_MOST; i++) {
		double a = r->at[0][i], b = r->at[1][i];
		volatile double scaled = 0.3 * b;
		bool swap = i < count && b < a;
		cr_expect(low[i] == (swap ? b : a) && high[i] == (swap ? a : b), "exchange %zu of %zu", i,
		          count);
		cr_expect(sum[i] == r->at[2][i] + (i < count ? scaled : 0), "add_scaled %zu of %zu", i,
		          count);
		cr_expect(i >= count || (left[i] == a - b && wide[i] == (double)narrow[i]), "%zu of %zu", i,
		          count);
	}
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
			for (size_t rows = 0; rows <= ROWS_MOST; rows++)
				try_sums(tables[t].rows, &r, count, rows);
		}
}

Test(rows, what_is_equal_stays_where_it_is)
{
	struct backend tables[TABLES_MAX];
	int found = backend_tables_all(tables);
	for (int t = 0; t < found; t++) {
		double low[9] = {0.0, -0.0, 1, 1, 1, 1, 1, 1, 0.0},
		       high[9] = {-0.0, 0.0, 1, 1, 1, 1, 1, 1, -0.0};
		double a[9], b[9];
		memcpy(a, low, sizeof a);
		memcpy(b, high, sizeof b);
		tables[t].rows->exchange(9, low, high);
		/* not less: the first goes up, as in the definition (a < b ? a : b, a < b ? b : a) */
		expect_bits(low, b, sizeof b, "exchange", 9);
		expect_bits(high, a, sizeof a, "exchange", 9);
	}
}
