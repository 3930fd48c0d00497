/* The greatest eigenvalue alone is that of Jacobi's rotations, whatever the messages are like. */
#include <criterion/criterion.h>
#include <math.h>
#include "aggregator/spread.h"
#include "base/rng.h"

enum { N_MOST = 40, D = 12 };

static double x[N_MOST][D], d[N_MOST * N_MOST], q[N_MOST];

static void measure(int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			double sum = 0;
			for (int j = 0; j < D; j++)
				sum += (x[i][j] - x[k][j]) * (x[i][j] - x[k][j]);
			d[i * n + k] = sum;
		}
}

/* Every third message has no weight, unless there are few. */
static void weigh(int n)
{
	int left = 0;
	for (int i = 0; i < n; i++)
		left += q[i] = n < 4 || i % 3;
	for (int i = 0; i < n; i++)
		q[i] /= left;
}

static void expect_same(int n, const char *what)
{
	static double squares[2 * N_MOST * N_MOST];
	double offset[N_MOST], line[N_MOST];
	const struct rule_view v = {.n = n, .rows = n, .d = d};
	double both = spread_greatest(&v, q, squares, offset, line),
	       alone = spread_value(&v, q, squares, offset, line);
	cr_expect(fabs(both - alone) <= 1e-13 * both, "%s, n = %d: %.17g and %.17g", what, n, both, alone);
}

/* Vectors that all lie along `lines` directions. */
static void draw(int n, int lines, uint64_t number)
{
	struct stream s = stream_of(11, RNG_TEST, (uint32_t)lines, number);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < D; j++)
			x[i][j] = j < lines ? (stream_uniform(&s, (uint64_t)(i * D + j)) - 0.5) * (j + 1) : 0;
}

Test(spread, value_is_that_of_the_rotations)
{
	static const int sizes[] = {1, 2, 3, 4, 7, 30, N_MOST};
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
		for (int lines = 0; lines <= D; lines++) {
			draw(sizes[k], lines, k);
			measure(sizes[k]);
			weigh(sizes[k]);
			expect_same(sizes[k], "spread");
		}
}

/* Of opposite vectors along the axes all eigenvalues are the same, and the matrix is tridiagonal already. */
Test(spread, value_of_equals)
{
	for (int i = 0; i < 2 * D; i++)
		for (int j = 0; j < D; j++)
			x[i][j] = i / 2 == j ? i % 2 * 2 - 1 : 0;
	measure(2 * D);
	for (int i = 0; i < 2 * D; i++)
		q[i] = 1.0 / (2 * D);
	expect_same(2 * D, "axes");
}
