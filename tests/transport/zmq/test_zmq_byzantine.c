/* Transport zmq with Byzantine workers: what is wrong is dropped and counted, and honest workers never
 * notice. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/support/zmq_scene.h"

enum { MUCH = 1000 };

/* Where the Byzantine worker votes too: there is a quorum without one of the honest, who are to be counted.
 */
static const char COUNTED[] = "{\"kind\": \"zmq\", \"deadline_s\": 60}";

static struct scene scene; /* in static memory, for its size */

/* Messages with one kind of fault, before a vote that is in order. */
static void lie_once(struct byzantine *l, int kind, uint64_t step)
{
	size_t bytes = l->toy->shape.push_bytes;
	unsigned char *push = mem_array(bytes + 8, 1);
	struct frame f = {.type = FRAME_PUSH, .step = step, .born = (int64_t)step};
	struct frame other = {.type = FRAME_ANSWER, .step = step};
	switch (kind) {
	case 0:
		byzantine_say(l, f, push, bytes - 8, -1); /* too short */
		byzantine_say(l, f, push, bytes + 8, -1); /* too long */
		break;
	case 1:
		f.step = step + 7;
		byzantine_say(l, f, push, bytes, -1);
		break;
	case 2:
		push[bytes - 1] = 0x80; /* the last word is not full */
		byzantine_say(l, f, push, bytes, -1);
		break;
	case 3:
		f.born = (int64_t)step + 1;
		byzantine_say(l, f, push, bytes, -1);
		f.born = -1;
		byzantine_say(l, f, push, bytes, -1);
		break;
	case 4:
		f.x_hash = 12345;
		byzantine_say(l, f, push, bytes, -1);
		break;
	case 5:
		f.run = 99;
		byzantine_say(l, f, push, bytes, -1);
		break;
	case 6:
		byzantine_say(l, f, push, bytes, 0);      /* no magic */
		byzantine_say(l, other, push, bytes, -1); /* for a server to say */
		byzantine_say(l, f, push, bytes, 5);      /* no such type */
		zmq_send(l->dealer, "", 0, 0);            /* nothing */
		byzantine_say(l, (struct frame){.type = FRAME_FETCH, .step = step}, push, 8,
		              -1); /* too long, as it is */
		break;
	case 7:
		byzantine_say(l, f, push, bytes, 4);
		break;
	case 8:
		byzantine_say(l, f, push, bytes, FRAME_HEADER_BYTES + 3);
		break;
	case 9:
		zmq_send(l->dealer, push, bytes, ZMQ_SNDMORE);
		zmq_send(l->dealer, push, bytes, ZMQ_SNDMORE);
		zmq_send(l->dealer, push, bytes, 0);
		break;
	case 10:
		if (step > 0)
			byzantine_vote(l, step - 1); /* late, or a replay */
		break;
	default:
		break;
	}
	mem_free(push);
}

static void *tell_all_lies(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine l;
	struct frame f;
	byzantine_open(&l, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	uint64_t step = byzantine_join(&l);
	s->from = step;
	for (int kind = 0; kind < 11; kind++, step++) {
		lie_once(&l, kind, step);
		byzantine_vote(&l, step);
		if (!byzantine_await(&l, FRAME_ANSWER, step, &f) || !(f.flags & FRAME_COUNTED))
			die("step %llu: the vote of kind %d was not counted", (unsigned long long)step, kind);
	}
	atomic_store(&s->told, true);
	byzantine_close(&l);
	return NULL;
}

/* Every kind of fault in turn. The votes that are in order count all the same, and each fault under its name.
 */
Test(zmq_lies, each_is_dropped_and_counted)
{
	static const struct {
		const char *kind;
		uint64_t count;
	} expected[] = {{"wrong_length", 3}, {"wrong_step", 1},  {"padding", 1},       {"wrong_since", 2},
	                {"wrong_hash", 1},   {"wrong_run", 1},   {"garbage", 4},       {"other_version", 1},
	                {"damaged", 1},      {"multipart", 1},   {"late", 1},          {"duplicate", 0},
	                {"takeover", 0},     {"unannounced", 0}, {"banned", 0},        {"greedy", 0},
	                {"flood", 0},        {"wrong_loss", 0},  {"wrong_running", 0}, {"not_finite", 0},
	                {"wrong_message", 0}};
	scene_open(&scene, ENDPOINT_KEYS, 1000, COUNTED);
	scene_tell_clients(&scene);
	scene_run(&scene, tell_all_lies);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		cr_expect_eq(scene_faults(&scene, expected[i].kind), expected[i].count, "%s: %llu",
		             expected[i].kind, (unsigned long long)scene_faults(&scene, expected[i].kind));
	for (uint64_t k = scene.from; k < scene.from + 11; k++)
		cr_expect_eq(scene.server.n_voters[k], 3);
	scene_close(&scene);
}

/* Before anybody else has voted, so that the round is still the same. */
static void *vote_twice(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine l;
	struct frame f;
	byzantine_open(&l, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	byzantine_join(&l);
	byzantine_vote(&l, 0);
	byzantine_vote(&l, 0);
	byzantine_say(&l, (struct frame){.type = FRAME_HELLO, .step = 0}, "", 0, -1);
	if (!byzantine_await(&l, FRAME_WELCOME, 0, &f) || !(f.flags & FRAME_HAVE_VOTE))
		die("the server has no vote");
	scene_tell_clients(s);
	if (!byzantine_await(&l, FRAME_ANSWER, 0, &f) || !(f.flags & FRAME_COUNTED))
		die("the first vote was not counted");
	atomic_store(&s->told, true);
	byzantine_close(&l);
	return NULL;
}

Test(zmq_lies, a_second_vote_in_a_round_is_none)
{
	scene_open(&scene, ENDPOINT_KEYS, 1000, COUNTED);
	scene_run(&scene, vote_twice);
	cr_expect_eq(scene_faults(&scene, "duplicate"), 1);
	cr_expect_eq(scene.server.n_voters[0], 3);
	scene_close(&scene);
}

static void *offend_often(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine l, again;
	struct frame f;
	byzantine_open(&l, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	byzantine_join(&l);
	for (int i = 0; i < 10; i++)
		byzantine_say(&l, (struct frame){.type = FRAME_PUSH}, "short", 5, -1);
	if (!byzantine_await(&l, FRAME_REFUSED, FRAME_NOWHERE, &f))
		die("the Byzantine worker was not refused");
	/* The connection is cut, and made again; neither that one nor another is let in. */
	byzantine_open(&again, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	for (int i = 0; i < 6000 && scene_faults(s, "banned") < 2; i++)
		usleep(10000);
	atomic_store(&s->told, true);
	byzantine_close(&l);
	byzantine_close(&again);
	return NULL;
}

Test(zmq_lies, who_offends_too_often_is_shut_out)
{
	scene_open(&scene, ENDPOINT_KEYS, 1000, "{\"kind\": \"zmq\", \"ban_after\": 10}");
	scene_meet(&scene);
	scene_run(&scene, offend_often);
	cr_expect_eq(scene_faults(&scene, "wrong_length"), 10);
	cr_expect_geq(scene_faults(&scene, "banned"), 2);
	scene_close(&scene);
}

static void *come_without_a_key(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine l;
	struct curve_key key;
	zmq_curve_keypair(key.public_key, key.secret_key);
	byzantine_open(&l, &s->toy, SCENE_BYZANTINE, s->address, s->own, &key);
	byzantine_say(&l, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "", 0, -1);
	for (int i = 0; i < 6000 && toy_server_fault(&s->server, -1, "unknown_key") == 0; i++)
		usleep(10000);
	atomic_store(&s->told, true);
	byzantine_close(&l);
	return NULL;
}

Test(zmq_lies, an_unknown_key_is_not_let_in)
{
	scene_open(&scene, ENDPOINT_KEYS, 1000, NULL);
	scene_meet(&scene);
	scene_run(&scene, come_without_a_key);
	cr_expect_geq(toy_server_fault(&scene.server, -1, "unknown_key"), 1);
	for (int k = 0; k < scene.server.state.st.step; k++)
		cr_expect_eq(scene.server.n_voters[k], 2);
	scene_close(&scene);
}

static void *come_twice(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine first, second;
	struct frame f;
	byzantine_open(&first, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	uint64_t step = byzantine_join(&first);
	byzantine_vote(&first, step);
	if (!byzantine_await(&first, FRAME_ANSWER, step, &f) || !(f.flags & FRAME_COUNTED))
		die("the first was not counted");
	byzantine_open(&second, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	step = byzantine_join(&second);
	byzantine_vote(&second, step);
	byzantine_vote(&first, step); /* the same key a second time in this round */
	if (!byzantine_await(&first, FRAME_REFUSED, FRAME_NOWHERE, &f))
		die("the first was not refused");
	if (!byzantine_await(&second, FRAME_ANSWER, step, &f))
		die("the second was not answered");
	atomic_store(&s->told, true);
	byzantine_close(&first);
	byzantine_close(&second);
	return NULL;
}

Test(zmq_lies, one_key_has_one_vote_on_however_many_connections)
{
	scene_open(&scene, ENDPOINT_KEYS, 1000, COUNTED);
	scene_tell_clients(&scene);
	scene_run(&scene, come_twice);
	cr_expect_eq(scene_faults(&scene, "takeover"), 1);
	cr_expect_eq(scene_faults(&scene, "unannounced"), 1);
	for (int k = 0; k < scene.server.state.st.step; k++)
		cr_expect_leq(scene.server.n_voters[k], 3);
	scene_close(&scene);
}

/* --- below ZeroMQ --------------------------------------------------------------------------------------- */

/* Once the server holds rounds. */
static int raw_connect(struct scene *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	to.sin_port = htons((uint16_t)atoi(strrchr(s->address, ':') + 1));
	while (atomic_load(&s->steps) == 0)
		usleep(1000);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		die("no connection: %s", strerror(errno));
	return fd;
}

/* A message that never ends: ZMTP's greeting and READY by hand, then frames that all say "more". */
static void *never_end(void *ctx)
{
	static const char ready[] = "\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06"
	                            "DEALER\x08Identity\0\0\0\0";
	struct scene *s = ctx;
	unsigned char greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'},
	              frame[8 + 1 + 8000] = {3}, answer[64];
	int fd = raw_connect(s);
	size_t sent = 0;
	frame[7] = 8000 >> 8;
	frame[8] = 8000 & 0xff;
	if (write(fd, greeting, sizeof greeting) != sizeof greeting ||
	    recv(fd, answer, sizeof greeting, MSG_WAITALL) != sizeof greeting ||
	    write(fd, ready, sizeof ready - 1) != sizeof ready - 1 ||
	    recv(fd, answer, sizeof ready - 1, MSG_WAITALL) != sizeof ready - 1)
		die("no greeting");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 2}, sizeof(struct timeval));
	while (sent < (size_t)1 << 30 && send(fd, frame, sizeof frame, MSG_NOSIGNAL) > 0)
		sent += sizeof frame;
	s->from = sent;
	s->unread = errno == EAGAIN;
	atomic_store(&s->told, true);
	close(fd);
	return NULL;
}

Test(zmq_lies, a_message_that_never_ends_is_cut_off)
{
	scene_open(&scene, ENDPOINT_OPEN, 100000, NULL);
	scene_meet(&scene);
	scene_run(&scene, never_end);
	/* Which of the two comes first is ZeroMQ's affair. */
	cr_expect(scene.unread || toy_server_fault(&scene.server, -1, "flood") == 1);
	cr_expect_lt(scene.from, (uint64_t)1 << 26, "%llu bytes were taken", (unsigned long long)scene.from);
	scene_close(&scene);
}

/*
 * More messages than the server looks at, and then the connection ends: it is the library that must bear it,
 * while the server is busy with something else.
 */
static void *say_much_and_leave(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine l;
	while (atomic_load(&s->steps) == 0)
		usleep(1000);
	byzantine_open(&l, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	uint64_t step = byzantine_join(&l);
	atomic_store(&s->told, true);
	usleep(200000); /* the round is over, and nobody reads */
	for (int i = 0; i < MUCH; i++)
		byzantine_say(&l, (struct frame){.type = FRAME_FETCH, .step = step}, NULL, 0, -1);
	usleep(500000);
	byzantine_close(&l);
	return NULL;
}

Test(zmq_lies, who_sends_much_and_leaves_ends_nobody_else)
{
	pthread_t thread;
	struct err e = {0};
	scene_open(&scene, ENDPOINT_KEYS, 1000, NULL);
	scene_meet(&scene);
	cr_assert_eq(pthread_create(&thread, NULL, say_much_and_leave, &scene), 0);
	for (int k = 0, after = 0; after<10; k++, after += after> 0) {
		cr_assert_eq(toy_server_step(&scene.server, 0, &e), EXCHANGE_DONE, "%s", e.text);
		cr_assert_lt(k, TOY_STEPS_MOST - 20, "the Byzantine worker does not come");
		atomic_fetch_add(&scene.steps, 1);
		usleep(2000);
		if (after > 0 || !atomic_load(&scene.told))
			continue;
		pthread_join(thread, NULL);
		usleep(4 * HEARTBEAT_MS * 1000); /* timers of the connection that is no more */
		after = 1;
	}
	scene_close(&scene);
}

static void wait_for_handshakes(struct scene *s, uint64_t count)
{
	for (int ms = 0; ms < 60000 && toy_server_fault(&s->server, -1, "handshake") < count; ms += 10)
		usleep(10000);
}

/* Connections that say nothing, and such that say anything. */
static void *knock(void *ctx)
{
	struct scene *s = ctx;
	int fds[400];
	unsigned char junk[300];
	struct stream random = stream_of(9, RNG_TEST, 0, 0);
	for (int i = 0; i < 400; i++) {
		fds[i] = raw_connect(s);
		for (size_t k = 0; k < sizeof junk; k++)
			junk[k] = (unsigned char)stream_below(&random, (uint64_t)i * 300 + k, 256);
		if (i % 2)
			send(fds[i], junk, sizeof junk, MSG_NOSIGNAL);
	}
	/* Junk ends a connection; some of the silent are shut too, and the others are counted when they
	 * leave. */
	wait_for_handshakes(s, 200);
	for (int i = 0; i < 400; i++)
		close(fds[i]);
	wait_for_handshakes(s, 400);
	atomic_store(&s->told, true);
	return NULL;
}

Test(zmq_lies, connections_that_never_prove_a_key_are_shut)
{
	scene_open(&scene, ENDPOINT_KEYS, 1000, NULL);
	scene_meet(&scene);
	scene_run(&scene, knock);
	cr_expect_eq(toy_server_fault(&scene.server, -1, "handshake"), 400);
	scene_close(&scene);
}
