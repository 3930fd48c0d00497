/* The dip: exact values, the definition by brute force, and its reference. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "probe/probe_dip.h"

static int rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* --- the dip -------------------------------------------------------------------------------------------- */

static double dip(const double *values, size_t n)
{
	struct dip *d = dip_open(n);
	double sorted[1000];
	memcpy(sorted, values, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, rising);
	double found = dip_of(d, sorted);
	dip_close(d);
	return found;
}

Test(dip, is_exact_where_it_is_known)
{
	double grid[1000], masses[1000];
	for (size_t n = 2; n <= 1000; n = n * 3 + 1) {
		for (size_t i = 0; i < n; i++)
			grid[i] = (double)i;
		cr_expect_float_eq(dip(grid, n), 1 / (2.0 * (double)n), 1e-15, "grid of %zu", n);
	}
	for (size_t i = 0; i < 1000; i++)
		masses[i] = i % 2;
	cr_expect_float_eq(dip(masses, 1000), 0.25, 1e-15, "two equal masses");
	for (size_t i = 0; i < 1000; i++)
		masses[i] = i % 4 == 0;
	cr_expect_float_eq(dip(masses, 1000), 0.125, 1e-15,
	                   "masses of 3/4 and 1/4: the mode takes the larger");
	for (size_t i = 0; i < 1000; i++)
		masses[i] = (double)(i % 3);
	cr_expect_float_eq(dip(masses, 999), 1 / 6.0, 1e-15, "three equal masses");
	for (size_t i = 0; i < 1000; i++)
		masses[i] = 7;
	cr_expect_eq(dip(masses, 1000), 0, "one mass");
	cr_expect_eq(dip(masses, 1), 0, "one value");
}

/*
 * The definition. With mode y_m a unimodal U within d of F exists when its convex left part and its concave
 * right part do, and the left part can end no higher than the right part can begin. A convex U fits between
 * lower and upper bounds when no lower bound lies above a chord of upper bounds; its lowest end is what lines
 * from an upper bound through a later lower bound force. The right part is the left part of the mirror image.
 */
struct sample {
	size_t count; /* different values */
	double y[16], before[16], after[16];
};

/* Lowest limit that the left part can have at y_m; INFINITY: there is no left part. */
static double lowest_end(const struct sample *s, size_t m, double d)
{
	double end = m > 0 ? s->after[m - 1] - d : 0;
	for (size_t j = 0; j < m; j++) {
		for (size_t k = j; k <= m; k++)
			if (s->after[j] - d > s->before[k] + d + 1e-13)
				return INFINITY;
		for (size_t i = 0; i < j; i++) {
			double rise = (s->after[j] - d - s->before[i] - d) / (s->y[j] - s->y[i]);
			for (size_t k = j + 1; k <= m; k++)
				if (s->after[j] - d + rise * (s->y[k] - s->y[j]) > s->before[k] + d + 1e-13)
					return INFINITY;
			end = fmax(end, s->after[j] - d + rise * (s->y[m] - s->y[j]));
		}
	}
	return end;
}

static struct sample mirror(const struct sample *s)
{
	struct sample out = {.count = s->count};
	for (size_t k = 0; k < s->count; k++) {
		size_t from = s->count - 1 - k;
		out.y[k] = -s->y[from];
		out.before[k] = 1 - s->after[from];
		out.after[k] = 1 - s->before[from];
	}
	return out;
}

static bool unimodal_within(const struct sample *s, double d)
{
	struct sample other = mirror(s);
	for (size_t m = 0; m < s->count; m++)
		if (lowest_end(s, m, d) <= 1 - lowest_end(&other, s->count - 1 - m, d) + 1e-13)
			return true;
	return false;
}

static double dip_by_definition(double *values, size_t n)
{
	struct sample s = {0};
	double low = 0, high = 0.5;
	qsort(values, n, sizeof *values, rising);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || values[i] != values[i - 1]) {
			s.y[s.count] = values[i];
			s.before[s.count++] = (double)i / (double)n;
		}
		s.after[s.count - 1] = (double)(i + 1) / (double)n;
	}
	for (int i = 0; i < 45; i++) {
		double middle = 0.5 * (low + high);
		*(unimodal_within(&s, middle) ? &high : &low) = middle;
	}
	return high;
}

Test(dip, is_its_definition)
{
	for (size_t n = 1; n <= 11; n++) {
		struct dip *d = dip_open(n);
		for (uint64_t trial = 0; trial < 300; trial++) {
			struct stream draw = stream_of(6, RNG_TEST, (uint32_t)n, trial);
			double values[16], normal;
			float normals[4];
			for (size_t i = 0; i < n; i++) {
				stream_normal4(&draw, i, normals);
				normal = (double)normals[0] + (trial % 4 == 1 ? 6 * (normals[1] > 0) : 0);
				values[i] = trial % 4 == 2   ? round(2 * normal)
				            : trial % 4 == 3 ? exp(2 * normal)
				                             : normal;
			}
			double expected = dip_by_definition(values, n);
			cr_assert_float_eq(dip_of(d, values), expected, 1e-10,
			                   "n %zu, trial %d: %g, expected %g", n, (int)trial,
			                   dip_of(d, values), expected);
		}
		dip_close(d);
	}
}

/* Medians and 95 % points of uniform samples, as M. Maechler's R package diptest tabulates them from a
 * million samples each. */
Test(dip, reference_is_that_of_others)
{
	static const struct {
		size_t n;
		double median, q95;
	} table[] = {{50, 0.04885, 0.07027}, {100, 0.03546, 0.05113}, {200, 0.02558, 0.03684}};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct dip *d = dip_open(table[i].n);
		cr_expect_float_eq(dip_quantile(d, 0.5), table[i].median, 0.03 * table[i].median, "n %zu: %g",
		                   table[i].n, dip_quantile(d, 0.5));
		cr_expect_float_eq(dip_quantile(d, 0.95), table[i].q95, 0.03 * table[i].q95, "n %zu: %g",
		                   table[i].n, dip_quantile(d, 0.95));
		cr_expect_float_eq(dip_p(d, dip_quantile(d, 0.95)), 0.05, 0.002);
		cr_expect_float_eq(dip_p(d, 0), 1, 1e-15);
		cr_expect_float_eq(dip_p(d, 0.25), 1.0 / (1 + DIP_REFERENCES), 1e-15);
		dip_close(d);
	}
	struct dip *small = dip_open(DIP_REFERENCE_SIZE), *large = dip_open(4 * DIP_REFERENCE_SIZE);
	cr_expect_float_eq(dip_quantile(large, 0.95), dip_quantile(small, 0.95) / 2, 1e-15);
	dip_close(small);
	dip_close(large);
}

Test(dip, tells_one_mode_from_two)
{
	enum { N = 300 };
	struct dip *d = dip_open(N);
	for (uint64_t trial = 0; trial < 10; trial++) {
		struct stream draw = stream_of(7, RNG_TEST, 0, trial);
		double one[N], two[N];
		float normals[4];
		for (size_t i = 0; i < N; i++) {
			stream_normal4(&draw, i, normals);
			one[i] = (double)normals[0];
			two[i] = (double)normals[0] + (i % 2 ? 4 : 0);
		}
		stats_sort(one, N);
		stats_sort(two, N);
		cr_expect_lt(dip_of(d, one), dip_quantile(d, 0.95), "normal: %g", dip_of(d, one));
		cr_expect_gt(dip_p(d, dip_of(d, one)), 0.05);
		cr_expect_gt(dip_of(d, two), dip_quantile(d, 0.95), "two normals: %g", dip_of(d, two));
		cr_expect_lt(dip_p(d, dip_of(d, two)), 0.01);
	}
	dip_close(d);
}
