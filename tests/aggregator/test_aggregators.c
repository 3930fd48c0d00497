/* Methods: messages and cuts of all that fit together; mean, sign-mean and adam each against its definition.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/json_help.h"
#include "tests/support/machines.h"

Test(agg, every_row_describes_itself)
{
	const struct family *const families[] = {&family_compressors, &family_aggregators,
	                                         &family_optimizers};
	for (size_t f = 0; f < 3; f++)
		for (const struct row *const *r = families[f]->rows; *r; r++) {
			cr_assert((*r)->name[0] && (*r)->about[0] && (*r)->formula && (*r)->formula[0]);
			cr_assert_eq((*r)->keys == NULL, (*r)->state_bytes == 0, "%s", (*r)->name);
		}
	for (const struct row *const *r = family_aggregators.rows; *r; r++) {
		const struct aggregator *a = (const struct aggregator *)*r;
		cr_assert(a->takes && family_find(&family_compressors, a->compressor), "%s", (*r)->name);
		cr_assert(a->rule ? !a->combine && !a->separable : a->combine != NULL, "%s", (*r)->name);
	}
}

/*
 * Vectors with something of everything. Where a value is not finite, only one worker has it, so that no two
 * NaNs meet, of which the machine may keep either.
 */
static void fill_mixed(float *v, size_t n, uint32_t worker, uint32_t workers, uint64_t step)
{
	static const float odd[] = {NAN, INFINITY, -INFINITY};
	struct stream s = stream_of(SEED, RNG_TEST, worker, step);
	for (size_t i = 0; i < n; i++) {
		int k = (int)(stream_uniform(&s, i) * 8);
		v[i] = k < 2 ? (k ? 0.0F : -0.0F) : (float)(k - 5) * 0.3F;
		if (i % 7 == 3 && i % workers == worker)
			v[i] = odd[i % 3];
	}
}

/* encode() writes the whole push and nothing else, whatever was there before; and a worker's memory. */
static void check_encode(struct rig *r, uint32_t worker, const float *v)
{
	void *first = rig_buffer(r->push_bytes), *before = rig_buffer(r->worker_bytes);
	memcpy(before, r->own[worker], r->worker_bytes);
	memset(r->push[worker], 0x00, r->push_bytes);
	rig_encode(r, worker, v);
	memcpy(first, r->push[worker], r->push_bytes);
	memset(r->push[worker], 0xff, r->push_bytes);
	memcpy(r->own[worker], before, r->worker_bytes);
	rig_encode(r, worker, v);
	cr_assert_eq(memcmp(first, r->push[worker], r->push_bytes), 0, "%s, n = %zu: push not all written",
	             r->name, r->job.n);
	cr_assert(rig_guard_holds(r->push[worker], r->push_bytes), "%s, n = %zu: writes behind the push",
	          r->name, r->job.n);
	cr_assert(rig_guard_holds(r->own[worker], r->worker_bytes), "%s, n = %zu", r->name, r->job.n);
	mem_free(first);
	mem_free(before);
}

/* Uneven ranges, in an order that is not that of the coordinates: every second one first. */
static void in_ranges(struct rig *r, void (*range)(struct rig *r, size_t begin, size_t end))
{
	for (int odd = 1; odd >= 0; odd--) {
		size_t begin = 0, length = 64;
		for (int k = 0; begin < r->job.n; k++) {
			size_t end = begin + length < r->job.n ? begin + length : r->job.n;
			if (k % 2 == odd)
				range(r, begin, end);
			begin = end;
			length = length < 4096 ? 3 * length : 64;
		}
	}
}

static void apply_piece(struct rig *r, size_t begin, size_t end)
{
	rig_apply(r, begin, end, 0.01, 0.1);
}

/* What a message says as floats, in ranges, is what its signs say, times the scale or as its two scales have
 * it; or v itself. */
static void check_decode(struct rig *r, uint32_t worker, const float *v)
{
	size_t n = r->job.n, words = sign_words(n);
	const struct step_job job = r->job;
	const struct message *push = &r->method.push;
	float *said = mem_array(n, sizeof *said), scales[2] = {1, -1};
	uint64_t *vote = mem_array(2 * words, 8), *abstain = vote + words;
	if (push->kind == MESSAGE_SCALED) {
		message_get_scales(&job, push, r->push[worker], scales);
		scales[1] = push->scales > 1 ? scales[1] : -scales[0];
	}
	method_push_signs(&r->method, &r->job, r->push[worker], vote, abstain);
	for (size_t begin = 0, end; begin < n; begin = end) {
		end = begin + 192 < n ? begin + 192 : n;
		message_floats(&job, push, r->push[worker], begin, end, said + begin);
	}
	for (size_t i = 0; i < n; i++) {
		bool minus = vote[i / 64] >> i % 64 & 1, silent = abstain[i / 64] >> i % 64 & 1;
		float want = push->kind == MESSAGE_FLOATS ? v[i] : silent ? 0 : scales[minus];
		cr_assert(memcmp(&said[i], &want, sizeof want) == 0, "%s, n = %zu, i = %zu", r->name, n, i);
	}
	mem_free(said);
	mem_free(vote);
}

static void make_finite(float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			v[i] = (float)(i % 3) - 1;
}

/* Three steps: `whole` in one range, `cut` in many. */
static void check_cuts(struct rig *whole, struct rig *cut)
{
	const char *name = whole->name;
	size_t n = whole->job.n;
	float *v = mem_array(n, sizeof *v);
	for (uint64_t step = 0; step < 3; step++) {
		whole->job.step = cut->job.step = step;
		whole->job.lr = 0.01;
		for (uint32_t m = 0; m < (uint32_t)whole->workers; m++) {
			fill_mixed(v, n, m, (uint32_t)whole->workers, step);
			if (judge_has(
			            &whole->method)) /* what says nothing else is left out: test_messages.c */
				make_finite(v, n);
			check_encode(whole, m, v);
			if (whole->method.push.kind != MESSAGE_CODED) /* test_messages.c */
				check_decode(whole, m, v);
			memcpy(cut->push[m], whole->push[m], whole->push_bytes);
		}
		memset(whole->pull, 0x00, whole->pull_bytes);
		memset(cut->pull, 0xff, cut->pull_bytes);
		rig_combine(whole, 0, n);
		in_ranges(cut, rig_combine);
		cr_assert_eq(memcmp(whole->pull, cut->pull, whole->pull_bytes), 0, "%s, n = %zu, %d workers",
		             name, n, whole->workers);
		rig_apply(whole, 0, n, 0.01, 0.1);
		in_ranges(cut, apply_piece);
		cr_assert_eq(memcmp(whole->x, cut->x, n * sizeof *v), 0, "%s, n = %zu", name, n);
		cr_assert_eq(memcmp(whole->memory, cut->memory, whole->memory_bytes), 0, "%s, n = %zu", name,
		             n);
	}
	cr_assert(rig_guard_holds(cut->pull, cut->pull_bytes) &&
	                  rig_guard_holds(whole->pull, cut->pull_bytes),
	          "%s", name);
	cr_assert(rig_guard_holds(cut->x, n * sizeof *v) && rig_guard_holds(cut->memory, cut->memory_bytes),
	          "%s", name);
	mem_free(v);
}

static bool is_separable(const char *text)
{
	struct arena a = {0};
	bool separable = methods_read(&a, text).separable;
	arena_clear(&a);
	return separable;
}

Test(agg, every_method_gives_the_same_bits_in_ranges)
{
	static const size_t sizes[] = {1, 63, 64, 65, 128, 200, 1000, 4160, 9001};
	static const int workers[] = {1, 2, 3, 7};
	for (const struct row *const *b = machines_on_host(); *b; b++) {
		for (const struct method_text *t = methods_all(); t->json[0]; t++) {
			if (!is_separable(t->json))
				continue;
			for (size_t k = 0; k < sizeof sizes / sizeof *sizes * 4; k++) {
				struct rig whole, cut;
				rig_init(&whole, *b, t->json, workers[k % 4], sizes[k / 4]);
				rig_init(&cut, *b, t->json, workers[k % 4], sizes[k / 4]);
				check_cuts(&whole, &cut);
				rig_clear(&whole);
				rig_clear(&cut);
			}
		}
	}
}

/* momentum(), then encode(), against encode_momentum() in ranges from the end, as buckets are made. */
static void check_fused(struct rig *apart, struct rig *fused, float beta)
{
	size_t n = apart->job.n;
	float *g = mem_array(n, sizeof *g), *v = rig_buffer(n * sizeof *v), *w = rig_buffer(n * sizeof *w);
	fill_mixed(g, n, 0, 2, 5);
	fill_mixed(v, n, 1, 2, 6);
	memcpy(w, v, n * sizeof *v);
	memset(fused->push[1], 0xff, fused->push_bytes);
	apart->be.momentum(NULL, n, beta, g, v);
	rig_encode(apart, 1, v);
	for (size_t end = n; end > 0; end = (end - 1) / 192 * 192)
		method_encode_momentum(&fused->method, &fused->job, 1, beta, g, w, (end - 1) / 192 * 192, end,
		                       NULL, fused->push[1]);
	for (size_t i = 0; i < n; i++)
		cr_assert(memcmp(&v[i], &w[i], sizeof *v) == 0 || (isnan(v[i]) && isnan(w[i])),
		          "%s, n = %zu: v[%zu] is %g, not %g", fused->name, n, i, (double)w[i], (double)v[i]);
	cr_assert_eq(memcmp(apart->push[1], fused->push[1], apart->push_bytes), 0, "%s, n = %zu, beta %g",
	             fused->name, n, (double)beta);
	cr_assert(rig_guard_holds(w, n * sizeof *w) && rig_guard_holds(fused->push[1], fused->push_bytes));
	mem_free(g);
	mem_free(v);
	mem_free(w);
}

Test(agg, momentum_and_message_in_one_pass_are_the_same_bits)
{
	static const size_t sizes[] = {1, 63, 64, 65, 200, 4160};
	const float betas[] = {0, 0.9f, 1};
	static const char *const methods[] = {"\"mean\"", "{\"kind\":\"vote\",\"zero\":\"random\"}",
	                                      "{\"kind\":\"vote\",\"zero\":\"positive\"}",
	                                      "{\"kind\":\"vote\",\"zero\":\"abstain\"}"};
	for (const struct row *const *b = machines_on_host(); *b; b++)
		for (size_t m = 0; m < 4; m++) {
			for (size_t k = 0; k < sizeof sizes / sizeof *sizes * 3; k++) {
				struct rig apart, fused;
				rig_init(&apart, *b, methods[m], 2, sizes[k / 3]);
				rig_init(&fused, *b, methods[m], 2, sizes[k / 3]);
				check_fused(&apart, &fused, betas[k % 3]);
				rig_clear(&apart);
				rig_clear(&fused);
			}
		}
}

/* The probes' planes of v, where every worker says v: what is neither < 0 nor > 0 may be anything. */
Test(agg, every_method_shows_its_signs)
{
	enum { N = 150, WORDS = 3 };
	float v[N];
	for (size_t i = 0; i < N; i++)
		v[i] = i % 5 == 0 ? 0 : (i % 3 == 0 ? -0.7F : 1.5F);
	for (const struct method_text *t = methods_all(); t->json[0]; t++) {
		uint64_t planes[4][WORDS]; /* vote and abstain of a push and of the pull */
		struct rig r;
		if (t->drawn)
			continue;
		memset(planes, 0xff, sizeof planes);
		rig_init(&r, rig_ref(), t->json, 3, N);
		rig_step(&r, v, 0.1, 0);
		method_push_signs(&r.method, &r.job, r.push[1], planes[0], planes[1]);
		method_pull_signs(&r.method, &r.job, r.pull, planes[2], planes[3]);
		for (size_t i = 0; i < N; i++) {
			for (size_t p = 0; p < 4; p++) {
				bool bit = planes[p][i / 64] >> i % 64 & 1, minus = p % 2 == 0 && v[i] < 0;
				bool silent = planes[p | 1][i / 64] >> i % 64 & 1; /* a code may draw 0 */
				bool coded = r.method.push.kind == MESSAGE_CODED;
				cr_assert(v[i] == 0 || bit == minus || (coded && silent),
				          "%s, coordinate %zu, plane %zu", t->json, i, p);
			}
		}
		for (size_t p = 0; p < 4; p++)
			cr_assert_eq(planes[p][2] & ~sign_mask(N, 2), 0, "%s: padding of plane %zu", t->json,
			             p);
		rig_clear(&r);
	}
}

/* Law 2, second half: x <- x - lr (answer + decay x), the decay untouched by signs and momenta. */
Test(agg, every_method_decays_beside_the_answer)
{
	enum { N = 130 };
	float v[N];
	for (size_t i = 0; i < N; i++)
		v[i] = i % 2 ? 1 : -1;
	for (const struct method_text *t = methods_all(); t->json[0]; t++) {
		struct rig r;
		if (t->drawn)
			continue;
		rig_init(&r, rig_ref(), t->json, 4, N);
		bool exact = r.memory_bytes == 0; /* with powers of two; Adam divides 0.1 by 0.1 */
		for (size_t i = 0; i < N; i++)
			r.x[i] = (float)i;
		rig_step(&r, v, 0.125, 0.25);
		for (size_t i = 0; i < N; i++) {
			double want = (double)i - 0.125 * (v[i] + 0.25 * (double)i);
			cr_assert_float_eq(r.x[i], want, exact ? 0 : 1e-5, "%s: %g, not %g", t->json,
			                   (double)r.x[i], want);
		}
		rig_clear(&r);
	}
}

/* -- mean -------------------------------------------------------------------------------------------------
 */

/* The mean, not the sum, in float and in the workers' order; and near the mean in double. */
Test(agg, mean_is_the_mean_in_order_of_the_workers)
{
	enum { N = 5000 };
	float *v = mem_array(N, sizeof *v), *sum = mem_array(N, sizeof *sum);
	double *exact = mem_array(2 * N, sizeof *exact); /* sums of v, then of |v| */
	for (int workers = 1; workers <= WORKERS_MOST; workers++) {
		struct rig r;
		rig_init(&r, rig_ref(), "\"mean\"", workers, N);
		memset(exact, 0, 2 * N * sizeof *exact);
		for (uint32_t m = 0; m < (uint32_t)workers; m++) {
			struct stream s = stream_of(SEED, RNG_TEST, m, 5);
			for (size_t i = 0; i < N; i++) {
				v[i] = (stream_uniform(&s, i) - 0.4F) * (float)(i % 11 + 1);
				sum[i] = m == 0 ? v[i] : sum[i] + v[i];
				exact[i] += v[i];
				exact[N + i] += fabsf(v[i]);
			}
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		rig_apply(&r, 0, N, 0.5, 0);
		for (size_t i = 0; i < N; i++) {
			double mean = exact[i] / workers,
			       error = (workers + 2) * exact[N + i] / workers / (1 << 24);
			float pull = ((const float *)r.pull)[i];
			cr_assert_eq(pull, (float)(1.0 / workers) * sum[i]);
			cr_assert_float_eq(pull, mean, error, "M = %d", workers);
			cr_assert_eq(r.x[i], 0 - 0.5F * pull);
		}
		rig_clear(&r);
	}
	mem_free(v);
	mem_free(sum);
	mem_free(exact);
}

/* One worker of seven is enough. */
Test(agg, mean_is_destroyed_by_one_byzantine_worker)
{
	static const float strange[] = {NAN, INFINITY, -INFINITY};
	enum { N = 100 };
	for (size_t k = 0; k < 3; k++) {
		struct rig r;
		float v[N];
		rig_init(&r, rig_ref(), "\"mean\"", 7, N);
		for (uint32_t m = 0; m < 7; m++) {
			for (size_t i = 0; i < N; i++)
				v[i] = m == 2 && i > 0 ? strange[k] : 1;
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		rig_apply(&r, 0, N, 0.1, 0);
		cr_assert(isfinite(r.x[0]));
		for (size_t i = 1; i < N; i++)
			cr_assert(!isfinite(r.x[i]));
		rig_clear(&r);
	}
}

/* -- sign-mean --------------------------------------------------------------------------------------------
 */

Test(agg, sign_mean_is_the_mean_of_integer_signs)
{
	static const float values[] = {-2, -1, -0.0F, 0, 1, NAN, INFINITY};
	enum { N = 2100 }; /* more than one block of its combine */
	int *sum = mem_array(N, sizeof *sum);
	float *v = mem_array(N, sizeof *v);
	for (int k = 0; k < 3 * WORKERS_MOST; k++) {
		int zero = k % 3, workers = k / 3 + 1;
		char json[80];
		struct rig r;
		snprintf(json, sizeof json, "{\"kind\": \"sign-mean\", \"zero\": \"%s\"}",
		         rig_policy_names[zero]);
		rig_init(&r, rig_ref(), json, workers, N);
		memset(sum, 0, N * sizeof *sum);
		for (uint32_t m = 0; m < (uint32_t)workers; m++) {
			struct stream s = stream_of(SEED, RNG_TEST, m, 6);
			for (size_t i = 0; i < N; i++) {
				v[i] = values[stream_below(&s, i, 7)];
				sum[i] += rig_says((double)v[i], zero, RNG_ZERO, m, 0, i);
			}
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		for (size_t i = 0; i < N; i++)
			cr_assert_eq(((const float *)r.pull)[i], (float)sum[i] * (float)(1.0 / workers));
		cr_assert_eq(r.push_bytes, sign_plane_bytes(N) * (zero == SIGN_ABSTAIN ? 2 : 1));
		cr_assert_eq(r.pull_bytes, 4 * N);
		rig_clear(&r);
	}
	mem_free(sum);
	mem_free(v);
}

/* -- adam -------------------------------------------------------------------------------------------------
 */

struct moments {
	double m, s, x;
};

/* Kingma and Ba 2015, Algorithm 1, with decoupled decay, in double. beta as the float that is used. */
static void adam_step(struct moments *a, double g, int t, double lr, double decay)
{
	const double beta1 = (double)0.9F, beta2 = (double)0.999F, eps = 1e-8;
	a->m = beta1 * a->m + (1 - beta1) * g;
	a->s = beta2 * a->s + (1 - beta2) * g * g;
	double m = a->m / (1 - pow(beta1, t)), s = a->s / (1 - pow(beta2, t));
	a->x -= lr * (m / (sqrt(s) + eps) + decay * a->x);
}

Test(agg, adam_is_adam_in_double)
{
	enum { N = 300, STEPS = 200, WORKERS = 3 };
	const double lr = 0.01, decay = 0.05;
	static struct moments want[N];
	float v[N];
	double mean[N];
	struct rig r;
	rig_init(&r, rig_ref(), "\"adam\"", WORKERS, N);
	cr_assert(r.method.optimizer->own_momentum);
	cr_assert_eq(r.memory_bytes, 8 * N);
	for (size_t i = 0; i < N; i++)
		want[i].x = r.x[i] = (float)i / N - 0.5F;
	for (uint64_t step = 0; step < STEPS; step++) {
		r.job.step = step;
		memset(mean, 0, sizeof mean);
		for (uint32_t m = 0; m < WORKERS; m++) {
			struct stream s = stream_of(SEED, RNG_TEST, m, step);
			for (size_t i = 0; i < N; i++) {
				v[i] = (stream_uniform(&s, i) - 0.3F) * powf(10, (float)(i % 7) - 3);
				mean[i] += (double)v[i] / WORKERS;
			}
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		rig_apply(&r, 0, N, lr, decay);
		for (size_t i = 0; i < N; i++) {
			adam_step(&want[i], mean[i], (int)step + 1, lr, decay);
			/* Each step adds a rounding of x and a relative error of some ulp of the step, about
			 * lr. */
			cr_assert_float_eq(r.x[i], want[i].x, 1e-7 * (double)(step + 1) + 1e-5 * lr,
			                   "step %d, i = %zu", (int)step, i);
		}
	}
	rig_clear(&r);
}

/* beta1 = beta2 = eps = 0 is signSGD (Bernstein et al. 2019): for one worker, the same bits as the vote's. */
Test(agg, adam_without_memory_is_signsgd)
{
	enum { N = 1000 };
	float *v = mem_array(N, sizeof *v);
	struct rig adam, vote;
	rig_init(&adam, rig_ref(), "{\"kind\": \"adam\", \"beta1\": 0, \"beta2\": 0, \"eps\": 0}", 1, N);
	rig_init(&vote, rig_ref(), "\"vote\"", 1, N);
	for (uint64_t step = 0; step < 20; step++) {
		struct stream s = stream_of(SEED, RNG_TEST, 0, step);
		adam.job.step = vote.job.step = step;
		for (size_t i = 0; i < N; i++)
			v[i] = (stream_uniform(&s, i) - 0.49999997F) * powf(10, (float)(i % 31) - 15);
		rig_step(&adam, v, 0.003, 0);
		rig_step(&vote, v, 0.003, 0);
		cr_assert_eq(memcmp(adam.x, vote.x, N * sizeof *v), 0, "step %d", (int)step);
	}
	mem_free(v);
	rig_clear(&adam);
	rig_clear(&vote);
}

Test(agg, settings_out_of_bounds_are_refused)
{
	static const char *const votes[] = {"{\"kind\": \"vote\", \"tie\": \"up\"}",
	                                    "{\"kind\": \"mean\", \"tie\": \"random\"}"};
	static const char *const signs[] = {"{\"kind\": \"sign\", \"zero\": \"negative\"}",
	                                    "{\"kind\": \"sign\", \"tie\": \"random\"}",
	                                    "{\"kind\": \"none\", \"zero\": \"random\"}"};
	static const char *const steps[] = {
	        "{\"kind\": \"adam\", \"beta1\": 1}", "{\"kind\": \"adam\", \"beta2\": -0.1}",
	        "{\"kind\": \"adam\", \"eps\": -1}", "{\"kind\": \"sgd\", \"beta1\": 0.9}"};
	json_help_family_refuses(&family_aggregators, votes, sizeof votes / sizeof *votes);
	json_help_family_refuses(&family_compressors, signs, sizeof signs / sizeof *signs);
	json_help_family_refuses(&family_optimizers, steps, sizeof steps / sizeof *steps);
}
