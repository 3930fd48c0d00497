/* Votes over zmq in buckets: they arrive in place, and what is wrong with a bucket is dropped and counted. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "backend/sign.h"
#include "tests/support/zmq_byzantine.h"

enum { COORDINATES = 300, BUCKET = 128, BUCKETS = 3, STEPS = 9 };

/* The only worker, in a thread; bits differ from step to step, so an old one in the wrong place shows. */
struct teller {
	struct toy toy;
	char address[512];
	unsigned char push[STEPS][64];
	int counted;
};

static void say_bucket(struct byzantine *l, uint64_t step, const unsigned char *push, unsigned index,
                       size_t longer)
{
	unsigned char body[64] = {0};
	size_t bytes = 0;
	struct planes p = planes_of(1, sign_plane_bytes(COORDINATES), COORDINATES);
	struct frame f = {.type = FRAME_PUSH,
	                  .step = step,
	                  .born = (int64_t)step,
	                  .index = index,
	                  .count = BUCKETS + 1};
	if (index < BUCKETS) {
		size_t begin = (BUCKETS - 1 - index) * BUCKET,
		       end = index == 0 ? COORDINATES : begin + BUCKET;
		bytes = planes_range_bytes(&p, COORDINATES, begin, end);
		planes_take(&p, COORDINATES, begin, end, push, body);
	}
	byzantine_say(l, f, body, bytes + longer, -1);
}

/* What is wrong in this step. The vote comes in spite of it. */
static void spoil(struct byzantine *l, uint64_t step, const unsigned char *push)
{
	struct frame f = {.type = FRAME_PUSH, .step = step, .count = 77};
	switch (step) {
	case 1:
		say_bucket(l, step, push, 2, 0); /* before its time */
		say_bucket(l, step, push, BUCKETS, 0);
		break;
	case 2:
		say_bucket(l, step, push, 0, 8); /* too long, as is the closing one */
		say_bucket(l, step, push, BUCKETS, 8);
		break;
	case 3:
		byzantine_say(l, f, push, 0, -1); /* cut in another way */
		f.index = 60;
		byzantine_say(l, f, push, 8, -1);
		f.index = 76;
		byzantine_say(l, f, push, 0, -1);
		break;
	case 4:
		say_bucket(l, step - 1, push, 0, 0); /* of other steps */
		say_bucket(l, step + 1, push, 0, 0);
		break;
	case 5:
		say_bucket(l, step, push, 0, 0); /* and once more, as others begin */
		break;
	default:
		break;
	}
}

static void *tell(void *ctx)
{
	struct teller *t = ctx;
	struct byzantine l;
	struct frame f;
	byzantine_open(&l, &t->toy, 0, t->address, NULL, NULL);
	byzantine_join(&l);
	for (uint64_t step = 0; step < STEPS; step++) {
		spoil(&l, step, t->push[step]);
		if (step == 6) { /* a connection is lost amid a vote; what came by it is forgotten */
			say_bucket(&l, step, t->push[0], 0, 0);
			byzantine_join(&l);
		}
		if (step ==
		    7) { /* a bucket, then the whole vote: an honest client does so when a bucket was lost */
			say_bucket(&l, step, t->push[0], 0, 0);
			f = (struct frame){.type = FRAME_PUSH, .step = step, .born = (int64_t)step};
			byzantine_say(&l, f, t->push[step], sign_plane_bytes(COORDINATES), -1);
		}
		for (unsigned i = 0; step != 7 && i <= BUCKETS; i++)
			say_bucket(&l, step, t->push[step], i, 0);
		if (!byzantine_await(&l, FRAME_ANSWER, step, &f))
			break;
		t->counted += (f.flags & FRAME_COUNTED) != 0;
	}
	byzantine_close(&l);
	return NULL;
}

Test(zmq_buckets, out_of_order_twice_or_of_wrong_length)
{
	static struct toy_server s;
	static struct teller t;
	struct err e = {0};
	pthread_t thread;
	toy_open(&t.toy, 1, STEPS, COORDINATES, "vote");
	toy_server_open(&s, &t.toy, ENDPOINT_OPEN, "tcp://127.0.0.1:*", "{\"kind\":\"zmq\",\"buckets\":3}");
	snprintf(t.address, sizeof t.address, "%s", zmq_server_address(s.link.self));
	for (int k = 0; k < STEPS; k++)
		for (size_t i = 0; i < COORDINATES; i++)
			t.push[k][i / 8] |= (unsigned char)((i * i + i / 3 + (size_t)k * i / 2) % 2 << i % 8);
	s.link.row->sync(s.link.self, &s.state.st, &e);
	cr_assert_eq(pthread_create(&thread, NULL, tell, &t), 0);
	for (int k = 0; k < STEPS; k++) {
		cr_assert_eq(toy_server_step(&s, 0, &e), EXCHANGE_DONE, "%s", e.text);
		cr_expect_eq(memcmp(s.pull, t.push[k], sign_plane_bytes(COORDINATES)), 0,
		             "step %d: the only vote is not the answer", k);
	}
	pthread_join(thread, NULL);
	cr_expect_eq(t.counted, STEPS);
	cr_expect_eq(toy_server_fault(&s, 0, "wrong_order"), 2);
	cr_expect_eq(toy_server_fault(&s, 0, "wrong_length"), 5);
	cr_expect_eq(toy_server_fault(&s, 0, "late"), 1);
	cr_expect_eq(toy_server_fault(&s, 0, "wrong_step"), 1);
	cr_expect_eq(toy_server_fault(&s, 0, "duplicate"), 1);
	toy_server_close(&s);
	toy_close(&t.toy);
}
