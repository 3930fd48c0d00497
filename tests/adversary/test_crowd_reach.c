/* `min-max` and `min-sum`: against bisection, and by the inequalities that define them; `fang` by its ranges.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include "base/mem.h"
#include "tests/support/crowd_scene.h"

enum { MOST = 12, WIDE = 3 * CROWD_CHUNK + 7 };

static const char *const directions[] = {"unit", "std", "sign"};

struct naive {
	const float *v; /* [h][n] */
	size_t n;
	int h;
	double *mean, *p; /* [n] */
};

static void naive_open(struct naive *x, const float *v, size_t n, int h, int direction)
{
	double length = 0;
	*x = (struct naive){v, n, h, mem_array(n, sizeof(double)), mem_array(n, sizeof(double))};
	for (size_t i = 0; i < n; i++) {
		double square = 0;
		for (int k = 0; k < h; k++)
			x->mean[i] += v[(size_t)k * n + i] / (double)h;
		for (int k = 0; k < h; k++)
			square += pow(v[(size_t)k * n + i] - x->mean[i], 2) / h;
		length += x->mean[i] * x->mean[i];
		x->p[i] = direction == 0   ? -x->mean[i]
		          : direction == 1 ? -sqrt(square)
		                           : -(double)((x->mean[i] > 0) - (x->mean[i] < 0));
	}
	for (size_t i = 0; direction == 0 && i < n; i++)
		x->p[i] /= sqrt(length);
}

static void naive_close(struct naive *x)
{
	mem_free(x->mean);
	mem_free(x->p);
}

/* The largest, or the sum, of the squared distances of mu + gamma p from the honest vectors. */
static double reach(const struct naive *x, double gamma, bool sum)
{
	double out = 0;
	for (int k = 0; k < x->h; k++) {
		double d = 0;
		for (size_t i = 0; i < x->n; i++)
			d += pow(x->mean[i] + gamma * x->p[i] - x->v[(size_t)k * x->n + i], 2);
		out = sum ? out + d : fmax(out, d);
	}
	return out;
}

static double bound(const struct naive *x, bool sum)
{
	double out = 0;
	for (int i = 0; i < x->h; i++) {
		double of_one = 0;
		for (int k = 0; k < x->h; k++) {
			double d = 0;
			for (size_t j = 0; j < x->n; j++)
				d += pow((double)x->v[(size_t)i * x->n + j] - x->v[(size_t)k * x->n + j], 2);
			of_one = sum ? of_one + d : fmax(of_one, d);
		}
		out = fmax(out, of_one);
	}
	return out;
}

static double bisected(const struct naive *x, bool sum)
{
	double low = 0, high = 1, limit = bound(x, sum);
	while (reach(x, high, sum) <= limit)
		high *= 2;
	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;
		if (reach(x, middle, sum) <= limit)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* gamma of what is sent, along p. */
static double sent(const struct naive *x, const char *row, int direction)
{
	struct crowd_scene s;
	char json[80];
	double along = 0, square = 0;
	float *out = mem_array(x->n, sizeof *out);
	snprintf(json, sizeof json, "{\"kind\":\"%s\",\"direction\":\"%s\"}", row, directions[direction]);
	crowd_scene_open(&s, json, x->v, x->n, x->h, 2);
	scene_plan(&s);
	scene_forge(&s, -1, 0, x->n, out);
	for (size_t i = 0; i < x->n; i++) {
		along += (out[i] - x->mean[i]) * x->p[i];
		square += x->p[i] * x->p[i];
	}
	for (size_t i = 0; i < x->n; i++)
		cr_expect_float_eq(out[i], x->mean[i] + along / square * x->p[i], 1e-5);
	crowd_scene_close(&s);
	mem_free(out);
	return along / square;
}

static void check_reach(const float *v, size_t n, int h)
{
	for (int direction = 0; direction < 3; direction++)
		for (int sum = 0; sum < 2; sum++) {
			struct naive x;
			naive_open(&x, v, n, h, direction);
			double gamma = sent(&x, sum ? "min-sum" : "min-max", direction);
			double limit = bound(&x, sum), want = bisected(&x, sum);
			cr_expect_float_eq(
			        gamma, want, 1e-5 * (1 + want), "%s %s, h = %d, n = %zu: %.9g, not %.9g",
			        sum ? "min-sum" : "min-max", directions[direction], h, n, gamma, want);
			cr_expect_leq(reach(&x, gamma, sum), limit * (1 + 1e-5));
			cr_expect_gt(reach(&x, gamma * 1.001, sum), limit);
			naive_close(&x);
		}
}

Test(crowd_reach, gammas_are_those_of_bisection_and_of_the_inequalities)
{
	static float v[MOST * WIDE];
	check_reach(scene_rows[0], 4, SCENE_ROWS);
	for (uint64_t salt = 0; salt < 60; salt++) {
		int h = 2 + (int)(salt % (MOST - 1));
		size_t n = 1 + salt % 13;
		scene_fill(v, (size_t)h * n, salt);
		check_reach(v, n, h);
	}
	scene_fill(v, (size_t)5 * WIDE, 99);
	check_reach(v, WIDE, 5);
}

/* All equal: no room at all. One alone, or a mean of 0: the mean is sent. */
Test(crowd_reach, without_room_the_mean_is_sent)
{
	static const float equal[] = {1, 2, 1, 2, 1, 2}, opposite[] = {1, -2, -1, 2};
	static const char *const rows[] = {"\"min-max\"", "\"min-sum\""};
	for (size_t r = 0; r < 2; r++) {
		struct crowd_scene s;
		float out[2];
		for (int h = 1; h <= 3; h += 2) {
			crowd_scene_open(&s, rows[r], equal, 2, h, 1);
			scene_step(&s, 0, out);
			cr_expect(out[0] == 1 && out[1] == 2, "%s, h = %d", rows[r], h);
			crowd_scene_close(&s);
		}
		crowd_scene_open(&s, rows[r], opposite, 2, 2, 1);
		scene_step(&s, 0, out);
		cr_expect(out[0] == 0 && out[1] == 0, "%s", rows[r]);
		crowd_scene_close(&s);
	}
}

/* Where coordinate j of a colluder's vector may be: beyond the honest values, on the wrong side. */
static void check_range(const float *v, size_t n, int h, size_t j, double b, double x)
{
	double mean = 0, least = INFINITY, greatest = -INFINITY;
	for (int k = 0; k < h; k++) {
		mean += v[(size_t)k * n + j];
		least = fmin(least, v[(size_t)k * n + j]);
		greatest = fmax(greatest, v[(size_t)k * n + j]);
	}
	double low = mean < 0    ? greatest
	             : least > 0 ? least / b
	                         : b * least,
	       high = mean >= 0      ? least
	              : greatest > 0 ? b * greatest
	                             : greatest / b;
	cr_expect(x >= low - 1e-6 && x <= high + 1e-6, "coordinate %zu: %g not in [%g, %g]", j, x, low, high);
}

enum { COLLUDERS = 3, DRAWN = 5000 };

Test(crowd_reach, fang_outbids_and_each_colluder_draws_for_itself)
{
	static float v[4 * DRAWN], out[COLLUDERS][DRAWN];
	struct crowd_scene s;
	double sum = 0, count = 0;
	scene_fill(v, (size_t)4 * DRAWN, 7);
	for (size_t i = 0; i < DRAWN; i++) /* all signs of both extremes */
		for (int k = 0; k < 4; k++)
			v[(size_t)k * DRAWN + i] += (float)(int)(i % 3) - 1;
	crowd_scene_open(&s, "{\"kind\":\"fang\",\"b\":3}", v, DRAWN, 4, COLLUDERS);
	for (int c = 0; c < COLLUDERS; c++)
		scene_forge(&s, c, 0, DRAWN, out[c]);
	for (size_t j = 0; j < DRAWN; j++)
		for (int c = 0; c < COLLUDERS; c++) {
			check_range(v, DRAWN, 4, j, 3, out[c][j]);
			sum += out[c][j] > out[(c + 1) % COLLUDERS][j];
			count++;
		}
	cr_expect_float_eq(sum / count, 0.5, 5 * 0.5 / sqrt(count), "they draw alike: %g", sum / count);
	crowd_scene_close(&s);
}

/* As uniform as it says: the mean of a range's draws is its middle. */
Test(crowd_reach, fang_is_uniform)
{
	static float v[DRAWN], out[DRAWN];
	struct crowd_scene s;
	double sum = 0;
	for (size_t i = 0; i < DRAWN; i++)
		v[i] = -2;
	crowd_scene_open(&s, "\"fang\"", v, DRAWN, 1, 1);
	scene_forge(&s, 0, 0, DRAWN, out);
	for (size_t i = 0; i < DRAWN; i++) {
		cr_expect(out[i] >= -2 && out[i] <= -1);
		sum += out[i];
	}
	cr_expect_float_eq(sum / DRAWN, -1.5, 5 * sqrt(1.0 / 12 / DRAWN));
	crowd_scene_close(&s);
}

struct krum {
	double taken; /* lambda from which on the colluders are not chosen */
	int asked;
};

static void ask_krum(void *asked, const double *numbers, struct crowd_answer *answer)
{
	struct krum *k = asked;
	k->asked++;
	*answer = (struct crowd_answer){.chosen = numbers[0] < k->taken};
}

Test(crowd_reach, fang_halves_lambda_until_krum_takes_it)
{
	static const struct {
		double taken, lambda;
		int asked;
	} cases[] = {{2, 1, 1}, {1, 0.5, 2}, {0.3, 0.25, 3}, {1e-4, 0x1p-14, 15}, {0, 0x1p-16, 17}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct krum krum = {.taken = cases[i].taken};
		struct crowd_scene s;
		float out[4];
		crowd_scene_open(&s, "{\"kind\":\"fang\",\"rule\":\"krum\"}", scene_rows[0], 4, SCENE_ROWS,
		                 1);
		s.view.ask = ask_krum;
		s.view.asked = &krum;
		scene_plan(&s);
		scene_forge(&s, -1, 0, 4, out);
		cr_expect_eq(krum.asked, cases[i].asked, "%d times", krum.asked);
		for (size_t j = 0; j < 4; j++) /* mu: - + - + */
			cr_expect_eq(out[j], (float)(j % 2 ? -cases[i].lambda : cases[i].lambda));
		crowd_scene_close(&s);
	}
}
