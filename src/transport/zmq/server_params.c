/* State over the wire: parameters to workers that join or have fallen behind, workers' own states for saving.
 */
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/server.h"

enum { COPY_ROUNDS = 8, POLL_MS = 100 };

static const double LEAVE_S = 3;

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t shared_bytes(const struct train_state *st)
{
	size_t floats = 0;
	for (int i = 0; i < STATE_PARTS; i++)
		floats += train_state_part(st, i).count;
	return floats * sizeof(float);
}

size_t piece_count(size_t bytes, size_t piece)
{
	return (bytes + piece - 1) / piece;
}

/* The part [offset, offset + bytes) of the parts, or to them. */
static void shared_copy(const struct train_state *st, size_t offset, unsigned char *bytes, size_t count,
                        bool in)
{
	for (int i = 0; i < STATE_PARTS && count > 0; i++) {
		struct state_part part = train_state_part(st, i);
		size_t size = part.count * sizeof(float);
		if (offset >= size) {
			offset -= size;
			continue;
		}
		size_t now = least(size - offset, count);
		unsigned char *at = (unsigned char *)part.at + offset;
		memcpy(in ? at : bytes, in ? bytes : at, now);
		bytes += now;
		count -= now;
		offset = 0;
	}
}

void shared_copy_in(const struct train_state *st, size_t offset, const void *in, size_t bytes)
{
	shared_copy(st, offset, (unsigned char *)(uintptr_t)in, bytes, true);
}

/* A new copy costs the round a moment, so one serves all who ask within a few rounds. */
static void renew_copy(struct server *s)
{
	struct shared_copy *c = &s->copy;
	uint64_t lasts = s->log_count / 2 < COPY_ROUNDS ? s->log_count / 2 : COPY_ROUNDS;
	if (c->there && c->step <= s->step && s->step - c->step < lasts)
		return;
	if (!c->bytes) {
		c->size = shared_bytes(s->st);
		c->bytes = mem_array(c->size, 1);
	}
	shared_copy(s->st, 0, c->bytes, c->size, false);
	c->there = true;
	c->step = s->step;
	c->bn_owner = s->bn_owner;
	c->x_hash = server_x_hash(s);
}

/* The worker's own state as it was saved, until the first round of this life is over. */
static bool has_state(const struct server *s, int m)
{
	return s->first && s->st->workers && s->st->workers[m];
}

static void say_shared(struct server *s, int m, unsigned piece)
{
	const struct shared_copy *c = &s->copy;
	size_t offset = (size_t)piece * PARAMS_PIECE;
	struct frame f = {.type = FRAME_PARAMS,
	                  .flags = (s->running_bytes > 0 ? FRAME_HAS_RUNNING : 0) |
	                           (has_state(s, m) ? FRAME_HAS_STATE : 0),
	                  .step = c->step,
	                  .born = s->life,
	                  .x_hash = c->x_hash,
	                  .piece = piece,
	                  .pieces = (unsigned)piece_count(c->size, PARAMS_PIECE),
	                  .worker = (uint32_t)c->bn_owner};
	if (piece + 1 == f.pieces)
		round_await(s, m);
	server_say(s, &s->peers[m].route, &f, c->bytes + offset, least(c->size - offset, PARAMS_PIECE));
}

static void say_own(struct server *s, int m, unsigned piece)
{
	struct frame f = {.type = FRAME_PARAMS, .flags = FRAME_BRIEF, .step = s->step};
	size_t size = has_state(s, m) ? s->st->worker_floats[m] * sizeof(float) : 0;
	size_t offset = (size_t)piece * PARAMS_PIECE;
	if (offset >= size) {
		server_say(s, &s->peers[m].route, &f, NULL, 0);
		return;
	}
	f.flags |= FRAME_HAS_STATE;
	f.born = s->st->born[m];
	f.piece = piece;
	f.pieces = (unsigned)piece_count(size, PARAMS_PIECE);
	server_say(s, &s->peers[m].route, &f, (const unsigned char *)s->st->workers[m] + offset,
	           least(size - offset, PARAMS_PIECE));
}

void params_snapshot(struct server *s, int m, const struct frame *f)
{
	struct peer *p = &s->peers[m];
	if (f->bytes > 0) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
		return;
	}
	if (f->flags & FRAME_BRIEF) {
		say_own(s, m, f->piece);
		return;
	}
	if (f->piece > 0 && s->copy.there && f->step == s->copy.step &&
	    f->piece < piece_count(s->copy.size, PARAMS_PIECE)) {
		say_shared(s, m, f->piece);
		return;
	}
	if (p->asked && s->step - p->asked_at < COPY_ROUNDS)
		server_offend(s, m, FAULT_GREEDY);
	if (atomic_load(&p->banned))
		return;
	p->asked = true;
	p->asked_at = s->step;
	renew_copy(s);
	say_shared(s, m, 0);
}

size_t state_piece(size_t push_bytes)
{
	return least(push_bytes > SMALL_MOST ? push_bytes : SMALL_MOST, PARAMS_PIECE);
}

/* pieces 0: it is all here, or not wanted. */
static void ask_state(struct server *s, int m, unsigned piece, unsigned pieces)
{
	struct frame f = {.type = FRAME_ASK_STATE, .step = s->step, .piece = piece, .pieces = pieces};
	if (piece >= pieces)
		f.piece = f.pieces = 0;
	server_say(s, &s->peers[m].route, &f, NULL, 0);
}

void params_state(struct server *s, int m, const struct frame *f, const unsigned char *body)
{
	struct peer *p = &s->peers[m];
	size_t size = s->st->worker_floats[m] * sizeof(float), piece = state_piece(s->push_bytes);
	if (!s->collecting || f->step != s->step || p->born < 0 || p->state_bytes >= size) {
		ask_state(s, m, 0, 0);
		return;
	}
	size_t now = least(size - p->state_bytes, piece);
	if (f->piece < p->state_bytes / piece) { /* said again, because our answer was lost */
		ask_state(s, m, (unsigned)(p->state_bytes / piece), f->pieces);
		return;
	}
	if (f->pieces == piece_count(size, piece) && f->piece * piece < p->state_bytes) {
		ask_state(s, m, (unsigned)(p->state_bytes / piece), f->pieces); /* it came twice */
		return;
	}
	if (f->pieces != piece_count(size, piece) || f->piece * piece != p->state_bytes || f->bytes != now ||
	    f->born != p->born) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
		return;
	}
	memcpy((unsigned char *)s->st->workers[m] + p->state_bytes, body, now);
	p->state_bytes += now;
	ask_state(s, m, f->piece + 1, f->pieces);
}

/* Is its state all here, or is there none to be had? */
static bool collected(const struct server *s, int m)
{
	const struct peer *p = &s->peers[m];
	return !p->here || p->born < 0 || p->state_bytes == s->st->worker_floats[m] * sizeof(float);
}

static bool all_collected(const struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		if (!collected(s, m))
			return false;
	return true;
}

int params_collect(struct server *s, struct train_state *st, struct err *e)
{
	double until = clock_s() + s->set.patience_s;
	(void)e;
	s->st = st;
	s->step = (uint64_t)st->step;
	s->collecting = s->endpoint->collect;
	for (int m = 0; m < s->workers; m++)
		s->peers[m].state_bytes = 0;
	while (s->collecting && !all_collected(s) && clock_s() < until)
		server_serve(s, POLL_MS);
	s->collecting = false;
	for (int m = 0; m < s->workers; m++) {
		if (s->peers[m].state_bytes == st->worker_floats[m] * sizeof(float))
			continue;
		mem_free(st->workers[m]);
		st->workers[m] = NULL;
	}
	return 0;
}

static bool all_told(const struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		if (s->peers[m].here && !s->peers[m].leaving)
			return false;
	return true;
}

void params_leave(struct server *s, bool finished, const char *why)
{
	double until = clock_s() + round_patience_s(s, LEAVE_S);
	if (!s->router || !finished)
		return;
	s->finished = true;
	s->why = why;
	for (int m = 0; m < s->workers; m++)
		if (s->peers[m].here && s->peers[m].want == WANT_ANSWER)
			server_done(s, m);
	while (!all_told(s) && clock_s() < until)
		server_serve(s, POLL_MS);
	links_done(s);
	s->why = NULL;
}
