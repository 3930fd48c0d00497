/*
 * Messages that are signs with scales, or codes, against their definitions in numpy
 * (tests/golden/messages.json, made by make_messages.py): what they say, what is remembered, what a
 * compressed answer says, and their bytes; what is drawn has no bias. A server's judge leaves out what no
 * compressor can have made.
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

TestSuite(messages, .fini = json_help_clear, .timeout = 240);

enum { DRAWS = 100000, MOST = 64 };

static size_t numbers(const struct json *list, double *out)
{
	size_t n = 0;
	for (const struct json *v = list->child; v; v = v->next)
		out[n++] = v->number;
	return n;
}

/* The layers of these lengths. */
static struct layers layers_of_case(const struct json *c, struct layer_range *at)
{
	double lengths[MOST];
	size_t count = numbers(json_member(c, "layers"), lengths), begin = 0;
	for (size_t i = 0; i < count; begin = at[i++].end)
		at[i] = (struct layer_range){.begin = begin, .end = begin + (size_t)lengths[i]};
	return (struct layers){.count = count, .at = at};
}

static void open_case(struct rig *r, const struct json *c, const struct row *backend,
                      const struct layers *layers, size_t n)
{
	struct buf json = {0};
	buf_format(&json, "{\"aggregator\":\"mean\",\"compressor\":%s}",
	           json_help_written(json_member(c, "compressor")));
	rig_init_layers(r, backend, arena_string(&json_help_arena, json.text), 1, n, layers);
	buf_clear(&json);
}

/* What a message says, read as those read it who get it. */
static void read_message(struct rig *r, const void *message, float *out)
{
	const struct message *m = &r->method.push;
	if (m->kind == MESSAGE_CODED)
		m->code->floats(m->state, m->layers, r->job.n, message, out);
	else
		message_floats(&r->job, m, message, 0, r->job.n, out);
}

static void expect_near(const struct rig *r, const char *what, const float *got, const double *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_float_eq(got[i], want[i], 1e-6, "%s: %s: %zu is %.9g, not %.9g", r->name, what, i,
		                   (double)got[i], want[i]);
}

static void check_exact(const struct json *c, const struct row *backend)
{
	struct rig r;
	struct layer_range at[MOST];
	const struct layers layers = layers_of_case(c, at);
	const struct json *v = json_member(c, "v")->child, *says = json_member(c, "says")->child,
	                  *own = json_member(c, "remembers")->child, *down = json_member(c, "answers")->child;
	double want[MOST];
	size_t n = numbers(v, want);
	open_case(&r, c, backend, &layers, n);
	cr_assert_eq(r.push_bytes, (size_t)json_member(c, "bytes")->number, "%s", r.name);
	r.job.lr = json_member(c, "lr")->number;
	float *memory = rig_buffer(n * sizeof *memory), said[MOST], vector[MOST];
	void *answer = rig_buffer(method_answer_bytes(&r.method, n));
	for (; v; v = v->next, says = says->next) {
		numbers(v, want);
		for (size_t i = 0; i < n; i++)
			vector[i] = (float)want[i];
		rig_encode(&r, 0, vector);
		read_message(&r, r.push[0], said);
		numbers(says, want);
		expect_near(&r, "message", said, want, n);
		if (own) {
			numbers(own, want);
			expect_near(&r, "memory", r.own[0], want, n);
			own = own->next;
		}
		if (down) {
			cr_assert(r.method.two_way);
			rig_combine(&r, 0, n);
			method_encode_answer(&r.method, &r.job, r.pull, r.worker_bytes ? memory : NULL,
			                     answer);
			read_message(&r, answer, said);
			numbers(down, want);
			expect_near(&r, "answer", said, want, n);
			down = down->next;
		}
	}
	cr_assert(rig_guard_holds(r.push[0], r.push_bytes));
	mem_free(memory);
	mem_free(answer);
	rig_clear(&r);
}

Test(messages, golden_signs_and_scales)
{
	struct err e = {0};
	int cases = 0;
	struct json *all = json_read_file(&json_help_arena, "tests/golden/messages.json", &e);
	cr_assert(all, "%s", e.text);
	for (const struct json *c = json_member(all, "exact")->child; c; c = c->next, cases++)
		for (const struct row *const *b = machines_on_host(); *b; b++)
			check_exact(c, *b);
	cr_assert_eq(cases, 12);
}

/* The mean of so many draws is the value, within five standard errors of what is `most` or nothing. */
static void check_drawn(const struct json *c)
{
	struct rig r;
	struct layer_range at[MOST];
	const struct layers layers = layers_of_case(c, at);
	double v[MOST], mean[MOST], most[MOST], sum[MOST] = {0};
	float vector[MOST], said[MOST];
	size_t n = numbers(json_member(c, "v"), v);
	numbers(json_member(c, "mean"), mean);
	numbers(json_member(c, "most"), most);
	open_case(&r, c, rig_ref(), &layers, n);
	cr_assert_eq(r.push_bytes, (size_t)json_member(c, "bytes")->number, "%s", r.name);
	for (size_t i = 0; i < n; i++)
		vector[i] = (float)v[i];
	for (int k = 0; k < DRAWS; k++) {
		r.job.step = (uint64_t)k;
		rig_encode(&r, 0, vector);
		cr_assert_eq(code_length(r.push[0]), r.push_bytes);
		cr_assert_null(r.method.push.code->refuses(r.method.push.state, &layers, n, r.push[0],
		                                           r.push_bytes));
		read_message(&r, r.push[0], said);
		for (size_t i = 0; i < n; i++) {
			cr_assert(said[i] == 0 || fabs(fabs((double)said[i]) - most[i]) < 1e-6, "%s: %g",
			          r.name, (double)said[i]);
			sum[i] += (double)said[i];
		}
	}
	for (size_t i = 0; i < n; i++) {
		double p = fabs(mean[i]) / most[i], error = most[i] * sqrt(p * (1 - p) / DRAWS);
		cr_assert(fabs(sum[i] / DRAWS - mean[i]) <= Z_LIMIT * error + 1e-6, "%s: %zu: %g, not %g",
		          r.name, i, sum[i] / DRAWS, mean[i]);
	}
	rig_clear(&r);
}

Test(messages, golden_draws_have_no_bias)
{
	struct err e = {0};
	int cases = 0;
	struct json *all = json_read_file(&json_help_arena, "tests/golden/messages.json", &e);
	cr_assert(all, "%s", e.text);
	for (const struct json *c = json_member(all, "drawn")->child; c; c = c->next, cases++)
		check_drawn(c);
	cr_assert_eq(cases, 6);
}

/* --- what a peer may write ---------------------------------------------------------------------------- */

#define METHOD(compressor) "{\"aggregator\":\"mean\",\"compressor\":" compressor "}"

static void encode_all(struct rig *r)
{
	float v[MOST];
	for (uint32_t m = 0; m < (uint32_t)r->workers; m++) {
		for (size_t i = 0; i < r->job.n; i++)
			v[i] = (i % 2 ? -1.0F : 1.0F) * (float)(i + 1 + m);
		r->job.lr = 0.5;
		rig_encode(r, m, v);
	}
}

/* Of scales of either sign: the first is of what is +, the second of what is -. */
Test(messages, a_scale_that_no_compressor_writes_is_left_out)
{
	enum { N = 10, EACH = 4 /* two ranges, two scales */ };
	static const struct layer_range at[] = {{0, 7, 0}, {7, N, 0}};
	static const struct layers layers = {2, at};
	static const struct {
		size_t place;
		float scale;
		bool holds;
	} cases[] = {{0, NAN, false},       {1, INFINITY, false}, {2, -1, false}, {3, 1, false},
	             {3, -INFINITY, false}, {2, 0, true},         {3, 0, true},   {1, -3e38F, true}};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct rig r;
		rig_init_layers(&r, rig_ref(), METHOD("\"one-bit\""), 3, N, &layers);
		cr_assert_eq(message_scales(&r.method.push), EACH);
		encode_all(&r);
		memcpy((char *)r.push[1] + sign_plane_bytes(N) + cases[k].place * sizeof(float),
		       &cases[k].scale, sizeof(float));
		rig_combine(&r, 0, N);
		cr_assert_eq(r.judge.refused[1], !cases[k].holds, "%zu", k);
		cr_assert_eq(r.judge.count, cases[k].holds ? 3 : 2);
		for (size_t i = 0; i < N; i++)
			cr_assert(isfinite(((const float *)r.pull)[i]));
		rig_clear(&r);
	}
}

/* One byte of a code is another: it is refused, or it says some floats. Lengths that lie are refused. */
static void break_code(const char *json)
{
	enum { N = 13, TRIES = 20000 };
	static const struct layer_range at[] = {{0, 6, 0}, {6, N, 0}};
	static const struct layers layers = {2, at};
	struct rig r;
	int refused = 0;
	rig_init_layers(&r, rig_ref(), json, 3, N, &layers);
	for (uint32_t k = 0; k < TRIES; k++) {
		const struct stream s = stream_of(SEED, RNG_TEST, 0, k);
		encode_all(&r);
		unsigned char *message = r.push[1];
		message[stream_below(&s, 0, (uint32_t)r.push_bytes)] =
		        (unsigned char)stream_below(&s, 1, 256);
		rig_combine(&r, 0, N);
		refused += r.judge.refused[1];
		cr_assert_eq(r.judge.count, 3 - r.judge.refused[1]);
		for (size_t i = 0; i < N; i++)
			cr_assert(isfinite(((const float *)r.pull)[i]));
	}
	cr_assert(refused > 0 && refused < TRIES);
	for (size_t length = 0; length < 2 * r.push_bytes; length++) {
		encode_all(&r);
		code_set_length(r.push[1], length);
		rig_combine(&r, 0, N);
		cr_assert_eq(r.judge.refused[1], length != r.push_bytes, "%zu", length);
	}
	rig_clear(&r);
}

Test(messages, a_code_that_no_compressor_writes_is_left_out)
{
	break_code(METHOD("\"terngrad\""));
	break_code(METHOD("{\"kind\":\"terngrad\",\"packing\":\"trits\"}"));
}

/* --- clip_scale --------------------------------------------------------------------------------------- */

/* One of five has a huge scale: the mean moves by as much as its scale may count. */
Test(messages, scales_are_clipped_to_their_median)
{
	enum { N = 4, WORKERS = 5 };
	static const struct {
		const char *rule;
		double mean;
	} cases[] = {{"\"mean\"", (1 + 2 + 3 + 4 + 1000) / 5.0},
	             {"{\"kind\":\"mean\",\"clip_scale\":1}", (1 + 2 + 3 + 3 + 3) / 5.0},
	             {"{\"kind\":\"mean\",\"clip_scale\":3}", (1 + 2 + 3 + 4 + 9) / 5.0}};
	static const float sizes[WORKERS] = {1, 2, 3, 4, 1000};
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct rig r;
		char json[160];
		snprintf(json, sizeof json, "{\"compressor\":\"scaled-sign\",\"aggregator\":%s}",
		         cases[k].rule);
		rig_init(&r, rig_ref(), json, WORKERS, N);
		for (uint32_t m = 0; m < WORKERS; m++) {
			float v[N];
			for (size_t i = 0; i < N; i++)
				v[i] = i == 1 ? -sizes[m] : sizes[m];
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		for (size_t i = 0; i < N; i++)
			cr_assert_float_eq(((const float *)r.pull)[i],
			                   i == 1 ? -cases[k].mean : cases[k].mean, 1e-4, "%s", json);
		rig_clear(&r);
	}
}
