#include "tests/support/gate.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/err.h"
#include "base/mem.h"

enum { PAIRS_MOST = 16, BUFFER = 16384 };

/* One direction of a connection: what was read and is not yet written. */
struct way {
	int from, to;
	size_t begin, end;
	char bytes[BUFFER];
};

struct pair {
	struct way up, down; /* to the server, and back */
};

struct gate {
	int listener, inner, wake;
	pthread_t thread;
	_Atomic int64_t credit; /* bytes that may still pass to the server */
	_Atomic bool lifted, closing;
	struct pair *pairs[PAIRS_MOST];
	int n_pairs;
};

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                            .sin_port = htons((uint16_t)port)};
}

static int tcp_socket(void)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
	    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes))
		die("a gate has no socket");
	return s;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static void take_client(struct gate *g)
{
	struct sockaddr_in to = here(g->inner);
	int client = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC), yes = 1, server = tcp_socket();
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (client < 0 || g->n_pairs == PAIRS_MOST || connect(server, (struct sockaddr *)&to, sizeof to)) {
		close(client);
		close(server);
		return;
	}
	struct pair *p = mem_alloc(sizeof *p);
	p->up.from = p->down.to = client;
	p->up.to = p->down.from = server;
	g->pairs[g->n_pairs++] = p;
}

static void end_pair(struct gate *g, int i)
{
	close(g->pairs[i]->up.from);
	close(g->pairs[i]->up.to);
	mem_free(g->pairs[i]);
	g->pairs[i] = g->pairs[--g->n_pairs];
}

/* Bytes that may be read to go this way now; 0: none. */
static size_t room(const struct gate *g, const struct pair *p, const struct way *w)
{
	int64_t most = w == &p->down || atomic_load(&g->lifted) ? BUFFER : atomic_load(&g->credit);
	return most <= 0 ? 0 : most < BUFFER ? (size_t)most : BUFFER;
}

/* What is to be waited for: that there is room for the rest, or something to read where that may pass. */
static struct pollfd wanted(const struct gate *g, const struct pair *p, const struct way *w)
{
	if (w->begin < w->end)
		return (struct pollfd){.fd = w->to, .events = POLLOUT};
	return (struct pollfd){.fd = w->from, .events = room(g, p, w) > 0 ? POLLIN : 0};
}

/* False: the connection has ended. */
static bool move(struct gate *g, struct pair *p, struct way *w)
{
	size_t most = room(g, p, w);
	if (w->begin == w->end && most == 0) /* another connection has used it up */
		return true;
	if (w->begin == w->end) {
		ssize_t got = recv(w->from, w->bytes, most, MSG_DONTWAIT);
		if (got <= 0)
			return false;
		w->begin = 0;
		w->end = (size_t)got;
		if (w == &p->up && !atomic_load(&g->lifted))
			atomic_fetch_sub(&g->credit, got);
	}
	ssize_t sent = send(w->to, w->bytes + w->begin, w->end - w->begin, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		w->begin += (size_t)sent;
	return sent > 0;
}

/* Both ways of a pair, where something has come for them; false: it has ended. */
static bool move_both(struct gate *g, struct pair *p, const struct pollfd *up, const struct pollfd *down)
{
	return (!up->revents || ((up->events & up->revents) && move(g, p, &p->up))) &&
	       (!down->revents || ((down->events & down->revents) && move(g, p, &p->down)));
}

/* --- the thread ----------------------------------------------------------------------------------------- */

static void *gate_run(void *ctx)
{
	struct gate *g = ctx;
	struct pollfd items[2 + 2 * PAIRS_MOST];
	while (!atomic_load(&g->closing)) {
		uint64_t count;
		items[0] = (struct pollfd){.fd = g->wake, .events = POLLIN};
		items[1] = (struct pollfd){.fd = g->listener, .events = POLLIN};
		for (int i = 0; i < g->n_pairs; i++) {
			items[2 + 2 * i] = wanted(g, g->pairs[i], &g->pairs[i]->up);
			items[3 + 2 * i] = wanted(g, g->pairs[i], &g->pairs[i]->down);
		}
		if (poll(items, 2 + 2 * (nfds_t)g->n_pairs, -1) < 0)
			continue;
		for (int i = g->n_pairs - 1; i >= 0; i--)
			if (!move_both(g, g->pairs[i], &items[2 + 2 * i], &items[3 + 2 * i]))
				end_pair(g, i);
		if (items[0].revents && read(g->wake, &count, sizeof count) != sizeof count)
			die("a gate cannot be woken");
		if (items[1].revents)
			take_client(g);
	}
	while (g->n_pairs > 0)
		end_pair(g, 0);
	return NULL;
}

static void wake(struct gate *g)
{
	uint64_t one = 1;
	if (write(g->wake, &one, sizeof one) != sizeof one)
		die("a gate cannot be woken");
}

struct gate *gate_open(int outer, int inner)
{
	struct gate *g = mem_alloc(sizeof *g);
	struct sockaddr_in at = here(outer);
	g->inner = inner;
	g->listener = tcp_socket();
	g->wake = eventfd(0, EFD_CLOEXEC);
	if (g->wake < 0 || bind(g->listener, (struct sockaddr *)&at, sizeof at) ||
	    listen(g->listener, PAIRS_MOST) || pthread_create(&g->thread, NULL, gate_run, g))
		die("no gate at port %d", outer);
	return g;
}

void gate_allow(struct gate *g, int64_t bytes)
{
	atomic_fetch_add(&g->credit, bytes);
	wake(g);
}

void gate_lift(struct gate *g)
{
	atomic_store(&g->lifted, true);
	wake(g);
}

void gate_close(struct gate *g)
{
	if (!g)
		return;
	atomic_store(&g->closing, true);
	wake(g);
	pthread_join(g->thread, NULL);
	close(g->listener);
	close(g->wake);
	mem_free(g);
}
