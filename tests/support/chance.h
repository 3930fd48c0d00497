/*
 * Judging what came up by chance. Seeds are fixed, so that a test passes always or never; the limits are
 * such that a right generator fails one seed in a million or so.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_CHANCE_H
#define SIGNSGD_TESTS_SUPPORT_CHANCE_H

#include <criterion/criterion.h>

#include <math.h>
#include <stddef.h>
#include <stdint.h>

static const double Z_LIMIT = 5; /* standard deviations; both tails beyond it hold 6e-7 */

/* The chi-square value with `cells - 1` degrees of freedom at Z_LIMIT, after Wilson and Hilferty. */
static inline double chi_limit(size_t cells)
{
	double k = (double)cells - 1, a = 2 / (9 * k);
	double root = 1 - a + Z_LIMIT * sqrt(a);
	return k * root * root * root;
}

static inline double chi_square(const uint32_t *counts, size_t cells, double expected)
{
	double sum = 0;
	for (size_t i = 0; i < cells; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum;
}

static inline void assert_uniform(const uint32_t *counts, size_t cells, double total, const char *what)
{
	double chi = chi_square(counts, cells, total / (double)cells), limit = chi_limit(cells);
	cr_assert_lt(chi, limit, "%s: chi-square %g of %zu cells, limit %g", what, chi, cells, limit);
}

#endif
