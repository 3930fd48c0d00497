/*
 * Messages that are sent in buckets while earlier layers still compute: every coordinate once, from the end
 * to the beginning, before the exchange, and the same bits as messages sent whole.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "registry.h"
#include "tests/support/train.h"
#include "transport/transport.h"

enum { WORKERS = 3, STEPS = 4 };

/* The local transport, which looks at what is posted. */
struct watcher {
	struct link local;
	size_t n, bucket, from[WORKERS];
	unsigned char *copy[WORKERS]; /* [push_bytes] of what was posted, as it was then */
	int posts;
	bool good;
};

static void copy_bucket(const struct exchange_request *x, const void *push, size_t begin, size_t end,
                        unsigned char *out)
{
	size_t stride = planes_stride(&x->shape.push_planes, x->shape.n);
	for (int p = 0; p < x->shape.push_planes.count; p++) {
		size_t from = planes_offset(&x->shape.push_planes, x->shape.n, begin),
		       to = planes_offset(&x->shape.push_planes, x->shape.n, end);
		memcpy(out + (size_t)p * stride + from,
		       (const unsigned char *)push + (size_t)p * stride + from, to - from);
	}
}

static void watch_post(void *self, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	struct watcher *w = self;
	if (end == x->shape.n)
		w->from[i] = x->shape.n;
	w->good = w->good && end == w->from[i] && begin % w->bucket == 0 && begin < end &&
	          end - begin <= w->bucket;
	w->from[i] = begin;
	w->posts++;
	copy_bucket(x, x->pushes[i], begin, end, w->copy[i]);
}

static enum exchange_end watch_exchange(void *self, const struct exchange_request *x,
                                        struct exchange_reply *reply, struct err *e)
{
	struct watcher *w = self;
	struct exchange_request copied = *x;
	const void *copies[WORKERS];
	for (int i = 0; i < WORKERS; i++) {
		w->good = w->good && w->from[i] == 0 &&
		          memcmp(w->copy[i], x->pushes[i], x->shape.push_bytes) == 0;
		copies[i] = w->copy[i];
	}
	copied.pushes = copies;
	return w->local.row->exchange(w->local.self, &copied, reply, e);
}

static const struct transport watching = {
        .row = {.name = "watching"}, .post = watch_post, .exchange = watch_exchange};

#define DATA "\"data\":{\"kind\":\"glyphs\",\"train\":60,\"test\":21}"
#define RUN  "\"seed\":3,\"workers\":3,\"steps\":4,\"batch\":4,\"lr\":0.01," DATA

static const char *const experiments[] = {
        "{" RUN ",\"model\":{\"kind\":\"mlp\",\"hidden\":[70,30]}}",
        "{" RUN ",\"model\":{\"kind\":\"mlp\",\"hidden\":[40]},\"adversaries\":{\"count\":1},\"aggregator\":{"
        "\"kind\":"
        "\"vote\",\"zero\":\"abstain\"}}",
        "{" RUN
        ",\"model\":\"resnet20\",\"adversaries\":{\"count\":1,\"attack\":\"scale\"},\"aggregator\":\"mean\"}",
};

static void check(const char *text, int buckets, int lanes)
{
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(lanes);
	struct watcher w = {.good = true};
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	struct err e = {0};
	size_t n, same_n;
	float *whole = train_x(text, lanes, &n);
	const struct transport *local = (const struct transport *)family_find(&family_transports, "local");
	cr_assert_eq(local->open(NULL, &env, &w.local, &e), 0);
	struct link link = w.local;
	link.row = &watching;
	link.self = &w;
	link.buckets = buckets;
	w.bucket = ((n + (size_t)buckets - 1) / (size_t)buckets + 63) / 64 * 64;
	for (int i = 0; i < WORKERS; i++)
		w.copy[i] = mem_array(n + 64, sizeof(float));
	struct trainer *t = trainer_open(s, pool, &link, &e);
	cr_assert_not_null(t, "%s", e.text);
	train_steps(t, STEPS);
	const float *x = trainer_x(t, &same_n);
	cr_expect_eq(memcmp(x, whole, n * sizeof *x), 0, "%s: %d buckets, %d lanes: other bits", text,
	             buckets, lanes);
	cr_expect(w.good, "%s: %d buckets, %d lanes: buckets out of order, or changed behind their posting",
	          text, buckets, lanes);
	cr_expect_geq(w.posts, STEPS * WORKERS * 2);
	trainer_close(t);
	local->close(w.local.self);
	for (int i = 0; i < WORKERS; i++)
		mem_free(w.copy[i]);
	mem_free(whole);
	pool_close(pool);
	runs_clear(&runs);
}

Test(buckets, buckets_give_the_same_bits)
{
	for (size_t i = 0; i < sizeof experiments / sizeof *experiments; i++)
		for (int lanes = 1; lanes <= 2; lanes++) {
			check(experiments[i], 3, lanes);
			check(experiments[i], 17, lanes);
		}
}
