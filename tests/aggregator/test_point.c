/*
 * Rules that iterate do so on inner products, without reading the messages again. Here they are compared with
 * the iterations written out, coordinate by coordinate, also where Byzantine messages are so far away that
 * the honest distances are nothing beside theirs.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include "base/rng.h"
#include "base/stats.h"
#include "tests/support/rule_fixture.h"

enum { N = 9, F = 4, D = 20, TRIES = 40, TURNS = 8 };

static float x[N][D];
static long double z[D];

static const double scales[] = {1, 1e3, 1e8, 1e15, 1e20, 1e30, 1e37};

/* Honest vectors around a place far from the origin; the first F at one of the scales, or at two. */
static void make_input(uint64_t number)
{
	enum { SCALES = sizeof scales / sizeof *scales };
	struct stream s = stream_of(78, RNG_TEST, 0, number);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < D; j++) {
			double u = stream_uniform(&s, (uint64_t)(i * D + j)) - 0.5;
			double scale = scales[(number + (uint64_t)(i % 2) * (number / SCALES)) % SCALES];
			x[i][j] = (float)(i < F ? scale * u : 5 + u);
		}
}

static long double distance(int i)
{
	long double sum = 0;
	for (int j = 0; j < D; j++)
		sum += (x[i][j] - z[j]) * (x[i][j] - z[j]);
	return sqrtl(sum);
}

static void start_at_median(void)
{
	for (int j = 0; j < D; j++) {
		double column[N];
		for (int i = 0; i < N; i++)
			column[i] = x[i][j];
		stats_sort(column, N);
		z[j] = stats_median(column, N);
	}
}

static void weiszfeld(void)
{
	long double b[N], sum = 0;
	for (int i = 0; i < N; i++)
		sum += b[i] = 1 / fmaxl(1e-6L, distance(i));
	for (int j = 0; j < D; j++) {
		z[j] = 0;
		for (int i = 0; i < N; i++)
			z[j] += b[i] / sum * x[i][j];
	}
}

static void clip(long double tau)
{
	long double share[N], moved[D] = {0};
	for (int i = 0; i < N; i++)
		share[i] = fminl(1, tau / distance(i)) / N;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < D; j++)
			moved[j] += share[i] * (x[i][j] - z[j]);
	for (int j = 0; j < D; j++)
		z[j] += moved[j];
}

static void compare(const char *json, bool clipping)
{
	for (uint64_t number = 0; number < TRIES; number++) {
		struct rule_rig r;
		make_input(number);
		for (int j = 0; j < D; j++)
			z[j] = 0;
		if (!clipping)
			start_at_median();
		for (int t = 0; t < TURNS; t++)
			clipping ? clip(2) : weiszfeld();
		rule_rig_init(&r, "cpu", json, N, D, 1);
		for (int i = 0; i < N; i++)
			rule_rig_say(&r, i, x[i]);
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
		for (int j = 0; j < D; j++)
			cr_assert_float_eq(r.answer[j], (double)z[j], 1e-5 * (1 + fabs((double)z[j])),
			                   "%s, input %d, coordinate %d: %.9g, not %.9g", json, (int)number,
			                   j, (double)r.answer[j], (double)z[j]);
		rule_rig_clear(&r);
	}
}

Test(point, the_geometric_median_is_that_of_iterations_on_the_vectors)
{
	compare("{\"kind\":\"geometric-median\",\"f\":4}", false);
}

Test(point, centered_clipping_is_that_of_iterations_on_the_vectors)
{
	compare("{\"kind\":\"centered-clipping\",\"f\":4,\"tau\":2,\"iterations\":8}", true);
}
