/* For tests of transport zmq: two honest workers in processes, and a Byzantine one in a thread. */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_SCENE_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_SCENE_H

#include <stdatomic.h>
#include "tests/support/zmq_byzantine.h"

enum { SCENE_BYZANTINE = 2 };

struct scene {
	struct toy toy;
	struct toy_client clients[2];
	struct toy_server server;
	const struct curve_key *own, *key; /* the server's, the Byzantine worker's */
	char address[512];
	_Atomic bool told; /* the Byzantine worker has sent everything */
	_Atomic int steps; /* done */
	_Atomic int said;  /* messages that it has counted */
	int a_round;   /* messages that the server hears of it between two rounds, however fast they are */
	uint64_t from; /* the step it began in, or the bytes it got rid of */
	bool unread;   /* the server reads no more of it */
};

/* The model has n parameters; row: the transport as JSON, or NULL. A scene is large: keep it in static
 * memory. */
void scene_open(struct scene *s, enum endpoint_trust trust, size_t n, const char *row);

/* Now the honest may come. */
void scene_tell_clients(struct scene *s);

/*
 * The honest come, and rounds wait for them alone. For a Byzantine worker that never votes: the first round
 * would wait for it as well.
 */
void scene_meet(struct scene *s);

/* Rounds until the Byzantine worker has sent everything, and a few more. */
void scene_run(struct scene *s, void *(*attack)(void *));

/* The honest were there in all rounds, and the bits are those of a run with just these voters. */
void scene_close(struct scene *s);

/* How many faults of that kind the Byzantine worker has. */
uint64_t scene_faults(struct scene *s, const char *kind);

#endif
