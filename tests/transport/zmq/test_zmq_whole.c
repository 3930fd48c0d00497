/*
 * Rules that must see all messages at once, over zmq: answers and withheld steps reach all workers, in
 * buckets and whole; a message that is not finite is an offence, and its worker stays counted.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "tests/support/zmq_byzantine.h"
#include "transport/meeting.h"

enum { STEPS = 8, BYZANTINE = 2 };

static struct toy toy;
static struct toy_server server;
static struct toy_client clients[2];

/* Two clients with a worker each, or with all three. */
static void open_all(enum endpoint_trust trust, size_t n, const char *address, const char *row, bool two)
{
	struct err e = {0};
	toy_open(&toy, 3, STEPS, n, "mean");
	toy.meets = true;
	for (int i = 0; i < 2; i++) {
		clients[i] = (struct toy_client){.count = two ? 1 : i + 1, .first = i, .fail_at = -1};
		toy_client_start(&toy, clients, i, trust);
	}
	toy_server_open(&server, &toy, trust, address, row);
	for (int i = 0; i < 2; i++)
		toy_client_tell(&clients[i], zmq_server_address(server.link.self),
		                trust == ENDPOINT_OPEN ? NULL : &server.ring);
	cr_assert_eq(server.link.row->sync(server.link.self, &server.state.st, &e), 0);
	cr_expect(server.link.meets);
}

/* All have the parameters of a run with just these voters. */
static void close_all(void)
{
	float *want = mem_array(toy.n, sizeof *want);
	uint64_t hash, wanted;
	server.link.row->leave(server.link.self, true, "done");
	toy_replay(&toy, STEPS, server.born, want);
	wanted = hash_words(0, want, toy.n * sizeof *want);
	cr_expect_eq(memcmp(want, server.state.x, toy.n * sizeof *want), 0, "the server's x is another");
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(toy_client_end(&clients[i], &hash), 0);
		cr_expect_eq(hash, wanted, "client %d's x is another", i);
	}
	toy_server_close(&server);
	toy_close(&toy);
	mem_free(want);
}

static void one_step(int k)
{
	struct err e = {0};
	cr_assert_eq(toy_server_step(&server, 0, &e), EXCHANGE_DONE, "%s", e.text);
	cr_expect_eq(server.n_voters[k], 3);
	cr_expect_eq(server.last.flags, k % 3 == 2 ? EXCHANGE_WITHHELD : 0, "step %d", k);
}

static void run_sound(enum endpoint_trust trust, const char *address, const char *row)
{
	size_t n = MEETING_BLOCK + 100;
	open_all(trust, n, address, row, false);
	for (int k = 0; k < STEPS; k++) {
		one_step(k);
		/* two pulls, or two answers without one */
		bool pulls = server.last.bytes_down > 2 * n * sizeof(float);
		cr_expect_eq(pulls, k % 3 != 2, "step %d: %llu bytes down", k,
		             (unsigned long long)server.last.bytes_down);
	}
	close_all();
}

Test(zmq_whole, answers_and_withheld_steps_reach_all, .timeout = 120)
{
	char address[64];
	snprintf(address, sizeof address, "ipc://@signsgd-test-%d", getpid());
	run_sound(ENDPOINT_TOKENS, address, NULL);
	run_sound(ENDPOINT_KEYS, "tcp://127.0.0.1:*", "{\"kind\":\"zmq\",\"buckets\":5}");
}

/* Says NaN in all steps but the second, and asks again for the answer of the withheld one. */
static void *say_nan(void *ctx)
{
	_Atomic int *again = ctx;
	struct byzantine b;
	struct frame f;
	float *push = mem_array(toy.n, sizeof *push);
	byzantine_open(&b, &toy, BYZANTINE, zmq_server_address(server.link.self), NULL, NULL);
	byzantine_join(&b);
	for (uint64_t step = 0; step < STEPS; step++) {
		push[toy.n - 1] = step == 1 ? 0 : NAN;
		byzantine_say(&b, (struct frame){.type = FRAME_PUSH, .step = step}, push,
		              toy.n * sizeof *push, -1);
		if (!byzantine_await(&b, FRAME_ANSWER, step, &f) || !(f.flags & FRAME_COUNTED))
			die("step %llu: the vote was not counted", (unsigned long long)step);
		if (step != 2)
			continue;
		byzantine_say(&b, (struct frame){.type = FRAME_FETCH, .step = step}, "", 0, -1);
		if (!byzantine_await(&b, FRAME_ANSWER, step, &f) || !(f.flags & FRAME_WITHHELD) ||
		    f.bytes > 0)
			die("asked again, the withheld step has an answer");
		atomic_fetch_add(again, 1);
	}
	mem_free(push);
	byzantine_close(&b);
	return NULL;
}

Test(zmq_whole, a_message_that_is_not_finite_is_an_offence, .timeout = 120)
{
	static _Atomic int again;
	pthread_t thread;
	open_all(ENDPOINT_OPEN, 5000, "tcp://127.0.0.1:*", NULL, true);
	cr_assert_eq(pthread_create(&thread, NULL, say_nan, &again), 0);
	for (int k = 0; k < STEPS; k++)
		one_step(k);
	pthread_join(thread, NULL);
	cr_expect_eq(again, 1);
	cr_expect_eq(toy_server_fault(&server, BYZANTINE, "not_finite"), STEPS - 1);
	cr_expect_eq(toy_server_fault(&server, 0, "not_finite"), 0);
	for (int k = 0; k < STEPS; k++) {
		cr_expect_eq(server.born[k][BYZANTINE], 0, "it was not counted in step %d", k);
		if (k != 1) /* for the run in one place: the same as if it had said nothing */
			server.born[k][BYZANTINE] = -1;
	}
	toy.zeros = BYZANTINE;
	close_all();
}

Test(zmq_whole, shards_are_refused_by_name)
{
	struct err e = {0};
	static const char *const shard = "tcp://127.0.0.1:9";
	toy_open(&toy, 1, 1, 1000, "mean");
	toy.meets = true;
	toy_server_make(&server, &toy, ENDPOINT_OPEN, "tcp://127.0.0.1:*");
	server.endpoint.shards = &shard;
	server.endpoint.n_shards = 1;
	toy_server_begin(&server, "{\"kind\":\"zmq\",\"shards\":2}");
	cr_assert_eq(server.link.row->sync(server.link.self, &server.state.st, &e), 0);
	cr_expect_eq(toy_server_step(&server, 0, &e), EXCHANGE_FAILED);
	cr_expect_not_null(strstr(e.text, "aggregator \"mean\" does not treat every coordinate by itself"),
	                   "%s", e.text);
	toy_server_close(&server);
	toy_close(&toy);
}
