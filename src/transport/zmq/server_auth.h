/*
 * Which peers a server lets in. ZeroMQ asks for each connection by its authentication protocol (ZAP, RFC 27);
 * a thread answers. It gives a connection the number of its worker as User-Id, from the key or token that the
 * peer has proved.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_AUTH_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_AUTH_H

#include "transport/zmq/endpoint.h"
#include "transport/zmq/server_faults.h"

struct auth;

/*
 * Let in the workers of endpoint->ring that are not banned. With admit_server also the holder of the server's
 * own key, as number f->workers: a shard is connected to by its main server. What is refused is counted in
 * *f.
 */
struct auth *auth_start(void *context, const struct endpoint *endpoint, bool admit_server, struct faults *f);
/* Call zmq_ctx_shutdown() first: it ends the thread. NULL: there is none. */
void auth_stop(struct auth *a);

#endif
