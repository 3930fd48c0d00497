/* The step against Algorithm 1 and the theory of Bernstein et al. 2019, and the laws that need a whole
 * trainer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "tests/support/train.h"
#include "tests/support/file.h"

/* --- Algorithm 1, written out in doubles for the quadratic ---------------------------------------------- */

/*
 * The step once more, naively: no packing, no lanes, momentum and vote as the paper writes them. The noise is
 * the program's own stream, so that signs can be compared. n is small enough to hold everything.
 */
enum { N = 70, M = 5 };

static void naive_step(float x[N], float v[M][N], uint64_t seed, uint64_t step, int byzantine, float beta,
                       float lr, float decay)
{
	int sum[N] = {0};
	for (uint32_t m = 0; m < M; m++) {
		struct stream noise = stream_of(seed, RNG_NOISE, m, step);
		for (size_t i = 0; i < N; i++) {
			float normal[4];
			stream_normal4(&noise, i / 4, normal);
			float g = x[i] + normal[i % 4];
			v[m][i] = (1.0f - beta) * g + beta * v[m][i];
			int sign = v[m][i] > 0 ? 1 : -1;
			sum[i] += (int)m < byzantine ? -sign : sign;
		}
	}
	for (size_t i = 0; i < N; i++)
		x[i] -= lr * ((sum[i] > 0 ? 1.0f : -1.0f) + decay * x[i]);
}

Test(trainer, is_algorithm_1)
{
	const char *text =
	        "{\"seed\":9,\"workers\":5,\"steps\":40,\"batch\":1,\"momentum\":0.75,\"weight_decay\":0.125,"
	        "\"lr\":0.0625,\"model\":{\"kind\":\"quadratic\",\"dimensions\":70},"
	        "\"adversaries\":{\"count\":2}}";
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(s, pool);
	float x[N], v[M][N] = {{0}};
	size_t n;
	memcpy(x, trainer_x(t, &n), sizeof x);
	cr_assert_eq(n, N);
	for (uint64_t step = 0; step < 40; step++) {
		naive_step(x, v, 9, step, 2, 0.75f, 0.0625f, 0.125f);
		train_steps(t, 1);
		for (size_t i = 0; i < N; i++)
			cr_assert_float_eq(trainer_x(t, &n)[i], x[i], 1e-5, "step %d, coordinate %zu",
			                   (int)step, i);
	}
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

/* --- Theorem 2 ------------------------------------------------------------------------------------------ */

/* [1/K sum_k |g_k|_1]^2 of a quadratic with d dimensions, sigma 1, L 1, batch K, the theory's eta. */
static double mean_l1_squared(int byzantine, int steps, int d, double *f0)
{
	struct runs runs;
	char text[512];
	double sum = 0;
	snprintf(text, sizeof text,
	         "{\"seed\":4,\"workers\":7,\"steps\":%d,\"batch\":%d,\"momentum\":0,\"lr\":\"theory\","
	         "\"model\":{\"kind\":\"quadratic\",\"dimensions\":%d},\"adversaries\":{\"count\":%d}}",
	         steps, steps, d, byzantine);
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(s, pool);
	struct eval_row start;
	struct err e = {0};
	cr_assert_eq(trainer_eval(t, &start, &e), 0, "%s", e.text);
	*f0 = start.test_loss;
	for (int k = 0; k < steps; k++) {
		size_t n;
		const float *x = trainer_x(t, &n);
		for (size_t i = 0; i < n; i++)
			sum += fabs((double)x[i]); /* the gradient of 1/2 x'x */
		train_steps(t, 1);
	}
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return sum / steps * (sum / steps);
}

/* The right-hand side: 4/sqrt(N) [ |sigma|_1 / ((1 - 2 alpha) sqrt(M)) + sqrt(|L|_1 (f0 - f*)) ]^2, N = K^2.
 */
static double theorem_2(double alpha, int steps, int d, double f0)
{
	double bracket = d / ((1 - 2 * alpha) * sqrt(7.0)) + sqrt(d * f0);
	return 4.0 / steps * bracket * bracket;
}

Test(trainer, converges_within_theorem_2)
{
	static const int steps[] = {50, 400};
	for (int byzantine = 0; byzantine <= 3; byzantine++)
		for (int i = 0; i < 2; i++) {
			double f0, measured = mean_l1_squared(byzantine, steps[i], 200, &f0);
			double bound = theorem_2(byzantine / 7.0, steps[i], 200, f0);
			cr_expect_lt(measured, bound, "%d of 7 are Byzantine, K = %d: %g against %g",
			             byzantine, steps[i], measured, bound);
		}
}

/* With 4 of 7 the bound does not exist; the gradient must grow beyond where it began. */
Test(trainer, does_not_converge_when_most_lie)
{
	double f0, measured = mean_l1_squared(4, 400, 200, &f0);
	double start = 200 * 2 * f0 * 2 / 3.14159265; /* about |g_0|_1^2 for a normal starting point */
	cr_expect_gt(measured, start, "%g against %g", measured, start);
	cr_expect_gt(measured, theorem_2(3 / 7.0, 400, 200, f0));
}

/* --- Chen et al. 2020: the mean goes to the mean, the vote to the median ------------------------------- */

static double median_toy(const char *aggregator)
{
	char text[512];
	size_t n;
	snprintf(text, sizeof text,
	         "{\"workers\":3,\"steps\":20000,\"batch\":1,\"momentum\":0,\"lr\":0.001,\"aggregator\":\"%"
	         "s\","
	         "\"model\":{\"kind\":\"median-toy\",\"a\":[1,2,10],\"start\":0.0005}}",
	         aggregator);
	float *x = train_x(text, 1, &n);
	double end = x[0];
	mem_free(x);
	return end;
}

Test(trainer, median_toy)
{
	cr_expect_float_eq(median_toy("mean"), 13.0 / 3, 1e-3);
	cr_expect_float_eq(median_toy("vote"), 2.0, 1.1e-3); /* within a step of the median */
}

/* --- laws ------------------------------------------------------------------------------------------------
 */

static const char *const everything =
        "{\"seed\":\"0xfedcba9876543210\",\"workers\":6,\"steps\":30,\"batch\":8,\"aggregator\":\"%s\","
        "\"model\":{\"kind\":\"mlp\",\"hidden\":[12]},\"data\":{\"kind\":\"glyphs\",\"train\":300,\"test\":"
        "60},"
        "\"momentum\":%s,\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"stale\",\"delay\":4}}}";

/* Law 4 at one interruption: a fresh trainer restored from the file ends with the same bits. */
static void resume_at(const struct settings *s, int64_t step, const char *path, const float *whole, size_t n)
{
	struct err e = {0};
	struct pool *pool = pool_open(2), *other = pool_open(1);
	struct trainer *first = train_open(s, pool), *second = train_open(s, other);
	size_t m;
	train_steps(first, step);
	cr_assert_eq(trainer_save(first, path, &e), 0, "%s", e.text);
	cr_assert_eq(trainer_restore(second, path, &e), 0, "%s", e.text);
	cr_assert_eq(trainer_steps_done(second), step);
	train_steps(second, s->steps - step);
	cr_assert_eq(memcmp(trainer_x(second, &m), whole, n * sizeof *whole), 0, "resumed at step %d",
	             (int)step);
	trainer_close(first);
	trainer_close(second);
	pool_close(pool);
	pool_close(other);
}

static void resume_law(const char *aggregator, const char *momentum)
{
	char folder[FOLDER_SIZE], path[128], text[640];
	folder_make(folder);
	snprintf(path, sizeof path, "%s/c.h5", folder);
	snprintf(text, sizeof text, everything, aggregator, momentum);
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	size_t n;
	float *whole = train_x(text, 1, &n);
	struct stream pick = stream_of(77, RNG_TEST, 0, 0);
	for (uint64_t i = 0; i < 10; i++)
		resume_at(s, (int64_t)stream_below(&pick, i, 30), path, whole, n);
	mem_free(whole);
	runs_clear(&runs);
	folder_remove(folder);
}

Test(trainer, resume_law_vote)
{
	resume_law("vote", "0.9");
}

Test(trainer, resume_law_adam)
{
	resume_law("adam", "0");
}

Test(trainer, a_checkpoint_of_another_run_is_refused)
{
	char folder[FOLDER_SIZE], path[128], text[640], other[640];
	struct err e = {0};
	folder_make(folder);
	snprintf(path, sizeof path, "%s/c.h5", folder);
	snprintf(text, sizeof text, everything, "vote", "0.9");
	snprintf(other, sizeof other, everything, "vote", "0.8");
	struct runs a, b;
	struct pool *pool = pool_open(1);
	struct trainer *first = train_open(train_settings(&a, text), pool);
	struct trainer *second = train_open(train_settings(&b, other), pool);
	cr_assert_eq(trainer_save(first, path, &e), 0);
	cr_expect_eq(trainer_restore(second, path, &e), -1);
	cr_expect_not_null(strstr(e.text, path));
	trainer_close(first);
	trainer_close(second);
	pool_close(pool);
	runs_clear(&a);
	runs_clear(&b);
	folder_remove(folder);
}

/* The plain mean dies of one worker's NaN or Inf; the vote goes on, finite. */
Test(trainer, nan_destroys_the_mean_but_not_the_vote)
{
	static const char *const values[] = {"nan", "inf", "-inf"};
	for (size_t i = 0; i < 3; i++) {
		const char *const aggregators[] = {"mean", "vote"};
		for (size_t k = 0; k < 2; k++) {
			char text[512];
			size_t n;
			bool finite = true;
			snprintf(text, sizeof text,
			         "{\"workers\":7,\"steps\":20,\"batch\":1,\"aggregator\":\"%s\",\"model\":"
			         "\"quadratic\","
			         "\"adversaries\":{\"count\":3,\"attack\":{\"kind\":\"nan\",\"value\":\"%s\"}"
			         "}}",
			         aggregators[k], values[i]);
			float *x = train_x(text, 2, &n);
			for (size_t j = 0; j < n; j++)
				finite = finite && isfinite(x[j]);
			cr_expect_eq(finite, k == 1, "%s under %s", values[i], aggregators[k]);
			mem_free(x);
		}
	}
}

/* Bytes are counted, both ways, headers and padding in: 8 bytes for each begun 64 coordinates. */
Test(trainer, counts_bytes)
{
	static const char *const zero[] = {"random", "abstain"};
	for (uint64_t planes = 1; planes <= 2; planes++) {
		struct runs runs;
		char text[512];
		struct step_row row;
		struct err e = {0};
		snprintf(text, sizeof text,
		         "{\"workers\":5,\"steps\":1,\"batch\":1,\"model\":{\"kind\":\"quadratic\","
		         "\"dimensions\":130},"
		         "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"%s\",\"tie\":\"random\"}}",
		         zero[planes - 1]);
		struct pool *pool = pool_open(1);
		struct trainer *t = train_open(train_settings(&runs, text), pool);
		cr_assert_eq(trainer_step(t, &row, NULL, &e), 0);
		cr_expect_eq(row.bytes_up, 5 * 24 * planes);
		cr_expect_eq(row.bytes_down, 5 * 24);
		cr_expect_eq(row.n_voters, 5);
		trainer_close(t);
		pool_close(pool);
		runs_clear(&runs);
	}
}
