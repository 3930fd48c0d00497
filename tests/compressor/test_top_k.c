/* Compressor `top-k` against its definition, and what its messages are refused for. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/json_help.h"

TestSuite(top_k, .fini = json_help_clear, .timeout = 240);

static void open_rig(struct rig *r, const char *keys, int workers, size_t n, const struct layers *layers)
{
	char json[256];
	snprintf(json, sizeof json, "{\"compressor\":{\"kind\":\"top-k\",%s}}", keys);
	rig_init_layers(r, rig_ref(), json, workers, n, layers);
}

static const char *refuses(const struct rig *r, const void *message, size_t bytes)
{
	const struct message *m = &r->method.push;
	return m->code->refuses(m->state, m->layers, r->job.n, message, bytes);
}

static void said(const struct rig *r, int worker, float *out)
{
	const struct message *m = &r->method.push;
	const char *wrong = refuses(r, r->push[worker], code_length(r->push[worker]));
	cr_assert_null(wrong, "its message %s", wrong);
	m->code->floats(m->state, m->layers, r->job.n, r->push[worker], out);
}

static void expect(const char *what, const float *got, const float *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(got[i], want[i], "%s: %zu is %g, not %g", what, i, (double)got[i],
		             (double)want[i]);
}

/* v = (1, -2, 0.5, 0), k = 1: index 1, -2; then what was not said decides. */
Test(top_k, two_steps_by_hand)
{
	enum { N = 4 };
	static const struct {
		const char *keys;
		size_t bytes;
		float message[2][N], memory[2][N];
	} cases[] = {
	        {"\"share\":0.25",
	         4 + 8,
	         {{0, -2, 0, 0}, {0, 0, 0, 2}},
	         {{1, 0, 0.5F, 0}, {0.75F, 0.5F, 1.5F, 0}}},
	        {"\"share\":0.5,\"sends\":\"signs\"",
	         4 + 2 * 4 + 1,
	         {{1, -1, 0, 0}, {0, 0, 1, 1}},
	         {{0, 0, 0.5F, 0}, {-0.25F, 0.5F, 0, 0}}},
	        {"\"share\":0.25,\"error_feedback\":false", 4 + 8, {{0, -2, 0, 0}, {0, 0, 0, 2}}, {{0}}},
	};
	static const float v[2][N] = {{1, -2, 0.5F, 0}, {-0.25F, 0.5F, 1, 2}};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct rig r;
		open_rig(&r, cases[k].keys, 1, N, NULL);
		cr_assert_eq(r.push_bytes, cases[k].bytes);
		for (size_t step = 0; step < 2; step++) {
			float out[N];
			r.job.step = step;
			rig_encode(&r, 0, v[step]);
			said(&r, 0, out);
			expect("message", out, cases[k].message[step], N);
			if (r.worker_bytes)
				expect("memory", r.own[0], cases[k].memory[step], N);
		}
		cr_expect_eq(r.worker_bytes, k == 2 ? 0 : N * sizeof(float));
		cr_expect(rig_guard_holds(r.push[0], r.push_bytes));
		rig_clear(&r);
	}
}

/* Each layer has its own, the smallest too; or they are those of the whole vector. */
Test(top_k, layers_have_their_own)
{
	enum { N = 400 };
	static const struct layer_range at[] = {{0, 300, 0}, {300, 310, 0}, {310, N, 0}};
	static const struct layers layers = {3, at};
	float v[N], out[N];
	for (size_t i = 0; i < N; i++)
		v[i] = (float)(i + 1);
	for (int whole = 0; whole <= 1; whole++) {
		struct rig r;
		size_t chosen[3] = {0};
		open_rig(&r, whole ? "\"share\":0.05,\"scope\":\"whole\"" : "\"share\":0.05", 1, N, &layers);
		cr_expect_eq(r.push_bytes, whole ? 4 + 20 * 8 : 4 + (15 + 1 + 4) * 8);
		rig_encode(&r, 0, v);
		said(&r, 0, out);
		for (size_t i = 0; i < N; i++)
			chosen[i < 300 ? 0 : i < 310 ? 1 : 2] += out[i] != 0;
		cr_expect(chosen[0] == (whole ? 0 : 15) && chosen[1] == (whole ? 0 : 1) &&
		          chosen[2] == (whole ? 20 : 4));
		cr_expect(out[N - 1] != 0 && (whole || (out[299] != 0 && out[309] != 0 && out[308] == 0)));
		rig_clear(&r);
	}
}

/* What was said and what is remembered add up to all that was to be said, in powers of two exactly. */
Test(top_k, nothing_is_lost)
{
	enum { N = 500, STEPS = 40 };
	struct rig r;
	float sum[N] = {0}, all[N] = {0}, v[N], out[N];
	open_rig(&r, "\"share\":0.03", 1, N, NULL);
	for (uint64_t step = 0; step < STEPS; step++) {
		const struct stream s = stream_of(SEED, RNG_TEST, 0, step);
		for (size_t i = 0; i < N; i++) {
			v[i] = (float)((int)(stream_uniform(&s, i) * 64) - 32) / 64;
			all[i] += v[i];
		}
		r.job.step = step;
		rig_encode(&r, 0, v);
		said(&r, 0, out);
		for (size_t i = 0; i < N; i++) {
			sum[i] += out[i];
			cr_assert_eq(sum[i] + r.own[0][i], all[i]);
			cr_assert(out[i] == 0 || r.own[0][i] == 0);
		}
	}
	rig_clear(&r);
}

/* Who diverges says so, and is refused for it. */
Test(top_k, what_is_not_finite_is_said_and_refused)
{
	static const float v[][4] = {{1, NAN, 9, 0}, {1, 9, -INFINITY, 0}};
	for (size_t k = 0; k < 2; k++) {
		struct rig r;
		open_rig(&r, "\"share\":0.25", 1, 4, NULL);
		rig_encode(&r, 0, v[k]);
		cr_expect_str_eq(refuses(&r, r.push[0], r.push_bytes), "has a value that is not finite");
		rig_clear(&r);
	}
}

Test(top_k, what_nobody_wrote_is_refused)
{
	enum { N = 8 };
	static const float v[N] = {1, -2, 0.5F, 0, 3, 0, 0, 0};
	static const uint32_t twice[2] = {4, 4}, falling[2] = {4, 1}, beyond[2] = {1, N};
	struct rig r;
	unsigned char copy[20 + 1];
	open_rig(&r, "\"share\":0.25", 1, N, NULL);
	rig_encode(&r, 0, v);
	cr_assert_eq(r.push_bytes, 4 + 2 * 8);
	const struct {
		const uint32_t *index;
		const char *wrong;
	} cases[] = {{twice, "names a coordinate twice"},
	             {falling, "names coordinates in no ascending order"},
	             {beyond, "names a coordinate that is not there"}};
	for (size_t k = 0; k < 3; k++) {
		memcpy(copy, r.push[0], 20);
		memcpy(copy + 4, cases[k].index, 8);
		cr_expect_str_eq(refuses(&r, copy, 20), cases[k].wrong);
	}
	memcpy(copy, r.push[0], 20);
	for (size_t bytes = 0; bytes <= 21; bytes++)
		cr_expect(bytes == 20 || refuses(&r, copy, bytes));
	code_set_length(copy, 21);
	cr_expect_str_eq(refuses(&r, copy, 21), "has another length than so many coordinates need");
	cr_expect_str_eq(refuses(&r, copy, 20), "says another length than it has");
	rig_clear(&r);
}

Test(top_k, settings_out_of_bounds_are_refused)
{
	static const char *const texts[] = {
	        "{\"kind\":\"top-k\",\"share\":0}",
	        "{\"kind\":\"top-k\",\"share\":1.5}",
	        "{\"kind\":\"top-k\",\"sends\":\"indices\"}",
	        "{\"kind\":\"top-k\",\"error_feedback\":1}",
	};
	json_help_family_refuses(&family_compressors, texts, sizeof texts / sizeof *texts);
}
