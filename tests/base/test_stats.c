/* Order statistics, against the C library's sort. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "base/stats.h"

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

Test(stats, sorts_and_selects)
{
	enum { MOST = 60 };
	for (size_t n = 1; n <= MOST; n++) {
		struct stream draw = stream_of(5, RNG_TEST, 0, n);
		double given[MOST], sorted[MOST], mine[MOST];
		for (size_t i = 0; i < n; i++) /* few different values: ties */
			given[i] = sorted[i] = mine[i] = stream_below(&draw, i, 2 + (uint32_t)n / 2);
		qsort(sorted, n, sizeof *sorted, rising);
		stats_sort(mine, n);
		cr_assert_arr_eq(mine, sorted, n * sizeof *mine);
		for (size_t k = 0; k < n; k++) {
			memcpy(mine, given, n * sizeof *mine);
			cr_assert_eq(stats_select(mine, n, k), sorted[k], "n %zu, k %zu", n, k);
			double q = (double)(k + 1) / (double)n - 1e-9;
			cr_assert_eq(stats_quantile(mine, n, q), sorted[k], "n %zu, q %g", n, q);
		}
		cr_assert_eq(stats_quantile(mine, n, 1), sorted[n - 1]);
		cr_assert_eq(stats_median(sorted, n), 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]));
	}
}

/* The k least: whoever sorts by value and then by index has them first. */
Test(stats, marks_the_least)
{
	enum { MOST = 20 };
	for (size_t n = 1; n <= MOST; n++) {
		struct stream draw = stream_of(6, RNG_TEST, 0, n);
		double x[MOST];
		bool marked[MOST];
		for (size_t i = 0; i < n; i++)
			x[i] = stream_below(&draw, i, 4);
		for (size_t k = 0; k <= n; k++) {
			size_t count = 0;
			stats_mark_least(x, n, k, marked);
			for (size_t i = 0; i < n; i++) {
				count += marked[i];
				for (size_t j = 0; j < n; j++)
					cr_assert(!marked[i] || marked[j] || x[i] < x[j] ||
					          (x[i] <= x[j] && i < j));
			}
			cr_assert_eq(count, k);
		}
	}
}
