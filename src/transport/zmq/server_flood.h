/*
 * The flood guard: a thread that watches the server's connections, each known by the number of its socket.
 *
 * ZeroMQ limits the length of a frame, but not the number of frames in a message. The frames of a message
 * without an end pile up in memory before the server sees any of them. ZeroMQ cannot limit the number of
 * waiting messages either (zmq_socket_open()). So the guard compares the bytes that the kernel has received
 * on each connection (TCP_INFO) with the bytes that the server has read from it as messages. The difference
 * may be as much as an honest peer can have under way, and little before HELLO. A connection that exceeds
 * this is cut off, and counted as `flood`. Over ipc the kernel has no such count, and none is needed: every
 * peer there has a token of this run.
 *
 * The guard also cuts off the oldest connections that have not said anything, when there are too many. And it
 * tells the server which connections were lost, so that no round waits for them.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_FLOOD_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_FLOOD_H

#include "transport/zmq/server_faults.h"

struct flood;

/* Watch the connections of a ROUTER that will be bound to `address` and accepts messages of most_bytes. */
struct flood *flood_start(void *context, void *router, const char *address, size_t most_bytes,
                          struct faults *f);
void flood_stop(struct flood *g);

/* In the functions below g may be NULL (nothing is watched), and a socket may be one that is not watched
 * (-1). */

/* The server has read so many bytes from this connection. */
void flood_seen(struct flood *g, int fd, uint64_t bytes);
/* The connection is worker m's. */
void flood_owner(struct flood *g, int fd, int m);
/* Cut off the connection if it is (still) worker m's; m = -1: in any case. */
void flood_cut(struct flood *g, int fd, int m);

/*
 * What tells the socket behind this number from all that had it before or will have it; 0: it is closed. The
 * system gives the number of a connection that is lost to the next one at once.
 */
uint64_t flood_socket_id(int fd);

/*
 * The next connection that was lost. False: there is none. The guard misses one that is lost before its first
 * message was read; the socket may not be closed yet, and the number may be another connection's already. So
 * compare flood_socket_id(), also now and then without such news.
 */
bool flood_lost(struct flood *g, int *fd);
/* The socket to poll for lost connections. */
void *flood_socket(const struct flood *g);

#endif
