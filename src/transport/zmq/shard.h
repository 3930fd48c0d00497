/*
 * A server of a part of the coordinates (`transport.shards`), so that no server's link carries every vote.
 * Of S servers each owns a range; workers send each its range of their votes, and get its range of the answer
 * from it. It holds no parameters and decides nothing.
 *
 * One decision for all: the main server, part 0, which holds the run, connects to the others in the name of
 * the same key, and each tells it whose vote for the present step it has, by a number that a worker draws
 * for each attempt at a vote. A vote counts when all parts of the very same attempt are there. The main
 * server tells who was counted, and each combines these and no others, answers who asks, and sends its range
 * to the main server, which needs it for its own parameters. So the bits are those of one server, whoever
 * dies.
 *
 * Messages between them: frame.h. All of them say how things are, not what has changed, and are said again
 * after a connection was lost, so none is missed. What a worker does against the protocol is counted here and
 * told to the main server. A shard that is started again gets the votes again from the workers, also
 * those of a round that was decided already; until it is there no round ends, and after the main server's
 * patience the run ends with a sentence, and continues from its checkpoint.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SHARD_H
#define SIGNSGD_TRANSPORT_ZMQ_SHARD_H

#include "transport/zmq/endpoint.h"
#include "transport/transport.h"

struct zmq_shard;

/* Listen at the endpoint's address, with the server's own keys. NULL and a sentence. */
struct zmq_shard *zmq_shard_open(const struct endpoint *endpoint, struct err *e);
/* Where it listens, as endpoint.address with `*` replaced. */
const char *zmq_shard_address(const struct zmq_shard *h);
/*
 * Wait until a main server tells what is run, or endpoint.stop is not 0: -1 and a sentence. Then the
 * settings' text, the number of coordinates, the workers and the range [begin, end).
 */
int zmq_shard_wait(struct zmq_shard *h, struct err *e);
const char *zmq_shard_settings(const struct zmq_shard *h);
size_t zmq_shard_n(const struct zmq_shard *h);
int zmq_shard_workers(const struct zmq_shard *h);
/*
 * Serve until the run is over. *x says n, sizes, planes, combine and ctx; x->step is written before combine
 * is called. -1 and a sentence: no main server for endpoint.patience_s, or endpoint.stop.
 */
int zmq_shard_serve(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e);
void zmq_shard_close(struct zmq_shard *h);

#endif
