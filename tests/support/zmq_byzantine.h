/* For tests of transport zmq: Byzantine clients, made by hand, beside the toy experiment of zmq_peer.h. */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_BYZANTINE_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_BYZANTINE_H

#include "tests/support/zmq_peer.h"

/* A client that sends what the test tells it to. It is worker `id`, or no worker of the run (-1). */
struct byzantine {
	const struct toy *toy;
	void *context, *dealer;
	int id;
	uint64_t run;
};

/* server: the server's key pair, for CURVE; NULL: PLAIN with `key`, or no key at all where that is NULL.
 * byzantine_close() it.
 */
void byzantine_open(struct byzantine *b, const struct toy *t, int id, const char *address,
                    const struct curve_key *server, const struct curve_key *key);

void byzantine_close(struct byzantine *b);

/* Sends a message as the protocol has it, except that byte `spoil_at` (if >= 0) is another one. */
void byzantine_say(struct byzantine *b, struct frame f, const void *body, size_t bytes, int spoil_at);

/* Waits for a message of this type, and of this step unless that is FRAME_NOWHERE; others are dropped. False:
 * nothing came for a long time.
 */
bool byzantine_await(struct byzantine *b, enum frame_type type, uint64_t step, struct frame *f);

/* Sends HELLO; returns the step at which the run is. */
uint64_t byzantine_join(struct byzantine *b);

/* Sends a vote that is in order: all zeros (toy.zeros). */
void byzantine_vote(struct byzantine *b, uint64_t step);

/*
 * A process that is a server of that toy at `address`, without keys, and sends `settings` whatever they say.
 * It is killed with this one; byzantine_server_end() ends it before.
 */
pid_t byzantine_server(const struct toy *t, const char *settings, const char *address);
void byzantine_server_end(pid_t server);

#endif
