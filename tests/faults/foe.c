/* Who means harm: processes that do one thing until they are killed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "transport/zmq/frame.h"
#include "tests/faults/day.h"

enum {
	TICK_US = 10000,
	FLOOD_A_TICK = 10, /* 1,000 a second */
	ASK_US = 10000,
	ASK_BACK = 4,   /* steps */
	REPLAY_MS = 50, /* more often would be greedy */
	FAR_STEP = 1 << 30,
	OVERSIZE_BYTES = 100000,
	CROWD = 500,
	GARBAGE_BYTES = 4096,
	FOE_STREAM = 2,
};

struct foe {
	const struct day *day;
	const struct event *event;
	void *context, *dealer;
	struct stream random;
	uint64_t drawn;
};

static void set(void *socket, int option, int value)
{
	zmq_setsockopt(socket, option, &value, sizeof value);
}

/* A connection with this key's secret. */
static void open_dealer(struct foe *f, const struct curve_key *key)
{
	f->context = zmq_ctx_new();
	f->dealer = zmq_socket(f->context, ZMQ_DEALER);
	set(f->dealer, ZMQ_LINGER, 0);
	set(f->dealer, ZMQ_IMMEDIATE, 1);
	set(f->dealer, ZMQ_RCVTIMEO, TICK_US / 1000);
	zmq_setsockopt(f->dealer, ZMQ_CURVE_SERVERKEY,
	               keyring_find(&f->day->ring, KEYRING_SERVER)->public_key, CURVE_TEXT + 1);
	zmq_setsockopt(f->dealer, ZMQ_CURVE_PUBLICKEY, key->public_key, CURVE_TEXT + 1);
	zmq_setsockopt(f->dealer, ZMQ_CURVE_SECRETKEY, key->secret_key, CURVE_TEXT + 1);
	if (zmq_connect(f->dealer, f->day->address))
		_exit(1);
}

/* With the key of the event's worker. */
static void open_as_worker(struct foe *f)
{
	char name[16];
	snprintf(name, sizeof name, "w%d", f->event->worker);
	open_dealer(f, keyring_find(&f->day->ring, name));
}

static void say(struct foe *f, struct frame frame, const void *body, size_t bytes)
{
	unsigned char message[FRAME_HEADER_BYTES + (1 << 16)];
	frame.bytes = bytes;
	frame.body_hash = hash_words(0, body, bytes);
	frame_write(&frame, message);
	if (bytes > 0)
		memcpy(message + FRAME_HEADER_BYTES, body, bytes);
	zmq_send(f->dealer, message, FRAME_HEADER_BYTES + bytes, ZMQ_DONTWAIT);
}

/* Sound messages on a connection that never said HELLO, of a kind that is no offence of its key. */
_Noreturn static void flood(struct foe *f)
{
	open_as_worker(f);
	for (;;) {
		for (int i = 0; i < FLOOD_A_TICK; i++)
			say(f, (struct frame){.type = FRAME_PUSH, .step = FAR_STEP}, NULL, 0);
		usleep(TICK_US);
	}
}

static bool any_in(void *socket)
{
	int events = 0;
	size_t size = sizeof events;
	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLIN;
}

/* The next message's header; false: there is none. */
static bool hear(struct foe *f, struct frame *frame)
{
	zmq_msg_t m;
	zmq_msg_init(&m);
	bool sound = zmq_msg_recv(&m, f->dealer, 0) >= 0 &&
	             frame_read(frame, zmq_msg_data(&m), zmq_msg_size(&m)) == FRAME_SOUND;
	zmq_msg_close(&m);
	return sound;
}

/* Votes for steps that are over. They must never be counted: the run would be another one. */
_Noreturn static void replay(struct foe *f)
{
	struct frame heard;
	unsigned char *push = calloc(1, f->day->push_bytes);
	uint64_t run = 0, step = 0;
	open_as_worker(f);
	set(f->dealer, ZMQ_RCVTIMEO, REPLAY_MS);
	for (;;) {
		if (step == 0)
			say(f,
			    (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE, .worker = UINT32_MAX},
			    NULL, 0);
		else
			say(f, (struct frame){.type = FRAME_PUSH, .run = run, .step = step - 1}, push,
			    f->day->push_bytes);
		while (hear(f, &heard))
			if (heard.type == FRAME_WELCOME) {
				run = heard.run;
				step = heard.step;
			}
	}
}

_Noreturn static void oversize(struct foe *f)
{
	unsigned char *message = calloc(1, OVERSIZE_BYTES);
	open_as_worker(f);
	for (;;) {
		zmq_send(f->dealer, message, OVERSIZE_BYTES, ZMQ_DONTWAIT);
		usleep(TICK_US);
	}
}

static void make_junk(struct foe *f, unsigned char *junk, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		junk[i] = (unsigned char)stream_bits(&f->random, f->drawn++);
}

_Noreturn static void offend(struct foe *f)
{
	unsigned char junk[200];
	open_as_worker(f);
	for (;;) {
		make_junk(f, junk, sizeof junk);
		zmq_send(f->dealer, junk, sizeof junk, ZMQ_DONTWAIT);
		usleep(TICK_US);
	}
}

_Noreturn static void stranger(struct foe *f)
{
	struct curve_key key = {0};
	zmq_curve_keypair(key.public_key, key.secret_key);
	open_dealer(f, &key);
	for (;;) {
		say(f, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, NULL, 0);
		usleep(TICK_US);
	}
}

/* -1: the server is not there. */
static int connect_raw(const struct foe *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->day->port)};
	const char *address = f->day->nodes ? f->day->nodes->at[0].address : "127.0.0.1";
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd >= 0 && inet_pton(AF_INET, address, &to.sin_addr) == 1 &&
	    connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

_Noreturn static void garbage(struct foe *f)
{
	unsigned char junk[GARBAGE_BYTES];
	for (;;) {
		int fd = connect_raw(f);
		make_junk(f, junk, sizeof junk);
		send(fd, junk, sizeof junk, MSG_NOSIGNAL);
		usleep(TICK_US);
		if (fd >= 0)
			close(fd);
	}
}

/* Whichever is shut is opened again. */
_Noreturn static void half_open(struct foe *f)
{
	int fds[CROWD];
	char byte;
	for (int i = 0; i < CROWD; i++)
		fds[i] = connect_raw(f);
	for (;;) {
		for (int i = 0; i < CROWD; i++) {
			if (fds[i] >= 0 && recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0 &&
			    (errno == EAGAIN || errno == EWOULDBLOCK))
				continue;
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = connect_raw(f);
		}
		usleep(5 * TICK_US);
	}
}

/* What the server would have to answer: an answer that is over, the parameters, and where it stands. */
_Noreturn static void ask(struct foe *f)
{
	struct frame heard = {0}, piece = {.type = FRAME_SNAPSHOT, .step = FRAME_NOWHERE, .count = 1};
	uint64_t run = 0, step = 0;
	const struct frame hello = {.type = FRAME_HELLO, .step = FRAME_NOWHERE, .worker = UINT32_MAX};
	open_as_worker(f);
	say(f, hello, NULL, 0);
	for (int i = 0;; i++) {
		const struct frame old = {.type = FRAME_FETCH,
		                          .run = run,
		                          .step = step > ASK_BACK ? step - ASK_BACK : 0,
		                          .born = -1};
		piece.run = run;
		say(f, i % 100 == 0 ? hello : i % 2 ? old : piece, NULL, 0);
		while (any_in(f->dealer) && hear(f, &heard)) {
			run = heard.run;
			step = heard.step > step || heard.type == FRAME_WELCOME ? heard.step : step;
			if (heard.type == FRAME_ANSWER)
				step = (uint64_t)heard.born;
			if (heard.type != FRAME_PARAMS)
				continue;
			bool more = heard.index + 1 < heard.count;
			piece.step = more ? heard.step : FRAME_NOWHERE;
			piece.index = more ? heard.index + 1 : 0;
			piece.count = piece.index + 1;
		}
		usleep(ASK_US);
	}
}

/* So much of each tick. */
_Noreturn static void burn(struct foe *f)
{
	for (;;) {
		double until = clock_s() + 1e-6 * TICK_US * f->event->burn;
		while (clock_s() < until)
			continue;
		usleep((useconds_t)(TICK_US * (1 - f->event->burn)));
	}
}

pid_t foe_start(const struct day *d, const struct event *ev)
{
	static void (*const deeds[KINDS])(struct foe *) = {[FLOOD] = flood,
	                                                   [REPLAY] = replay,
	                                                   [OVERSIZE] = oversize,
	                                                   [GARBAGE] = garbage,
	                                                   [HALF_OPEN] = half_open,
	                                                   [STRANGER] = stranger,
	                                                   [OFFEND] = offend,
	                                                   [ASK] = ask,
	                                                   [BURN] = burn};
	pid_t pid = cast_fork(d, ev->worker + 1);
	if (pid)
		return pid;
	struct foe f = {.day = d,
	                .event = ev,
	                .random = stream_of(d->seed, RNG_TEST, FOE_STREAM, (uint64_t)ev->from)};
	deeds[ev->kind](&f);
	_exit(1);
}
