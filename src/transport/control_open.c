/* Connecting the processes of a job: see transport/control.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/control_internal.h"

enum {
	ALIVE_AFTER_S = 10, /* of silence a machine is asked whether it is there */
	ALIVE_EVERY_S = 5,
	ALIVE_TIMES = 4,
	CONNECT_MS = 3000,
	HELLO_MS = 10000,
	STRANGERS = 64 /* connections at once that have not shown the secret */
};

/* What who connects says first. */
struct hello {
	unsigned char secret[CONTROL_SECRET];
	int32_t rank, size;
};

static struct control *make(const char *name, int rank, int size)
{
	struct control *c = mem_alloc(sizeof *c);
	*c = (struct control){.name = name, .rank = rank, .size = size, .listener = -1};
	c->fd = mem_array((size_t)size, sizeof *c->fd);
	c->polled = mem_array((size_t)size, sizeof *c->polled);
	for (int r = 0; r < size; r++)
		c->fd[r] = -1;
	return c;
}

/* Small messages go at once, and a machine that is gone is missed. */
static void tune(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
	               {SOL_SOCKET, SO_KEEPALIVE, 1},
	               {IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_AFTER_S},
	               {IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_EVERY_S},
	               {IPPROTO_TCP, TCP_KEEPCNT, ALIVE_TIMES},
	               {IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * (ALIVE_AFTER_S + ALIVE_EVERY_S * ALIVE_TIMES)}};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static bool same(const unsigned char *a, const unsigned char *b)
{
	unsigned char differ = 0;
	for (int i = 0; i < CONTROL_SECRET; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/* Whole, within a time; false: not so. */
static bool read_whole(int fd, void *at, size_t bytes, int ms)
{
	double end = clock_s() + ms / 1e3;
	for (size_t done = 0; done < bytes;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int left = (int)((end - clock_s()) * 1e3);
		if (left <= 0 || poll(&p, 1, left) == 0)
			return false;
		ssize_t got = recv(fd, (char *)at + done, bytes - done, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* --- process 0 ---------------------------------------------------------------------------------------- */

/* Those of other machines before those of this one alone. */
static void list_addresses(struct control_invitation *out)
{
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all))
		all = NULL;
	for (int loopback = 0; loopback < 2; loopback++)
		for (const struct ifaddrs *i = all; i && out->count < CONTROL_ADDRESSES; i = i->ifa_next) {
			struct control_address *a = &out->at[out->count];
			if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) ||
			    !(i->ifa_flags & IFF_LOOPBACK) != !loopback)
				continue;
			a->family = i->ifa_addr->sa_family;
			if (a->family == AF_INET) {
				memcpy(a->at, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
				out->count++;
			} else if (a->family == AF_INET6) {
				const struct sockaddr_in6 *six = (void *)i->ifa_addr;
				memcpy(a->at, &six->sin6_addr, 16);
				a->scope = six->sin6_scope_id;
				out->count++;
			}
		}
	freeifaddrs(all);
}

/* Of both families, or of the old one where there is no other. */
static int listen_anywhere(uint16_t *port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	socklen_t size = sizeof six;
	int no = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&six, sizeof six)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 && ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
	               bind(fd, (struct sockaddr *)&four, sizeof four)))
		return fd >= 0 ? (close(fd), -1) : -1;
	if (listen(fd, SOMAXCONN) || getsockname(fd, (struct sockaddr *)&six, &size)) {
		close(fd);
		return -1;
	}
	*port = ntohs(six.sin6_port); /* at the same place in both */
	return fd;
}

struct control *control_listen(const char *name, int size, struct control_invitation *out, struct err *e)
{
	struct control *c = make(name, 0, size);
	*out = (struct control_invitation){.count = 0};
	c->listener = listen_anywhere(&out->port);
	if (c->listener < 0) {
		err_world(e, "%s: cannot listen for the other processes: %s", name, strerror(errno));
		control_close(c);
		return NULL;
	}
	list_addresses(out);
	if (getrandom(out->secret, sizeof out->secret, 0) != sizeof out->secret ||
	    getrandom(out->answer, sizeof out->answer, 0) != sizeof out->answer)
		die("%s: the system gives no random numbers: %s", name, strerror(errno));
	memcpy(c->secret, out->secret, sizeof c->secret);
	memcpy(c->answer, out->answer, sizeof c->answer);
	return c;
}

/* Who has connected and not said all of its hello yet. */
struct stranger {
	int fd;
	size_t done;
	struct hello hello;
};

static void dismiss(struct stranger *s)
{
	close(s->fd);
	s->fd = -1;
}

/* Read what is there; 1: a process of the job has come. */
static int listen_to(struct control *c, struct stranger *s)
{
	ssize_t got = recv(s->fd, (char *)&s->hello + s->done, sizeof s->hello - s->done, MSG_DONTWAIT);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	s->done += got > 0 ? (size_t)got : 0;
	if (got > 0 && s->done < sizeof s->hello)
		return 0;
	const struct hello *h = &s->hello;
	bool known = s->done == sizeof *h && same(h->secret, c->secret) && h->size == c->size &&
	             h->rank > 0 && h->rank < c->size && c->fd[h->rank] < 0;
	if (!known || send(s->fd, c->answer, sizeof c->answer, MSG_NOSIGNAL) != sizeof c->answer) {
		dismiss(s);
		return 0;
	}
	tune(s->fd);
	c->fd[h->rank] = s->fd;
	s->fd = -1;
	return 1;
}

static void welcome(const struct control *c, struct stranger strangers[STRANGERS])
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC), free = -1;
	for (int i = 0; i < STRANGERS; i++)
		free = strangers[i].fd < 0 ? i : free;
	if (fd >= 0 && free < 0)
		close(fd);
	else if (fd >= 0)
		strangers[free] = (struct stranger){.fd = fd};
}

/* One look at all connections; how many processes have come. */
static int look(struct control *c, struct stranger strangers[STRANGERS], int ms)
{
	struct pollfd p[STRANGERS + 1];
	int came = 0;
	for (int i = 0; i < STRANGERS; i++)
		p[i] = (struct pollfd){.fd = strangers[i].fd, .events = POLLIN};
	p[STRANGERS] = (struct pollfd){.fd = c->listener, .events = POLLIN};
	if (poll(p, STRANGERS + 1, ms) <= 0)
		return 0;
	for (int i = 0; i < STRANGERS; i++)
		if (p[i].revents && strangers[i].fd >= 0)
			came += listen_to(c, &strangers[i]);
	if (p[STRANGERS].revents)
		welcome(c, strangers);
	return came;
}

static int missing(const struct control *c, double patience_s, struct err *e)
{
	int r = 1;
	while (c->fd[r] >= 0)
		r++;
	return err_world(e, "%s: process %d has not connected to process 0 within %.0f s", c->name, r,
	                 patience_s);
}

int control_accept(struct control *c, double patience_s, struct err *e)
{
	struct stranger strangers[STRANGERS];
	double end = clock_s() + patience_s;
	int left = c->size - 1;
	for (int i = 0; i < STRANGERS; i++)
		strangers[i].fd = -1;
	while (left > 0 && clock_s() < end)
		left -= look(c, strangers, 100);
	for (int i = 0; i < STRANGERS; i++)
		if (strangers[i].fd >= 0)
			dismiss(&strangers[i]);
	close(c->listener);
	c->listener = -1;
	return left > 0 ? missing(c, patience_s, e) : 0;
}

/* --- the others --------------------------------------------------------------------------------------- */

/* A connection within CONNECT_MS, or -1. */
static int connect_to(const struct control_address *a, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {
	        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = a->scope};
	memcpy(&four.sin_addr, a->at, 4);
	memcpy(&six.sin6_addr, a->at, 16);
	bool old = a->family == AF_INET;
	int fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failed = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof failed;
	if (fd < 0)
		return -1;
	int rc = connect(fd, old ? (struct sockaddr *)&four : (struct sockaddr *)&six,
	                 old ? sizeof four : sizeof six);
	if ((rc && errno != EINPROGRESS) || poll(&p, 1, CONNECT_MS) <= 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) || failed) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Is it process 0 who answers there? */
static bool introduce(int fd, int rank, int size, const struct control_invitation *in)
{
	struct hello h = {.rank = rank, .size = size};
	unsigned char answer[CONTROL_SECRET];
	memcpy(h.secret, in->secret, sizeof h.secret);
	return send(fd, &h, sizeof h, MSG_NOSIGNAL) == sizeof h &&
	       read_whole(fd, answer, sizeof answer, HELLO_MS) && same(answer, in->answer);
}

struct control *control_join(const char *name, int rank, int size, const struct control_invitation *in,
                             struct err *e)
{
	struct control *c = make(name, rank, size);
	int count = in->count >= 0 && in->count <= CONTROL_ADDRESSES ? in->count : 0;
	for (int i = 0; i < count && c->fd[0] < 0; i++) {
		int fd = connect_to(&in->at[i], in->port);
		if (fd >= 0 && introduce(fd, rank, size, in))
			c->fd[0] = fd;
		else if (fd >= 0)
			close(fd);
	}
	if (c->fd[0] >= 0) {
		tune(c->fd[0]);
		return c;
	}
	err_world(e,
	          "%s: process %d cannot reach process 0 at port %d of any of its %d addresses; is there a "
	          "firewall between their machines?",
	          name, rank, in->port, count);
	control_close(c);
	return NULL;
}
