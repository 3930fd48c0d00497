/* The two toys against theory: the quadratic's noise and sign failures, where vote and mean end. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/model_fixture.h"

/* Probability that a normal number of deviation 1 is above s. */
static double upper_tail(double s)
{
	return 0.5 * erfc(s / sqrt(2));
}

/* Gauss' inequality, as Bernstein et al. 2019 use it: the most that a unimodal symmetric noise can fail. */
static double gauss_bound(double s)
{
	return s > 2 / sqrt(3) ? 2 / (9 * s * s) : 0.5 - s / (2 * sqrt(3));
}

enum { DRAWS = 2000, DIMENSIONS = 500, BATCH = 4 };

#define SIGMA 3.0

/* Sums over DRAWS steps of worker's noise and its square, in units of sigma / sqrt(B). */
static void sum_noise(struct fixture *f, uint32_t worker, double *sum, double *square, double *product,
                      float *before)
{
	double unit = SIGMA / sqrt(BATCH);
	float *exact = mem_array(f->n, sizeof *exact);
	f->model->exact(f->instance, f->x, exact);
	for (uint64_t step = 0; step < DRAWS; step++) {
		struct batch batch = {.count = BATCH, .seed = 1, .worker = worker, .step = step};
		f->model->grad(f->instance, f->x, &batch, f->g);
		for (size_t i = 0; i < f->n; i++) {
			double z = ((double)f->g[i] - (double)exact[i]) / unit;
			sum[i] += z;
			square[i] += z * z;
			*product += z * (double)before[step * f->n + i];
			before[step * f->n + i] = (float)z;
		}
	}
	mem_free(exact);
}

/*
 * Per coordinate: mean 0 within 5 deviations 1/sqrt(N), variance sigma^2 / B within 6 deviations sqrt(2/N);
 * over all coordinates the same with N DIMENSIONS draws; no correlation between workers and between steps.
 */
static void check_noise(const char *settings, const char *backend)
{
	struct fixture f;
	struct model_env env = fixture_env;
	env.batch = BATCH;
	fixture_open(&f, settings, backend, &env);
	float *last = mem_array((size_t)DRAWS * f.n, sizeof *last); /* [DRAWS][n] the worker before */
	double product = 0, steps = 0, all = (double)DRAWS * (double)f.n;
	for (uint32_t worker = 0; worker < 2; worker++) {
		double *sum = mem_array(f.n, sizeof *sum), *square = mem_array(f.n, sizeof *square);
		double sums = 0, squares = 0;
		product = 0;
		sum_noise(&f, worker, sum, square, &product, last);
		for (size_t i = 0; i < f.n; i++) {
			cr_expect_lt(fabs(sum[i]) / sqrt(DRAWS), 5, "%s: mean of coordinate %zu", settings,
			             i);
			cr_expect_lt(fabs(square[i] / DRAWS - 1), 6 * sqrt(2.0 / DRAWS),
			             "%s: variance of coordinate %zu is %g", settings, i, square[i] / DRAWS);
			sums += sum[i];
			squares += square[i];
		}
		cr_expect_lt(fabs(sums), 4.5 * sqrt(all), "%s: mean %g", settings, sums / all);
		cr_expect_lt(fabs(squares / all - 1), 4.5 * sqrt(2 / all), "%s: variance %g", settings,
		             squares / all);
		mem_free(sum);
		mem_free(square);
	}
	cr_expect_lt(fabs(product), 4.5 * sqrt(all), "%s: workers correlate by %g", settings, product / all);
	for (size_t i = f.n; i < (size_t)DRAWS * f.n; i++)
		steps += (double)last[i] * (double)last[i - f.n];
	cr_expect_lt(fabs(steps), 4.5 * sqrt(all), "%s: steps correlate by %g", settings, steps / all);
	mem_free(last);
	fixture_close(&f);
}

Test(quadratic, noise_is_unbiased_with_the_variance_of_a_batch_s_mean)
{
	char flat[96], curved[96];
	snprintf(flat, sizeof flat, "{\"kind\":\"quadratic\",\"dimensions\":%d,\"noise\":%g}", DIMENSIONS,
	         SIGMA);
	snprintf(curved, sizeof curved,
	         "{\"kind\":\"quadratic\",\"dimensions\":%d,\"noise\":%g,\"spread\":9}", DIMENSIONS, SIGMA);
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		check_noise(flat, (*machine)->name);
		check_noise(curved, (*machine)->name);
	}
}

/* Signs fail with probability Phi(-S), S = |g_i| / sigma_i, and that is below Gauss' bound. */
Test(quadratic, sign_failures_are_those_of_normal_noise_and_below_the_bound_of_gauss)
{
	const double ratios[] = {0.05, 0.25, 0.5, 1, 1.1, 1.2, 1.5, 2, 3};
	for (size_t k = 0; k < sizeof ratios / sizeof *ratios; k++) {
		struct fixture f;
		struct model_env env = fixture_env;
		char settings[128];
		double failed = 0, all = (double)DRAWS * DIMENSIONS, s = ratios[k];
		/* x = -S / 4 at curvature 4 and sigma 2 over a batch of 4: g = -S, deviation 1 */
		env.batch = 4;
		snprintf(
		        settings, sizeof settings,
		        "{\"kind\":\"quadratic\",\"dimensions\":%d,\"noise\":2,\"curvature\":[4],\"start\":0,"
		        "\"start_at\":[%.17g]}",
		        DIMENSIONS, -s / 4);
		fixture_open(&f, settings, family_backends.rows[0]->name, &env);
		for (uint64_t step = 0; step < DRAWS; step++) {
			struct batch batch = {.count = 4, .seed = k, .worker = 0, .step = step};
			f.model->grad(f.instance, f.x, &batch, f.g);
			for (size_t i = 0; i < f.n; i++)
				failed += f.g[i] > 0;
		}
		double rate = failed / all, exact = upper_tail(s),
		       slack = 4.5 * sqrt(exact * (1 - exact) / all);
		cr_expect_float_eq(rate, exact, slack, "S = %g: %g of signs fail, expected %g", s, rate,
		                   exact);
		cr_expect_leq(rate, gauss_bound(s), "S = %g: %g of signs fail, bound %g", s, rate,
		              gauss_bound(s));
		fixture_close(&f);
	}
}

Test(quadratic, curvature_and_start_are_as_given)
{
	struct fixture f;
	struct smoothness s;
	fixture_open(
	        &f,
	        "{\"kind\":\"quadratic\",\"dimensions\":3,\"curvature\":[1,4,0.25],\"noise\":0.5,\"start\":0,"
	        "\"start_at\":[2,-1,8]}",
	        "ref", &fixture_env);
	const float slope[] = {2, -4, 2};
	f.model->exact(f.instance, f.x, f.g);
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(f.g[i], slope[i]);
	f.model->theory(f.instance, f.x, &s);
	cr_expect_eq(s.f0, 0.5 * (1 * 4 + 4 * 1 + 0.25 * 64));
	cr_expect_eq(s.f_star, 0);
	cr_expect_eq(s.l1_l, 5.25);
	cr_expect_eq(s.l1_sigma, 1.5, "sigma of one sample, whatever the batch");
	fixture_close(&f);
}

/* Drawn L: ln L uniform in [0, ln spread]. x0: normal about its centre. */
Test(quadratic, drawn_curvature_is_log_uniform_and_the_start_normal)
{
	struct fixture f;
	double sum = 0, square = 0, start = 0, start_square = 0;
	fixture_open(
	        &f,
	        "{\"kind\":\"quadratic\",\"dimensions\":20000,\"spread\":100,\"start\":2,\"start_at\":[7]}",
	        "ref", &fixture_env);
	double n = (double)f.n;
	f.model->exact(f.instance, f.x, f.g);
	for (size_t i = 0; i < f.n; i++) {
		double l = (double)f.g[i] / (double)f.x[i], u = log(l) / log(100),
		       z = ((double)f.x[i] - 7) / 2;
		cr_expect(l > 1 - 1e-6 && l < 100 * (1 + 1e-6), "L = %g", l);
		sum += u;
		square += u * u;
		start += z;
		start_square += z * z;
	}
	cr_expect_float_eq(sum / n, 0.5, 5 / sqrt(12 * n));
	cr_expect_float_eq(square / n, 1.0 / 3, 5 * sqrt(4 / 45.0 / n));
	cr_expect_float_eq(start / n, 0, 5 / sqrt(n));
	cr_expect_float_eq(start_square / n, 1, 5 * sqrt(2 / n));
	fixture_close(&f);
}

/* Chen et al. 2020: where x ends after 10,000 steps of 0.001, by the sign of the vote or by the mean. */
static double toy_end(bool vote, const char *settings, int steps)
{
	struct fixture f;
	fixture_open(&f, settings, family_backends.rows[0]->name, &fixture_env);
	double tail = 0;
	for (int step = 0; step < steps; step++) {
		double sum = 0;
		for (uint32_t worker = 0; worker < FIX_WORKERS; worker++) {
			struct batch batch = {
			        .count = 1, .seed = 1, .worker = worker, .step = (uint64_t)step};
			f.model->grad(f.instance, f.x, &batch, f.g);
			sum += vote ? (f.g[0] > 0) - (f.g[0] < 0) : (double)f.g[0] / FIX_WORKERS;
		}
		f.x[0] -= 0.001f * (float)(vote ? (sum > 0) - (sum < 0) : sum);
		tail += step >= steps / 2 ? (double)f.x[0] / (steps - steps / 2) : 0;
	}
	double end = (double)f.x[0];
	fixture_close(&f);
	return strstr(settings, "noise") ? tail : end;
}

Test(median_toy, the_mean_finds_the_mean_and_the_vote_the_median)
{
	cr_expect_float_eq(toy_end(false, "\"median-toy\"", 20000), 13.0 / 3, 1e-3);
	cr_expect_float_eq(toy_end(true, "\"median-toy\"", 20000), 2, 1.001e-3);
}

/*
 * Noise before the vote pulls its end from the median towards the mean. It rests where the vote is even: with
 * p_m = Phi((x - a_m) / b), where two or three of three positive signs have probability 1/2.
 */
Test(median_toy, noise_before_the_vote_moves_its_end_towards_the_mean)
{
	const double noises[] = {1, 5};
	for (size_t k = 0; k < 2; k++) {
		char settings[64];
		double low = 1, high = 10;
		while (high - low > 1e-6) {
			double x = 0.5 * (low + high), p = upper_tail((1 - x) / noises[k]);
			double q = upper_tail((2 - x) / noises[k]), r = upper_tail((10 - x) / noises[k]);
			double up = p * q + p * r + q * r - 2 * p * q * r;
			*(up < 0.5 ? &low : &high) = x;
		}
		snprintf(settings, sizeof settings, "{\"kind\":\"median-toy\",\"noise\":%g}", noises[k]);
		double end = toy_end(true, settings, 200000);
		cr_expect_float_eq(end, low, 0.1, "noise %g: rests at %g, expected %g", noises[k], end, low);
		cr_expect(end > 2.05 && end < 13.0 / 3, "noise %g: rests at %g", noises[k], end);
	}
}

Test(median_toy, each_worker_has_its_own_loss_and_f_is_their_mean)
{
	struct fixture f;
	double loss = 0;
	size_t correct = 1;
	fixture_open(&f, "{\"kind\":\"median-toy\",\"start\":4}", "ref", &fixture_env);
	const double own[] = {4.5, 2, 18};
	const float slope[] = {3, 2, -6};
	for (uint32_t worker = 0; worker < 3; worker++) {
		struct batch batch = {.count = 1, .seed = 1, .worker = worker};
		cr_expect_float_eq(f.model->grad(f.instance, f.x, &batch, f.g), own[worker], 1e-12);
		cr_expect_eq(f.g[0], slope[worker]);
	}
	f.model->eval(f.instance, f.x, NULL, &loss, &correct);
	cr_expect_float_eq(loss, 24.5 / 3, 1e-12);
	cr_expect_eq(correct, 0);
	fixture_close(&f);
}
