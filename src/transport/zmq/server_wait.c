/*
 * How long a round waits for votes. It ends as soon as every awaited worker has voted and there is a quorum.
 * If awaited votes are missing, it ends at the deadline (a multiple of the median round) if there is a
 * quorum, also where patience_s is shorter. Without a quorum it fails after patience_s, or after the deadline
 * that is computed, if that is longer: a usual round must not be given up. The first round of a process waits
 * for all enrolled workers, up to patience_s.
 *
 * Processes of one start (ENDPOINT_TOKENS) get a deadline of a minute at least: one that has died is known
 * without waiting, and who waits for one that is only slow keeps the bits of a run in one process.
 */
#include "base/clock.h"
#include "base/log.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100 /* between checks of the clock and of signals */ };

static const double DEADLINE_LEAST_S = 2, DEADLINE_OWN_S = 60, DEADLINE_MEDIANS = 5, PATIENT_ROUNDS = 2;
static const double STOP_S = 2;     /* a signal ends the wait after this */
static const double MEETING_S = 10; /* in the first round: until it logs how many workers have voted */

static double median_s(const struct round_times *t)
{
	double sorted[MEDIAN_ROUNDS];
	size_t count = t->count < MEDIAN_ROUNDS ? t->count : MEDIAN_ROUNDS;
	for (size_t i = 0; i < count; i++) {
		size_t at = i;
		for (; at > 0 && sorted[at - 1] > t->at[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = t->at[i];
	}
	return count > 0 ? sorted[count / 2] : 0;
}

static double deadline_s(const struct server *s)
{
	double usual = DEADLINE_MEDIANS * median_s(&s->times);
	double least = s->endpoint->trust == ENDPOINT_TOKENS ? DEADLINE_OWN_S : DEADLINE_LEAST_S;
	if (s->set.deadline_s > 0)
		return s->set.deadline_s;
	return usual > least ? usual : least;
}

double round_hope_s(const struct server *s)
{
	double usual = s->set.deadline_s > 0 ? 0 : DEADLINE_MEDIANS * median_s(&s->times);
	return usual > s->set.patience_s ? usual : s->set.patience_s;
}

double round_patience_s(const struct server *s, double least)
{
	double rounds = PATIENT_ROUNDS * median_s(&s->times);
	return rounds > least ? rounds : least;
}

/* The number of workers that the round still waits for. A request for the answer counts like a vote. */
static int missing(const struct server *s)
{
	int count = 0;
	for (int m = 0; m < s->workers; m++) {
		const struct peer *p = &s->peers[m];
		bool silent = !p->request.open || (p->vote.kept && !p->vote.complete);
		count += (s->round.first || p->presence.awaited) && silent;
	}
	return count;
}

static void say_waiting(struct server *s)
{
	s->round.warned = true;
	if (s->round.first)
		log_say("%d of %d workers have voted; waiting up to %g s for the others", s->round.n_votes,
		        s->workers, round_hope_s(s));
	else
		log_warn("step %llu: %d votes of %lld that it needs; waiting up to %g s for more",
		         (unsigned long long)s->round.step + 1, s->round.n_votes, (long long)s->set.quorum,
		         round_hope_s(s));
}

static enum verdict judge_round(struct server *s, bool stopping, double deadline)
{
	const struct server_round *r = &s->round;
	double waited = clock_s() - r->begun, patience = round_hope_s(s);
	bool quorum = r->n_votes >= s->set.quorum;
	if (quorum && missing(s) == 0)
		return ROUND_ENOUGH;
	if (stopping && waited > (r->n_votes > 0 ? round_patience_s(s, STOP_S) : STOP_S))
		return quorum ? ROUND_ENOUGH : ROUND_STOPPED;
	if (quorum && waited > (r->first ? patience : deadline))
		return ROUND_ENOUGH;
	if ((!quorum && waited > patience) || (s->role->refused && s->role->refused(s)))
		return ROUND_TOO_FEW;
	if (!quorum && !r->warned && waited > (r->first ? MEETING_S : deadline))
		say_waiting(s);
	return ROUND_OPEN;
}

enum verdict round_wait(struct server *s, struct exchange_reply *reply)
{
	double deadline = deadline_s(s);
	enum verdict v = judge_round(s, reply->flags & EXCHANGE_STOP, deadline);
	s->round.warned = false;
	for (; v == ROUND_OPEN; v = judge_round(s, reply->flags & EXCHANGE_STOP, deadline)) {
		server_serve(s, POLL_MS);
		if (s->env.stop && *s->env.stop && !(reply->flags & EXCHANGE_STOP)) {
			reply->flags |= EXCHANGE_STOP;
			s->round.begun = clock_s();
		}
	}
	reply->wait_s = clock_s() - s->round.begun;
	if (v == ROUND_ENOUGH)
		s->times.at[s->times.count++ % MEDIAN_ROUNDS] = reply->wait_s;
	return v;
}
