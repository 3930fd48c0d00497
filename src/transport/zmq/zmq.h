/*
 * Transport `zmq`: a server where the votes meet, and workers in other processes, on machines that nobody
 * vouches for. ZeroMQ's ROUTER at the server, one DEALER a worker; messages as in frame.h.
 *
 * One key, one vote: who speaks is known from the key that its connection has proved (ZAP's User-Id), never
 * from what a message says. Everything that a peer sends is checked before it is used; nothing is allocated
 * by its numbers. What is wrong is dropped and counted under its name (fault_table), and who does it
 * `ban_after` times is shut out.
 *
 * A round ends when every worker that is awaited has voted, or at the deadline with at least `quorum` votes.
 * Awaited is who is in step, or about to be: it had a request open when the last round ended, or has since
 * got a past answer or the parameters. Who misses `max_missed` rounds in a row or loses its connection is
 * not, until then; each time it was given up for missing, that takes it twice as many rounds. Before the
 * first round of a server's life, all enrolled are awaited.
 *
 * A vote for a past step is dropped, counted as `late` and answered with that step's answer, of which the
 * server keeps the last few; who is further behind asks for the parameters. Those travel in pieces of 4 MiB
 * out of one copy at the server, so that nobody who reads slowly holds memory.
 *
 * A vote may come in pieces, while it is still being made (`buckets`, server_bucket.c), and several servers
 * may share the coordinates (`shards`, shard.h).
 *
 * The server works in the thread of its caller, in exchange(), collect() and leave() alone: between them,
 * messages wait, as many bytes of each connection as the guard allows. Two threads of its own check keys
 * (server_auth.c) and watch the connections (server_flood.c).
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_ZMQ_H
#define SIGNSGD_TRANSPORT_ZMQ_ZMQ_H

#include "transport/zmq/endpoint.h"
#include "transport/transport.h"

/* The server's side: env->endpoint must be there. The link's `count` is 0. */
extern const struct transport transport_zmq;

/* Where an open server listens, as endpoint.address with `*` replaced. Of the link's self. */
const char *zmq_server_address(const void *self);

/* How many servers the settings ask for; endpoint.n_shards + 1. */
int zmq_shards(const void *state);

/* A process that hosts workers of a server elsewhere. */
struct zmq_client;

/* Connect, and wait for the server's welcome within the endpoint's patience. NULL and a sentence. */
struct zmq_client *zmq_client_join(const struct endpoint *endpoint, struct err *e);
/* The JSON text of the settings, as the server sent it: to be read as strictly as a file. */
const char *zmq_client_settings(const struct zmq_client *h);
/* Once the settings are understood: fills *link, whose close() ends the host. -1 and a sentence. */
int zmq_client_link(struct zmq_client *h, const struct transport_env *env, struct link *link, struct err *e);
/* Without a link. */
void zmq_client_close(struct zmq_client *h);

/*
 * Bytes on the wire of a message with this payload: ZMTP 3.0's frame header, 2 bytes below 256 and else 9,
 * and under CURVE 33 more within it (a command's name, 8 bytes of nonce, 16 of authentication, flags).
 * Held against the kernel's count in tests/transport/test_zmq.c.
 */
uint64_t zmq_wire_bytes(enum endpoint_trust trust, size_t payload);

#endif
