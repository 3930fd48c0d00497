#include "tests/support/chance.h"
#include <criterion/criterion.h>
#include <math.h>

/* The chi-square value with `cells - 1` degrees of freedom at Z_LIMIT, after Wilson and Hilferty. */
static double chance_chi_limit(size_t cells)
{
	double k = (double)cells - 1, a = 2 / (9 * k);
	double root = 1 - a + Z_LIMIT * sqrt(a);
	return k * root * root * root;
}

static double chance_chi_square(const uint32_t *counts, size_t cells, double expected)
{
	double sum = 0;
	for (size_t i = 0; i < cells; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum;
}

void chance_assert_uniform(const uint32_t *counts, size_t cells, double total, const char *what)
{
	double chi = chance_chi_square(counts, cells, total / (double)cells), limit = chance_chi_limit(cells);
	cr_assert_lt(chi, limit, "%s: chi-square %g of %zu cells, limit %g", what, chi, cells, limit);
}

bool chance_binomial(double count, double n, double p)
{
	return fabs(count - n * p) <= Z_LIMIT * sqrt(n * p * (1 - p));
}
