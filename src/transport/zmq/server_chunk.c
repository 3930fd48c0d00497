/* Chunks of state on their way: how long they are, and which one a message is about. */
#include "transport/zmq/server.h"

enum { CHUNK_LEAST = 16 << 10 /* bytes */ };

/* --- down ----------------------------------------------------------------------------------------------- */

/*
 * As long as a round's answer, within bounds: a chunk that is on its way when a round ends is in the way of
 * its answers, and must not weigh more than one of them.
 */
size_t chunk_down(const struct server *s)
{
	size_t bytes = s->layout.shard_pull > CHUNK_LEAST ? s->layout.shard_pull : CHUNK_LEAST;
	return bytes < STATE_CHUNK ? bytes : STATE_CHUNK;
}

bool chunk_has_own(const struct server *s, int m)
{
	return s->round.first && s->st->workers && s->st->workers[m];
}

size_t chunk_own(const struct server *s, int m)
{
	return chunk_has_own(s, m) ? s->st->worker_floats[m] * sizeof(float) : 0;
}

bool chunk_of_copy(const struct server *s, const struct frame *f)
{
	const struct params_copy *c = &s->copy;
	return f->index > 0 && c->there && f->step == c->step &&
	       f->index < chunk_count(c->size, chunk_down(s));
}

size_t chunk_reply(const struct server *s, int m, const struct frame *f)
{
	bool own = f->flags & FRAME_OWN_STATE;
	size_t size = own ? chunk_own(s, m) : shared_bytes(s->st), chunk = chunk_down(s);
	size_t offset = own || chunk_of_copy(s, f) ? (size_t)f->index * chunk : 0;
	return FRAME_HEADER_BYTES + (offset < size ? chunk_bytes(size, offset, chunk) : 0);
}

/* --- up ------------------------------------------------------------------------------------------------- */

bool chunk_collects(const struct server *s, int m, const struct frame *f)
{
	const struct peer *p = &s->peers[m];
	return s->ending.collecting && f->step == s->round.step && p->born >= 0 &&
	       p->saved_bytes < s->st->worker_floats[m] * sizeof(float);
}

bool chunk_wanted(const struct server *s, int m, const struct frame *f)
{
	return chunk_collects(s, m, f) &&
	       f->index == s->peers[m].saved_bytes / state_chunk(s->layout.shape.push_bytes);
}
