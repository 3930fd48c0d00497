/* Attacks on votes: `against` and `min-margin`. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/crowd_scene.h"

enum { MOST = 9, N = 777 };

static int sign(double x)
{
	return (x > 0) - (x < 0);
}

/* Random honest signs: of floats, so that mu is there, or with ties of both. */
static void fill_votes(float *v, size_t n, int h, uint64_t salt)
{
	scene_fill(v, (size_t)h * n, salt);
	for (size_t i = 0; i < n; i += 5) /* V and mu may be 0 */
		for (int k = 0; k < h; k++)
			v[(size_t)k * n + i] = v[(size_t)k * n + i] < 0 ? -1 : 1;
}

static int votes_of(const float *v, size_t n, int h, size_t j)
{
	int sum = 0;
	for (int k = 0; k < h; k++)
		sum += v[(size_t)k * n + j] < 0 ? -1 : 1;
	return sum;
}

static double mean_of(const float *v, size_t n, int h, size_t j)
{
	double sum = 0;
	for (int k = 0; k < h; k++)
		sum += v[(size_t)k * n + j];
	return sum;
}

/* The colluders' votes, each +1 or -1, and their sum in each coordinate. */
static void forge_all(struct crowd_scene *s, int f, float *out, int *sums)
{
	memset(sums, 0, s->view.n * sizeof *sums);
	for (int c = 0; c < f; c++) {
		scene_forge(s, scene_attack(s)->each ? c : -1, 0, s->view.n, out);
		for (size_t j = 0; j < s->view.n; j++) {
			cr_assert(fabsf(out[j]) == 1);
			sums[j] += (int)out[j];
		}
	}
}

Test(crowd_votes, against_turns_just_what_f_colluders_can)
{
	static float v[MOST * N], out[N];
	static int sums[N];
	for (int h = 1; h <= MOST; h++)
		for (int f = 1; f <= 5; f++) {
			struct crowd_scene s;
			fill_votes(v, N, h, (uint64_t)(10 * h + f));
			crowd_scene_open(&s, "\"against\"", v, N, h, f);
			forge_all(&s, f, out, sums);
			for (size_t j = 0; j < N; j++) {
				int V = votes_of(v, N, h, j), right = V ? sign(V) : sign(mean_of(v, N, h, j));
				cr_expect(right == 0 || sums[j] == -f * right, "V = %d", V);
				cr_expect_eq(right * sign(V + sums[j]) < 0, right != 0 && abs(V) < f,
				             "h = %d, f = %d, V = %d", h, f, V);
				cr_expect_eq(V + sums[j] == 0, abs(V) == f);
			}
			crowd_scene_close(&s);
		}
}

/* RULES' case: V = 0 0 -2 4, mu = - + - +, f = 3. */
Test(crowd_votes, min_margin_by_hand)
{
	static const int votes[] = {0, 0, -2, 4}, against[] = {2, 2, 3, 0}, sum[] = {1, -1, 1, 7};
	static const int right[] = {-1, 1, -1, 1};
	struct crowd_scene s;
	float out[4];
	int sums[4];
	crowd_scene_open(&s, "\"min-margin\"", scene_rows[0], 4, SCENE_ROWS, 3);
	forge_all(&s, 3, out, sums);
	for (size_t j = 0; j < 4; j++) {
		cr_expect_eq(votes_of(scene_rows[0], 4, SCENE_ROWS, j), votes[j]);
		cr_expect_eq(votes[j] + sums[j], sum[j], "coordinate %zu: %d", j, votes[j] + sums[j]);
		cr_expect_eq((3 - right[j] * sums[j]) / 2, against[j]);
	}
	crowd_scene_close(&s);
}

/* The same answers as all against, with as few as that takes: one vote less would not do. */
Test(crowd_votes, min_margin_answers_as_against_does)
{
	static float v[MOST * N], out[N];
	static int all[N], few[N];
	for (int h = 1; h <= MOST; h++)
		for (int f = 1; f <= 6; f++) {
			struct crowd_scene one, other;
			fill_votes(v, N, h, (uint64_t)(100 + 10 * h + f));
			crowd_scene_open(&one, "\"against\"", v, N, h, f);
			crowd_scene_open(&other, "\"min-margin\"", v, N, h, f);
			forge_all(&one, f, out, all);
			forge_all(&other, f, out, few);
			for (size_t j = 0; j < N; j++) {
				int V = votes_of(v, N, h, j), answer = V + few[j];
				if (abs(V) == f) /* a tie, which is left alone */
					cr_expect_eq(few[j], f * sign(V));
				else
					cr_expect_eq(sign(answer), sign(V + all[j]), "V = %d, f = %d", V, f);
				cr_expect(abs(V) >= f || (abs(answer) <= 2 && answer != 0),
				          "V = %d, f = %d: %d", V, f, answer);
			}
			crowd_scene_close(&one);
			crowd_scene_close(&other);
		}
}

/* Target mean: the answer is against mu wherever f colluders and the honest votes can make it. */
Test(crowd_votes, min_margin_turns_the_mean)
{
	static float v[7 * N], out[N];
	static int sums[N];
	for (int f = 1; f <= 4; f++) {
		struct crowd_scene s;
		scene_fill(v, (size_t)7 * N, (uint64_t)(500 + f));
		crowd_scene_open(&s, "{\"kind\":\"min-margin\",\"target\":\"mean\"}", v, N, 7, f);
		forge_all(&s, f, out, sums);
		for (size_t j = 0; j < N; j++) {
			int V = votes_of(v, N, 7, j), right = sign(mean_of(v, N, 7, j)), ahead = V * right;
			cr_expect_eq(right * (V + sums[j]) < 0, ahead < f, "V = %d, f = %d", V, f);
			if (ahead < 0 || ahead >= f)
				cr_expect_eq(sums[j], f * sign(V));
		}
		crowd_scene_close(&s);
	}
}

/* Who votes against: from number (step + coordinate) mod f on. In f steps everyone does so equally often. */
Test(crowd_votes, min_margin_takes_turns)
{
	enum { F = 4 };
	static float v[2 * N], out[N];
	static int against[F][N];
	struct crowd_scene s;
	for (size_t j = 0; j < N; j++) {
		v[j] = 2;
		v[N + j] = -1; /* V = 0, mu > 0: k = 3 of 4 vote - */
	}
	crowd_scene_open(&s, "\"min-margin\"", v, N, 2, F);
	for (uint64_t step = 0; step < F; step++) {
		s.view.step = step;
		for (int c = 0; c < F; c++) {
			scene_forge(&s, c, 0, N, out);
			for (size_t j = 0; j < N; j++) {
				int place = (c - (int)((step + j) % F) + F) % F;
				cr_expect_eq(out[j] < 0, place < 3);
				against[c][j] += out[j] < 0;
			}
		}
	}
	for (int c = 0; c < F; c++)
		for (size_t j = 0; j < N; j++)
			cr_expect_eq(against[c][j], 3);
	crowd_scene_close(&s);
}

/* Votes that abstain do not count. */
Test(crowd_votes, silent_votes_do_not_count)
{
	enum { WORDS = 2 };
	static const uint64_t planes[3][2 * WORDS] = {
	        {0x3, 0, 0x4, 0}, {0x1, 0x1, 0x6, 0}, {0, 0, 0x6, 0x1}}; /* votes, then who says nothing */
	const uint64_t *const messages[] = {planes[0], planes[1], planes[2]};
	struct crowd_scene s;
	static float v[3 * 65];
	int votes[65];
	crowd_scene_open(&s, "\"against\"", v, 65, 3, 1);
	s.view.signs = messages;
	s.view.abstains = true;
	crowd_votes(&s.view, 0, 65, votes);
	cr_expect_eq(votes[0], -1);
	cr_expect_eq(votes[1], -1);
	cr_expect_eq(votes[2], 0);
	cr_expect_eq(votes[3], 3);
	cr_expect_eq(votes[64], 0);
	crowd_scene_close(&s);
}
