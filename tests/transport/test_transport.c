/* The local transport: every coordinate is combined once, the bytes are counted, lanes do not show. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/methods.h"
#include "transport/transport.h"

enum { WORKERS = 5 };

static const struct transport *local(void)
{
	return (const struct transport *)family_find(&family_transports, "local");
}

/* Notes how often each word of 64 coordinates is combined, by writing +1 to it in the pull. */
struct witness {
	size_t n;
	const void *const *pushes;
	int calls; /* only lane 0 may count: used with one lane */
	bool fair; /* every call so far was a valid range with all pushes */
};

static void witness_combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin,
                            size_t end, void *pull)
{
	struct witness *w = ctx;
	(void)lane;
	bool fair = count == WORKERS && pushes == w->pushes && begin % 64 == 0 && begin < end &&
	            end <= w->n && (end % 64 == 0 || end == w->n);
	if (!fair)
		__atomic_store_n(&w->fair, false, __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->calls, 1, __ATOMIC_RELAXED);
	for (size_t i = begin; i < end; i++)
		((unsigned char *)pull)[i]++;
}

static int witness_exchange(size_t n, int lanes, bool separable)
{
	const void *pushes[WORKERS] = {0};
	struct err e = {0};
	struct link link;
	struct pool *pool = pool_open(lanes);
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	unsigned char *pull = mem_alloc(n);
	struct witness w = {.n = n, .pushes = pushes, .fair = true};
	int64_t born[WORKERS] = {0};
	bool honest[WORKERS] = {0};
	struct exchange_reply reply;
	struct exchange_request x = {.hosted = WORKERS,
	                             .born = born,
	                             .honest = honest,
	                             .shape = {.n = n, .push_bytes = 3, .pull_bytes = n},
	                             .pushes = pushes,
	                             .pull = pull,
	                             .rule = {.separable = separable, .combine = witness_combine, .ctx = &w}};
	cr_assert_eq(local()->open(NULL, &env, &link, &e), 0, "%s", e.text);
	cr_assert(link.root && link.count == WORKERS && link.ids[0] == 0 &&
	          link.ids[WORKERS - 1] == WORKERS - 1);
	cr_assert_eq(local()->exchange(link.self, &x, &reply, &e), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(pull[i], 1, "n = %zu, %d lanes: coordinate %zu combined %d times", n, lanes, i,
		             pull[i]);
	cr_assert(w.fair);
	cr_assert_eq(reply.n_voters, WORKERS);
	local()->close(link.self);
	mem_free(pull);
	pool_close(pool);
	return w.calls;
}

Test(transport, every_coordinate_is_combined_once)
{
	static const size_t sizes[] = {1,    63,   64,    65,     4096,    8191,
	                               8192, 8193, 70000, 262144, 1000001, 2200000};
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		for (int lanes = 1; lanes <= 8; lanes = lanes < 3 ? lanes + 1 : lanes + 5)
			witness_exchange(sizes[s], lanes, true);
	}
}

Test(transport, what_cannot_be_cut_is_combined_in_one_call)
{
	cr_assert_eq(witness_exchange(1000001, 1, false), 1);
	cr_assert_eq(witness_exchange(1000001, 3, false), 1);
	cr_assert_gt(witness_exchange(1000001, 3, true), 3); /* or the test above would show nothing */
}

static void count_combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                          void *pull)
{
	(void)lane, (void)count, (void)pushes, (void)begin, (void)end, (void)pull;
	++*(int *)ctx;
}

/* M messages in each direction, also where their sum needs more than 32 bits. */
Test(transport, bytes_of_all_workers_are_counted)
{
	const void *pushes[WORKERS] = {0};
	struct err e = {0};
	struct link link;
	int calls = 0;
	struct pool *pool = pool_open(1);
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	int64_t born[WORKERS] = {0};
	bool honest[WORKERS] = {0};
	struct exchange_reply reply;
	struct exchange_request x = {.hosted = WORKERS,
	                             .born = born,
	                             .honest = honest,
	                             .shape = {.n = 1, .push_bytes = 3000000000, .pull_bytes = 2000000001},
	                             .pushes = pushes,
	                             .rule = {.separable = true, .combine = count_combine, .ctx = &calls}};
	cr_assert_eq(local()->open(NULL, &env, &link, &e), 0, "%s", e.text);
	for (int round = 1; round <= 3; round++) {
		cr_assert_eq(local()->exchange(link.self, &x, &reply, &e), 0);
		cr_assert_eq(reply.bytes_up, UINT64_C(15000000000));
		cr_assert_eq(reply.bytes_down,
		             UINT64_C(10000000005)); /* of one step, not of all steps so far */
		cr_assert_eq(calls, round);
	}
	local()->close(link.self);
	pool_close(pool);
}

struct method_job {
	struct method method;
	struct step_job job;
	float *scratch; /* [8][MESSAGE_SCRATCH] */
};

static void job_combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                        void *pull)
{
	const struct method_job *r = ctx;
	struct step_job job = r->job;
	job.scratch = r->scratch + (size_t)lane * MESSAGE_SCRATCH;
	method_combine(&r->method, &job, count, pushes, begin, end, pull);
}

/* The pull of one exchange on `lanes` lanes, to pull [pull_bytes]. */
static void job_exchange(struct method_job *r, const void *const *pushes, int lanes, void *pull)
{
	struct err e = {0};
	struct link link;
	struct pool *pool = pool_open(lanes);
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	int64_t born[WORKERS] = {0};
	bool honest[WORKERS] = {0};
	struct exchange_reply reply;
	struct exchange_request x = {.hosted = WORKERS,
	                             .born = born,
	                             .honest = honest,
	                             .shape = method_shape(&r->method, r->job.n),
	                             .pushes = pushes,
	                             .pull = pull,
	                             .rule = method_rule(&r->method, job_combine, NULL, r)};
	cr_assert_eq(local()->open(NULL, &env, &link, &e), 0, "%s", e.text);
	cr_assert_eq(local()->exchange(link.self, &x, &reply, &e), 0);
	cr_assert_eq(reply.bytes_up, WORKERS * x.shape.push_bytes);
	cr_assert_eq(reply.bytes_down, WORKERS * x.shape.pull_bytes);
	local()->close(link.self);
	pool_close(pool);
}

/* Law 1. Votes of small integers, so that zeros and ties come up too. */
static void check_lanes(const struct backend *be, const char *text, size_t n)
{
	static const int lanes[] = {1, 2, 3, 8};
	struct arena arena = {0};
	struct method_job r = {.method = methods_read(&arena, text),
	                       .scratch = mem_array((size_t)8 * MESSAGE_SCRATCH, sizeof(float))};
	if (r.method.push.kind ==
	    MESSAGE_CODED) { /* combined by the trainer's meeting: train/test_message_ways.c */
		mem_free(r.scratch);
		arena_clear(&arena);
		return;
	}
	r.job = method_job(&r.method, be, 11, n);
	r.job.step = 3;
	r.job.scratch = r.scratch;
	size_t pull_bytes = method_pull_bytes(&r.method, n);
	void *pushes[WORKERS], *want = mem_array(pull_bytes, 1), *pull = mem_array(pull_bytes, 1);
	r.job.lr = 0.1;
	float *v = mem_array(n, sizeof *v), *own = mem_array(method_worker_floats(&r.method, n), sizeof *own);
	for (uint32_t m = 0; m < WORKERS; m++) {
		struct stream s = stream_of(12, RNG_TEST, m, 0);
		for (size_t i = 0; i < n; i++)
			v[i] = (float)((int)(stream_uniform(&s, i) * 5) - 2) * 0.7F;
		pushes[m] = mem_array(method_push_bytes(&r.method, n), 1);
		method_encode(&r.method, &r.job, m, v, 0, n, own, pushes[m]);
	}
	method_combine(&r.method, &r.job, WORKERS, (const void *const *)pushes, 0, n, want);
	for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
		memset(pull, 0x5a, pull_bytes);
		job_exchange(&r, (const void *const *)pushes, lanes[l], pull);
		cr_assert_eq(memcmp(want, pull, pull_bytes), 0, "%s, n = %zu: %d lanes differ", text, n,
		             lanes[l]);
	}
	for (int m = 0; m < WORKERS; m++)
		mem_free(pushes[m]);
	mem_free(v);
	mem_free(own);
	mem_free(want);
	mem_free(pull);
	mem_free(r.scratch);
	arena_clear(&arena);
}

Test(transport, lanes_do_not_show)
{
	static const size_t sizes[] = {1, 1000, 8193, 150001};
	for (const struct row *const *b = machines_on_host(); *b; b++) {
		struct backend be;
		struct err e = {0};
		cr_assert_eq(((const struct backend_row *)*b)->open(&be, NULL, &e), 0);
		for (const struct method_text *t = methods_all(); t->json[0]; t++) {
			if (t->rule)
				continue; /* tests/aggregator/test_rule_bits.c */
			for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
				check_lanes(&be, t->json, sizes[s]);
		}
	}
}

/* --- planes ------------------------------------------------------------------------------------------ */

/* Of every bit of a message, those behind the last coordinate and no others are padding. */
Test(planes, every_padding_bit_is_found)
{
	static const size_t lengths[] = {1, 7, 8, 9, 63, 64, 65, 100, 127, 128, 200};
	for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
		for (int count = 0; count <= 2; count++) {
			size_t n = lengths[l];
			struct planes p = {.count = count, .bits = 1};
			size_t stride = planes_stride(&p, n), bytes = (size_t)count * stride;
			unsigned char *message =
			        (unsigned char *)mem_alloc(bytes + 1) + 1; /* at an odd address */
			cr_expect(planes_padding_clear(&p, n, message));
			for (size_t bit = 0; bit < 8 * bytes; bit++) {
				bool padding = bit % (8 * stride) >= n;
				message[bit / 8] = (unsigned char)(1 << bit % 8);
				cr_expect_eq(planes_padding_clear(&p, n, message), !padding,
				             "bit %zu of %d planes of %zu", bit, count, n);
				message[bit / 8] = 0;
			}
			memset(message, 0xff, bytes);
			cr_expect_eq(planes_padding_clear(&p, n, message), count == 0 || n % 64 == 0);
			mem_free(message - 1);
		}
	}
}

Test(planes, of_whole_bytes_have_no_padding)
{
	unsigned char message[64];
	memset(message, 0xff, sizeof message);
	for (int bits = 8; bits <= 32; bits *= 2)
		cr_expect(planes_padding_clear(&(struct planes){1, bits}, 5, message));
}
