/* A host's state: parameters from the server, its workers' own states to and from it. */
#include <string.h>
#include "base/hash.h"
#include "transport/zmq/client.h"

/* --- taking --------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void ask(struct seat *seat)
{
	const struct taking *t = &seat->host->taking;
	struct frame f = {.type = FRAME_SNAPSHOT,
	                  .flags = t->own ? FRAME_BRIEF : 0,
	                  .step = t->step,
	                  .piece = t->piece,
	                  .pieces = t->piece + 1,
	                  .worker = (uint32_t)seat->id};
	seat_say(seat, &f, NULL, 0);
}

void taking_resume(struct seat *seat)
{
	if (seat == seat->host->taking.from && !seat->host->taking.done)
		ask(seat);
}

static size_t size_of(const struct zmq_host *h, const struct taking *t)
{
	return t->own ? h->st->worker_floats[t->from->id] * sizeof(float) : shared_bytes(h->st);
}

/* Another copy than the one we began with: begin again. */
static void begin_taking(struct taking *t, const struct frame *f)
{
	t->piece = 0;
	t->pieces = f->pieces;
	t->step = f->step;
	t->x_hash = f->x_hash;
	t->since = f->since;
	t->keeper = f->worker;
	t->has_state = f->flags & FRAME_HAS_STATE;
}

void taking_take(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	struct taking *t = &h->taking;
	bool own = f->flags & FRAME_BRIEF;
	if (f->type != FRAME_PARAMS || seat != t->from || own != t->own || t->done)
		return;
	if (own && !(f->flags & FRAME_HAS_STATE)) {
		t->none = t->done = true;
		return;
	}
	if (f->piece == 0)
		begin_taking(t, f);
	size_t size = size_of(h, t), offset = (size_t)t->piece * PARAMS_PIECE;
	if (f->piece != t->piece || f->step != t->step || f->pieces != piece_count(size, PARAMS_PIECE) ||
	    f->bytes != least(size - offset, PARAMS_PIECE) || f->worker >= (uint32_t)h->env.workers)
		return;
	if (own)
		memcpy((unsigned char *)h->st->workers[seat->id] + offset, body, f->bytes);
	else
		shared_copy_in(h->st, offset, body, f->bytes);
	t->done = ++t->piece == t->pieces;
	if (!t->done)
		ask(seat);
}

static int take_all(struct zmq_host *h, struct seat *from, bool own, struct err *e)
{
	bool has_state = h->taking.has_state;
	h->taking = (struct taking){.from = from, .own = own, .step = own ? h->step : FRAME_NOWHERE};
	h->phase = PHASE_TAKING;
	if (from->welcomed)
		ask(from);
	int rc = 0;
	while (rc == 0 && !h->taking.done) {
		rc = host_pump(h, e);
		if (rc == 0 && (h->over || (h->env.stop && *h->env.stop)))
			rc = err_world(e, "server %s: the run ended before its parameters were here",
			               h->site->address);
	}
	h->phase = PHASE_IDLE;
	if (own)
		h->taking.has_state = has_state;
	return rc;
}

int host_take_over(struct zmq_host *h, struct seat *from, struct err *e)
{
	const struct state_part *x = &h->st->shared[0];
	if (take_all(h, from, false, e))
		return -1;
	if (hash_words(0, x->at, x->count * sizeof *x->at) != h->taking.x_hash)
		return err_world(e, "server %s: its parameters arrived damaged", h->site->address);
	h->step = h->taking.step;
	h->life = h->taking.since;
	return 0;
}

/* The workers' own states, where the server has them of the very step. */
static int take_own(struct zmq_host *h, struct train_state *st, struct err *e)
{
	for (int i = 0; i < h->count; i++) {
		if (take_all(h, &h->seats[i], true, e))
			return -1;
		if (!h->taking.none && h->taking.step == h->step)
			st->since[h->ids[i]] = h->taking.since;
	}
	return 0;
}

int host_sync(struct zmq_host *h, struct train_state *st, struct err *e)
{
	h->st = st;
	if (h->given) {
		if (host_take_over(h, &h->seats[0], e))
			return -1;
		st->step = (int64_t)h->step;
		st->keeper = (int)h->taking.keeper;
	}
	h->step = (uint64_t)st->step;
	for (int i = 0; i < h->count; i++)
		st->since[h->ids[i]] = st->step;
	return h->given && h->taking.has_state ? take_own(h, st, e) : 0;
}

/* --- saving --------------------------------------------------------------------------------------------- */

static void say_state(struct seat *seat)
{
	const struct zmq_host *h = seat->host;
	size_t size = h->st->worker_floats[seat->id] * sizeof(float), piece = state_piece(h->push_bytes);
	size_t offset = seat->piece * piece;
	struct frame f = {.type = FRAME_STATE,
	                  .step = h->step,
	                  .since = h->st->since[seat->id],
	                  .piece = seat->piece,
	                  .pieces = (unsigned)piece_count(size, piece),
	                  .worker = (uint32_t)seat->id};
	seat_say(seat, &f, (const unsigned char *)h->st->workers[seat->id] + offset,
	         least(size - offset, piece));
}

void saving_resume(struct seat *seat)
{
	if (!seat->saved)
		say_state(seat);
}

void saving_take(struct seat *seat, const struct frame *f)
{
	const struct zmq_host *h = seat->host;
	size_t size = h->st->worker_floats[seat->id] * sizeof(float);
	if (f->type != FRAME_ASK_STATE || seat->saved)
		return;
	seat->saved = f->pieces == 0 || f->piece >= piece_count(size, state_piece(h->push_bytes));
	seat->piece = f->piece;
	if (!seat->saved)
		say_state(seat);
}

static bool all_saved(const struct zmq_host *h)
{
	for (int i = 0; i < h->count; i++)
		if (!h->seats[i].saved)
			return false;
	return true;
}

int host_collect(struct zmq_host *h, struct train_state *st, struct err *e)
{
	int rc = 0;
	h->st = st;
	h->phase = PHASE_SAVING;
	for (int i = 0; i < h->count; i++) {
		struct seat *seat = &h->seats[i];
		seat->piece = 0;
		seat->saved = st->since[seat->id] < 0; /* begins anew, has none */
		if (!seat->saved && seat->welcomed)
			say_state(seat);
	}
	while (rc == 0 && !all_saved(h) && !h->over)
		rc = host_pump(h, e);
	h->phase = PHASE_IDLE;
	return rc;
}
