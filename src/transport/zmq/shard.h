/*
 * A shard: one of several servers that share the coordinates (`transport.shards`), so that no server's link
 * carries every vote. A worker sends each server one range of its vote, and receives the same range of the
 * answer from it. A shard holds no parameters and does not decide which votes count.
 *
 * The main server, which is shard 0, holds the parameters and decides for all servers which votes count. It
 * connects to the other shards with the server's own key, and each shard tells it from which workers it has
 * votes for the present step. A worker may send a vote more than once, so it numbers its attempts; a vote can
 * be counted when all servers have the same attempt. The main server sends its decision to the shards. Each
 * shard combines exactly the votes that count, answers the workers, and sends its range of the answer to the
 * main server, which applies it to its parameters. So the result is bit-identical to that of a single server,
 * even if processes die.
 *
 * frame.h defines the messages between the main server and shards. Each message contains the whole state that
 * it reports, not a change, and is sent again after a lost connection. So a lost message does no harm. A
 * shard counts the faults of workers and reports them to the main server. When a shard is restarted, workers
 * send it their votes again, even those of a round that is already decided. If the main server has its range
 * of the last answer already, workers that it had not answered get the range from the main server. No round
 * ends while a shard is missing. If it is missing for longer than the main server's patience_s, the run ends
 * with an error; it can be resumed from its checkpoint.
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
 * Wait until a main server has sent the run's settings. -1 and a sentence when endpoint.stop is set.
 * Afterwards the text of the settings, the number of coordinates and the number of workers are known.
 */
int zmq_shard_wait(struct zmq_shard *h, struct err *e);
const char *zmq_shard_settings(const struct zmq_shard *h);
size_t zmq_shard_n(const struct zmq_shard *h);
/*
 * Serve until the run is over. The caller sets shape, rule and pull in *x; x->step is set before each call of
 * combine(). -1 and a sentence when there was no main server for endpoint.patience_s or endpoint.stop is set.
 */
int zmq_shard_serve(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e);
void zmq_shard_close(struct zmq_shard *h);

#endif
