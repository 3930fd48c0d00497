/* Compressor `ef-sign` against its definition, and what its messages do to those who read them. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "aggregator/rule_run.h"
#include "base/mem.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/machines.h"

#define EF(aggregator) "{\"compressor\":\"ef-sign\",\"aggregator\":" aggregator "}"

static const char mean[] = EF("\"mean\"");

/* What the message of a worker says. */
static void said(struct rig *r, int worker, float *out)
{
	message_floats(&r->job, &r->method.push, r->push[worker], 0, r->job.n, out);
}

static void expect_near(const char *what, const float *got, const double *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_float_eq(got[i], want[i], 1e-7, "%s: %zu is %.9g, not %.9g", what, i,
		                   (double)got[i], want[i]);
}

/* Worked out by hand, at the rate 0.1. */
Test(ef_sign, two_steps_by_hand)
{
	enum { N = 4 };
	static const float v[2][N] = {{1, -2, 0.5F, 0}, {-0.25F, 0.5F, 1, 2}};
	static const double message[2][N] = {{0.0875, -0.0875, 0.0875, 0.0875},
	                                     {-0.0625, -0.0625, 0.0625, 0.0625}},
	                    memory[2][N] = {{0.0125, -0.1125, -0.0375, -0.0875}, {0.05, 0, 0, 0.05}},
	                    x[2][N] = {{-0.0875, 0.0875, -0.0875, -0.0875}, {-0.025, 0.15, -0.15, -0.15}};
	for (const struct row *const *b = machines_on_host(); *b; b++) {
		struct rig r;
		rig_init(&r, *b, mean, 1, N);
		cr_assert_eq(r.push_bytes, 8 + 4);
		for (int step = 0; step < 2; step++) {
			float d[N];
			rig_step(&r, v[step], 0.1, 0);
			said(&r, 0, d);
			expect_near("message", d, message[step], N);
			expect_near("memory", r.own[0], memory[step], N);
			expect_near("x", r.x, x[step], N);
		}
		rig_clear(&r);
	}
}

/* Weight decay has the rate, and the answer has it inside. */
Test(ef_sign, decay_is_times_the_rate)
{
	struct rig r;
	const float v = -3;
	rig_init(&r, rig_ref(), mean, 1, 1);
	r.x[0] = 8;
	rig_step(&r, &v, 0.25, 0.5);
	cr_assert_eq(r.x[0], 8 + 0.25F * 3 - 0.25F * 0.5F * 8);
	rig_clear(&r);
}

static void fill_uniform(float *v, size_t n, uint32_t worker, uint64_t step)
{
	struct stream s = stream_of(SEED, RNG_TEST, worker, step);
	for (size_t i = 0; i < n; i++)
		v[i] = (stream_uniform(&s, i) - 0.4F) * (float)(i % 11 + 1);
}

/* One float of a message and one vector of memory: nothing is lost, what was said and what is remembered add
 * up to all that was to be said. The mean adds in order of the workers, in float. */
Test(ef_sign, nothing_is_lost_and_the_mean_is_in_order)
{
	enum { N = 3001, STEPS = 12, WORKERS = 5 };
	float *v = mem_array(N, sizeof *v), *d = mem_array(N, sizeof *d), *sum = mem_array(N, sizeof *sum);
	double *left = mem_array(WORKERS * N, sizeof *left);
	struct rig r;
	rig_init(&r, rig_ref(), mean, WORKERS, N);
	cr_assert_eq(r.push_bytes, 8 * 47 + 4);
	for (uint64_t step = 0; step < STEPS; step++) {
		r.job.step = step;
		r.job.lr = 0.5 / (double)(step + 1);
		for (int m = 0; m < WORKERS; m++) {
			fill_uniform(v, N, (uint32_t)m, step);
			rig_encode(&r, (uint32_t)m, v);
			said(&r, m, d);
			for (size_t i = 0; i < N; i++) {
				sum[i] = m == 0 ? d[i] : sum[i] + d[i];
				left[(size_t)m * N + i] += r.job.lr * v[i] - d[i];
				cr_assert_float_eq(r.own[m][i], left[(size_t)m * N + i], 1e-4);
			}
		}
		rig_combine(&r, 0, N);
		for (size_t i = 0; i < N; i++)
			cr_assert_eq(((const float *)r.pull)[i], (float)(1.0 / WORKERS) * sum[i]);
	}
	rig_clear(&r);
	mem_free(v);
	mem_free(d);
	mem_free(sum);
	mem_free(left);
}

/* Any bytes may come from a peer: a scale that is no number, or below 0, or the largest, and bits behind the
 * last coordinate. What no compressor writes is left out. Planes for probes are clean. */
Test(ef_sign, a_peer_writes_what_it_likes)
{
	enum { N = 70 };
	static const float scales[] = {NAN, INFINITY, -INFINITY, 3.4e38F, -1};
	struct rig r;
	float v[N], d[N];
	uint64_t planes[4];
	rig_init(&r, rig_ref(), mean, 3, N);
	for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
		for (uint32_t m = 0; m < 3; m++) {
			fill_uniform(v, N, m, k);
			r.job.lr = 0.1;
			rig_encode(&r, m, v);
		}
		memset(r.push[1], 0xff, sign_plane_bytes(N));
		memcpy((char *)r.push[1] + sign_plane_bytes(N), &scales[k], sizeof *scales);
		said(&r, 1, d);
		for (size_t i = 0; i < N; i++)
			cr_assert(isfinite(scales[k]) && scales[k] > 0 ? d[i] == -scales[k] : isnan(d[i]));
		method_push_signs(&r.method, &r.job, r.push[1], planes, planes + 2);
		cr_assert(planes[0] == UINT64_MAX && planes[1] == sign_mask(N, 1) && !planes[2] &&
		          !planes[3]);
		rig_combine(&r, 0, N);
		cr_assert_eq(r.judge.count, isfinite(scales[k]) && scales[k] > 0 ? 3 : 2);
		cr_assert_eq(r.judge.refused[1], r.judge.count == 2);
		cr_assert(isfinite(((const float *)r.pull)[0]));
		cr_assert(rig_guard_holds(r.pull, r.pull_bytes));
	}
	rig_clear(&r);
}

/* A rule reads such messages, and leaves out what is not finite. */
Test(ef_sign, a_rule_leaves_out_what_is_not_finite)
{
	enum { N = 70, WORKERS = 5 };
	static const float scales[] = {NAN, INFINITY, 3.4e38F};
	float v[N], others[WORKERS][N];
	for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
		struct rig r;
		rig_init(&r, rig_ref(), EF("{\"kind\":\"median\",\"f\":1}"), WORKERS, N);
		r.job.lr = 0.1;
		for (int m = 0; m < WORKERS; m++) {
			fill_uniform(v, N, (uint32_t)m, k);
			rig_encode(&r, (uint32_t)m, v);
			said(&r, m, others[m]);
		}
		memcpy((char *)r.push[2] + sign_plane_bytes(N), &scales[k], sizeof *scales);
		rig_combine(&r, 0, N);
		for (size_t i = 0; i < N; i++) {
			float low = INFINITY, high = -INFINITY;
			for (int m = 0; m < WORKERS; m++) {
				low = m != 2 && others[m][i] < low ? others[m][i] : low;
				high = m != 2 && others[m][i] > high ? others[m][i] : high;
			}
			float got = ((const float *)r.pull)[i];
			cr_assert(got >= low && got <= high, "%zu: %g", i, (double)got);
		}
		rig_clear(&r);
	}
}

/* f = |x1 + x2| / 4 + |x1 - x2| from (1, 1). Every subgradient's sign is (1, -1) or (-1, 1), so that steps by
 * the sign stay on x1 + x2 = 2. Karimireddy et al. 2019, section 3. */
static double end_of_descent(const char *method)
{
	struct rig r;
	rig_init(&r, rig_ref(), method, 1, 2);
	r.x[0] = r.x[1] = 1;
	for (int step = 0; step < 4000; step++) {
		double lr = 0.1 / sqrt(step + 1);
		float a = r.x[0] + r.x[1] < 0 ? -0.25F : 0.25F, b = r.x[0] - r.x[1] < 0 ? -1 : 1;
		const float g[2] = {a + b, a - b};
		r.job.step = (uint64_t)step;
		rig_step(&r, g, lr, 0);
	}
	double f = fabs((double)r.x[0] + r.x[1]) / 4 + fabs((double)r.x[0] - r.x[1]);
	rig_clear(&r);
	return f;
}

Test(ef_sign, converges_where_the_sign_does_not)
{
	cr_expect_gt(end_of_descent("\"sign-mean\""), 0.49);
	cr_expect_lt(end_of_descent(mean), 0.05);
}
