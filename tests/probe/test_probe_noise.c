/* Probes of a full pass against their definition, written out with the model's own gradients; and the laws.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "h5/h5.h"
#include "probe/probe_internal.h"
#include "base/stats.h"
#include "train/run.h"
#include "tests/support/file.h"
#include "tests/support/h5_door.h"
#include "tests/support/probed_run.h"
#include "tests/support/train.h"
#include "train/trainer_internal.h"

enum { K = PROBED_BATCHES, B = 10, BINS = 47 };

static char folder[FOLDER_SIZE], path[128];

static void make_folder(void)
{
	folder_make(folder);
	snprintf(path, sizeof path, "%s/r.h5", folder);
}

static void drop_folder(void)
{
	folder_remove(folder);
}

TestSuite(pass, .init = make_folder, .fini = drop_folder);

/* The only run of a text, whole, into `path`. */
static void record(const char *text, int lanes)
{
	struct runs runs;
	struct err e = {0};
	enum run_outcome outcome;
	const struct run_options options = {.path = path, .overwrite = true};
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(lanes);
	cr_assert_eq(run_one(s, pool, &options, &outcome, &e), 0, "%s", e.text);
	pool_close(pool);
	runs_clear(&runs);
}

/* A column of `path`, whole; *count numbers. */
static double *column(const char *name, size_t *count)
{
	return h5_door_numbers(path, name, count);
}

/* --- against the definition ----------------------------------------------------------------------------- */

/* The gradients of a pass at t's x, into g [K][n]: order, batches and all written out. */
static void each_gradient(struct trainer *t, uint64_t step, float *g)
{
	uint32_t order[103];
	size_t n = t->state.n;
	struct lane *l = &t->workforce.lanes[0];
	struct stream draw = stream_of(3, RNG_PROBE, 1, step);
	for (uint32_t i = 0; i < 103; i++)
		order[i] = i;
	stream_shuffle(&draw, order, 103);
	for (size_t k = 0; k < K; k++) {
		struct batch batch = {.count = B};
		memcpy(l->index, order + k * B, B * sizeof *order);
		lane_pass(l, SET_TRAIN, k, B, &batch);
		t->env.model->grad(l->model, t->state.x, &batch, g + k * n);
	}
}

/* Mean and deviation of one weight, in two passes. */
static void mean_std(const float *g, size_t n, size_t i, double *mean, double *std)
{
	double sum = 0, square = 0;
	for (size_t k = 0; k < K; k++)
		sum += (double)g[k * n + i];
	*mean = sum / K;
	for (size_t k = 0; k < K; k++)
		square += ((double)g[k * n + i] - *mean) * ((double)g[k * n + i] - *mean);
	*std = sqrt(square / (K - 1));
}

static double phi(const double *v, size_t n)
{
	double l1 = 0, square = 0;
	for (size_t i = 0; i < n; i++) {
		l1 += fabs(v[i]);
		square += v[i] * v[i];
	}
	return l1 * l1 / ((double)n * square);
}

static void expect(const char *name, size_t at, double expected)
{
	size_t count;
	double *values = column(name, &count);
	cr_assert_lt(at, count, "%s", name);
	cr_expect_float_eq(values[at], expected, 1e-9 * fabs(expected) + 1e-300,
	                   "%s [%zu]: %.17g, expected %.17g", name, at, values[at], expected);
	mem_free(values);
}

/* Row `row` of snr and row `other` of l1_l2, both of the pass whose gradients are g. */
static void expect_moments(const float *g, size_t n, size_t row, size_t other)
{
	double *mean = mem_array(n, sizeof *mean), *std = mem_array(n, sizeof *std),
	       *s = mem_array(n, sizeof *s);
	double sum = 0, density = 0, counted = 0;
	size_t above = 0, count;
	for (size_t i = 0; i < n; i++) {
		mean_std(g, n, i, &mean[i], &std[i]);
		s[i] = fabs(mean[i]) / std[i];
		sum += s[i];
		above += s[i] > 2 / sqrt(3);
	}
	expect("/probes/snr/mean", row, sum / (double)n);
	expect("/probes/snr/share", row, (double)above / (double)n);
	expect("/probes/snr/silent", row, 0);
	expect("/probes/l1_l2/full", other, phi(mean, n));
	expect("/probes/l1_l2/noise", other, phi(std, n));
	for (size_t k = 0; k < K; k++) {
		for (size_t i = 0; i < n; i++)
			mean[i] = (double)g[k * n + i];
		density += phi(mean, n) / K;
	}
	expect("/probes/l1_l2/stochastic", other, density);
	stats_sort(s, n);
	expect("/probes/snr/max", row, s[n - 1]);
	expect("/probes/snr/quantiles", 6 * row + 2, s[(n + 1) / 2 - 1]);
	double *counts = column("/probes/snr/counts", &count);
	for (size_t b = 0; b < BINS; b++)
		counted += counts[row * BINS + b];
	cr_expect_eq(counted, (double)n);
	mem_free(counts);
	mem_free(mean);
	mem_free(std);
	mem_free(s);
}

/* Row `row` of gradient_noise, of the pass whose gradients are g. */
static void expect_noise(const float *g, size_t n, size_t row)
{
	size_t count;
	double *weight = column("/probes/gradient_noise/weight", &count);
	cr_assert_eq(count, 2 * 4);
	cr_expect_eq(weight[0], 7845);
	cr_expect_eq(weight[1], 5);
	for (size_t w = 0; w < 4; w++) {
		double mean, std, cube = 0;
		size_t i = (size_t)weight[4 * row + w], at = 4 * row + w;
		mean_std(g, n, i, &mean, &std);
		for (size_t k = 0; k < K; k++) {
			expect("/probes/gradient_noise/values", at * K + k, (double)g[k * n + i]);
			cube += pow((double)g[k * n + i] - mean, 3) / K;
		}
		expect("/probes/gradient_noise/mean", at, mean);
		expect("/probes/gradient_noise/std", at, std);
		expect("/probes/gradient_noise/skewness", at, cube / pow(std * std * (K - 1) / K, 1.5));
	}
	mem_free(weight);
}

Test(pass, rows_are_their_definition)
{
	struct runs runs;
	const struct settings *s = train_settings(&runs, PROBED_ALL);
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(s, pool);
	size_t n = t->state.n;
	float *g = mem_array(K * n, sizeof *g);
	cr_assert_eq(n, 7850);
	record(PROBED_ALL, 2);
	each_gradient(t, 0, g);
	expect_moments(g, n, 0, 0);
	expect_noise(g, n, 0);
	train_steps(t, 4);
	each_gradient(t, 4, g);
	expect_noise(g, n, 1);
	train_steps(t, 2);
	each_gradient(t, 6, g);
	expect_moments(g, n, 2, 3); /* snr after 0, 3, 6 steps, l1_l2 after 0, 2, 4, 6 */
	mem_free(g);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

Test(pass, weights_are_named)
{
	struct err e = {0};
	record(PROBED_ALL, 1);
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	char *names = h5_get_text(f, "/probes/gradient_noise/weight", "names", &e);
	cr_assert_not_null(names, "%s", e.text);
	cr_expect(strncmp(names, "fc.bias[5] fc.weight[0,5] fc.weight[", 35) == 0, "%s", names);
	mem_free(names);
	h5_close(f);
}

/* --- laws ----------------------------------------------------------------------------------------------- */

static const char *const columns[] = {"/probes/gradient_noise/step",
                                      "/probes/gradient_noise/weight",
                                      "/probes/gradient_noise/values",
                                      "/probes/gradient_noise/mean",
                                      "/probes/gradient_noise/std",
                                      "/probes/gradient_noise/skewness",
                                      "/probes/gradient_noise/dip",
                                      "/probes/gradient_noise/symmetry",
                                      "/probes/gradient_noise/dip_p",
                                      "/probes/snr/step",
                                      "/probes/snr/mean",
                                      "/probes/snr/max",
                                      "/probes/snr/share",
                                      "/probes/snr/silent",
                                      "/probes/snr/quantiles",
                                      "/probes/snr/counts",
                                      "/probes/l1_l2/step",
                                      "/probes/l1_l2/full",
                                      "/probes/l1_l2/noise",
                                      "/probes/l1_l2/stochastic"};

enum { COLUMNS = sizeof columns / sizeof *columns };

struct seen {
	double *at[COLUMNS];
	size_t count[COLUMNS];
};

static struct seen read_probes(void)
{
	struct seen s;
	for (size_t i = 0; i < COLUMNS; i++)
		s.at[i] = column(columns[i], &s.count[i]);
	return s;
}

static void expect_same(struct seen *a, struct seen *b)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		cr_assert_eq(a->count[i], b->count[i], "%s", columns[i]);
		cr_expect_eq(memcmp(a->at[i], b->at[i], a->count[i] * sizeof(double)), 0, "%s", columns[i]);
		mem_free(a->at[i]);
		mem_free(b->at[i]);
	}
}

Test(pass, any_number_of_lanes_records_the_same)
{
	record(PROBED_ALL, 1);
	struct seen one = read_probes();
	record(PROBED_ALL, 3);
	struct seen three = read_probes();
	expect_same(&one, &three);
}

/* The same steps, looked at by every kind of pass at every step, and not. */
static void expect_unchanged(const char *model)
{
	static const char *const wishes[] = {
	        "{}", "{\"snr\":1,\"l1_l2\":1,\"gradient_noise\":{\"every\":1,\"random\":3}}"};
	struct trainer *t[2];
	struct runs runs[2];
	struct record *r[2];
	struct record_meta meta;
	struct pool *pool = pool_open(2);
	for (int i = 0; i < 2; i++) {
		char text[1024];
		snprintf(text, sizeof text,
		         "{\"steps\":5,\"batch\":16,\"data\":{\"kind\":\"glyphs\",\"train\":90,\"test\":9},"
		         "\"model\":%s,\"record\":%s}",
		         model, wishes[i]);
		t[i] = train_open(train_settings(&runs[i], text), pool);
		trainer_meta(t[i], &meta);
		r[i] = record_create(path, &meta);
		trainer_probe(t[i], r[i]);
		trainer_run_probes(t[i]);
		train_steps(t[i], 5);
	}
	size_t n = t[0]->state.n, running = t[0]->state.running_floats;
	cr_expect_eq(memcmp(t[0]->state.x, t[1]->state.x, n * sizeof(float)), 0, "%s", model);
	if (running > 0)
		cr_expect_eq(memcmp(t[0]->state.running, t[1]->state.running, running * sizeof(float)), 0,
		             "%s", model);
	for (int i = 0; i < 2; i++) {
		trainer_close(t[i]);
		record_close(r[i]);
		runs_clear(&runs[i]);
	}
	pool_close(pool);
}

static const char *const batch_normed =
        "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":3,\"kernel\":5,\"stride\":3},"
        "\"norm\",\"relu\",{\"kind\":\"dropout\",\"rate\":0.3},\"global-mean\",\"flatten\"]}";

Test(pass, a_probe_changes_nothing)
{
	expect_unchanged("{\"kind\":\"mlp\",\"hidden\":[9]}");
	expect_unchanged(batch_normed);
}

/* Batch statistics and dropout's masks too are a function of the pass alone. */
Test(pass, a_network_records_the_same_with_any_lanes)
{
	char text[1024];
	snprintf(text, sizeof text,
	         "{\"steps\":6,\"batch\":10,\"data\":{\"kind\":\"glyphs\",\"train\":95,\"test\":9},\"model\":"
	         "%s,"
	         "\"record\":{\"snr\":2,\"l1_l2\":3,\"gradient_noise\":{\"every\":2,\"random\":3}}}",
	         batch_normed);
	record(text, 1);
	struct seen one = read_probes();
	record(text, 4);
	struct seen four = read_probes();
	expect_same(&one, &four);
}

/* Steps of t, each with its row in r. */
static void steps(struct trainer *t, struct record *r, int64_t count)
{
	struct err e = {0};
	struct step_row row;
	for (int64_t i = 0; i < count; i++) {
		cr_assert_eq(trainer_step(t, &row, NULL, &e), 0, "%s", e.text);
		record_step(r, &row);
	}
}

/* A run that is saved after `stop` steps, goes on for one, dies, and is taken up again by another trainer. */
static void record_in_two(int64_t stop)
{
	struct runs runs;
	struct err e = {0};
	struct record_meta meta;
	char checkpoint[160];
	snprintf(checkpoint, sizeof checkpoint, "%s/c.h5", folder);
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(&runs, PROBED_ALL);
	struct trainer *first = train_open(s, pool), *second = train_open(s, pool);
	trainer_meta(first, &meta);
	struct record *r = record_create(path, &meta);
	trainer_probe(first, r);
	trainer_run_probes(first);
	steps(first, r, stop);
	cr_assert_eq(trainer_save(first, checkpoint, &e), 0, "%s", e.text);
	steps(first, r, 1);
	trainer_close(first);
	cr_assert_eq(record_flush(r, &e), 0, "%s", e.text);
	record_close(r);

	cr_assert_eq(trainer_restore(second, checkpoint, &e), 0, "%s", e.text);
	r = record_continue(path, &meta, stop, &e);
	cr_assert_not_null(r, "%s", e.text);
	trainer_probe(second, r);
	steps(second, r, s->steps - stop);
	trainer_close(second);
	cr_assert_eq(record_flush(r, &e), 0, "%s", e.text);
	record_close(r);
	unlink(checkpoint);
	pool_close(pool);
	runs_clear(&runs);
}

Test(pass, resumed_is_never_interrupted)
{
	for (int64_t stop = 0; stop < 6; stop++) {
		record(PROBED_ALL, 2);
		struct seen whole = read_probes();
		unlink(path);
		record_in_two(stop);
		struct seen resumed = read_probes();
		expect_same(&whole, &resumed);
	}
}

/* --- signal and noise that are known -------------------------------------------------------------------- */

/* Weight i has signal i / 100 times its noise; the last has none of either, and the one before a large mean.
 */
Test(pass, signal_to_noise_is_found)
{
	enum { N = 300, BATCHES = 4000 };
	struct settings s = {.steps = 1, .record.snr = 1};
	struct err e = {0};
	struct h5 *f = h5_create(path);
	struct moments *p = moments_open(&s, NULL, NULL, N, f);
	float g[N], normals[4];
	double values[47], expected = 0;
	for (uint64_t k = 0; k < BATCHES; k++) {
		struct stream draw = stream_of(8, RNG_TEST, 0, k);
		for (size_t i = 0; i < N - 2; i++) {
			if (i % 4 == 0)
				stream_normal4(&draw, i / 4, normals);
			g[i] = 0.001f * ((float)i / 100 + normals[i % 4]);
		}
		g[N - 2] = 100000.0f + (k % 2 ? 0.5f : -0.5f);
		g[N - 1] = 0;
		moments_take(p, NULL, g);
	}
	moments_append(p, 0);
	moments_close(p);
	for (size_t i = 0; i < N - 2; i++)
		expected += (double)i / 100;
	expected = (expected + 200000 * sqrt((BATCHES - 1.0) / BATCHES)) / (N - 1);
	cr_assert_eq(h5_read(f, "/probes/snr/mean", H5_F64, 1, values, &e), 0, "%s", e.text);
	cr_expect_float_eq(values[0], expected, 0.02, "mean %g, expected %g", values[0], expected);
	cr_assert_eq(h5_read(f, "/probes/snr/max", H5_F64, 1, values, &e), 0, "%s", e.text);
	cr_expect_float_eq(values[0], 200000 * sqrt((BATCHES - 1.0) / BATCHES), 1e-4, "max %.9g", values[0]);
	cr_assert_eq(h5_read(f, "/probes/snr/silent", H5_F64, 1, values, &e), 0, "%s", e.text);
	cr_expect_float_eq(values[0], 1.0 / N, 1e-15);
	cr_assert_eq(h5_read(f, "/probes/snr/share", H5_F64, 1, values, &e), 0, "%s", e.text);
	cr_expect_float_eq(values[0], 183.0 / (N - 1), 5.0 / N, "share %g", values[0]); /* from i = 116 on */
	cr_assert_eq(h5_read(f, "/probes/snr/quantiles", H5_F64, 6, values, &e), 0, "%s", e.text);
	cr_expect_float_eq(values[2], 1.49, 0.05, "median %g", values[2]);
	cr_assert_eq(h5_read(f, "/probes/snr/counts", H5_F64, 47, values, &e), 0, "%s", e.text);
	cr_expect_eq(values[46], 1); /* the large one, beyond the highest bin */
	h5_close(f);
}
