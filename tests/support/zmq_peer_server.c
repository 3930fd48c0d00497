#include "tests/support/zmq_peer.h"
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "registry.h"

static const double MEETING_MOST_S = 60; /* for each worker */

void toy_server_make(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                     const char *address)
{
	memset(s, 0, sizeof *s);
	s->toy = t;
	if (trust != ENDPOINT_OPEN)
		keyring_make(&s->ring, t->workers);
	s->endpoint = (struct endpoint){
	        .trust = trust, .address = address, .ring = &s->ring, .settings = "{\"toy\": 1}"};
}

void toy_server_begin(struct toy_server *s, const char *row)
{
	const struct toy *t = s->toy;
	struct err e = {0};
	struct choice c = {0};
	s->pool = pool_open(2);
	struct transport_env env = {.workers = t->workers, .pool = s->pool, .endpoint = &s->endpoint};
	if (choice_parse(&family_transports, &c, NULL, row ? row : "\"zmq\"", &s->arena, &e) ||
	    transport_zmq.open(c.state, &env, &s->link, &e))
		die("%s", e.text);
	toy_state_open(t, &s->state);
	s->pull = mem_array(t->shape.pull_bytes, 1);
}

void toy_server_open(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                     const char *address, const char *row)
{
	toy_server_make(s, t, trust, address);
	toy_server_begin(s, row);
}

enum exchange_end toy_server_step(struct toy_server *s, int flags, struct err *e)
{
	const struct toy *t = s->toy;
	struct toy_round r = {t, (uint64_t)s->state.st.step};
	struct exchange_reply reply;
	struct exchange_request x = toy_request(t, &r);
	x.pull = s->pull;
	x.loss = s->state.loss;
	x.born = s->born[r.step];
	x.bn_owner = s->bn_owner;
	x.flags = flags;
	x.x_hash = hash_words(0, s->state.x, t->n * sizeof(float));
	enum exchange_end end = s->link.row->exchange(s->link.self, &x, &reply, e);
	s->last = reply;
	if (end != EXCHANGE_DONE)
		return end;
	s->bn_owner = reply.bn_owner;
	s->n_voters[r.step] = reply.n_voters;
	if (!(reply.flags & EXCHANGE_WITHHELD))
		toy_apply(t, r.step, s->pull, s->state.x);
	s->state.st.step++;
	return end;
}

void toy_server_listen(struct toy_server *s)
{
	struct server *server = s->link.self;
	struct err e = {0};
	double patience = server->set.patience_s;
	server->set.patience_s = 0;
	if (toy_server_step(s, 0, &e) != EXCHANGE_FAILED)
		die("a round without workers has not failed");
	server->set.patience_s = patience;
}

void toy_server_meet(struct toy_server *s, int first, int count)
{
	struct server *server = s->link.self;
	for (int m = first; m < first + count; m++)
		for (double until = clock_s() + MEETING_MOST_S; !server->peers[m].vote.complete;) {
			if (clock_s() > until)
				die("worker %d does not vote", m);
			server_serve(server, 10);
		}
	server->round.first = false;
}

uint64_t toy_server_fault(struct toy_server *s, int m, const char *kind)
{
	const struct fault_table *f = s->link.row->faults(s->link.self);
	for (int k = 0; k < f->n_kinds; k++)
		if (strcmp(f->kinds[k], kind) == 0)
			return f->counts[(m < 0 ? s->toy->workers : m) * f->n_kinds + k];
	die("no fault is called %s", kind);
}

void toy_server_close(struct toy_server *s)
{
	s->link.row->close(s->link.self);
	keyring_clear(&s->ring);
	mem_free(s->state.x);
	mem_free(s->state.running);
	mem_free(s->pull);
	arena_clear(&s->arena);
	pool_close(s->pool);
}
