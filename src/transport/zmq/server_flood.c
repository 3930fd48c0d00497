/* The flood guard: see server_flood.h. */
#include "transport/zmq/server_flood.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/wire.h"

enum {
	FD_MOST = 1 << 16, /* sockets with a higher number are not watched; a process rarely has so many */
	TICK_MS = 5,       /* between checks of all connections */
	TICK_CONNECTIONS = 256,  /* one tick more between checks for every this many connections */
	CUT_TICKS = 20,          /* before a connection is cut off, so that a last message can be sent */
	UNKNOWN_ID = 1,          /* of any open socket, where the kernel names none */
	SILENT_MOST = 256,       /* connections that may be silent, in addition to one for each worker */
	UNDER_WAY = 4,           /* messages under way: a vote, and those after a silence or a reconnection */
	KERNEL_BYTES = 8 << 20,  /* a connection's buffer in the kernel */
	UNKNOWN_BYTES = 1 << 16, /* allowed bytes of a connection before HELLO */
	PING_BYTES = 1024,       /* a second */
};

/*
 * What the server's thread tells the guard about a connection. The guard may hear later than the server of a
 * connection with a number that is used again: so what is known of one says of which, by flood_socket_id().
 */
struct notes {
	_Atomic uint64_t seen; /* bytes of the messages of all that had this number */
	_Atomic uint64_t id;   /* of the connection whose owner is known; 0: of none */
	_Atomic uint64_t base; /* seen, when its owner was known */
	_Atomic int owner;     /* the worker */
	_Atomic uint64_t cut;  /* the id of the connection that must be cut off; 0: none */
};

struct connection {
	int fd, cut_ticks; /* ticks since it had to be cut off */
	double opened;
	uint64_t seen; /* notes.seen when it was opened */
	bool spoke;
};

struct flood {
	struct faults *faults;
	pthread_t thread;
	void *router, *monitor;
	void *lost_out,
	        *lost_in; /* a socket pair: the guard sends the server the numbers of lost connections */
	_Atomic bool stop;
	bool counts; /* the kernel counts the bytes of a connection */
	uint64_t slack;
	struct notes *notes;     /* [FD_MOST] by fd */
	struct connection *open; /* [FD_MOST] from the oldest to the newest */
	int n_open, n_silent;
};

/* --- called by the server ------------------------------------------------------------------------------- */

uint64_t flood_socket_id(int fd)
{
	uint64_t cookie = 0;
	int type;
	socklen_t size = sizeof type;
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		return 0;
	size = sizeof cookie;
	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : UNKNOWN_ID;
}

static struct notes *notes_of(struct flood *g, int fd)
{
	return g && fd >= 0 && fd < FD_MOST ? &g->notes[fd] : NULL;
}

void flood_seen(struct flood *g, int fd, uint64_t bytes)
{
	struct notes *n = notes_of(g, fd);
	if (n)
		atomic_fetch_add_explicit(&n->seen, bytes, memory_order_relaxed);
}

void flood_owner(struct flood *g, int fd, int m)
{
	struct notes *n = notes_of(g, fd);
	uint64_t id = flood_socket_id(fd);
	if (!n)
		return;
	if (atomic_load(&n->id) != id) {
		atomic_store(&n->id, 0);
		atomic_store(&n->base, atomic_load(&n->seen));
	}
	atomic_store(&n->owner, m);
	atomic_store(&n->id, id);
}

void flood_cut(struct flood *g, int fd, int m)
{
	struct notes *n = notes_of(g, fd);
	uint64_t id = flood_socket_id(fd);
	if (n && (m < 0 || (atomic_load(&n->id) == id && atomic_load(&n->owner) == m)))
		atomic_store(&n->cut, id);
}

bool flood_lost(struct flood *g, int *fd)
{
	return g && zmq_recv(g->lost_in, fd, sizeof *fd, ZMQ_DONTWAIT) == sizeof *fd;
}

void *flood_socket(const struct flood *g)
{
	return g->lost_in;
}

/* --- connections come and go ---------------------------------------------------------------------------- */

static void connection_lost(struct flood *g, int at)
{
	const struct connection *c = &g->open[at];
	if (!c->spoke && atomic_load(&g->notes[c->fd].seen) == c->seen)
		faults_count(g->faults, -1, FAULT_HANDSHAKE);
	else
		zmq_send(g->lost_out, &c->fd, sizeof c->fd, ZMQ_DONTWAIT);
	g->n_silent -= !c->spoke;
	memmove(&g->open[at], &g->open[at + 1], (size_t)(--g->n_open - at) * sizeof *g->open);
}

static void disconnected(struct flood *g, int fd)
{
	for (int i = 0; i < g->n_open; i++)
		if (g->open[i].fd == fd) {
			connection_lost(g, i);
			return;
		}
}

/* The system has reused this number, so an earlier connection with it is gone, even without an event. */
static void accepted(struct flood *g, int fd)
{
	struct notes *n = &g->notes[fd];
	disconnected(g, fd);
	if (atomic_load(&n->id) == UNKNOWN_ID) /* what is known may be of an earlier connection */
		atomic_store(&n->id, 0);
	if (atomic_load(&n->cut) == UNKNOWN_ID)
		atomic_store(&n->cut, 0);
	if (g->n_open == FD_MOST)
		return;
	g->open[g->n_open++] =
	        (struct connection){.fd = fd, .opened = clock_s(), .seen = atomic_load(&n->seen)};
	g->n_silent++;
}

/* False: there is no event. */
static bool take_event(struct flood *g)
{
	int kind, fd;
	if (!zmq_monitor_next(g->monitor, &kind, &fd))
		return false;
	if (fd < 0 || fd >= FD_MOST)
		return true;
	if (kind == ZMQ_EVENT_ACCEPTED)
		accepted(g, fd);
	else if (kind == ZMQ_EVENT_DISCONNECTED)
		disconnected(g, fd);
	return true;
}

/* --- a check of all connections ------------------------------------------------------------------------- */

/* Bytes that the kernel has received but the server has not yet read as messages. base: seen before. */
static uint64_t pending(const struct connection *c, const struct notes *n, uint64_t base)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	uint64_t seen = atomic_load(&n->seen) - base;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return 0;
	return info.tcpi_bytes_received > seen ? info.tcpi_bytes_received - seen : 0;
}

static void cut_now(struct connection *c)
{
	c->cut_ticks = CUT_TICKS;
	shutdown(c->fd, SHUT_RDWR);
}

/* id: flood_socket_id() of it. */
static void check_connection(struct flood *g, struct connection *c, uint64_t id, double now)
{
	struct notes *n = &g->notes[c->fd];
	bool known = atomic_load(&n->id) == id;
	uint64_t slack = known ? g->slack : UNKNOWN_BYTES, base = known ? atomic_load(&n->base) : c->seen;
	uint64_t most = slack + (uint64_t)(PING_BYTES * (now - c->opened));
	if (!c->spoke && (known || atomic_load(&n->seen) != c->seen)) {
		c->spoke = true;
		g->n_silent--;
	}
	if (atomic_load(&n->cut) == id && ++c->cut_ticks == CUT_TICKS)
		cut_now(c);
	if (!g->counts || c->cut_ticks > 0 || pending(c, n, base) <= most)
		return;
	faults_count(g->faults, known ? atomic_load(&n->owner) : -1, FAULT_FLOOD);
	cut_now(c);
}

static void cut_silent(struct flood *g)
{
	int over = g->n_silent - SILENT_MOST - g->faults->workers;
	for (int i = 0; i < g->n_open && over > 0; i++) {
		struct connection *c = &g->open[i];
		if (c->spoke || c->cut_ticks > 0)
			continue;
		cut_now(c);
		over--;
	}
}

/* --- the thread ----------------------------------------------------------------------------------------- */

static void *flood_run(void *ctx)
{
	struct flood *g = ctx;
	double checked = 0;
	while (!atomic_load(&g->stop)) {
		zmq_pollitem_t item = {.socket = g->monitor, .events = ZMQ_POLLIN};
		int ticks = 1 + g->n_open / TICK_CONNECTIONS;
		zmq_poll(&item, 1, ticks * TICK_MS);
		while (take_event(g))
			continue;
		double now = clock_s();
		if (now - checked < 1e-3 * ticks * TICK_MS)
			continue;
		checked = now;
		for (int i = g->n_open - 1; i >= 0; i--) {
			uint64_t id = flood_socket_id(g->open[i].fd);
			if (id != 0)
				check_connection(g, &g->open[i], id, now);
			else
				connection_lost(g, i);
		}
		cut_silent(g);
	}
	return NULL;
}

/* One end of a pair of sockets in this process. */
static void *pair_end(void *context, const char *address, bool bind)
{
	void *socket = zmq_socket(context, ZMQ_PAIR);
	if (socket) /* the sender is ZeroMQ's own thread, or the guard, and must never wait for the reader */
		zmq_socket_set(socket, ZMQ_RCVHWM, 0);
	if (!socket || (bind ? zmq_bind(socket, address) : zmq_connect(socket, address)))
		die("ZeroMQ has no pair of sockets: %s", zmq_strerror(errno));
	return socket;
}

struct flood *flood_start(void *context, void *router, const char *address, size_t most_bytes,
                          struct faults *f)
{
	struct flood *g = mem_alloc(sizeof *g);
	*g = (struct flood){.faults = f, .router = router, .counts = strncmp(address, "tcp://", 6) == 0};
	g->slack = UNDER_WAY * (uint64_t)most_bytes + KERNEL_BYTES;
	g->notes = mem_array(FD_MOST, sizeof *g->notes);
	g->open = mem_array(FD_MOST, sizeof *g->open);
	if (zmq_socket_monitor(router, "inproc://events", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED))
		die("ZeroMQ does not let connections be watched: %s", zmq_strerror(errno));
	g->monitor = pair_end(context, "inproc://events", false);
	g->lost_out = pair_end(context, "inproc://notices", true);
	g->lost_in = pair_end(context, "inproc://notices", false);
	int rc = pthread_create(&g->thread, NULL, flood_run, g);
	if (rc)
		die("no thread to be had: %s", strerror(rc));
	return g;
}

void flood_stop(struct flood *g)
{
	if (!g)
		return;
	atomic_store(&g->stop, true);
	pthread_join(g->thread, NULL);
	zmq_socket_monitor(g->router, NULL, 0);
	zmq_close(g->monitor);
	zmq_close(g->lost_out);
	zmq_close(g->lost_in);
	mem_free(g->notes);
	mem_free(g->open);
	mem_free(g);
}
