/*
 * Replies that can wait: old answers, parameters and own states, when they are big. The answers of a round go
 * before them. A reply that waits is sent once the answers of the last round are out (the other machines'
 * kernels have confirmed them), and one after the other: the next one when the last one is out. So they take
 * the part of the line that the rounds leave free, and at most one of them is in the way of a round's
 * answers.
 *
 * Nobody can hold them up for long by not confirming: a round's answers are waited for during half of a usual
 * round, a reply during FLIGHT_S. In the first round of a process nothing has to be spared, and all are sent
 * at once. Over ipc the kernel does not say what is out, and nothing waits.
 */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "transport/zmq/server.h"

static const double FLIGHT_S = 0.2, LATEST = 0.2;

void later_put(struct server *s, int m, const struct frame *f)
{
	struct outbox *o = &s->peers[m].outbox;
	s->later.count += !o->waits;
	o->waits = true;
	o->request = *f;
}

void later_forget(struct server *s, int m)
{
	struct outbox *o = &s->peers[m].outbox;
	s->later.count -= o->waits;
	o->waits = false;
}

/* --- what is out ---------------------------------------------------------------------------------------- */

/* Bytes that the connection has carried, as the other side's kernel confirms. False: they are not known. */
static bool carried(int fd, uint64_t *bytes)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return false;
	*bytes = info.tcpi_bytes_acked;
	return true;
}

void later_before(struct server *s, int m)
{
	struct outbox *o = &s->peers[m].outbox;
	int fd = s->peers[m].presence.fd, queued = 0;
	uint64_t bytes;
	if (!carried(fd, &bytes) || ioctl(fd, SIOCOUTQ, &queued))
		return;
	bytes += (uint64_t)queued;
	o->end = o->end > bytes ? o->end : bytes;
}

void later_after(struct server *s, int m, uint64_t bytes)
{
	s->peers[m].outbox.end += bytes;
}

static bool is_out(const struct server *s, int m)
{
	uint64_t bytes;
	return !carried(s->peers[m].presence.fd, &bytes) || bytes >= s->peers[m].outbox.end;
}

void later_round(struct server *s)
{
	struct later *l = &s->later;
	double now = clock_s(), took = now - l->answered_at;
	if (l->answered_at > 0)
		l->round_s = l->round_s > 0 ? (1 - LATEST) * l->round_s + LATEST * took : took;
	l->answered_at = now;
	for (int m = 0; m < s->workers; m++)
		s->peers[m].outbox.in_round = s->peers[m].request.open;
}

static bool round_is_out(struct server *s)
{
	if (clock_s() - s->later.answered_at > s->later.round_s / 2)
		return true;
	for (int m = 0; m < s->workers; m++) {
		struct outbox *o = &s->peers[m].outbox;
		if (o->in_round && !is_out(s, m))
			return false;
		o->in_round = false;
	}
	return true;
}

static bool last_is_out(const struct server *s)
{
	const struct later *l = &s->later;
	return s->round.first || l->in_flight < 0 || is_out(s, l->in_flight) ||
	       clock_s() - l->sent_at > FLIGHT_S;
}

/* --- the next one --------------------------------------------------------------------------------------- */

int later_next(struct server *s, struct frame *f)
{
	struct later *l = &s->later;
	if (l->count == 0 || !round_is_out(s) || !last_is_out(s))
		return -1;
	int m = l->next % s->workers;
	while (!s->peers[m].outbox.waits)
		m = (m + 1) % s->workers;
	l->next = m + 1;
	l->count--;
	l->in_flight = m;
	l->sent_at = clock_s();
	s->peers[m].outbox.waits = false;
	*f = s->peers[m].outbox.request;
	return m;
}
