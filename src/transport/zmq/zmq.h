/*
 * Transport `zmq`: a server where the votes meet, and workers in other processes, on machines that nobody
 * vouches for. The server has a ZeroMQ ROUTER, each worker a DEALER; messages are in frame.h. A process that
 * hosts workers of a server elsewhere is a client.
 *
 * In each round a worker sends its push (its vote, such as the signs of its gradient), and gets the pull (the
 * answer, such as the majority). The shared state is what all processes hold: parameters, memory of the
 * optimizer, running statistics of BatchNorm, which one worker, their owner, brings up to date. A worker's
 * own state is its momentum and the like. `born` is the step at which that state began: a worker that is not
 * counted in a round starts again with an empty one.
 *
 * One key, one vote. A message belongs to the worker whose key its connection has proved (ZAP's User-Id),
 * whatever the message says. Everything that a peer sends is checked before it is used, and no number in a
 * message decides how much memory is allocated. A message that is wrong is dropped and counted (fault_table).
 * A worker that sends `ban_after` of them is banned. What a worker says of its loss and of running statistics
 * is believed only within bounds, and decides nothing: a loss that is not finite or beyond 1e6 is dropped and
 * the vote counts; running statistics that no honest batch can have made are dropped with their vote, so that
 * the next worker owns them (train/state.h says how that is bounded). Processes of `train --processes` are
 * trusted in both.
 *
 * A round ends when all awaited workers have voted, or at the deadline if there are at least `quorum` votes.
 * Rounds wait for a worker that has caught up: it waited for an answer when the last round ended, or it has
 * got an earlier answer or the parameters since. They stop waiting for a worker that misses
 * `max_missed` rounds in a row or loses its connection. Each time that a worker was given up for missing
 * rounds, it takes twice as many rounds until it can be awaited again. The first round of a server process
 * waits for all enrolled workers.
 *
 * A vote for a past step is dropped, counted as `late`, and answered with the answer of that step, if it is
 * among the last few that the server keeps. A worker that is further behind asks for the parameters. The
 * server sends them in chunks of 4 MiB out of one copy, so that a worker that reads slowly holds no memory.
 *
 * A vote may be sent in buckets while later ones are still computed (`buckets`, server_bucket.c), and several
 * servers may share the coordinates (`shards`, shard.h).
 *
 * The server works in its caller's thread, and only inside exchange(), collect() and leave(). Between these
 * calls messages wait; the flood guard limits how many bytes of each connection. Two threads of its own check
 * keys (server_auth.c) and watch connections (server_flood.c).
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_ZMQ_H
#define SIGNSGD_TRANSPORT_ZMQ_ZMQ_H

#include "transport/transport.h"
#include "transport/zmq/endpoint.h"

/* The server's side; env->endpoint must be set. The link's `count` is 0. */
extern const struct transport transport_zmq;

/* Where an open server listens: endpoint.address with `*` replaced. self: of its link. */
const char *zmq_server_address(const void *self);

/* How many servers the settings ask for: endpoint.n_shards + 1. */
int zmq_shards(const void *state);

struct zmq_client;

/* Connect, and wait for the server's WELCOME, for the endpoint's patience. NULL and a sentence. */
struct zmq_client *zmq_client_join(const struct endpoint *endpoint, struct err *e);
/* The JSON text of the settings, as the server sent it: read it as strictly as a file. */
const char *zmq_client_settings(const struct zmq_client *h);
/* Once the settings are understood: fill *link, whose close() closes the client. -1 and a sentence. */
int zmq_client_link(struct zmq_client *h, const struct transport_env *env, struct link *link, struct err *e);
/* For a client without a link. */
void zmq_client_close(struct zmq_client *h);

/*
 * Bytes on the wire of a message with this payload: ZMTP 3.0 adds a frame header of 2 bytes below 256 bytes
 * and of 9 above, and CURVE 33 more inside of the frame (a command's name, 8 bytes of nonce, 16 of
 * authentication, flags). tests/transport/test_zmq.c compares it with the kernel's count.
 */
uint64_t zmq_wire_bytes(enum endpoint_trust trust, size_t payload);

#endif
