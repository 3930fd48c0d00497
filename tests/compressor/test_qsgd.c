/*
 * Compressor `qsgd` against its definition (tests/golden/codes.json), and what its messages are refused for.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "compressor/levels.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/json_help.h"

TestSuite(qsgd, .fini = json_help_clear, .timeout = 240);

enum { DRAWS = 100000, D = 4 };

static const struct json *golden(void)
{
	struct err e = {0};
	struct json *all = json_read_file(&json_help_arena, "tests/golden/codes.json", &e);
	cr_assert(all, "%s", e.text);
	return json_member(all, "qsgd")->child;
}

/* A rig of one worker, with layers or without. */
static void open_rig(struct rig *r, const char *keys, size_t n, const struct layers *layers)
{
	char json[256];
	snprintf(json, sizeof json, "{\"compressor\":{\"kind\":\"qsgd\",%s}}", keys);
	rig_init_layers(r, rig_ref(), json, 1, n, layers);
}

static const char *refuses(const struct rig *r, const void *message, size_t bytes)
{
	const struct message *m = &r->method.push;
	return m->code->refuses(m->state, m->layers, r->job.n, message, bytes);
}

/* What the message of worker 0 says; it is one that nobody refuses. */
static void said(const struct rig *r, float *out)
{
	const struct message *m = &r->method.push;
	const char *wrong = refuses(r, r->push[0], code_length(r->push[0]));
	cr_assert_null(wrong, "its message %s", wrong);
	cr_assert_leq(code_length(r->push[0]), r->push_bytes);
	m->code->floats(m->state, m->layers, r->job.n, r->push[0], out);
}

static double number_of(const struct json *c, const char *key)
{
	return json_member(c, key)->number;
}

struct expected {
	float v[D];
	double norm, levels, low[D], up[D];
};

static void numbers(const struct json *list, double out[D])
{
	size_t i = 0;
	for (const struct json *x = list->child; x; x = x->next)
		out[i++] = x->number;
	cr_assert_eq(i, D);
}

static struct expected expected_of(const struct json *c)
{
	const struct json *of = json_member(c, "of");
	struct expected x = {.norm = number_of(of, "norm"), .levels = number_of(c, "levels")};
	double v[D];
	numbers(json_member(c, "v"), v);
	for (size_t i = 0; i < D; i++)
		x.v[i] = (float)v[i];
	numbers(json_member(of, "level"), x.low);
	numbers(json_member(of, "up"), x.up);
	return x;
}

/* Every message has one of the two values next to each of v, and so often the upper one. */
static void check_draws(struct rig *r, const struct expected *x)
{
	double sum[D] = {0};
	uint32_t up[D] = {0};
	for (uint64_t step = 0; step < DRAWS; step++) {
		float out[D];
		r->job.step = step;
		rig_encode(r, 0, x->v);
		said(r, out);
		for (size_t i = 0; i < D; i++) {
			double sign = x->v[i] < 0 ? -1 : 1, low = sign * x->norm * x->low[i] / x->levels,
			       high = sign * x->norm * (x->low[i] + 1) / x->levels;
			bool above = out[i] != (float)low;
			cr_assert(!above || out[i] == (float)high, "%s: %zu is %g", r->name, i,
			          (double)out[i]);
			up[i] += above;
			sum[i] += (double)out[i];
		}
	}
	for (size_t i = 0; i < D; i++) {
		double p = x->up[i], error = x->norm / x->levels * sqrt(p * (1 - p) / DRAWS);
		cr_expect(chance_binomial(up[i], DRAWS, p), "%s: %zu is above %u times", r->name, i, up[i]);
		cr_expect_leq(fabs(sum[i] / DRAWS - (double)x->v[i]), Z_LIMIT * error + 1e-6,
		              "%s: the mean of %zu is %g", r->name, i, sum[i] / DRAWS);
	}
}

Test(qsgd, golden_probabilities_and_no_bias)
{
	for (const struct json *c = golden(); c; c = c->next) {
		const struct expected x = expected_of(c);
		const char *norm = json_member(c, "norm")->string;
		for (int coding = LEVELS_FIXED; coding <= LEVELS_ELIAS; coding++) {
			struct rig r;
			char keys[96];
			snprintf(keys, sizeof keys, "\"levels\":%.0f,\"norm\":\"%s\",\"coding\":\"%s\"",
			         x.levels, norm, LEVELS_CODING_NAMES[coding]);
			open_rig(&r, keys, D, NULL);
			check_draws(&r, &x);
			rig_clear(&r);
		}
	}
}

/* Word i of the stream of worker and step belongs to coordinate i, also of a later layer. */
Test(qsgd, levels_are_the_streams)
{
	enum { N = 1700, S = 3 };
	static const struct layer_range at[] = {{0, 5, 0}, {5, 1111, 0}, {1111, N, 0}};
	static const struct layers layers = {3, at};
	struct rig r;
	float v[N], out[N];
	open_rig(&r, "\"levels\":3,\"norm\":\"max\"", N, &layers);
	r.job.step = 9;
	for (size_t i = 0; i < N; i++)
		v[i] = ((float)(i % 19) - 9) / 9;
	rig_encode(&r, 0, v);
	said(&r, out);
	const struct stream s = stream_of(SEED, RNG_MESSAGE, 0, 9);
	for (size_t k = 0; k < 3; k++) {
		float most = 0;
		for (size_t i = at[k].begin; i < at[k].end; i++)
			most = fmaxf(most, fabsf(v[i]));
		for (size_t i = at[k].begin; i < at[k].end; i++) {
			uint32_t words[4];
			stream_block(&s, i / 4, words);
			double a = (double)S * fabs((double)v[i]) / most, low = floor(a);
			double level = low + (words[i % 4] / 4294967296.0 < a - low);
			cr_assert_eq(out[i], (float)(most * (v[i] < 0 ? -level : level) / S), "%zu", i);
		}
	}
	rig_clear(&r);
}

/* 4 bytes of length, of each range 4 and ceil(d log2(2 s + 1) / 8): log2(9) = 3.17, log2(3) = 1.585. */
Test(qsgd, bytes_by_arithmetic)
{
	enum { N = 400 };
	static const struct layer_range at[] = {{0, 300, 0}, {300, 310, 0}, {310, N, 0}};
	static const struct layers layers = {3, at};
	static const struct {
		const char *keys;
		size_t bytes;
	} cases[] = {
	        {"\"levels\":4", 4 + 3 * 4 + 119 + 4 + 36},
	        {"\"levels\":1", 4 + 3 * 4 + 60 + 2 + 18},
	        {"\"levels\":4,\"scope\":\"whole\"", 4 + 4 + 159},
	        {"\"levels\":1,\"scope\":\"whole\"", 4 + 4 + 80},
	};
	float v[N];
	for (size_t i = 0; i < N; i++)
		v[i] = (float)(i % 7) - 3;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct rig r;
		open_rig(&r, cases[k].keys, N, &layers);
		rig_encode(&r, 0, v);
		cr_expect_eq(r.push_bytes, cases[k].bytes, "%s: %zu", cases[k].keys, r.push_bytes);
		cr_expect_eq(code_length(r.push[0]), cases[k].bytes);
		cr_expect(rig_guard_holds(r.push[0], r.push_bytes));
		rig_clear(&r);
	}
}

/* With l2 and one level about sqrt(d) coordinates are not 0 (Alistarh et al. 2017, Lemma 3.1): a few bits of
 * each of these, instead of 1.6 of all. */
Test(qsgd, elias_is_short_where_most_are_zero)
{
	enum { N = 40000 };
	float *v = mem_array(N, sizeof *v), *out = mem_array(N, sizeof *out);
	const struct stream s = stream_of(SEED, RNG_TEST, 0, 0);
	struct rig r;
	size_t nonzero = 0;
	for (size_t i = 0; i < N; i++)
		v[i] = stream_symmetric(&s, i);
	open_rig(&r, "\"levels\":1,\"coding\":\"elias\"", N, NULL);
	rig_encode(&r, 0, v);
	said(&r, out);
	for (size_t i = 0; i < N; i++)
		nonzero += out[i] != 0;
	cr_expect(nonzero > 100 && nonzero < 200, "%zu", nonzero);
	cr_expect_lt(code_length(r.push[0]), 8 + 200 * 20 / 8);
	rig_clear(&r);
	mem_free(v);
	mem_free(out);
}

Test(qsgd, the_largest_is_kept_under_max)
{
	enum { N = 700, MOST = 32767 };
	for (int levels = 1; levels <= MOST; levels = levels * 5 + 2) {
		struct rig r;
		float v[N], out[N];
		char keys[64];
		snprintf(keys, sizeof keys, "\"levels\":%d,\"norm\":\"max\",\"coding\":\"elias\"", levels);
		open_rig(&r, keys, N, NULL);
		for (uint64_t step = 0; step < 20; step++) {
			const struct stream s = stream_of(SEED, RNG_TEST, (uint32_t)levels, step);
			size_t largest = 0;
			for (size_t i = 0; i < N; i++) {
				v[i] = stream_symmetric(&s, i) * 1e-3F;
				largest = fabsf(v[i]) > fabsf(v[largest]) ? i : largest;
			}
			r.job.step = step;
			rig_encode(&r, 0, v);
			said(&r, out);
			cr_assert_eq(out[largest], v[largest], "%d levels: %g, not %g", levels,
			             (double)out[largest], (double)v[largest]);
		}
		rig_clear(&r);
	}
}

/* Zeros, the smallest and the largest floats; what is not finite makes a message that is refused. */
Test(qsgd, strange_values)
{
	static const struct {
		float v[D];
		bool good;
	} cases[] = {
	        {{0, -0.0F, 0, 0}, true},
	        {{1e-45F, -1e-45F, 0, 1e-44F}, true},
	        {{FLT_MAX, FLT_MAX, -FLT_MAX, 1}, true},
	        {{NAN, 1, 2, 3}, false},
	        {{9, 1, 2, NAN}, false},
	        {{INFINITY, 1, 2, 3}, false},
	        {{1, -INFINITY, NAN, 3}, false},
	};
	static const char *const norms[] = {"\"norm\":\"l2\"", "\"norm\":\"max\""};
	for (size_t k = 0; k < sizeof cases / sizeof *cases * 2; k++) {
		struct rig r;
		float out[D];
		open_rig(&r, norms[k % 2], D, NULL);
		rig_encode(&r, 0, cases[k / 2].v);
		const char *wrong = refuses(&r, r.push[0], code_length(r.push[0]));
		cr_assert_eq(wrong == NULL, cases[k / 2].good, "%zu: %s", k, wrong);
		if (cases[k / 2].good) {
			said(&r, out);
			for (size_t i = 0; i < D; i++)
				cr_assert(isfinite(out[i]) && (cases[k / 2].v[i] != 0 || out[i] == 0));
		}
		rig_clear(&r);
	}
}

static const char *refused_with(struct rig *r, size_t at, const void *what, size_t bytes)
{
	unsigned char *copy = mem_alloc(r->push_bytes);
	memcpy(copy, r->push[0], code_length(r->push[0]));
	memcpy(copy + at, what, bytes);
	const char *wrong = refuses(r, copy, code_length(r->push[0]));
	mem_free(copy);
	return wrong;
}

Test(qsgd, what_nobody_wrote_is_refused)
{
	static const float norms[] = {NAN, INFINITY, -INFINITY, -1, -1e-45F};
	static const float v[] = {1, -2, 0.5F, 0};
	static const unsigned char full[] = {0xff, 0xff}; /* 9^4 = 6561 */
	const uint32_t length = 9, none = 0, all = UINT32_MAX;
	struct rig r;
	open_rig(&r, "\"levels\":4", D, NULL);
	rig_encode(&r, 0, v);
	cr_assert_eq(code_length(r.push[0]), 10);
	for (size_t k = 0; k < sizeof norms / sizeof *norms; k++)
		cr_expect_str_eq(refused_with(&r, 4, &norms[k], 4),
		                 "has a norm that is negative or not finite");
	cr_expect_str_eq(refused_with(&r, 0, &length, 4), "says another length than it has");
	cr_expect_str_eq(refused_with(&r, 0, &none, 4), "says another length than it has");
	cr_expect_str_eq(refused_with(&r, 0, &all, 4), "says another length than it has");
	cr_expect_str_eq(refused_with(&r, 8, full, 2), "has levels that are packed as none are");
	cr_expect_null(refused_with(&r, 4, &v[0], 4));
	cr_expect_str_eq(refuses(&r, r.push[0], 7), "ends before its norms do");
	cr_expect_str_eq(refuses(&r, r.push[0], 0), "ends before its norms do");
	rig_clear(&r);
}

/* Of honest length, and too short or too long for its levels. */
Test(qsgd, a_length_that_is_true_does_not_help)
{
	static const float v[] = {1, -2, 0.5F, 0};
	static const char *const codings[] = {"\"coding\":\"fixed\"", "\"coding\":\"elias\""};
	for (size_t k = 0; k < 2; k++) {
		struct rig r;
		open_rig(&r, codings[k], D, NULL);
		rig_encode(&r, 0, v);
		size_t bytes = code_length(r.push[0]);
		for (size_t length = 8; length < bytes + 3; length++) {
			unsigned char *copy = mem_alloc(length);
			memcpy(copy, r.push[0], length < bytes ? length : bytes);
			code_set_length(copy, length);
			cr_expect_eq(refuses(&r, copy, length) == NULL, length == bytes, "%zu of %zu", length,
			             bytes);
			mem_free(copy);
		}
		rig_clear(&r);
	}
}

Test(qsgd, settings_out_of_bounds_are_refused)
{
	static const char *const texts[] = {
	        "{\"kind\":\"qsgd\",\"levels\":0}",           "{\"kind\":\"qsgd\",\"levels\":32768}",
	        "{\"kind\":\"qsgd\",\"levels\":1.5}",         "{\"kind\":\"qsgd\",\"norm\":\"l1\"}",
	        "{\"kind\":\"qsgd\",\"coding\":\"huffman\"}", "{\"kind\":\"qsgd\",\"scope\":\"vector\"}",
	};
	json_help_family_refuses(&family_compressors, texts, sizeof texts / sizeof *texts);
}
