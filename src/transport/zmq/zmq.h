/*
 * Transport `zmq`: a server that combines the votes, and workers in other processes, on untrusted machines.
 * The server has a ZeroMQ ROUTER socket, and each worker a DEALER socket; frame.h defines the messages. A
 * client is a process with workers of a server that runs in another process.
 *
 * In each round a worker sends its push (its vote, such as the signs of its gradient) and receives the pull
 * (the answer, such as the majority). All processes hold the shared state: the parameters, the optimizer's
 * memory, and the running statistics of BatchNorm. One worker, the owner of the running statistics
 * (bn_owner), updates them. Each worker also has its own state: its momentum, the recurrent state of its
 * sequences (carry) and the memories of its compressor and its attack. A worker that is not counted in a
 * round starts again with an empty own state; `born` is the step at which the worker's present own state
 * began.
 *
 * Each key has one vote. The key that a connection has proved (ZAP's User-Id) decides which worker a message
 * belongs to; the worker number in the message does not. The server checks everything that a peer sends
 * before it uses it, and no number in a message decides how much memory is allocated. A wrong message is
 * dropped and counted (fault_table). A worker that sends `ban_after` offending messages is banned
 * (server_faults.h). What a worker says of its loss and of running statistics is believed only within
 * bounds, and decides nothing: a loss that is not finite or beyond 1e6 is dropped, and the vote counts;
 * running statistics that no honest batch can have made are dropped with their vote, so that the next worker
 * owns them (train/state.h has the bounds). Processes of `train --processes` are trusted in both.
 *
 * A round ends when all awaited workers have voted, or at the deadline if there are at least `quorum` votes.
 * A round waits for each worker that has caught up. A worker has caught up if it was waiting for the answer
 * when the last round ended, or if it has since asked, by a late vote or for the last step, for the answer
 * that follows the last one, or the parameters, that it was sent, or has downloaded the parameters. Rounds
 * stop waiting for a worker that misses `max_missed` rounds in a row or loses its connection. Each time that
 * a worker is given up for missed rounds, the number of rounds until it can be awaited again doubles. The
 * first round of a server process waits for all enrolled workers.
 *
 * A vote for a past step is dropped and counted as `late`. The worker gets the answer of that step, if the
 * server still keeps it. Otherwise the worker must ask for the parameters. The server sends them in chunks
 * from one copy for all workers, so that a slow reader ties up no memory. Big replies of these kinds wait
 * until the answers of the last round are out (server_later.c). What a worker asks for is paid from a budget;
 * what goes beyond is dropped, then an offence (server_budget.h).
 *
 * A worker may send its vote in buckets, and send the first ones while it still computes the others
 * (`buckets`, server_bucket.c). Several servers may share the coordinates (`shards`, shard.h).
 *
 * The server works in its caller's thread, and only inside exchange(), collect() and leave(). Between these
 * calls messages queue up; the flood guard limits the queued bytes of each connection. The server has two
 * threads of its own: one checks keys (server_auth.c), the other watches connections (server_flood.c).
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_ZMQ_H
#define SIGNSGD_TRANSPORT_ZMQ_ZMQ_H

#include "transport/transport.h"
#include "transport/zmq/endpoint.h"

/* The server's side. env->endpoint must be set. The link's `count` is 0, because a server has no workers. */
extern const struct transport transport_zmq;

/* Where an open server listens: endpoint.address with `*` replaced. `self` is that of the server's link. */
const char *zmq_server_address(const void *self);

/* How many servers the settings ask for: endpoint.n_shards + 1. */
int zmq_shards(const void *state);

struct zmq_client;

/*
 * Connect, and wait for the server's WELCOME, but no longer than endpoint.patience_s without a connection.
 * NULL and a sentence.
 */
struct zmq_client *zmq_client_join(const struct endpoint *endpoint, struct err *e);
/* The settings (JSON) as the server sent them, not checked yet: parse them as strictly as a file. */
const char *zmq_client_settings(const struct zmq_client *h);
/* After the settings were parsed: fill *link. The link's close() closes the client. -1 and a sentence. */
int zmq_client_link(struct zmq_client *h, const struct transport_env *env, struct link *link, struct err *e);
/* Close a client that was not given a link. */
void zmq_client_close(struct zmq_client *h);

/*
 * How many bytes a message with this payload takes on the wire. ZMTP 3.0 adds a frame header: 2 bytes for a
 * payload below 256 bytes, otherwise 9. CURVE adds 33 bytes inside the frame (a command's name, 8 bytes of
 * nonce, 16 of authentication, flags). tests/transport/zmq/test_zmq.c compares the result with the kernel's
 * count.
 */
uint64_t zmq_wire_bytes(enum endpoint_trust trust, size_t payload);

#endif
