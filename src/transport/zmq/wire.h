/*
 * What server, shards and clients of transport zmq share: limits, sockets and their security, messages, and
 * the run's state as bytes.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_WIRE_H
#define SIGNSGD_TRANSPORT_ZMQ_WIRE_H

#include <zmq.h>
#include "transport/transport.h"
#include "transport/zmq/endpoint.h"
#include "transport/zmq/frame.h"

enum {
	SETTINGS_SIZE = 1 << 20, /* most bytes of settings */
	STATE_CHUNK = 4 << 20,   /* most bytes of parameters or state in one message */
	SMALL_BODY = 4096,       /* bytes of a body that a server accepts whatever the size of the model */
	SEND_QUEUE = 4,          /* messages queued for a peer: it has one request open at most, and faulty
	                          * messages are answered too */
	BUCKETS_MOST = 64,       /* of a vote */
	SHARDS_MOST = 64,        /* of a run */
	ADDRESS_SIZE = 512,      /* bytes of an address, with the final 0 */
	HEARTBEAT_MS = 1000,     /* between pings of ZMTP */
	WIRE_NUMBER = 8,         /* bytes of wire_put() */
};

/* --- sockets -------------------------------------------------------------------------------------------- */

/* Set an integer option; dies if ZeroMQ refuses it. */
void zmq_socket_set(void *socket, int option, int value);
/* A socket with the options that both sides need. */
void *zmq_socket_open(void *context, int type, const char *address);
/* Connect as `own` (NULL: without a key) to the server whose key the endpoint holds. */
void zmq_socket_secure(void *socket, const struct endpoint *endpoint, const struct curve_key *own);
/* A longer message than FRAME_HEADER_BYTES + body_bytes ends its connection. Set it before bind or connect.
 */
void zmq_socket_limit(void *socket, enum endpoint_trust trust, size_t body_bytes);
/*
 * The next event of a socket's monitor: its kind and, for a server, the number of the connection's socket.
 * False: there is none.
 */
bool zmq_monitor_next(void *monitor, int *kind, int *fd);

/* --- messages ------------------------------------------------------------------------------------------- */

/* The run's number in every header: the first 8 bytes of the SHA-256 of its settings. */
uint64_t zmq_run_number(const char *settings);
/* A number that is another one for each process. */
int64_t zmq_instance(void);

/* An empty message with room for `bytes` bytes of body. */
void message_init(zmq_msg_t *m, size_t bytes);
/* A message with header *f and this body. Sets f->run, bytes and body_hash. */
void message_make(zmq_msg_t *m, struct frame *f, uint64_t run, const void *body, size_t bytes);
unsigned char *message_body(zmq_msg_t *m);
/*
 * Call it right after a send that failed: is the queue really full? ZeroMQ counts a queue as full until it
 * has looked at what the other end took, and when messages follow each other quickly it does not look. Asking
 * for the socket's events makes it look.
 */
bool message_queue_full(void *socket);
/* Takes over *m. False: it cannot be sent now. */
bool message_send(zmq_msg_t *m, void *socket);
/* The sentence in a body, with control characters made visible. */
void message_sentence(const struct frame *f, const unsigned char *body, char *out, size_t size);

/* A number in a body, WIRE_NUMBER bytes. */
void wire_put(unsigned char *at, uint64_t value);
uint64_t wire_get(const unsigned char *at);

/* --- state ---------------------------------------------------------------------------------------------- */

/* The shared state (train_state_part()) is treated as one array of bytes, one part after the other. */
size_t shared_bytes(const struct train_state *st);
void shared_read(const struct train_state *st, unsigned char *out);
void shared_write(const struct train_state *st, size_t offset, const unsigned char *in, size_t bytes);
/* The hash of the parameters. */
uint64_t shared_x_hash(const struct train_state *st);

/* In how many chunks of `chunk` bytes are so many bytes sent? The same for coordinates in buckets or shards.
 */
size_t chunk_count(size_t bytes, size_t chunk);
/* Bytes of the chunk that begins at `offset`. */
size_t chunk_bytes(size_t bytes, size_t offset, size_t chunk);
/* Bytes in a chunk of a worker's own state: no more than a server accepts anyway. */
size_t state_chunk(size_t push_bytes);

#endif
