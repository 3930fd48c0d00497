/*
 * Replies that can wait: answers of earlier steps, parameters and own states, when they are big. The answers
 * of a round go before them. (An answer of the last step that is asked for once, a moment late, is one of a
 * round.) They go one after the other, the next one when the last one is out, which is when the other
 * machine's kernel has confirmed it; and only
 *
 *   in the part of the line's time that the rounds leave free: when the answers of the last round are out,
 *   and as much time is left of a usual round as the reply will need; or when the round takes much longer
 *   than usual; or
 *   as far as they are no more than a small share of the bytes of the rounds, where nothing is left free.
 *
 * So somebody who asks for as much as he may costs the rounds that share at most. In the first round of a
 * process nothing has to be spared, and all are sent at once. Over ipc the kernel does not say what is out.
 *
 * Nobody can hold the others' replies up by not confirming: after half of a usual round some of the answers
 * need not be out, and for a reply the others wait FLIGHT_S.
 */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "transport/zmq/server.h"

static const double FLIGHT_S = 0.2; /* as long a reply may be on its way */
static const double LATEST = 0.2;   /* weight of the latest value in a moving average */
static const double SHARE = 1.0 / 32, SAFE = 0.9, LONG = 2; /* of a round's bytes; of a usual round's time */

enum { MISSING_SHARE = 4 /* of the answers: one in so many need not be out, and at least one */ };

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

static void average(double *value, double latest)
{
	*value = *value > 0 ? (1 - LATEST) * *value + LATEST * latest : latest;
}

void later_round(struct server *s)
{
	struct later *l = &s->later;
	double now = clock_s();
	if (l->answered_at > 0)
		average(&l->round_s, now - l->answered_at);
	l->answered_at = now;
	l->n_answers = 0;
	l->out = l->waited = false;
	for (int m = 0; m < s->workers; m++) {
		s->peers[m].outbox.in_round = s->peers[m].request.open;
		l->n_answers += s->peers[m].request.open;
	}
	size_t bytes = (size_t)l->n_answers * s->layout.shard_pull, most = bytes + chunk_down(s);
	l->share += SHARE * (double)bytes;
	l->share = l->share < (double)most ? l->share : (double)most;
}

/* Answers of the last round that are not out. */
static int missing(struct server *s)
{
	int count = 0;
	for (int m = 0; m < s->workers; m++) {
		struct outbox *o = &s->peers[m].outbox;
		o->in_round = o->in_round && !is_out(s, m);
		count += o->in_round;
	}
	return count;
}

/*
 * How many answers of the last round still need the line. It also learns how long they take, from rounds in
 * which it has seen them on their way and out.
 */
static int answers_left(struct server *s)
{
	struct later *l = &s->later;
	double passed = clock_s() - l->answered_at;
	int left = l->out ? 0 : missing(s);
	if (left > 0) {
		l->waited = true;
	} else if (!l->out) {
		l->out = true;
		if (l->waited)
			average(&l->out_s, passed);
		else if (passed < l->out_s)
			l->out_s = passed;
	}
	return left;
}

/* Is the line free for so many bytes until the next answers? */
static bool line_is_free(struct server *s, size_t bytes)
{
	const struct later *l = &s->later;
	int left = answers_left(s), few = l->n_answers / MISSING_SHARE;
	double answer = (double)s->layout.shard_pull, passed = clock_s() - l->answered_at;
	double all = answer * l->n_answers, waiting = (double)bytes + answer * left;
	double takes = all > 0 ? l->out_s * waiting / all : 0;
	bool out = left == 0 || (passed > l->round_s / 2 && left <= (few > 1 ? few : 1));
	return (out && passed + takes < SAFE * l->round_s) || passed > LONG * l->round_s;
}

static bool last_is_out(const struct server *s)
{
	const struct later *l = &s->later;
	return l->in_flight < 0 || is_out(s, l->in_flight) || clock_s() - l->sent_at > FLIGHT_S;
}

/* --- the next one --------------------------------------------------------------------------------------- */

/* Bytes of the reply that waits for worker m. */
static size_t reply_bytes(const struct server *s, int m)
{
	const struct frame *f = &s->peers[m].outbox.request;
	return f->type == FRAME_SNAPSHOT ? chunk_reply(s, m, f) : s->layout.shard_pull;
}

/* May so many bytes be sent now? */
static bool has_turn(struct server *s, size_t bytes)
{
	struct later *l = &s->later;
	if (s->round.first)
		return true;
	if (!last_is_out(s))
		return false;
	if (line_is_free(s, bytes))
		return true;
	if (l->share < (double)bytes)
		return false;
	l->share -= (double)bytes;
	return true;
}

int later_next(struct server *s, struct frame *f)
{
	struct later *l = &s->later;
	if (l->count == 0)
		return -1;
	int m = l->next % s->workers;
	while (!s->peers[m].outbox.waits)
		m = (m + 1) % s->workers;
	if (!has_turn(s, reply_bytes(s, m)))
		return -1;
	l->next = m + 1;
	l->count--;
	l->in_flight = m;
	l->sent_at = clock_s();
	s->peers[m].outbox.waits = false;
	*f = s->peers[m].outbox.request;
	return m;
}
