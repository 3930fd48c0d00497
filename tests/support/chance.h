/*
 * Judging what came up by chance. Seeds are fixed, so that a test passes always or never; the limits are
 * such that a right generator fails one seed in a million or so.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_CHANCE_H
#define SIGNSGD_TESTS_SUPPORT_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define Z_LIMIT 5.0 /* standard deviations; both tails beyond it hold 6e-7 */

/* Ends the test where `total` draws are not spread evenly over counts [cells]. */
void chance_assert_uniform(const uint32_t *counts, size_t cells, double total, const char *what);

/* Is `count` what n draws of probability p give, within Z_LIMIT? */
bool chance_binomial(double count, double n, double p);

#endif
