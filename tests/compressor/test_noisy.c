/*
 * Compressors that draw their signs: `noisy-sign`, `sto-sign`, `dp-sign` and `ssdm` against the probabilities
 * of their definitions (tests/golden/compressors.json), and bit by bit against their streams.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/json_help.h"
#include "tests/support/machines.h"

TestSuite(noisy, .fini = json_help_clear, .timeout = 240);

enum { DRAWS = 100000, D = 4 };

#define VOTE(compressor) "{\"compressor\":" compressor ",\"aggregator\":\"vote\"}"

static bool is_plus(const void *push, size_t i)
{
	return !(((const uint64_t *)push)[i / 64] >> i % 64 & 1);
}

/* How often each of n coordinates of v is +1 in so many steps of one worker. */
static void count_plus(struct rig *r, const float *v, size_t n, int steps, uint32_t *plus)
{
	memset(plus, 0, n * sizeof *plus);
	for (int step = 0; step < steps; step++) {
		r->job.step = (uint64_t)step;
		rig_encode(r, 0, v);
		for (size_t i = 0; i < n; i++)
			plus[i] += is_plus(r->push[0], i);
	}
}

static void check_case(const struct json *c, const float *v, const struct row *backend)
{
	struct rig r;
	struct buf json = {0};
	uint32_t plus[D];
	buf_format(&json, VOTE("%s"), json_help_written(json_member(c, "compressor")));
	rig_init(&r, backend, json.text, 1, D);
	cr_assert_eq(r.push_bytes, 8, "%s", json.text);
	count_plus(&r, v, D, DRAWS, plus);
	const struct json *p = json_member(c, "plus")->child;
	for (size_t i = 0; i < D; i++, p = p->next)
		cr_assert(chance_binomial(plus[i], DRAWS, p->number),
		          "%s, %s: +1 of coordinate %zu is %u of %d", backend->name, json.text, i, plus[i],
		          DRAWS);
	rig_clear(&r);
	buf_clear(&json);
}

/* Where the probability is 1/2 + v/(2 b), the mean of the signs is v/b: within five standard errors. */
Test(noisy, golden_probabilities)
{
	struct err e = {0};
	float v[D];
	int cases = 0;
	struct json *all = json_read_file(&json_help_arena, "tests/golden/compressors.json", &e);
	cr_assert(all, "%s", e.text);
	const struct json *value = json_member(all, "v")->child;
	for (size_t i = 0; i < D; i++, value = value->next)
		v[i] = (float)value->number;
	for (const struct json *c = json_member(all, "signs")->child; c; c = c->next, cases++)
		for (const struct row *const *b = machines_on_host(); *b; b++)
			check_case(c, v, *b);
	cr_assert_eq(cases, 10);
}

/* The mean of the answers, times the length of v, is v. */
Test(noisy, ssdm_s_mean_has_no_bias)
{
	enum { WORKERS = 25, STEPS = DRAWS / WORKERS };
	static const float v[D] = {1, -2, 0.5F, 0};
	const double length = sqrt(5.25);
	double sum[D] = {0};
	struct rig r;
	rig_init(&r, rig_ref(), "{\"compressor\":\"ssdm\"}", WORKERS, D);
	for (uint64_t step = 0; step < STEPS; step++) {
		r.job.step = step;
		for (uint32_t m = 0; m < WORKERS; m++)
			rig_encode(&r, m, v);
		rig_combine(&r, 0, D);
		for (size_t i = 0; i < D; i++)
			sum[i] += (double)((const float *)r.pull)[i];
	}
	for (size_t i = 0; i < D; i++) {
		double ratio = (double)v[i] / length, error = length * sqrt((1 - ratio * ratio) / DRAWS);
		cr_expect_leq(fabs(sum[i] / STEPS * length - (double)v[i]), Z_LIMIT * error, "%zu: %g", i,
		              sum[i] / STEPS * length);
	}
	rig_clear(&r);
}

static float noise_of(const char *kind, const struct stream *s, size_t i)
{
	float z[4];
	if (strcmp(kind, "uniform") == 0)
		return stream_symmetric(s, i);
	if (strcmp(kind, "laplace") == 0)
		return stream_laplace(s, i);
	stream_normal4(s, i / 4, z);
	return z[i % 4];
}

/* Every bit, in ranges too: the noise is of worker, step and coordinate, and of a purpose of its own. */
Test(noisy, bits_are_the_streams)
{
	enum { N = 1000 };
	static const char *const kinds[] = {"normal", "uniform", "laplace"};
	float v[N];
	for (size_t i = 0; i < N; i++)
		v[i] = ((float)(i % 9) - 4) / 4;
	for (size_t k = 0; k < 3; k++) {
		struct rig r;
		char json[160];
		snprintf(json, sizeof json, VOTE("{\"kind\":\"noisy-sign\",\"b\":0.75,\"noise\":\"%s\"}"),
		         kinds[k]);
		rig_init(&r, rig_ref(), json, 3, N);
		r.job.step = 11;
		cr_assert(method_in_ranges(&r.method));
		cr_assert_eq(r.push_bytes, 8 * 16);
		for (size_t end = N; end > 0; end = (end - 1) / 192 * 192)
			method_encode(&r.method, &r.job, 2, v, (end - 1) / 192 * 192, end, NULL, r.push[2]);
		const struct stream s = stream_of(SEED, RNG_MESSAGE, 2, 11);
		for (size_t i = 0; i < N; i++)
			cr_assert_eq(is_plus(r.push[2], i), v[i] + 0.75F * noise_of(kinds[k], &s, i) > 0,
			             "%s, coordinate %zu", kinds[k], i);
		rig_clear(&r);
	}
}

/* What sees the whole vector first is made at once. */
Test(noisy, who_needs_the_whole_vector_says_so)
{
	static const struct {
		const char *json;
		bool in_ranges;
	} rows[] = {{VOTE("{\"kind\":\"sto-sign\",\"b\":1}"), true},
	            {VOTE("\"sto-sign\""), false},
	            {VOTE("\"ssdm\""), false},
	            {VOTE("{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1}"), false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a = {0};
		const struct method m = methods_read(&a, rows[i].json);
		cr_expect_eq(method_in_ranges(&m), rows[i].in_ranges, "%s", rows[i].json);
		arena_clear(&a);
	}
}

/* Probability of +1, with NaN, infinities and zeros: 1/2 is a fair coin. */
Test(noisy, strange_values)
{
	static const struct {
		const char *json;
		float v[D];
		double plus[D];
	} cases[] = {
	        {VOTE("{\"kind\":\"noisy-sign\",\"b\":1}"), {NAN, INFINITY, -INFINITY, 0}, {0.5, 1, 0, 0.5}},
	        {VOTE("{\"kind\":\"sto-sign\",\"b\":1}"), {NAN, INFINITY, -INFINITY, 0}, {0.5, 1, 0, 0.5}},
	        {VOTE("\"sto-sign\""), {NAN, 1, -1, 0}, {0.5, 1, 0, 0.5}},
	        {VOTE("\"sto-sign\""), {0, 0, -0.0F, NAN}, {0.5, 0.5, 0.5, 0.5}},
	        {VOTE("\"sto-sign\""), {INFINITY, 1, -1, 0}, {1, 0.5, 0.5, 0.5}},
	        {VOTE("\"ssdm\""), {NAN, 1, -1, 0}, {0.5, 0.5, 0.5, 0.5}},
	        {VOTE("\"ssdm\""), {0, 0, -0.0F, NAN}, {0.5, 0.5, 0.5, 0.5}},
	        {VOTE("\"ssdm\""), {INFINITY, 1, -1, 0}, {1, 0.5, 0.5, 0.5}},
	        {VOTE("\"ssdm\""), {0, -7, 0, 0}, {0.5, 0, 0.5, 0.5}},
	        /* nothing of a vector without a norm gets out */
	        {VOTE("{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1e6}"),
	         {INFINITY, 9, -9, 0},
	         {0.5, 0.5, 0.5, 0.5}},
	        {VOTE("{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1e6}"),
	         {NAN, 9, -9, 0},
	         {0.5, 0.5, 0.5, 0.5}},
	        {VOTE("{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1e6}"),
	         {3e38F, 3e38F, -3e38F, 0},
	         {1, 1, 0, 0.5}},
	};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		enum { STEPS = 4000 };
		struct rig r;
		uint32_t plus[D];
		rig_init(&r, rig_ref(), cases[k].json, 1, D);
		count_plus(&r, cases[k].v, D, STEPS, plus);
		for (size_t i = 0; i < D; i++)
			cr_expect(chance_binomial(plus[i], STEPS, cases[k].plus[i]),
			          "case %zu: +1 of coordinate %zu is %u of %d", k, i, plus[i], STEPS);
		rig_clear(&r);
	}
}

/* 300 messages of epsilon 1/2 and delta 1e-5. Renyi's by the best order among many, and by its formula. */
Test(noisy, privacy_is_what_the_theorems_say)
{
	struct arena a = {0};
	const double delta = 1e-5, ratio = 0.5 / sqrt(2 * log(1.25 / delta)); /* clip over sigma */
	double best = INFINITY;
	const struct method m =
	        methods_read(&a, VOTE("{\"kind\":\"dp-sign\",\"clip\":3,\"epsilon\":0.5,\"delta\":1e-5}"));
	const struct privacy p = method_privacy(&m, 300), most = method_privacy(&m, 1000000);
	for (double order = 1.001; order < 100; order += 0.001)
		best = fmin(best, 300 * order * ratio * ratio / 2 + log(1 / delta) / (order - 1));
	cr_expect_float_eq(p.epsilon, 150, 1e-12);
	cr_expect_float_eq(p.delta, 0.003, 1e-12);
	cr_expect_float_eq(p.renyi_epsilon, best, 1e-5);
	cr_expect_float_eq(p.renyi_epsilon, 10.175167, 1e-6);
	cr_expect_eq(p.renyi_delta, delta);
	cr_expect_eq(most.delta, 1, "a probability");
	const struct method plain = methods_read(&a, "\"vote\"");
	cr_expect_null(plain.compressor->privacy);
	arena_clear(&a);
}

/* 1 / delta is beyond the largest double, and clip / epsilon may be. */
Test(noisy, privacy_is_a_number_for_the_least_delta_and_the_largest_clip)
{
	struct arena a = {0};
	const struct method least =
	        methods_read(&a, VOTE("{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":0.5,\"delta\":1e-320}"));
	const struct method large = methods_read(
	        &a, VOTE("{\"kind\":\"dp-sign\",\"clip\":1e308,\"epsilon\":0.5,\"delta\":1e-5}"));
	/* r = 0.25 / (4 ln(1.25 / delta)), 4 (r + ...): ln 1e320 = 736.827, ln 1.25e320 = 737.050 */
	cr_expect_float_eq(method_privacy(&least, 4).renyi_epsilon,
	                   0.25 / 737.05 + 2 * sqrt(0.25 / 737.05 * 736.827), 1e-5);
	cr_expect_float_eq(method_privacy(&large, 300).renyi_epsilon, 10.175167, 1e-6);
	arena_clear(&a);
}

Test(noisy, what_is_no_guarantee_says_so)
{
	static const struct {
		struct privacy spent;
		const char *said; /* NULL: it is one */
	} cases[] = {
	        {{.epsilon = 5, .delta = 0.1}, NULL},
	        {{.epsilon = 10, .delta = 0.1}, "an epsilon below 1"},
	        {{.epsilon = 5, .delta = 1}, "with a delta of 1"},
	        {{.epsilon = 10, .delta = 1}, "an epsilon below 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[PRIVACY_TEXT];
		privacy_text(&cases[i].spent, 10, text);
		cr_expect_eq(strstr(text, "no guarantee") != NULL, cases[i].said != NULL, "%s", text);
		cr_expect(!cases[i].said || strstr(text, cases[i].said), "%s", text);
	}
}

Test(noisy, settings_out_of_bounds_are_refused)
{
	static const char *const texts[] = {
	        "\"noisy-sign\"",
	        "{\"kind\":\"noisy-sign\",\"b\":0}",
	        "{\"kind\":\"noisy-sign\",\"b\":1,\"noise\":\"cauchy\"}",
	        "{\"kind\":\"sto-sign\",\"b\":0}",
	        "{\"kind\":\"sto-sign\",\"b\":\"min\"}",
	        "\"dp-sign\"",
	        "{\"kind\":\"dp-sign\",\"clip\":1}",
	        "{\"kind\":\"dp-sign\",\"clip\":0,\"epsilon\":1}",
	        "{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":0}",
	        "{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1,\"delta\":1}",
	        "{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":1,\"delta\":0}",
	};
	json_help_family_refuses(&family_compressors, texts, sizeof texts / sizeof *texts);
}
