/*
 * A shard: one of several servers that share the coordinates (`transport.shards`), so that no server's link
 * carries every vote. Workers send each server its range of their votes, and get its range of the answer from
 * it. A shard holds no parameters and decides nothing.
 *
 * The main server decides for all. It is shard 0 and holds the run. It connects to the other shards with the
 * server's own key, and each tells it whose votes for the present step it has. A worker numbers its attempts
 * to vote, because it may send a vote more than once; a vote counts when all servers have the same attempt.
 * The main server tells the shards which votes count. Each shard combines exactly these, answers its workers,
 * and sends its range of the answer to the main server, which needs it for its own parameters. So the result
 * has the bits of a single server, whichever process dies.
 *
 * Messages between them are in frame.h. Each says how things are, not what has changed, and is sent again
 * after a connection was lost, so none can be missed. A shard counts what workers do against the protocol and
 * tells the main server. When a shard is started again, workers send it their votes again, also those of a
 * round that was decided already. Until it is there no round ends. After the main server's patience the run
 * ends with a sentence, and continues from its checkpoint.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SHARD_H
#define SIGNSGD_TRANSPORT_ZMQ_SHARD_H

#include "transport/zmq/endpoint.h"
#include "transport/transport.h"

struct zmq_shard;

/* Listen at the endpoint's address, with the server's own keys. NULL and a sentence. */
struct zmq_shard *zmq_shard_open(const struct endpoint *endpoint, struct err *e);
/* Where it listens: endpoint.address with `*` replaced. */
const char *zmq_shard_address(const struct zmq_shard *h);
/*
 * Wait until a main server says what is run. -1 and a sentence when endpoint.stop is set. Afterwards the
 * settings' text, the number of coordinates and the number of workers are known.
 */
int zmq_shard_wait(struct zmq_shard *h, struct err *e);
const char *zmq_shard_settings(const struct zmq_shard *h);
size_t zmq_shard_n(const struct zmq_shard *h);
/*
 * Serve until the run is over. *x says shape, rule and pull; x->step is written before each call of
 * combine(). -1 and a sentence: there was no main server for endpoint.patience_s, or endpoint.stop is set.
 */
int zmq_shard_serve(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e);
void zmq_shard_close(struct zmq_shard *h);

#endif
