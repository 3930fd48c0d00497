/* Messages between the processes of a job: see transport/control.h; transport/control_open.c connects them.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "transport/control_internal.h"

enum frame_kind { FRAME_DATA = 0x64617461, FRAME_FAIL = 0x6661696c };

/* What every message begins with. */
struct frame {
	uint32_t kind, from;
	uint64_t bytes;
};

enum { WHY_MOST = 800 };

void control_close(struct control *c)
{
	if (!c)
		return;
	for (int r = 0; r < c->size; r++)
		if (c->fd[r] >= 0)
			close(c->fd[r]);
	if (c->listener >= 0)
		close(c->listener);
	mem_free(c->fd);
	mem_free(c->polled);
	mem_free(c);
}

static int gone(const struct control *c, int r, struct err *e)
{
	return err_world(e, "%s: process %d is gone: it died, or its machine cannot be reached any more",
	                 c->name, r);
}

/* A connection that is over can still have something to read. */
static int unread(int fd, struct frame *f)
{
	return (int)recv(fd, f, sizeof *f, MSG_PEEK | MSG_DONTWAIT);
}

static bool interrupted(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

/* The next `bytes` bytes, which are on their way. */
static int take_rest(const struct control *c, int r, void *at, size_t bytes, struct err *e)
{
	for (size_t done = 0; done < bytes;) {
		struct pollfd p = {.fd = c->fd[r], .events = POLLIN};
		ssize_t got = recv(c->fd[r], (char *)at + done, bytes - done, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && !interrupted()))
			return gone(c, r, e);
		done += got > 0 ? (size_t)got : 0;
		if (got < 0)
			poll(&p, 1, -1);
	}
	return 0;
}

/* Read why process r has failed, whose frame was seen. */
static int read_failure(const struct control *c, int r, struct err *e)
{
	struct frame f;
	char why[WHY_MOST + 1] = "";
	if (take_rest(c, r, &f, sizeof f, e))
		return -1;
	size_t length = f.bytes < WHY_MOST ? (size_t)f.bytes : WHY_MOST;
	if (take_rest(c, r, why, length, e))
		return -1;
	why[length] = '\0';
	if (f.from == (uint32_t)r)
		return err_world(e, "process %d has ended the job: %s", r, why);
	return err_world(e, "%s", why);
}

/*
 * Is process r gone, or has it failed? One that has sent what nobody has read yet was there when it did: that
 * is read first.
 */
static int look_at(const struct control *c, int r, short events, struct err *e)
{
	struct frame f = {0};
	int got = events ? unread(c->fd[r], &f) : -1;
	if (!events || (got < 0 && interrupted()))
		return 0;
	if (got == sizeof f && f.kind == FRAME_FAIL)
		return read_failure(c, r, e);
	return got > 0 ? 0 : gone(c, r, e);
}

/* Wait, at most `ms` (-1: for ever), until process r is ready for `event`, and look at all others. r = -1:
 * only look. 1: it is. */
static int wait_for(struct control *c, int r, short event, int ms, struct err *e)
{
	for (int i = 0; i < c->size; i++)
		c->polled[i] = (struct pollfd){.fd = c->fd[i], .events = POLLRDHUP | POLLIN};
	if (r >= 0)
		c->polled[r].events = event | POLLRDHUP;
	for (int i = 0; i < c->size && r >= 0; i++) {
		struct frame f = {0};
		/* with something to read it would not let us wait */
		if (i != r && c->fd[i] >= 0 && unread(c->fd[i], &f) > 0 && f.kind != FRAME_FAIL)
			c->polled[i].fd = -1;
	}
	if (poll(c->polled, (nfds_t)c->size, ms) < 0)
		return interrupted() ? 0 : err_world(e, "%s: poll: %s", c->name, strerror(errno));
	for (int i = 0; i < c->size; i++)
		if (i != r && c->polled[i].fd >= 0 && look_at(c, i, c->polled[i].revents, e))
			return -1;
	return r >= 0 && c->polled[r].revents != 0;
}

int control_watch(struct control *c, struct err *e)
{
	return wait_for(c, -1, 0, 0, e);
}

static int send_bytes(struct control *c, int r, const void *at, size_t bytes, struct err *e)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t sent =
		        send(c->fd[r], (const char *)at + done, bytes - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0)
			done += (size_t)sent;
		else if (!interrupted()) /* it may have said why */
			return look_at(c, r, POLLIN, e) ? -1 : gone(c, r, e);
		else if (wait_for(c, r, POLLOUT, -1, e) < 0)
			return -1;
	}
	return 0;
}

static int receive_bytes(struct control *c, int r, void *at, size_t bytes, struct err *e)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t got = recv(c->fd[r], (char *)at + done, bytes - done, MSG_DONTWAIT);
		if (got > 0)
			done += (size_t)got;
		else if (got == 0 || !interrupted())
			return gone(c, r, e);
		else if (wait_for(c, r, POLLIN, -1, e) < 0)
			return -1;
	}
	return 0;
}

static int send_to(struct control *c, int r, const void *at, size_t bytes, struct err *e)
{
	struct frame f = {.kind = FRAME_DATA, .from = (uint32_t)c->rank, .bytes = bytes};
	return send_bytes(c, r, &f, sizeof f, e) || send_bytes(c, r, at, bytes, e) ? -1 : 0;
}

static int receive_from(struct control *c, int r, void *at, size_t bytes, struct err *e)
{
	struct frame f;
	int got;
	while ((got = unread(c->fd[r], &f)) != sizeof f) {
		if (got == 0 || (got < 0 && !interrupted()))
			return gone(c, r, e);
		if (wait_for(c, r, POLLIN, -1, e) < 0)
			return -1;
	}
	if (f.kind == FRAME_FAIL)
		return read_failure(c, r, e);
	if (f.kind != FRAME_DATA || f.from != (uint32_t)r || f.bytes != bytes)
		return err_world(e,
		                 "%s: process %d sends %llu bytes where %zu were expected; do all run the "
		                 "same program and the same experiment?",
		                 c->name, r, (unsigned long long)f.bytes, bytes);
	return receive_bytes(c, r, &f, sizeof f, e) || receive_bytes(c, r, at, bytes, e) ? -1 : 0;
}

int control_broadcast(struct control *c, void *at, size_t bytes, struct err *e)
{
	if (c->rank > 0)
		return receive_from(c, 0, at, bytes, e);
	for (int r = 1; r < c->size; r++)
		if (send_to(c, r, at, bytes, e))
			return -1;
	return 0;
}

int control_carry(struct control *c, void *at, size_t bytes, int from, int to, struct err *e)
{
	if (from == to || (c->rank != from && c->rank != to))
		return 0;
	return c->rank == from ? send_to(c, to, at, bytes, e) : receive_from(c, from, at, bytes, e);
}

int control_allgather(struct control *c, void *all, size_t each, struct err *e)
{
	char *own = (char *)all + (size_t)c->rank * each;
	if (c->rank > 0 && send_to(c, 0, own, each, e))
		return -1;
	for (int r = 1; r < c->size && c->rank == 0; r++)
		if (receive_from(c, r, (char *)all + (size_t)r * each, each, e))
			return -1;
	return control_broadcast(c, all, (size_t)c->size * each, e);
}

/* What cannot be sent at once is not: that process finds the connection closed. */
void control_fail(struct control *c, const char *why)
{
	struct {
		struct frame f;
		char why[WHY_MOST];
	} message = {.f = {.kind = FRAME_FAIL, .from = (uint32_t)c->rank}};
	size_t length = strlen(why) < WHY_MOST ? strlen(why) : WHY_MOST;
	message.f.bytes = length;
	memcpy(message.why, why, length);
	for (int r = 0; r < c->size; r++)
		if (c->fd[r] >= 0 &&
		    send(c->fd[r], &message, sizeof message.f + length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			continue;
}
