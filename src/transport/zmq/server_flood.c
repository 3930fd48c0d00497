/*
 * A thread that watches the server's connections.
 *
 * ZeroMQ bounds a frame, but not the frames of a message that never ends: they pile up in memory before the
 * server sees any. The number of messages in a queue must not be bounded by it either (zmq_socket_open()). So
 * the bytes that the kernel has received on each connection (TCP_INFO) are held against those that have
 * reached the server as messages. What lies between is what honest peers can have under way, little before
 * their HELLO; who goes beyond is cut off, and it counts as `flood`. Over ipc there is no such count and no
 * need: who connects there has a token of this very start.
 *
 * It also cuts off the oldest of too many connections that have said nothing yet, whom the server shuts out,
 * and it tells the server which connections were lost, so that no round waits for them.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/server.h"

enum {
	FD_MOST = 1 << 16,      /* sockets beyond are not watched; a process has rarely so many */
	TICK_MS = 5,            /* between looks at all connections ... */
	TICK_CONNECTIONS = 256, /* ... or longer, a tick more for so many */
	DOOM_TICKS = 20,        /* for a last message to leave before a connection is cut */
	SILENT_MOST = 256,      /* connections that have said nothing, beside one a worker */
	UNDER_WAY = 4,          /* messages: a vote, and what is said after silence and new connections */
	KERNEL_BYTES = 8 << 20, /* of a connection's buffer in the kernel */
	NOBODY_BYTES = 1 << 16, /* of a connection without a HELLO */
	DRIFT_BYTES = 1024,     /* a second: pings */
};

/* What the server says of a connection. */
struct word {
	_Atomic uint64_t seen; /* bytes of its messages */
	_Atomic int owner;     /* worker + 1; 0: not known */
	_Atomic bool doomed;
};

struct connection {
	int fd, doom; /* doom: ticks since it was shut out */
	double born;
	uint64_t seen; /* what word.seen was when it began */
	bool spoke;
};

struct guard {
	struct server *server;
	pthread_t thread;
	void *monitor, *notices;
	_Atomic bool over;
	bool counts; /* the kernel counts bytes */
	uint64_t slack;
	struct word *words;      /* [FD_MOST] by fd */
	struct connection *open; /* [FD_MOST], in order of age */
	int n_open, n_silent;
};

void guard_seen(struct server *s, int fd, uint64_t bytes)
{
	if (s->guard && fd >= 0 && fd < FD_MOST)
		atomic_fetch_add_explicit(&s->guard->words[fd].seen, bytes, memory_order_relaxed);
}

void guard_owner(struct server *s, int fd, int m)
{
	if (s->guard && fd >= 0 && fd < FD_MOST)
		atomic_store(&s->guard->words[fd].owner, m + 1);
}

void guard_shut(struct server *s, int fd, int m)
{
	if (s->guard && fd >= 0 && fd < FD_MOST &&
	    (m < 0 || atomic_load(&s->guard->words[fd].owner) == m + 1))
		atomic_store(&s->guard->words[fd].doomed, true);
}

static void lost(struct guard *g, int at)
{
	int fd = g->open[at].fd;
	if (!g->open[at].spoke && atomic_load(&g->words[fd].seen) == g->open[at].seen)
		server_fault(g->server, -1, FAULT_HANDSHAKE);
	else
		zmq_send(g->notices, &fd, sizeof fd, ZMQ_DONTWAIT);
	g->n_silent -= !g->open[at].spoke;
	memmove(&g->open[at], &g->open[at + 1], (size_t)(--g->n_open - at) * sizeof *g->open);
}

static void disconnected(struct guard *g, int fd)
{
	for (int i = 0; i < g->n_open; i++)
		if (g->open[i].fd == fd) {
			lost(g, i);
			return;
		}
}

/* A number that is given out again belongs to nobody any more, whether or not there was a word of it. */
static void accepted(struct guard *g, int fd)
{
	struct word *w = &g->words[fd];
	disconnected(g, fd);
	if (g->n_open == FD_MOST)
		return;
	atomic_store(&w->owner, 0);
	atomic_store(&w->doomed, false);
	g->open[g->n_open++] =
	        (struct connection){.fd = fd, .born = clock_s(), .seen = atomic_load(&w->seen)};
	g->n_silent++;
}

/* The next event of the socket, if there is one. */
static bool take_event(struct guard *g)
{
	unsigned char event[6]; /* u16 what, u32 value; then a frame with an address */
	uint16_t what;
	int32_t fd;
	if (zmq_recv(g->monitor, event, sizeof event, ZMQ_DONTWAIT) != sizeof event)
		return false;
	zmq_recv(g->monitor, NULL, 0, 0);
	memcpy(&what, event, sizeof what);
	memcpy(&fd, event + 2, sizeof fd);
	if (fd < 0 || fd >= FD_MOST)
		return true;
	if (what == ZMQ_EVENT_ACCEPTED)
		accepted(g, fd);
	else if (what == ZMQ_EVENT_DISCONNECTED)
		disconnected(g, fd);
	return true;
}

/* Bytes of the connection that have not come out of it as messages. */
static uint64_t pending(const struct connection *c, const struct word *w)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	uint64_t seen = atomic_load(&w->seen) - c->seen;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return 0;
	return info.tcpi_bytes_received > seen ? info.tcpi_bytes_received - seen : 0;
}

static bool is_open(int fd)
{
	int type;
	socklen_t size = sizeof type;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

static void look_at(struct guard *g, struct connection *c, double now)
{
	struct word *w = &g->words[c->fd];
	uint64_t slack = atomic_load(&w->owner) > 0 ? g->slack : NOBODY_BYTES;
	uint64_t size = slack + (uint64_t)(DRIFT_BYTES * (now - c->born));
	if (!c->spoke && atomic_load(&w->seen) != c->seen) {
		c->spoke = true;
		g->n_silent--;
	}
	if (atomic_load(&w->doomed) && ++c->doom == DOOM_TICKS)
		shutdown(c->fd, SHUT_RDWR);
	if (!g->counts || c->doom > 0 || pending(c, w) <= size)
		return;
	server_fault(g->server, atomic_load(&w->owner) - 1, FAULT_FLOOD);
	c->doom = DOOM_TICKS;
	shutdown(c->fd, SHUT_RDWR);
}

static void shut_silent(struct guard *g)
{
	int over = g->n_silent - SILENT_MOST - g->server->workers;
	for (int i = 0; i < g->n_open && over > 0; i++) {
		struct connection *c = &g->open[i];
		if (c->spoke || c->doom > 0)
			continue;
		c->doom = DOOM_TICKS;
		shutdown(c->fd, SHUT_RDWR);
		over--;
	}
}

static void *guard_run(void *ctx)
{
	struct guard *g = ctx;
	double looked = 0;
	while (!atomic_load(&g->over)) {
		zmq_pollitem_t item = {.socket = g->monitor, .events = ZMQ_POLLIN};
		int ticks = 1 + g->n_open / TICK_CONNECTIONS;
		zmq_poll(&item, 1, ticks * TICK_MS);
		while (take_event(g))
			continue;
		double now = clock_s();
		if (now - looked < 1e-3 * ticks * TICK_MS)
			continue;
		looked = now;
		for (int i = g->n_open - 1; i >= 0; i--) {
			if (is_open(g->open[i].fd))
				look_at(g, &g->open[i], now);
			else
				lost(g, i);
		}
		shut_silent(g);
	}
	return NULL;
}

/* Both ends of a pair of sockets within this process. */
static void *pair(struct server *s, const char *address, bool bind)
{
	void *socket = zmq_socket(s->context, ZMQ_PAIR);
	if (socket) /* who sends must never wait for us: it is ZeroMQ's own thread */
		zmq_socket_set(socket, ZMQ_RCVHWM, 0);
	if (!socket || (bind ? zmq_bind(socket, address) : zmq_connect(socket, address)))
		die("ZeroMQ has no pair of sockets: %s", zmq_strerror(errno));
	return socket;
}

void guard_start(struct server *s, size_t most_bytes)
{
	struct guard *g = mem_alloc(sizeof *g);
	*g = (struct guard){.server = s, .counts = strncmp(s->address, "tcp://", 6) == 0};
	g->slack = UNDER_WAY * (uint64_t)most_bytes + KERNEL_BYTES;
	g->words = mem_array(FD_MOST, sizeof *g->words);
	g->open = mem_array(FD_MOST, sizeof *g->open);
	if (zmq_socket_monitor(s->router, "inproc://events", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED))
		die("ZeroMQ does not let connections be watched: %s", zmq_strerror(errno));
	g->monitor = pair(s, "inproc://events", false);
	g->notices = pair(s, "inproc://notices", true);
	s->notices = pair(s, "inproc://notices", false);
	s->guard = g;
	int rc = pthread_create(&g->thread, NULL, guard_run, g);
	if (rc)
		die("no thread to be had: %s", strerror(rc));
}

void guard_stop(struct server *s)
{
	struct guard *g = s->guard;
	if (!g)
		return;
	atomic_store(&g->over, true);
	pthread_join(g->thread, NULL);
	zmq_socket_monitor(s->router, NULL, 0);
	zmq_close(g->monitor);
	zmq_close(g->notices);
	zmq_close(s->notices);
	mem_free(g->words);
	mem_free(g->open);
	mem_free(g);
	s->guard = NULL;
}
