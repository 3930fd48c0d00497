/* How long a round waits for votes. */
#include "base/clock.h"
#include "base/log.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100 /* between looks at the clock and at signals */ };

static const double DEADLINE_LEAST_S = 2, DEADLINE_MEDIANS = 5, STOP_S = 2, MEETING_S = 10,
                    PATIENT_ROUNDS = 2;

static double median(const double *times, size_t count)
{
	double sorted[MEDIAN_ROUNDS];
	for (size_t i = 0; i < count; i++) {
		size_t at = i;
		for (; at > 0 && sorted[at - 1] > times[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = times[i];
	}
	return count > 0 ? sorted[count / 2] : 0;
}

static double deadline_s(const struct server *s)
{
	size_t count = s->n_times < MEDIAN_ROUNDS ? s->n_times : MEDIAN_ROUNDS;
	double usual = DEADLINE_MEDIANS * median(s->times, count);
	if (s->set.deadline_s > 0)
		return s->set.deadline_s;
	return usual > DEADLINE_LEAST_S ? usual : DEADLINE_LEAST_S;
}

double round_patience_s(const struct server *s, double least)
{
	size_t count = s->n_times < MEDIAN_ROUNDS ? s->n_times : MEDIAN_ROUNDS;
	double rounds = PATIENT_ROUNDS * median(s->times, count);
	return rounds > least ? rounds : least;
}

static int missing(const struct server *s)
{
	int count = 0;
	for (int m = 0; m < s->workers; m++) {
		const struct peer *p = &s->peers[m];
		bool open = p->want == WANT_NOTHING || (p->voted && !p->complete);
		count += s->first ? !p->complete : p->awaited && open;
	}
	return count;
}

static void say_waiting(struct server *s)
{
	s->warned = true;
	if (s->first)
		log_say("%d of %d workers have voted; waiting up to %g s for the others", s->n_votes,
		        s->workers, s->set.patience_s);
	else
		log_warn("step %llu: %d votes of %lld that it needs; waiting up to %g s for more",
		         (unsigned long long)s->step + 1, s->n_votes, (long long)s->set.quorum,
		         s->set.patience_s);
}

static enum verdict judge_round(struct server *s, const struct exchange_reply *reply, double deadline)
{
	double waited = clock_s() - s->begun;
	bool quorum = s->n_votes >= s->set.quorum;
	if (quorum && missing(s) == 0)
		return ROUND_ENOUGH;
	if (reply->flags & EXCHANGE_STOP && waited > (s->n_votes > 0 ? round_patience_s(s, STOP_S) : STOP_S))
		return quorum ? ROUND_ENOUGH : ROUND_STOPPED;
	if (waited > (s->first ? s->set.patience_s : deadline) && quorum)
		return ROUND_ENOUGH;
	if (waited > s->set.patience_s || links_refused(s))
		return ROUND_TOO_FEW;
	if (waited > (s->first ? MEETING_S : deadline) && !quorum && !s->warned)
		say_waiting(s);
	return ROUND_OPEN;
}

enum verdict round_wait(struct server *s, struct exchange_reply *reply)
{
	double deadline = deadline_s(s);
	enum verdict v = judge_round(s, reply, deadline);
	s->warned = false;
	for (; v == ROUND_OPEN; v = judge_round(s, reply, deadline)) {
		server_serve(s, POLL_MS);
		if (s->env.stop && *s->env.stop && !(reply->flags & EXCHANGE_STOP)) {
			reply->flags |= EXCHANGE_STOP;
			s->begun = clock_s();
		}
	}
	reply->wait_s = clock_s() - s->begun;
	s->times[s->n_times++ % MEDIAN_ROUNDS] = reply->wait_s;
	return v;
}
