/* A host's state: parameters from the server, its workers' own states to and from it. */
#include <string.h>
#include "base/hash.h"
#include "transport/zmq/client.h"

/* --- taking --------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void ask(struct connection *connection)
{
	const struct taking *t = &connection->client->taking;
	struct frame f = {.type = FRAME_SNAPSHOT,
	                  .flags = t->own ? FRAME_BRIEF : 0,
	                  .step = t->step,
	                  .piece = t->piece,
	                  .pieces = t->piece + 1,
	                  .worker = (uint32_t)connection->id};
	connection_say(connection, &f, NULL, 0);
}

void taking_resume(struct connection *connection)
{
	if (connection == connection->client->taking.from && !connection->client->taking.done)
		ask(connection);
}

static size_t size_of(const struct zmq_client *h, const struct taking *t)
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
	t->born = f->born;
	t->bn_owner = f->worker;
	t->has_state = f->flags & FRAME_HAS_STATE;
}

void taking_take(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	struct taking *t = &h->taking;
	bool own = f->flags & FRAME_BRIEF;
	if (f->type != FRAME_PARAMS || connection != t->from || own != t->own || t->done)
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
		memcpy((unsigned char *)h->st->workers[connection->id] + offset, body, f->bytes);
	else
		shared_copy_in(h->st, offset, body, f->bytes);
	t->done = ++t->piece == t->pieces;
	if (!t->done)
		ask(connection);
}

static int take_all(struct zmq_client *h, struct connection *from, bool own, struct err *e)
{
	bool has_state = h->taking.has_state;
	h->taking = (struct taking){.from = from, .own = own, .step = own ? h->step : FRAME_NOWHERE};
	h->phase = PHASE_TAKING;
	if (from->welcomed)
		ask(from);
	int rc = 0;
	while (rc == 0 && !h->taking.done) {
		rc = client_pump(h, e);
		if (rc == 0 && (h->over || (h->env.stop && *h->env.stop)))
			rc = err_world(e, "server %s: the run ended before its parameters were here",
			               h->endpoint->address);
	}
	h->phase = PHASE_IDLE;
	if (own)
		h->taking.has_state = has_state;
	return rc;
}

int client_take_over(struct zmq_client *h, struct connection *from, struct err *e)
{
	const struct state_part *x = &h->st->x;
	if (take_all(h, from, false, e))
		return -1;
	if (hash_words(0, x->at, x->count * sizeof *x->at) != h->taking.x_hash)
		return err_world(e, "server %s: its parameters arrived damaged", h->endpoint->address);
	h->step = h->taking.step;
	h->life = h->taking.born;
	return 0;
}

/* The workers' own states, where the server has them of the very step. */
static int take_own(struct zmq_client *h, struct train_state *st, struct err *e)
{
	for (int i = 0; i < h->count; i++) {
		if (take_all(h, &h->connections[i], true, e))
			return -1;
		if (!h->taking.none && h->taking.step == h->step)
			st->born[h->ids[i]] = h->taking.born;
	}
	return 0;
}

int client_sync(struct zmq_client *h, struct train_state *st, struct err *e)
{
	h->st = st;
	if (h->given) {
		if (client_take_over(h, &h->connections[0], e))
			return -1;
		st->step = (int64_t)h->step;
		st->bn_owner = (int)h->taking.bn_owner;
	}
	h->step = (uint64_t)st->step;
	for (int i = 0; i < h->count; i++)
		st->born[h->ids[i]] = st->step;
	return h->given && h->taking.has_state ? take_own(h, st, e) : 0;
}

/* --- saving --------------------------------------------------------------------------------------------- */

static void say_state(struct connection *connection)
{
	const struct zmq_client *h = connection->client;
	size_t size = h->st->worker_floats[connection->id] * sizeof(float),
	       piece = state_piece(h->push_bytes);
	size_t offset = connection->piece * piece;
	struct frame f = {.type = FRAME_STATE,
	                  .step = h->step,
	                  .born = h->st->born[connection->id],
	                  .piece = connection->piece,
	                  .pieces = (unsigned)piece_count(size, piece),
	                  .worker = (uint32_t)connection->id};
	connection_say(connection, &f, (const unsigned char *)h->st->workers[connection->id] + offset,
	               least(size - offset, piece));
}

void saving_resume(struct connection *connection)
{
	if (!connection->saved)
		say_state(connection);
}

void saving_take(struct connection *connection, const struct frame *f)
{
	const struct zmq_client *h = connection->client;
	size_t size = h->st->worker_floats[connection->id] * sizeof(float);
	if (f->type != FRAME_ASK_STATE || connection->saved)
		return;
	connection->saved = f->pieces == 0 || f->piece >= piece_count(size, state_piece(h->push_bytes));
	connection->piece = f->piece;
	if (!connection->saved)
		say_state(connection);
}

static bool all_saved(const struct zmq_client *h)
{
	for (int i = 0; i < h->count; i++)
		if (!h->connections[i].saved)
			return false;
	return true;
}

int client_collect(struct zmq_client *h, struct train_state *st, struct err *e)
{
	int rc = 0;
	h->st = st;
	h->phase = PHASE_SAVING;
	for (int i = 0; i < h->count; i++) {
		struct connection *connection = &h->connections[i];
		connection->piece = 0;
		connection->saved = st->born[connection->id] < 0; /* begins anew, has none */
		if (!connection->saved && connection->welcomed)
			say_state(connection);
	}
	while (rc == 0 && !all_saved(h) && !h->over)
		rc = client_pump(h, e);
	h->phase = PHASE_IDLE;
	return rc;
}
