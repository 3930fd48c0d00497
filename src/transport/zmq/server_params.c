/*
 * Transfers of state. Down: the shared state to workers that join or must resync, in chunks from one copy for
 * all, so that a slow reader ties up no memory; and after a restart, the workers' own states from the
 * checkpoint. Up: workers' own states, to be saved.
 */
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/server.h"

enum { COPY_ROUNDS = 8 /* rounds for which a copy is used */ };

uint64_t params_hash(struct server *s)
{
	struct known_hash *h = &s->hash;
	if (!h->there || h->step != s->round.step)
		*h = (struct known_hash){
		        .there = true, .step = s->round.step, .x_hash = shared_x_hash(s->st)};
	return h->x_hash;
}

/* --- down ----------------------------------------------------------------------------------------------- */

/* Making a copy delays the round, so one copy is used for all workers that ask within a few rounds. */
static void renew_copy(struct server *s)
{
	struct params_copy *c = &s->copy;
	uint64_t step = s->round.step, lasts = s->log.count / 2;
	lasts = lasts < COPY_ROUNDS ? lasts : COPY_ROUNDS;
	if (c->there && c->step <= step && step - c->step < lasts)
		return;
	if (!c->bytes) {
		c->size = shared_bytes(s->st);
		c->bytes = mem_array(c->size, 1);
	}
	shared_read(s->st, c->bytes);
	c->there = true;
	c->step = step;
	c->bn_owner = s->round.bn_owner;
	c->x_hash = params_hash(s);
}

static void say_chunk(struct server *s, int m, struct frame *f, const unsigned char *from, size_t size,
                      size_t offset)
{
	zmq_msg_t message;
	message_make(&message, f, s->run, from + offset, chunk_bytes(size, offset, chunk_down(s)));
	server_post(s, m, &message);
}

static void send_shared(struct server *s, int m, unsigned index)
{
	const struct params_copy *c = &s->copy;
	struct delivery *d = &s->peers[m].delivery;
	size_t chunk = chunk_down(s), offset = (size_t)index * chunk;
	struct frame f = {.type = FRAME_PARAMS,
	                  .flags = (s->layout.running_bytes > 0 ? FRAME_HAS_RUNNING : 0) |
	                           (chunk_has_own(s, m) ? FRAME_HAS_STATE : 0),
	                  .step = c->step,
	                  .born = s->instance,
	                  .x_hash = c->x_hash,
	                  .index = index,
	                  .count = (unsigned)chunk_count(c->size, chunk),
	                  .worker = (uint32_t)c->bn_owner};
	bool in_order = index == 0 || index == d->chunk;
	if (in_order)
		d->chunk = index + 1;
	if (in_order && d->chunk == f.count) {
		d->begun = false;
		s->peers[m].answered = c->step;
		round_await(s, m);
	}
	say_chunk(s, m, &f, c->bytes, c->size, offset);
}

/*
 * Does it take so long that the answers since would be gone? Rounds go before downloads, and where they leave
 * the line no time, a worker would never join. So they wait for one that has taken all chunks in order.
 */
static bool too_slow(const struct server *s, int m, unsigned index)
{
	const struct delivery *d = &s->peers[m].delivery;
	return d->begun && index == d->chunk && s->round.step - d->from > s->log.count / 2;
}

static void begin_delivery(struct server *s, int m)
{
	struct delivery *d = &s->peers[m].delivery;
	if (!d->begun)
		*d = (struct delivery){.begun = true, .from = s->round.step};
	renew_copy(s);
	send_shared(s, m, 0);
}

static void send_own(struct server *s, int m, unsigned index)
{
	struct frame f = {.type = FRAME_PARAMS, .flags = FRAME_OWN_STATE, .step = s->round.step};
	size_t size = chunk_own(s, m), chunk = chunk_down(s), offset = (size_t)index * chunk;
	if (offset >= size) {
		server_say(s, &s->peers[m].presence.route, &f, NULL, 0);
		return;
	}
	f.flags |= FRAME_HAS_STATE;
	f.born = s->st->born[m];
	f.index = index;
	f.count = (unsigned)chunk_count(size, chunk);
	say_chunk(s, m, &f, (const unsigned char *)s->st->workers[m], size, offset);
}

void params_send(struct server *s, int m, const struct frame *f)
{
	if (f->flags & FRAME_OWN_STATE) {
		send_own(s, m, f->index);
	} else if (!chunk_of_copy(s, f)) {
		begin_delivery(s, m);
	} else if (too_slow(s, m, f->index)) {
		round_await(s, m);
		s->peers[m].delivery.begun = false;
		begin_delivery(s, m);
	} else {
		send_shared(s, m, f->index);
	}
}

void params_snapshot(struct server *s, int m, const struct frame *f)
{
	if (f->bytes > 0)
		server_offend(s, m, FAULT_WRONG_LENGTH);
	else if (chunk_reply(s, m, f) > SMALL_BODY)
		later_put(s, m, f);
	else
		params_send(s, m, f);
}

/* --- up ------------------------------------------------------------------------------------------------- */

/* Ask for chunk `index` of a worker's own state. index = count: no more is needed. */
static void ask_state(struct server *s, int m, unsigned index, unsigned count)
{
	struct frame f = {.type = FRAME_ASK_STATE, .step = s->round.step, .index = index, .count = count};
	if (index >= count)
		f.index = f.count = 0;
	server_say(s, &s->peers[m].presence.route, &f, NULL, 0);
}

void params_state(struct server *s, int m, const struct frame *f, const unsigned char *body)
{
	struct peer *p = &s->peers[m];
	size_t size = s->st->worker_floats[m] * sizeof(float),
	       chunk = state_chunk(s->layout.shape.push_bytes);
	if (!chunk_collects(s, m, f)) {
		ask_state(s, m, 0, 0);
		return;
	}
	unsigned next = (unsigned)(p->saved_bytes / chunk), count = (unsigned)chunk_count(size, chunk);
	size_t bytes = chunk_bytes(size, p->saved_bytes, chunk);
	if (f->index < next) { /* the worker sent it again, because our reply was lost */
		ask_state(s, m, next, f->count);
		return;
	}
	if (f->index != next || f->count != count || f->bytes != bytes || f->born != p->born) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
		return;
	}
	memcpy((unsigned char *)s->st->workers[m] + p->saved_bytes, body, bytes);
	p->saved_bytes += bytes;
	ask_state(s, m, f->index + 1, f->count);
}
