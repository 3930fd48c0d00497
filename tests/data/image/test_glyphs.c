/* The data set that the program draws: the same everywhere, balanced, and as hard as it is meant to be. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "data/dataset.h"

extern const struct data_source data_glyphs;

enum { PIXELS = 784, CLASSES = 10 };

/* Drawn with these settings on so many lanes; 0: without a pool. */
static struct dataset drawn(const char *json, int lanes, uint64_t experiment_seed)
{
	struct arena a = {0};
	struct err e = {0};
	struct dataset d;
	void *state = mem_alloc(data_glyphs.row.state_bytes);
	const struct json *object = json_read_text(&a, "test", json, strlen(json), &e);
	cr_assert(object && keys_parse(data_glyphs.row.keys, state, object, &a, &e) == 0, "%s", e.text);
	struct data_env env = {.seed = experiment_seed, .pool = lanes ? pool_open(lanes) : NULL};
	cr_assert_eq(data_glyphs.load(state, &env, &d, &e), 0, "%s", e.text);
	if (env.pool)
		pool_close(env.pool);
	mem_free(state);
	arena_clear(&a);
	return d;
}

/* Are the first so many samples of both the same? */
static bool same_samples(const struct dataset *a, const struct dataset *b, size_t n_train, size_t n_test)
{
	return !memcmp(a->train_pixels, b->train_pixels, n_train * PIXELS) &&
	       !memcmp(a->train_labels, b->train_labels, n_train * sizeof *a->train_labels) &&
	       !memcmp(a->test_pixels, b->test_pixels, n_test * PIXELS) &&
	       !memcmp(a->test_labels, b->test_labels, n_test * sizeof *a->test_labels);
}

Test(glyphs, lanes_and_the_experiments_seed_change_nothing)
{
	struct dataset one = drawn("{\"train\": 1003, \"test\": 101}", 0, 1);
	cr_assert(one.shape.n_train == 1003 && one.shape.n_test == 101 && one.shape.n_classes == CLASSES);
	cr_assert_eq(shape_features(&one.shape), PIXELS);
	for (int lanes = 1; lanes <= 3; lanes++) {
		struct dataset other = drawn("{\"train\": 1003, \"test\": 101}", lanes, 1 + (uint64_t)lanes);
		cr_assert(same_samples(&one, &other, 1003, 101), "%d lanes", lanes);
		cr_assert(one.mean[0] == other.mean[0] && one.std[0] == other.std[0]);
		dataset_clear(&other);
	}
	dataset_clear(&one);
}

Test(glyphs, a_drawing_does_not_depend_on_how_many_there_are)
{
	struct dataset few = drawn("{\"train\": 33, \"test\": 5}", 0, 1);
	struct dataset many = drawn("{\"train\": 200, \"test\": 50}", 0, 1);
	cr_assert(same_samples(&few, &many, 33, 5));
	dataset_clear(&few);
	dataset_clear(&many);
}

Test(glyphs, every_ten_hold_every_character_once_in_random_order)
{
	struct dataset d = drawn("{\"train\": 2000, \"test\": 1000, \"seed\": 3}", 0, 1);
	int first[CLASSES] = {0};
	for (size_t i = 0; i < 3000; i += CLASSES) {
		const uint16_t *ten = i < 2000 ? d.train_labels + i : d.test_labels + (i - 2000);
		unsigned seen = 0;
		for (int k = 0; k < CLASSES; k++)
			seen |= 1u << ten[k];
		cr_assert_eq(seen, (1u << CLASSES) - 1);
		first[ten[0]]++;
	}
	for (int c = 0; c < CLASSES; c++) /* 300 times one of ten: 30 and 5 sigma */
		cr_assert_float_eq(first[c], 30, 5 * sqrt(27), "%d came first %d times", c, first[c]);
	dataset_clear(&d);
}

/* No drawing of one set is in the other. */
static void expect_apart(const uint8_t *a, size_t n, const uint8_t *b, size_t m)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m; j++)
			cr_assert_neq(memcmp(a + i * PIXELS, b + j * PIXELS, PIXELS), 0, "%zu and %zu", i, j);
}

Test(glyphs, seeds_and_splits_are_different_drawings)
{
	struct dataset a = drawn("{\"train\": 300, \"test\": 300, \"seed\": 1}", 0, 1);
	struct dataset b = drawn("{\"train\": 300, \"test\": 300, \"seed\": \"18446744073709551615\"}", 0, 1);
	expect_apart(a.train_pixels, 300, a.test_pixels, 300);
	expect_apart(a.train_pixels, 300, b.train_pixels, 300);
	expect_apart(a.test_pixels, 300, b.test_pixels, 300);
	cr_assert_neq(memcmp(a.train_labels, b.train_labels, 300 * sizeof *a.train_labels), 0);
	dataset_clear(&a);
	dataset_clear(&b);
}

Test(glyphs, mean_and_deviation_are_those_of_the_training_pixels)
{
	struct dataset d = drawn("{\"train\": 500, \"test\": 10}", 0, 1);
	size_t n = 500 * PIXELS;
	double sum = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		sum += d.train_pixels[i] / 255.0;
	for (size_t i = 0; i < n; i++)
		squares += pow(d.train_pixels[i] / 255.0 - sum / (double)n, 2);
	cr_assert_float_eq(d.mean[0], sum / (double)n, 1e-6);
	cr_assert_float_eq(d.std[0], sqrt(squares / (double)n), 1e-6);
	dataset_clear(&d);
}

/*
 * A corner that no stroke reaches holds max(0, N(0, noise)): mean noise / sqrt(2 pi), and half of it is 0
 * (and what rounds to 0: noise < 1/510).
 */
Test(glyphs, noise_is_normal_with_the_deviation_that_was_set)
{
	struct dataset d =
	        drawn("{\"train\": 5000, \"test\": 1, \"noise\": 0.2, \"clutter\": 0, \"warp\": 0}", 0, 1);
	double sum = 0, zeros = 0, n = 4 * 5000;
	for (size_t i = 0; i < 5000; i++) {
		const uint8_t *p = d.train_pixels + i * PIXELS;
		const int corners[4] = {p[0], p[27], p[PIXELS - 28], p[PIXELS - 1]};
		for (int k = 0; k < 4; k++) {
			sum += corners[k] / 255.0;
			zeros += corners[k] == 0;
		}
	}
	double half_normal = 0.2 * sqrt(0.5 / M_PI), deviation = 0.2 * sqrt(0.5 - 0.5 / M_PI);
	double p_zero = 0.5 + 0.5 * erf(1 / 510.0 / 0.2 / sqrt(2));
	cr_assert_float_eq(sum / n, half_normal, 5 * deviation / sqrt(n), "mean %g", sum / n);
	cr_assert_float_eq(zeros / n, p_zero, 5 * 0.5 / sqrt(n), "share of zeros %g", zeros / n);
	dataset_clear(&d);
}

/* Without warp, noise and stray strokes a character is drawn in its two styles only, apart from the pen. */
Test(glyphs, without_warp_only_the_pen_differs)
{
	struct dataset d =
	        drawn("{\"train\": 400, \"test\": 1, \"noise\": 0, \"clutter\": 0, \"warp\": 0}", 0, 1);
	uint8_t inked[CLASSES][PIXELS] = {{0}};
	for (size_t i = 0; i < 400; i++)
		for (int k = 0; k < PIXELS; k++)
			inked[d.train_labels[i]][k] |= d.train_pixels[i * PIXELS + (size_t)k] > 0;
	for (int c = 0; c < CLASSES; c++) {
		int n = 0;
		for (int k = 0; k < PIXELS; k++)
			n += inked[c][k];
		cr_assert(n > 50 && n < 300, "character %d ever inks %d pixels", c, n);
		for (int k = 0; k < 28; k++) /* 18 pixels high, in the middle */
			cr_assert(!inked[c][k] && !inked[c][PIXELS - 1 - k], "character %d reaches an edge",
			          c);
	}
	dataset_clear(&d);
}

/* Results are published on these bytes: a change of them is a change of the data set, and needs a new name.
 */
Test(glyphs, the_default_drawings_are_these)
{
	char train[65], test[65];
	struct dataset d = drawn("{}", 2, 1);
	cr_assert(d.shape.n_train == 10000 && d.shape.n_test == 2000);
	sha256_hex(d.train_pixels, 10000 * (size_t)PIXELS, train);
	sha256_hex(d.test_pixels, 2000 * (size_t)PIXELS, test);
	cr_assert_str_eq(train, "11697f92f3a71daa5ccc65ee4ad8127ebe6dcd4d95fd73e00f1f47df79e21b9a");
	cr_assert_str_eq(test, "108e9e9c6ac095473ef3d7753a468b2368920add99f697f814555b9411bc5e02");
	dataset_clear(&d);
}

/* --- softmax regression by gradient descent with momentum ------------------------------------------------
 */

struct regression {
	float w[CLASSES][PIXELS + 1], v[CLASSES][PIXELS + 1]; /* the last one: bias */
};

static void logits(const struct regression *r, const struct dataset *d, const uint8_t *pixels,
                   float x[PIXELS + 1], float z[CLASSES])
{
	for (int k = 0; k < PIXELS; k++)
		x[k] = (pixels[k] / 255.0f - d->mean[0]) / d->std[0];
	x[PIXELS] = 1;
	for (int c = 0; c < CLASSES; c++) {
		z[c] = 0;
		for (int k = 0; k <= PIXELS; k++)
			z[c] += r->w[c][k] * x[k];
	}
}

/* One step on samples first .. first + 99. */
static void descend(struct regression *r, const struct dataset *d, size_t first, float lr)
{
	static float g[CLASSES][PIXELS + 1];
	memset(g, 0, sizeof(g));
	for (size_t i = first; i < first + 100; i++) {
		float x[PIXELS + 1], z[CLASSES], sum = 0, top = -INFINITY;
		logits(r, d, d->train_pixels + i * PIXELS, x, z);
		for (int c = 0; c < CLASSES; c++)
			top = fmaxf(top, z[c]);
		for (int c = 0; c < CLASSES; c++)
			sum += z[c] = expf(z[c] - top);
		for (int c = 0; c < CLASSES; c++)
			for (int k = 0; k <= PIXELS; k++)
				g[c][k] += (z[c] / sum - (float)(c == d->train_labels[i])) * x[k] / 100;
	}
	for (int c = 0; c < CLASSES; c++)
		for (int k = 0; k <= PIXELS; k++) {
			r->v[c][k] = 0.9f * r->v[c][k] + g[c][k];
			r->w[c][k] -= lr * r->v[c][k];
		}
}

static double accuracy(const struct regression *r, const struct dataset *d)
{
	size_t correct = 0;
	for (size_t i = 0; i < d->shape.n_test; i++) {
		float x[PIXELS + 1], z[CLASSES];
		int best = 0;
		logits(r, d, d->test_pixels + i * PIXELS, x, z);
		for (int c = 1; c < CLASSES; c++)
			best = z[c] > z[best] ? c : best;
		correct += best == d->test_labels[i];
	}
	return (double)correct / (double)d->shape.n_test;
}

/* Hard enough that a linear model is no answer, easy enough that it is a good start: 80 to 90 %. */
Test(glyphs, a_linear_model_gets_80_to_90_percent)
{
	static struct regression r;
	struct dataset d = drawn("{}", 2, 1);
	enum { EPOCHS = 8 };
	for (int epoch = 0; epoch < EPOCHS; epoch++)
		for (size_t first = 0; first < 10000; first += 100)
			descend(&r, &d, first, 0.005f * (float)(EPOCHS - epoch) / EPOCHS);
	double found = accuracy(&r, &d);
	cr_assert(found >= 0.8 && found <= 0.9, "test accuracy %g", found);
	dataset_clear(&d);
}
