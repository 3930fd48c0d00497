/* The budget of a worker: see server_budget.h. */
#include "transport/zmq/server.h"
#include "base/clock.h"

enum { HELLOS = 2, SPARE = 16, TWICE = 2, CONNECTIONS_A_SECOND = 2 };

static struct allowance times(double factor, struct allowance a)
{
	return (struct allowance){.messages = factor * a.messages, .bytes = factor * a.bytes};
}

/* Bytes of the longest own state. */
static size_t own_bytes(const struct server *s)
{
	size_t most = 0;
	for (int m = 0; s->role->main && s->st->worker_floats && m < s->workers; m++)
		most = s->st->worker_floats[m] > most ? s->st->worker_floats[m] : most;
	return most * sizeof(float);
}

static size_t welcome_bytes(const struct server *s)
{
	return FRAME_HEADER_BYTES + s->welcome.length;
}

static size_t answer_bytes(const struct server *s)
{
	return FRAME_HEADER_BYTES + s->layout.shard_pull + s->layout.running_bytes;
}

void budget_open(struct server *s)
{
	size_t copy = s->role->main ? shared_bytes(s->st) : 0, own = own_bytes(s), chunk = chunk_down(s);
	double pieces = (double)chunk_count(copy, chunk), own_pieces = (double)chunk_count(own, chunk);
	double copy_bytes = (double)copy + FRAME_HEADER_BYTES * pieces;
	double ranges = s->role->main ? s->layout.n_shards - 1 : 0;
	double answers = (double)s->log.count + ranges, answer = (double)answer_bytes(s);
	double buckets = s->layout.n_buckets, welcome = (double)welcome_bytes(s);
	struct allowance once = {.messages = HELLOS + SPARE + pieces + own_pieces + answers + buckets,
	                         .bytes = HELLOS * welcome + copy_bytes + (double)own + answers * answer};
	struct allowance a_round = {.messages = 2 + buckets + pieces / answers,
	                            .bytes = answer > copy_bytes / answers ? answer : copy_bytes / answers};
	struct allowance connection = {.messages = 2, .bytes = welcome + answer};
	s->budget = (struct budget){.once = times(TWICE, once),
	                            .a_round = times(TWICE, a_round),
	                            .a_second = times(TWICE * CONNECTIONS_A_SECOND, connection)};
}

/* The bytes of the reply to a message. */
static size_t reply_bytes(const struct server *s, int m, const struct frame *f)
{
	bool past = f->step < s->round.step && answers_find(&s->log, f->step);
	switch (f->type) {
	case FRAME_HELLO:
		return welcome_bytes(s);
	case FRAME_SNAPSHOT:
		return s->role->main ? chunk_reply(s, m, f) : FRAME_HEADER_BYTES;
	case FRAME_FETCH:
	case FRAME_PUSH:
		return past && !(f->flags & FRAME_NO_PULL) ? answer_bytes(s) : FRAME_HEADER_BYTES;
	default:
		return FRAME_HEADER_BYTES;
	}
}

static double without(double spent, double back)
{
	return spent > back ? spent - back : 0;
}

static struct spending *pay_back(struct server *s, int m)
{
	struct spending *p = &s->peers[m].spending;
	const struct budget *b = &s->budget;
	double now = clock_s(), seconds = now - p->at;
	double rounds = s->round.step > p->step ? (double)(s->round.step - p->step) : 0;
	p->messages = without(p->messages, rounds * b->a_round.messages + seconds * b->a_second.messages);
	p->bytes = without(p->bytes, rounds * b->a_round.bytes + seconds * b->a_second.bytes);
	p->step = s->round.step;
	p->at = now;
	return p;
}

/* A vote for the present step costs nothing here, nor does one for a later step, which is an offence. */
static bool is_free(const struct server *s, int m, const struct frame *f)
{
	return (f->type == FRAME_PUSH && f->step >= s->round.step && !s->ending.finished) ||
	       (f->type == FRAME_STATE && s->role->main && chunk_wanted(s, m, f));
}

static bool spend(struct server *s, int m, double bytes)
{
	struct spending *p = pay_back(s, m);
	struct allowance most = s->budget.once;
	p->messages += 1;
	p->bytes += bytes;
	if (p->messages <= most.messages && p->bytes <= most.bytes)
		return true;
	bool goes_on = p->messages > 2 * most.messages || p->bytes > 2 * most.bytes;
	p->messages = p->messages < 2 * most.messages ? p->messages : 2 * most.messages;
	p->bytes = p->bytes < 2 * most.bytes ? p->bytes : 2 * most.bytes;
	if (goes_on)
		server_offend(s, m, FAULT_GREEDY);
	else
		faults_count(&s->faults, m, FAULT_GREEDY);
	return false;
}

bool budget_pay(struct server *s, int m, const struct frame *f)
{
	return m < 0 || is_free(s, m, f) || spend(s, m, (double)reply_bytes(s, m, f));
}

bool budget_pay_message(struct server *s, int m)
{
	return spend(s, m, FRAME_HEADER_BYTES);
}

void budget_note(struct server *s, int m, size_t bytes)
{
	struct spending *p = pay_back(s, m);
	double most = s->budget.once.bytes;
	if (p->bytes < most)
		p->bytes = p->bytes + (double)bytes < most ? p->bytes + (double)bytes : most;
}
