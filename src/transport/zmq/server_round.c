/* Workers' requests in a round, and the end of a round. */
#include <math.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "transport/lanes.h"
#include "transport/zmq/server.h"

enum {
	BACKOFF_ROUNDS =
	        8, /* rounds until a worker that was given up once can be awaited again; doubled each time */
	BACKOFF_DOUBLES = 16, /* the number of rounds is doubled at most this often */
};

static const double LOSS_MOST = 1e6;

void round_open(struct server *s, const struct exchange_request *x)
{
	layout_init(&s->layout, x, s->st->running.count * sizeof(float), s->set.buckets);
	answers_open(s);
	if (s->endpoint->trust != ENDPOINT_TOKENS && s->layout.running_bytes > 0 && s->st->running_fits)
		s->next_running = mem_array(s->st->running.count, sizeof *s->next_running);
	for (int m = 0; m < s->workers; m++)
		bucket_open(&s->layout, &s->peers[m].vote);
	budget_open(s);
}

void round_begin(struct server *s, const struct exchange_request *x)
{
	struct server_round *r = &s->round;
	r->step = x->step;
	r->bn_owner = x->bn_owner;
	r->expected_hash = x->x_hash;
	r->begun = clock_s();
	for (int m = 0; m < s->workers; m++) {
		struct peer *p = &s->peers[m];
		if (!p->vote.kept || vote_hash_holds(s, p->vote.x_hash))
			continue;
		vote_forget(s, m);
		p->request.open = false;
		faults_count(&s->faults, m, FAULT_WRONG_HASH);
		server_stale(s, m, r->step);
	}
}

/* --- requests of workers -------------------------------------------------------------------------------- */

void round_await(struct server *s, int m)
{
	struct presence *p = &s->peers[m].presence;
	p->awaited |= s->round.step >= p->not_before;
}

/*
 * Is a worker that asks for this answer about to catch up? It asks for the one that follows what it was sent
 * last, and has voted, though late, or will be where the run is. Rounds would wait in vain for any other.
 */
static bool catches_up(const struct server *s, int m, const struct frame *f)
{
	return f->step == s->peers[m].answered && (f->type == FRAME_PUSH || f->step + 1 == s->round.step);
}

/* Does the worker ask for another server's range of the answer? */
static bool asks_range(const struct server *s, const struct frame *f)
{
	return f->type == FRAME_FETCH && f->count > 0 && s->role->range;
}

void round_past(struct server *s, int m, const struct frame *f)
{
	if (asks_range(s, f)) {
		if (!s->role->range(s, m, f))
			server_stale(s, m, f->step);
		return;
	}
	struct answer *a = answers_find(&s->log, f->step);
	struct peer *p = &s->peers[m];
	struct open_request r = {.no_pull = f->flags & FRAME_NO_PULL, .born = f->born};
	p->request.open = p->vote.kept;
	if (!a) {
		server_stale(s, m, f->step);
		return;
	}
	if (catches_up(s, m, f))
		round_await(s, m);
	answer_send(s, m, a, &r);
}

/*
 * Every worker can get the answer of the last step once without waiting, as those do that ask in time. Other
 * big answers have to wait.
 */
static void ask_past(struct server *s, int m, const struct frame *f)
{
	bool big = s->layout.shard_pull > SMALL_BODY && !(f->flags & FRAME_NO_PULL);
	bool last = f->step + 1 == s->round.step && s->peers[m].answered != f->step + 1;
	if (big && !last && answers_find(&s->log, f->step))
		later_put(s, m, f);
	else
		round_past(s, m, f);
}

/* The worker waits for the answer of the present step. */
static void await_answer(struct server *s, int m, const struct frame *f)
{
	if (s->peers[m].presence.connected) /* it may be banned by now */
		s->peers[m].request = (struct open_request){
		        .open = true, .no_pull = f->flags & FRAME_NO_PULL, .born = f->born};
}

void round_push(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	struct peer_vote *v = &s->peers[m].vote;
	uint64_t step = s->round.step;
	enum fault fault;
	if (f->index + 1 < f->count) { /* a bucket */
		fault = bucket_add(&s->layout, v, step, f, message_body(message));
		if (fault != FAULTS)
			server_offend(s, m, fault);
		return;
	}
	if (!vote_length_holds(s, m, f, message_body(message)))
		fault = FAULT_WRONG_LENGTH;
	else if (f->step != step)
		fault = f->step < step ? FAULT_LATE : FAULT_WRONG_STEP;
	else
		fault = vote_check(s, m, f, message);
	if (fault == FAULTS) {
		vote_keep(s, m, f, message);
		return;
	}
	if (fault != FAULT_LATE || s->role->main) /* late votes are counted only by the main server */
		server_offend(s, m, fault);
	if (fault == FAULT_DUPLICATE)
		s->peers[m].request.born = f->born;
	if (fault == FAULT_WRONG_RUNNING) /* it hears the answer, and that it was not counted */
		await_answer(s, m, f);
	if (fault == FAULT_LATE)
		ask_past(s, m, f);
	else if (fault == FAULT_WRONG_STEP || fault == FAULT_WRONG_BORN ||
	         (fault == FAULT_WRONG_HASH && budget_pay_message(s, m)))
		server_stale(s, m, f->step);
}

void round_fetch(struct server *s, int m, const struct frame *f)
{
	if (f->bytes > 0) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
	} else if (f->step < s->round.step) {
		ask_past(s, m, f);
	} else if (f->step > s->round.step) {
		server_offend(s, m, FAULT_WRONG_STEP);
		server_stale(s, m, f->step);
	} else if (asks_range(s, f)) {
		server_stale(s, m, f->step);
	} else {
		await_answer(s, m, f);
	}
}

/* --- the end of a round --------------------------------------------------------------------------------- */

static bool loss_holds(const struct server *s, double loss)
{
	return s->endpoint->trust == ENDPOINT_TOKENS || fabs(loss) <= LOSS_MOST; /* NAN is not */
}

int round_gather(struct server *s, const struct exchange_request *x)
{
	int count = 0;
	for (int m = 0; m < s->workers; m++) {
		struct peer_vote *v = &s->peers[m].vote;
		x->born[m] = v->complete ? v->born : -1;
		if (!v->complete)
			continue;
		x->loss[m] = loss_holds(s, v->loss) ? v->loss : NAN;
		s->round.removed[count] = false;
		s->round.voters[count] = m;
		s->round.pushes[count++] = message_body(&v->message);
	}
	return count;
}

/*
 * A loss or a message that is not finite is no offence where most are such: when a run diverges, those of
 * honest workers are. Nor is it where all workers are trusted.
 */
static void judge(struct server *s, int m, bool few, enum fault fault)
{
	if (few && s->endpoint->trust != ENDPOINT_TOKENS)
		server_offend(s, m, fault);
	else
		faults_count(&s->faults, m, fault);
}

void round_judge_losses(struct server *s, const struct exchange_request *x)
{
	int counted = 0, dropped = 0;
	for (int m = 0; m < s->workers; m++) {
		counted += x->born[m] >= 0;
		dropped += x->born[m] >= 0 && isnan(x->loss[m]);
	}
	for (int m = 0; dropped > 0 && m < s->workers; m++) {
		if (x->born[m] < 0 || !isnan(x->loss[m]))
			continue;
		judge(s, m, 2 * dropped < counted, FAULT_WRONG_LOSS);
	}
}

void round_judge_messages(struct server *s, int count)
{
	int removed = 0;
	for (int i = 0; i < count; i++)
		removed += s->round.removed[i];
	for (int i = 0; i < count; i++)
		if (s->round.removed[i])
			judge(s, s->round.voters[i], 2 * removed < count,
			      s->layout.judged ? FAULT_WRONG_MESSAGE : FAULT_NOT_FINITE);
}

int round_combine(struct server *s, const struct exchange_request *x, struct exchange_reply *reply, int count,
                  struct err *e)
{
	struct meeting m = {.count = count,
	                    .ids = s->round.voters,
	                    .pushes = s->round.pushes,
	                    .begin = s->layout.begin,
	                    .end = s->layout.end,
	                    .pool = s->env.pool,
	                    .removed = s->round.removed};
	enum meeting_end end = lanes_meet(x, &m, e);
	if (end == MEETING_WITHHELD)
		reply->flags |= EXCHANGE_WITHHELD;
	return end == MEETING_FAILED ? -1 : 0;
}

/*
 * The worker missed too many rounds: stop waiting for it. The time until it can be awaited again doubles each
 * time.
 */
static void give_up(struct server *s, int m)
{
	struct presence *p = &s->peers[m].presence;
	int doubles = p->given_up < BACKOFF_DOUBLES ? p->given_up : BACKOFF_DOUBLES;
	p->awaited = false;
	p->given_up++;
	p->not_before = s->round.step + ((uint64_t)BACKOFF_ROUNDS << doubles);
	log_say("worker %d missed %d rounds and is no longer waited for", m, p->missed);
	p->missed = 0;
}

/* Count whether the worker missed the round that is over, and decide whether the next round waits for it. */
static void settle_peer(struct server *s, int m)
{
	struct peer *peer = &s->peers[m];
	struct presence *p = &peer->presence;
	peer->born = peer->vote.complete ? peer->vote.born : -1;
	if (peer->vote.complete)
		p->missed = 0;
	bool in_part =
	        peer->vote.kept && !peer->vote.complete; /* not at all servers: the round waited for it */
	if (peer->request.open && p->connected && !in_part)
		p->awaited = s->round.step >= p->not_before;
	else if (p->awaited && ++p->missed >= s->set.max_missed)
		give_up(s, m);
}

void round_answer(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply)
{
	struct answer *a = answers_add(s, x, reply);
	s->round.step = x->step + 1;
	s->round.bn_owner = reply->bn_owner;
	later_round(s);
	for (int m = 0; m < s->workers; m++) {
		if (s->role->main)
			settle_peer(s, m);
		if (s->peers[m].request.open) {
			budget_note(s, m, s->peers[m].request.no_pull ? 0 : a->head.bytes);
			answer_send_open(s, m, a);
		}
		vote_clear(&s->peers[m].vote);
	}
	s->round.n_votes = 0;
	s->round.first = false;
}

void round_finish(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply,
                  int count)
{
	lanes_combine(s->env.pool, x, count, s->round.pushes, s->layout.begin, s->layout.end);
	round_answer(s, x, reply);
}
