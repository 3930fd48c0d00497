/* Rounds: whose votes are taken, when there are enough, and the answers. */
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "transport/lanes.h"
#include "transport/zmq/server.h"

enum {
	LOG_LEAST = 4,
	LOG_MOST = 64,
	ALIGNED = 8,        /* bytes: what kernels may ask of a push */
	BACKOFF_ROUNDS = 8, /* before who was given up once is awaited again; doubled each time */
	BACKOFF_DOUBLES = 16,
};

/* --- votes --------------------------------------------------------------------------------------------- */

static bool born_holds(const struct server *s, const struct peer *p, const struct frame *f)
{
	if (f->born < 0 || (uint64_t)f->born > f->step)
		return false;
	return s->first || (uint64_t)f->born == f->step || f->born == p->born;
}

static bool hash_holds(const struct server *s, uint64_t x_hash)
{
	return s->expected_hash == 0 || x_hash == 0 || x_hash == s->expected_hash;
}

static bool length_holds(const struct server *s, int m, const struct frame *f)
{
	bool running = f->flags & FRAME_HAS_RUNNING;
	if (f->step == s->step && m == s->bn_owner && s->running_bytes > 0 && !running)
		return false; /* it alone has them */
	size_t push = pieces_closing(s, f) ? 0 : s->part_bytes;
	if (f->pieces > 0 && !pieces_closing(s, f))
		return false;
	return f->bytes == push + (running ? s->running_bytes : 0);
}

/* Why a vote for the present step is none; FAULTS: it is one. */
static enum fault judge_vote(const struct server *s, const struct peer *p, const struct frame *f,
                             zmq_msg_t *message)
{
	bool closing = pieces_closing(s, f), whole = !closing && s->n_parts == 1;
	const unsigned char *at = whole ? zmq_msg_data(message) : p->box;
	if (p->voted)
		return FAULT_DUPLICATE;
	if (closing && p->n_pieces < s->n_pieces)
		return FAULT_WRONG_ORDER;
	if (s->n_parts > 1)
		pieces_part(s, p, message);
	if (s->shard) /* all else is the main server's to judge */
		return planes_padding_clear(&s->push_planes, s->n, at + FRAME_HEADER_BYTES) ? FAULTS
		                                                                            : FAULT_PADDING;
	if (!born_holds(s, p, f))
		return FAULT_WRONG_BORN;
	if (!hash_holds(s, f->x_hash))
		return FAULT_WRONG_HASH;
	return planes_padding_clear(&s->push_planes, s->n, at + FRAME_HEADER_BYTES) ? FAULTS : FAULT_PADDING;
}

static void say_stale(struct server *s, int m, uint64_t step)
{
	struct frame f = {.type = FRAME_ANSWER, .flags = FRAME_STALE, .step = step, .born = (int64_t)s->step};
	server_say(s, &s->peers[m].route, &f, NULL, 0);
}

/* Kernels read words: ZeroMQ hands out small messages at any address. */
static void align(zmq_msg_t *message)
{
	zmq_msg_t aligned;
	size_t bytes = zmq_msg_size(message);
	if ((uintptr_t)zmq_msg_data(message) % ALIGNED == 0)
		return;
	if (zmq_msg_init_size(&aligned, bytes + ALIGNED))
		die("no memory for a message of %zu bytes", bytes);
	if ((uintptr_t)zmq_msg_data(&aligned) % ALIGNED)
		BUG("ZeroMQ's own messages are not aligned");
	memcpy(zmq_msg_data(&aligned), zmq_msg_data(message), bytes);
	zmq_msg_move(message, &aligned);
	zmq_msg_close(&aligned);
}

static void keep_vote(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	struct peer *p = &s->peers[m];
	if (pieces_closing(s, f))
		pieces_whole(s, p, message, 0);
	else if (s->n_parts > 1)
		pieces_whole(s, p, message, s->part_bytes);
	else
		align(message);
	zmq_msg_move(&p->vote, message);
	p->voted = true;
	p->with_running = f->flags & FRAME_HAS_RUNNING;
	p->loss = f->number;
	p->reported_born = p->has = f->born;
	p->x_hash = f->x_hash;
	p->want = WANT_ANSWER;
	p->brief = f->flags & FRAME_BRIEF;
	p->number = (uint64_t)1 << 32 | f->worker;
	if (s->shard)
		shard_have(s);
	else
		round_judge(s, m);
}

void round_judge(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	bool complete = p->voted && links_have(s, m, p->number);
	s->n_votes += complete - p->complete;
	p->complete = complete;
}

void round_forget(struct server *s, int m)
{
	s->peers[m].voted = false;
	s->peers[m].n_pieces = 0;
	round_judge(s, m);
}

/* --- answers -------------------------------------------------------------------------------------------- */

static struct past *past_of(const struct server *s, uint64_t step)
{
	struct past *past = &s->log[step % s->log_count];
	return past->there && past->step == step ? past : NULL;
}

/* Does worker m need the running statistics, to keep them from now on? */
static bool becomes_bn_owner(const struct server *s, int m, const struct past *past)
{
	return s->running_bytes > 0 && m == past->bn_owner && past->step + 1 == s->step && s->holder >= 0 &&
	       s->holder != m;
}

/*
 * Was it the vote of the process that asks, with a state begun at `has`? A worker that is started again may
 * ask for the answer to what the process before it has said.
 */
static bool counted(const struct past *past, int m, int64_t has)
{
	return has >= 0 && past->born[m] == has;
}

/* Made for worker m: what differs from worker to worker, or comes late. */
static void say_past(struct server *s, int m, struct past *past, bool brief, int64_t has)
{
	struct peer *p = &s->peers[m];
	bool running = becomes_bn_owner(s, m, past);
	struct frame f = past->head;
	zmq_msg_t answer;
	f.flags = (counted(past, m, has) ? FRAME_COUNTED : 0) | (brief ? FRAME_BRIEF : 0) |
	          (running ? FRAME_HAS_RUNNING : 0) |
	          (past->step + 1 == s->step ? f.flags & (FRAME_SAVE | FRAME_STOP) : 0);
	f.born = (int64_t)s->step;
	size_t pull_bytes = brief ? 0 : s->answer_bytes;
	f.bytes = pull_bytes + (running ? s->running_bytes : 0);
	if (zmq_msg_init_size(&answer, FRAME_HEADER_BYTES + f.bytes))
		die("no memory for a message of %zu bytes", (size_t)f.bytes);
	unsigned char *at = zmq_msg_data(&answer), *body = at + FRAME_HEADER_BYTES;
	memcpy(body, (unsigned char *)zmq_msg_data(&past->answer) + FRAME_HEADER_BYTES, pull_bytes);
	if (running)
		memcpy(body + pull_bytes, s->st->running.at, s->running_bytes);
	if (brief || running)
		f.body_hash = hash_words(0, body, f.bytes);
	frame_write(&f, at);
	p->want = WANT_NOTHING;
	server_send(s, &p->route, &answer);
}

/* The answer to who was in step: for most the very same message, of which ZeroMQ only counts the users. */
static void say_answer(struct server *s, int m, struct past *past)
{
	struct peer *p = &s->peers[m];
	zmq_msg_t shared;
	if (p->brief || !counted(past, m, p->has) || becomes_bn_owner(s, m, past)) {
		say_past(s, m, past, p->brief, p->has);
		return;
	}
	zmq_msg_init(&shared);
	zmq_msg_copy(&shared, &past->answer);
	p->want = WANT_NOTHING;
	server_send(s, &p->route, &shared);
}

/* Were it not awaited, who is slower than the rounds of the others would be late by a few for ever. */
void round_await(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	p->awaited |= s->step >= p->not_before;
}

static void answer_past(struct server *s, int m, const struct frame *f)
{
	struct past *past = past_of(s, f->step);
	struct peer *p = &s->peers[m];
	p->want = p->voted ? WANT_ANSWER : WANT_NOTHING;
	if (past) {
		round_await(s, m);
		say_past(s, m, past, f->flags & FRAME_BRIEF, f->born);
	} else {
		say_stale(s, m, f->step);
	}
}

void round_push(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	struct peer *p = &s->peers[m];
	enum fault fault = FAULTS;
	if (f->piece + 1 < f->pieces) {
		pieces_push(s, m, f, (unsigned char *)zmq_msg_data(message) + FRAME_HEADER_BYTES);
		return;
	}
	if (!length_holds(s, m, f))
		fault = FAULT_WRONG_LENGTH;
	else if (f->step < s->step)
		fault = FAULT_LATE;
	else if (f->step > s->step)
		fault = FAULT_WRONG_STEP;
	else
		fault = judge_vote(s, p, f, message);
	if (fault == FAULTS) {
		keep_vote(s, m, f, message);
		return;
	}
	if (fault != FAULT_LATE || !s->shard) /* the main server counts it */
		server_offend(s, m, fault);
	if (fault == FAULT_DUPLICATE)
		p->has = f->born;
	if (fault == FAULT_LATE)
		answer_past(s, m, f);
	else if (fault == FAULT_WRONG_STEP || fault == FAULT_WRONG_BORN || fault == FAULT_WRONG_HASH)
		say_stale(s, m, f->step);
}

void round_fetch(struct server *s, int m, const struct frame *f)
{
	struct peer *p = &s->peers[m];
	if (f->bytes > 0) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
	} else if (f->step < s->step) {
		answer_past(s, m, f);
	} else if (f->step > s->step) {
		server_offend(s, m, FAULT_WRONG_STEP);
		say_stale(s, m, f->step);
	} else {
		p->want = WANT_ANSWER;
		p->brief = f->flags & FRAME_BRIEF;
		p->has = f->born;
	}
}

/* --- the end of a round --------------------------------------------------------------------------------- */

static struct past *write_past(struct server *s, const struct exchange_request *x,
                               const struct exchange_reply *reply)
{
	struct past *past = &s->log[x->step % s->log_count];
	zmq_msg_close(&past->answer);
	if (zmq_msg_init_size(&past->answer, FRAME_HEADER_BYTES + s->answer_bytes))
		die("no memory for a message of %zu bytes", s->answer_bytes);
	unsigned char *at = zmq_msg_data(&past->answer), *body = at + FRAME_HEADER_BYTES;
	if (s->n_parts > 1)
		planes_take(&x->shape.pull_planes, s->n, s->begin, s->end, x->pull, body);
	else
		memcpy(body, x->pull, s->answer_bytes);
	past->there = true;
	past->step = x->step;
	past->bn_owner = reply->bn_owner;
	for (int m = 0; m < s->workers; m++)
		past->born[m] = x->born[m];
	past->head = (struct frame){.type = FRAME_ANSWER,
	                            .flags = FRAME_COUNTED,
	                            .run = s->run,
	                            .step = x->step,
	                            .born = (int64_t)x->step + 1,
	                            .worker = (uint32_t)reply->bn_owner,
	                            .bytes = s->answer_bytes,
	                            .body_hash = hash_words(0, body, s->answer_bytes)};
	if (s->endpoint->collect)
		past->head.flags |= (reply->flags & EXCHANGE_SAVE ? FRAME_SAVE : 0) |
		                    (reply->flags & EXCHANGE_STOP ? FRAME_STOP : 0);
	frame_write(&past->head, at);
	return past;
}

int round_gather(struct server *s, const struct exchange_request *x)
{
	int count = 0;
	for (int m = 0; m < s->workers; m++) {
		struct peer *p = &s->peers[m];
		x->born[m] = p->complete ? p->reported_born : -1;
		if (!p->complete)
			continue;
		x->loss[m] = p->loss;
		s->pushes[count++] = (unsigned char *)zmq_msg_data(&p->vote) + FRAME_HEADER_BYTES;
	}
	return count;
}

static void take_running(struct server *s)
{
	struct peer *p = &s->peers[s->bn_owner];
	if (!p->complete || s->running_bytes == 0)
		return;
	memcpy(s->st->running.at,
	       (unsigned char *)zmq_msg_data(&p->vote) + FRAME_HEADER_BYTES + s->push_bytes,
	       s->running_bytes);
	s->holder = s->bn_owner;
}

/* Who missed a round, and who is awaited in the next. */
static void settle_peer(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	bool in_step = p->want == WANT_ANSWER;
	p->born = p->complete ? p->reported_born : -1;
	if (p->complete)
		p->missed = 0;
	if (in_step && p->here) {
		p->awaited = s->step >= p->not_before;
	} else if (p->awaited && ++p->missed >= s->set.max_missed) {
		int doubles = p->given_up < BACKOFF_DOUBLES ? p->given_up : BACKOFF_DOUBLES;
		p->awaited = false;
		p->given_up++;
		p->not_before = s->step + ((uint64_t)BACKOFF_ROUNDS << doubles);
		log_say("worker %d missed %d rounds and is no longer waited for", m, p->missed);
		p->missed = 0;
	}
}

void round_finish(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply,
                  int count)
{
	lanes_combine(s->env.pool, x, count, s->pushes, s->begin, s->end);
	struct past *past = write_past(s, x, reply);
	s->step = x->step + 1;
	s->bn_owner = reply->bn_owner;
	for (int m = 0; m < s->workers; m++) {
		if (!s->shard)
			settle_peer(s, m);
		if (s->peers[m].want == WANT_ANSWER)
			say_answer(s, m, past);
		s->peers[m].voted = s->peers[m].complete = false;
		s->peers[m].n_pieces = 0;
		zmq_msg_close(&s->peers[m].vote);
		zmq_msg_init(&s->peers[m].vote);
	}
	s->n_votes = 0;
	s->first = false;
}

static enum exchange_end end_round(struct server *s, const struct exchange_request *x,
                                   struct exchange_reply *reply, struct err *e)
{
	enum exchange_end end = EXCHANGE_DONE;
	reply->n_voters = round_gather(s, x);
	take_running(s);
	reply->bn_owner = bn_owner_next(x->bn_owner, s->workers, x->born, x->honest);
	if (s->links)
		end = links_decide(s, x, reply, e);
	else
		round_finish(s, x, reply, reply->n_voters);
	reply->bytes_up += s->up;
	reply->bytes_down += s->down;
	uint64_t own = s->up + s->down + s->link_bytes;
	reply->bytes_busiest = own > reply->bytes_busiest ? own : reply->bytes_busiest;
	s->up = s->down = s->link_bytes = 0;
	return end;
}

zmq_msg_t *round_past(struct server *s, uint64_t step)
{
	struct past *past = past_of(s, step);
	return past ? &past->answer : NULL;
}

/* --- a round from its beginning ------------------------------------------------------------------------- */

static void open_log(struct server *s)
{
	size_t fit = s->st->x.count * sizeof(float) / s->pull_bytes;
	s->log_count = fit < LOG_LEAST ? LOG_LEAST : fit > LOG_MOST ? LOG_MOST : fit;
	s->log = mem_array(s->log_count, sizeof *s->log);
	for (size_t i = 0; i < s->log_count; i++) {
		zmq_msg_init(&s->log[i].answer);
		s->log[i].born = mem_array((size_t)s->workers, sizeof *s->log[i].born);
	}
}

void round_open(struct server *s, const struct exchange_request *x)
{
	s->n = x->shape.n;
	s->push_bytes = x->shape.push_bytes;
	s->pull_bytes = x->shape.pull_bytes;
	s->push_planes = x->shape.push_planes;
	s->running_bytes = s->st->running.count * sizeof(float);
	s->begin = 0;
	s->end = s->n;
	s->part_bytes = s->push_bytes;
	s->answer_bytes = s->pull_bytes;
	if (s->n_parts > 1) {
		size_t range = planes_bucket(s->n, (size_t)s->n_parts);
		s->begin = (size_t)s->part * range;
		s->end = s->n - s->begin < range ? s->n : s->begin + range;
		s->part_bytes = planes_range_bytes(&s->push_planes, s->n, s->begin, s->end);
		s->answer_bytes = planes_range_bytes(&x->shape.pull_planes, s->n, s->begin, s->end);
	}
	open_log(s);
	pieces_open(s, x);
}

/* The sizes of messages are known with the first step, and only then may anybody connect. */
static int begin(struct server *s, const struct exchange_request *x, struct err *e)
{
	size_t range = planes_bucket(x->shape.n, (size_t)s->n_parts);
	if (s->n_parts > 1 &&
	    (!x->rule.separable || x->shape.push_planes.count == 0 || x->shape.pull_planes.count == 0))
		return err_user(
		        e, "transport.shards: this aggregator does not treat every coordinate by itself");
	if (piece_count(x->shape.n, range) < (size_t)s->n_parts)
		return err_user(e, "transport.shards: found %d, expected at most %zu for %zu parameters",
		                s->n_parts, piece_count(x->shape.n, 64), x->shape.n);
	round_open(s, x);
	if (s->n_parts > 1)
		links_open(s);
	size_t most = s->part_bytes + s->running_bytes;
	s->begun = clock_s();
	return server_bind(s, FRAME_HEADER_BYTES + (most > SMALL_MOST ? most : SMALL_MOST), true, e);
}

/* Votes that came before the step's parameters were known. */
static void judge_early(struct server *s)
{
	for (int m = 0; m < s->workers; m++) {
		struct peer *p = &s->peers[m];
		if (!p->voted || hash_holds(s, p->x_hash))
			continue;
		round_forget(s, m);
		p->want = WANT_NOTHING;
		server_fault(s, m, FAULT_WRONG_HASH);
		say_stale(s, m, s->step);
	}
}

enum exchange_end round_exchange(struct server *s, const struct exchange_request *x,
                                 struct exchange_reply *reply, struct err *e)
{
	if (!s->router && begin(s, x, e))
		return EXCHANGE_FAILED;
	s->step = x->step;
	s->bn_owner = x->bn_owner;
	s->expected_hash = x->x_hash;
	s->begun = clock_s();
	judge_early(s);
	enum verdict v = round_wait(s, reply);
	s->expected_hash = 0;
	if (v == ROUND_STOPPED)
		return EXCHANGE_LEFT;
	if (v == ROUND_TOO_FEW && links_trouble(s, e))
		return EXCHANGE_FAILED;
	if (v == ROUND_TOO_FEW) {
		err_world(e,
		          "step %llu: found %d votes after %g s, expected at least %lld of %d (the quorum)",
		          (unsigned long long)x->step + 1, s->n_votes, s->set.patience_s,
		          (long long)s->set.quorum, s->workers);
		return EXCHANGE_FAILED;
	}
	return end_round(s, x, reply, e);
}

void round_close(struct server *s)
{
	for (size_t i = 0; i < s->log_count; i++) {
		zmq_msg_close(&s->log[i].answer);
		mem_free(s->log[i].born);
	}
	mem_free(s->log);
	pieces_close(s);
	for (int m = 0; m < s->workers; m++)
		zmq_msg_close(&s->peers[m].vote);
}
