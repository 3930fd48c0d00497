/* What colluders find out: the search of `opt-ipm` and `opt-alie`, and the direction of `mimic`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/crowd_scene.h"

/* --- the search --------------------------------------------------------------------------------------- */

/* Landscapes of harm over the factor. */
static double harm(int landscape, double t)
{
	switch (landscape) {
	case 0:
		return t;
	case 1:
		return -(t - 37) * (t - 37);
	case 2:
		return sin(t) + 0.01 * t;
	case 3:
		return t < 25 ? t : NAN; /* withheld */
	case 4:
		return 1; /* no matter what */
	default:
		return NAN;
	}
}

struct asked {
	int landscape, count;
};

static void ask(void *ctx, const double *numbers, struct crowd_answer *answer)
{
	struct asked *a = ctx;
	a->count++;
	*answer = (struct crowd_answer){.distance = harm(a->landscape, numbers[0])};
}

/* The search in the words of ByzFL 0.0.11's documentation: expansion, then contraction. */
static double naive_search(int landscape, int evals, double start, double delta, double ratio)
{
	double t = start, y = harm(landscape, start);
	int left = evals - 1;
	if (isnan(y))
		y = -INFINITY;
	for (; left > 0; left--) {
		double next = harm(landscape, t + delta);
		if (!(next > y)) {
			delta *= ratio;
			left--;
			break;
		}
		y = next;
		t += delta;
		delta *= 2;
	}
	for (; left > 0; left--, delta *= ratio) {
		double next = harm(landscape, t + delta);
		if (next > y) {
			y = next;
			t += delta;
		}
	}
	return t;
}

static void check_search(const char *row, int landscape, int evals, double start, double delta, double ratio)
{
	struct asked asked = {.landscape = landscape};
	struct crowd_scene s;
	char json[160];
	snprintf(json, sizeof json, "{\"kind\":\"%s\",\"evals\":%d,\"start\":%g,\"delta\":%g,\"ratio\":%g}",
	         row, evals, start, delta, ratio);
	crowd_scene_open(&s, json, scene_rows[0], 4, SCENE_ROWS, 1);
	s.view.ask = ask;
	s.view.asked = &asked;
	scene_plan(&s);
	cr_expect_eq(s.view.numbers[0], naive_search(landscape, evals, start, delta, ratio),
	             "%s, landscape %d: %g", json, landscape, s.view.numbers[0]);
	cr_expect_eq(asked.count, evals, "%s: %d", json, asked.count);
	crowd_scene_close(&s);
}

Test(crowd_learns, the_search_is_byzfls)
{
	static const char *const rows[] = {"opt-ipm", "opt-alie"};
	for (size_t r = 0; r < 2; r++)
		for (int landscape = 0; landscape <= 5; landscape++) {
			check_search(rows[r], landscape, 20, 0, 10, 0.8);
			check_search(rows[r], landscape, 1, 0.5, 1, 0.5);
			check_search(rows[r], landscape, 2, 0, 1, 0.5);
			check_search(rows[r], landscape, 40, 2, 0.25, 0.9);
		}
}

/* 10 and 30 are better; 70 is not, nor are 62, 55.6, 50.5 and 46.4; 43.1 is; nothing above that. */
Test(crowd_learns, the_search_by_hand)
{
	cr_expect_float_eq(naive_search(1, 20, 0, 10, 0.8), 30 + 40 * pow(0.8, 5), 1e-12);
}

/* --- mimic -------------------------------------------------------------------------------------------- */

enum { H = 5, N = 2 * CROWD_CHUNK + 37, STEPS = 6, WARMUP = 4 };

struct naive_mimic {
	double z[N], mean[N];
	int done;
};

static double dot(const double *a, const double *b)
{
	double sum = 0;
	for (size_t i = 0; i < N; i++)
		sum += a[i] * b[i];
	return sum;
}

static void learn(struct naive_mimic *m, const float *v)
{
	static double w[N], d[N];
	double t = m->done++;
	memset(w, 0, sizeof w);
	for (size_t i = 0; i < N; i++) {
		double mu = 0;
		for (int k = 0; k < H; k++)
			mu += v[(size_t)k * N + i] / (double)H;
		m->mean[i] = t / (1 + t) * m->mean[i] + mu / (1 + t);
	}
	for (int k = 0; k < H; k++) {
		for (size_t i = 0; i < N; i++)
			d[i] = v[(size_t)k * N + i] - m->mean[i];
		double along = dot(d, m->z);
		for (size_t i = 0; i < N; i++)
			w[i] += along * d[i];
	}
	double length = sqrt(dot(w, w));
	for (size_t i = 0; i < N; i++)
		m->z[i] = t / (1 + t) * m->z[i] + w[i] / length / (1 + t);
	length = sqrt(dot(m->z, m->z));
	for (size_t i = 0; i < N; i++)
		m->z[i] /= length;
}

static int furthest(const struct naive_mimic *m, const float *v)
{
	static double g[N];
	double most = -INFINITY;
	int best = 0;
	for (int k = 0; k < H; k++) {
		for (size_t i = 0; i < N; i++)
			g[i] = v[(size_t)k * N + i];
		if (dot(g, m->z) > most) {
			most = dot(g, m->z);
			best = k;
		}
	}
	return best;
}

/* Honest workers differ most along a line of which worker 1 is furthest out. */
static void fill_step(float *v, uint64_t step)
{
	static const float along[H] = {0, 1.5F, -0.5F, -0.3F, -0.7F};
	scene_fill(v, (size_t)H * N, step);
	for (int k = 0; k < H; k++)
		for (size_t i = 0; i < N; i++)
			v[(size_t)k * N + i] += along[k] * (i % 2 ? 0.5F : -0.5F);
}

Test(crowd_learns, mimic_finds_the_direction_by_ojas_rule)
{
	static float v[H * N], out[N];
	static struct naive_mimic naive;
	struct crowd_scene s;
	char json[80];
	snprintf(json, sizeof json, "{\"kind\":\"mimic\",\"target\":\"auto\",\"warmup\":%d}", WARMUP);
	crowd_scene_open(&s, json, v, N, H, 2);
	struct stream noise = stream_of(5, RNG_COLLUDERS, 0, 0);
	for (size_t i = 0; i < N; i++) {
		float normal[4];
		stream_normal4(&noise, i / 4, normal);
		naive.z[i] = normal[i % 4];
	}
	for (uint64_t step = 0; step < STEPS; step++) {
		fill_step(v, step);
		scene_step(&s, step, out);
		if (step < WARMUP)
			learn(&naive, v);
		int k = furthest(&naive, v);
		cr_expect_eq(memcmp(out, v + (size_t)k * N, sizeof out), 0, "step %d: not worker %d",
		             (int)step, k);
		for (size_t i = 0; i < N; i++) {
			cr_assert_float_eq(s.memory[i], naive.z[i], 1e-6, "step %d, z %zu", (int)step, i);
			cr_assert_float_eq(s.memory[N + i], naive.mean[i], 1e-6);
		}
		cr_expect_eq(s.memory[2 * N], (float)naive.done);
	}
	cr_expect_eq(naive.done, WARMUP);
	/* the line is found, whichever way round */
	double line = 0;
	for (size_t i = 0; i < N; i++)
		line += s.memory[i] * (i % 2 ? 1 : -1) / sqrt(N);
	cr_expect_gt(fabs(line), 0.9, "%g", line);
	crowd_scene_close(&s);
}

Test(crowd_learns, mimic_copies_whom_it_is_told)
{
	for (int k = 0; k < SCENE_ROWS; k++) {
		struct crowd_scene s;
		char json[60];
		float out[4];
		snprintf(json, sizeof json, "{\"kind\":\"mimic\",\"target\":%d}", k);
		crowd_scene_open(&s, json, scene_rows[0], 4, SCENE_ROWS, 1);
		cr_expect_eq(scene_attack(&s)->memory_floats(s.choice.state, 4), 0);
		scene_step(&s, 3, out);
		cr_expect_eq(memcmp(out, scene_rows[k], sizeof out), 0);
		s.view.h = 2; /* where only these are counted */
		scene_step(&s, 3, out);
		cr_expect_eq(memcmp(out, scene_rows[k < 2 ? k : 1], sizeof out), 0);
		crowd_scene_close(&s);
	}
}

/* Equal vectors teach nothing: z stays what it was, and nothing becomes no number. */
Test(crowd_learns, mimic_of_equals_learns_nothing)
{
	static const float equal[] = {1, 2, 1, 2}, apart[] = {1, 2, 3, -4};
	struct crowd_scene s;
	float out[2];
	crowd_scene_open(&s, "{\"kind\":\"mimic\",\"target\":\"auto\"}", equal, 2, 2, 1);
	scene_step(&s, 0, out);
	cr_expect(out[0] == 1 && out[1] == 2);
	cr_expect_eq(s.memory[4], 0, "it has begun");
	s.honest[0] = apart;
	s.honest[1] = apart + 2;
	scene_step(&s, 1, out);
	cr_expect_eq(s.memory[4], 1);
	cr_expect_float_eq(hypot(s.memory[0], s.memory[1]), 1, 1e-6);
	crowd_scene_close(&s);
}
