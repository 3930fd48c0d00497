/* The end: workers' own states are collected to be saved, and workers are told that the run is over. */
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100 };

static const double LEAVE_S = 3;

/* Was its whole state received, or can none be expected? */
static bool collected(const struct server *s, int m)
{
	const struct peer *p = &s->peers[m];
	return !p->presence.connected || p->born < 0 ||
	       p->saved_bytes == s->st->worker_floats[m] * sizeof(float);
}

static bool all_collected(const struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		if (!collected(s, m))
			return false;
	return true;
}

void server_collect(struct server *s, struct train_state *st)
{
	double until = clock_s() + s->set.patience_s;
	s->st = st;
	s->round.step = (uint64_t)st->step;
	s->ending.collecting = s->endpoint->collect;
	for (int m = 0; m < s->workers; m++)
		s->peers[m].saved_bytes = 0;
	while (s->ending.collecting && !all_collected(s) && clock_s() < until)
		server_serve(s, POLL_MS);
	s->ending.collecting = false;
	for (int m = 0; m < s->workers; m++) {
		if (s->peers[m].saved_bytes == st->worker_floats[m] * sizeof(float))
			continue;
		mem_free(st->workers[m]);
		st->workers[m] = NULL;
	}
}

static bool all_told(const struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		if (s->peers[m].presence.connected && !s->peers[m].presence.leaving)
			return false;
	return true;
}

void server_leave(struct server *s, bool finished, const char *why)
{
	double until = clock_s() + round_patience_s(s, LEAVE_S);
	if (!s->router || !finished)
		return;
	s->ending.finished = true;
	s->ending.why = why;
	for (int m = 0; m < s->workers; m++)
		if (s->peers[m].presence.connected && s->peers[m].request.open)
			server_done(s, m);
	while (!all_told(s) && clock_s() < until)
		server_serve(s, POLL_MS);
	if (s->role->leave)
		s->role->leave(s);
	s->ending.why = NULL;
}
