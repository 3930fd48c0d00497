/* A server of a part of the coordinates: see shard.h. */
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/server.h"
#include "transport/zmq/shard.h"

enum { POLL_MS = 100, RETRY_MS = 1, NUMBER = 8 /* bytes */, WORKERS_MOST = 4096 };

struct shard {
	struct train_state st; /* of which nothing is there but n */
	struct exchange_request *x;
	char *settings; /* NULL: no main server came yet */
	size_t n;
	int workers;
	unsigned part, n_parts;
	double ban_after;
	int64_t main_life; /* 0: none was here since the sizes are known */
	struct route main;
	int main_fd;
	double lost;              /* since when it is away; 0: it is here */
	bool have_due, range_due; /* to be sent */
	bool deciding;      /* who was counted in the present step is known, and not all votes are here */
	uint64_t *decision; /* [workers] the votes' numbers, 0: not counted */
	uint64_t range_step, told; /* told: faults, all together, when they were last sent */
	unsigned char *body;       /* room for what is sent to it */
	bool over;
};

struct zmq_shard {
	struct server *server;
	struct endpoint endpoint;
	struct shard shard;
};

static size_t table_count(const struct server *s)
{
	return ((size_t)s->workers + 1) * FAULTS;
}

/* --- the main server's messages ------------------------------------------------------------------------- */

static void refuse(struct server *s, const struct route *to, const char *sentence)
{
	struct frame f = {.type = FRAME_REFUSED};
	server_say(s, to, &f, sentence, strlen(sentence));
}

static bool attach_holds(const struct server *s, const struct frame *f, const unsigned char *body)
{
	return f->piece > 0 && f->pieces <= SHARDS_MOST && f->worker >= 1 && f->worker <= WORKERS_MOST &&
	       f->x_hash > 0 && f->x_hash < SIZE_MAX / 64 && f->number >= 1 && f->number <= 1e9 &&
	       f->bytes > 0 && f->bytes <= SETTINGS_SIZE && !memchr(body, 0, f->bytes) &&
	       piece_count(f->x_hash, planes_bucket(f->x_hash, f->pieces)) >= f->pieces &&
	       (s->endpoint->trust == ENDPOINT_OPEN || f->worker == (uint32_t)s->workers);
}

/* The first one says what is run. */
static void learn(struct server *s, const struct frame *f, const unsigned char *body)
{
	struct shard *h = s->shard;
	h->settings = mem_alloc(f->bytes + 1);
	memcpy(h->settings, body, f->bytes);
	h->n = f->x_hash;
	h->workers = (int)f->worker;
	h->part = f->piece;
	h->n_parts = f->pieces;
	h->ban_after = f->number;
}

static void begin_anew(struct server *s, const struct frame *f)
{
	struct shard *h = s->shard;
	h->main_life = f->born;
	s->step = f->step;
	h->range_due = h->deciding = false;
	for (size_t i = 0; i < s->log_count; i++)
		s->log[i].there = false;
	for (int m = 0; m < s->workers; m++) {
		s->peers[m].voted = false;
		s->peers[m].want = WANT_NOTHING;
	}
}

static void attach(struct server *s, const struct route *from, int fd, const struct frame *f,
                   const unsigned char *body)
{
	struct shard *h = s->shard;
	struct frame ready = {.type = FRAME_READY, .step = s->step, .born = s->life};
	if (!attach_holds(s, f, body)) {
		refuse(s, from,
		       "it has the keys of other workers than the main server, or runs another version");
		return;
	}
	if (!h->settings)
		learn(s, f, body);
	if (!h->x) /* until the sizes are known, nobody is answered */
		return;
	if (f->run != s->run || f->x_hash != h->n || f->piece != h->part || f->pieces != h->n_parts ||
	    f->worker != (uint32_t)h->workers) {
		refuse(s, from, "it serves another run, or another part of it");
		return;
	}
	h->main = *from;
	h->main_fd = fd;
	h->lost = 0;
	if (f->born != h->main_life)
		begin_anew(s, f);
	h->have_due = true;
	h->told = 0;
	server_say(s, from, &ready, NULL, 0);
	for (int m = 0; s->handshake != HANDSHAKE_DONE && m < s->workers; m++)
		if (s->peers[m].here)
			server_welcome(s, m, 0);
	s->handshake = HANDSHAKE_DONE;
}

/* Combine, if all votes that were counted are here: this process may be new, and workers say them again. */
static void try_decision(struct server *s)
{
	struct shard *h = s->shard;
	for (int m = 0; h->deciding && m < s->workers; m++) {
		struct peer *p = &s->peers[m];
		p->complete = h->decision[m] != 0;
		if (p->complete && !(p->voted && p->number == h->decision[m]))
			return;
	}
	if (!h->deciding)
		return;
	h->deciding = false;
	h->range_due = true;
	h->range_step = h->x->step = s->step;
	struct exchange_reply reply;
	exchange_begin(h->x, &reply);
	round_finish(s, h->x, &reply, round_gather(s, h->x));
}

static void decide(struct server *s, const struct frame *f, const unsigned char *body)
{
	struct shard *h = s->shard;
	if (f->bytes != (size_t)s->workers * NUMBER || f->step > s->step || f->step + 1 < s->step)
		return;
	if (f->step < s->step) { /* said again */
		h->range_due = true;
		h->range_step = f->step;
		return;
	}
	for (int m = 0; m < s->workers; m++)
		h->decision[m] = wire_get(body + (size_t)m * NUMBER);
	h->deciding = true;
	try_decision(s);
}

void shard_hear(struct server *s, int m, const struct route *from, int fd, const struct frame *f,
                const unsigned char *body)
{
	struct shard *h = s->shard;
	bool known = from->bytes == h->main.bytes && memcmp(from->at, h->main.at, from->bytes) == 0;
	if (s->endpoint->trust != ENDPOINT_OPEN && m != s->workers)
		server_offend(s, m, FAULT_GARBAGE);
	else if (f->type == FRAME_ATTACH)
		attach(s, from, fd, f, body);
	else if (known && f->run == s->run && f->type == FRAME_DECIDE)
		decide(s, f, body);
	else if (known && f->run == s->run)
		h->over = true;
}

/* A vote more is here. */
void shard_have(struct server *s)
{
	s->shard->have_due = true;
	try_decision(s);
}

void shard_lost(struct server *s, int fd)
{
	if (fd == s->shard->main_fd && s->shard->lost == 0)
		s->shard->lost = clock_s();
}

/* --- messages to it ------------------------------------------------------------------------------------- */

static bool say_have(struct server *s)
{
	struct frame f = {.type = FRAME_HAVE, .step = s->step};
	for (int m = 0; m < s->workers; m++)
		wire_put(s->shard->body + (size_t)m * NUMBER, s->peers[m].voted ? s->peers[m].number : 0);
	return server_say(s, &s->shard->main, &f, s->shard->body, (size_t)s->workers * NUMBER);
}

/* True: it knows them all. */
static bool say_faults(struct server *s)
{
	struct frame f = {.type = FRAME_FAULTS, .step = s->step};
	size_t count = table_count(s);
	uint64_t all = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t faults = __atomic_load_n(&s->counts[i], __ATOMIC_RELAXED);
		wire_put(s->shard->body + i * NUMBER, faults);
		all += faults;
	}
	if (all == s->shard->told)
		return true;
	if (!server_say(s, &s->shard->main, &f, s->shard->body, count * NUMBER))
		return false;
	s->shard->told = all;
	return true;
}

static bool say_range(struct server *s)
{
	struct shard *h = s->shard;
	struct frame f = {.type = FRAME_RANGE, .step = h->range_step};
	zmq_msg_t *past = round_past(s, h->range_step);
	if (!past)
		return true;
	wire_put(h->body, s->up);
	wire_put(h->body + NUMBER, s->down);
	memcpy(h->body + 2 * NUMBER, (unsigned char *)zmq_msg_data(past) + FRAME_HEADER_BYTES,
	       s->answer_bytes);
	if (!server_say(s, &h->main, &f, h->body, 2 * NUMBER + s->answer_bytes))
		return false;
	s->up = s->down = 0;
	return true;
}

static void say_what_is_due(struct server *s)
{
	struct shard *h = s->shard;
	bool due = h->range_due || h->have_due;
	if (h->main_life == 0)
		return;
	if (h->range_due && say_faults(s))
		h->range_due = !say_range(s);
	if (h->have_due)
		h->have_due = !say_have(s);
	if (due && !h->range_due &&
	    !h->have_due) /* word of a connection's end may come when the next one is there */
		h->lost = 0;
}

/* --- its life ------------------------------------------------------------------------------------------- */

struct zmq_shard *zmq_shard_open(const struct endpoint *endpoint, struct err *e)
{
	struct zmq_settings set = {.shards = 1, .buckets = 1, .quorum = 1, .max_missed = 1, .ban_after = 1};
	struct zmq_shard *h = mem_alloc(sizeof *h);
	h->endpoint = *endpoint;
	h->endpoint.settings = "";
	h->endpoint.n_shards = 0;
	struct transport_env env = {.workers =
	                                    endpoint->ring ? keyring_workers(endpoint->ring) : WORKERS_MOST,
	                            .endpoint = &h->endpoint};
	h->server = server_open(&set, &env, e);
	if (!h->server) {
		mem_free(h);
		return NULL;
	}
	h->shard.main_fd = -1;
	h->server->shard = &h->shard;
	h->server->handshake = HANDSHAKE_NONE;
	h->server->st = &h->shard.st;
	h->server->first = false;
	return h;
}

const char *zmq_shard_address(const struct zmq_shard *h)
{
	return h->server->address;
}

const char *zmq_shard_settings(const struct zmq_shard *h)
{
	return h->shard.settings;
}

size_t zmq_shard_n(const struct zmq_shard *h)
{
	return h->shard.n;
}

int zmq_shard_workers(const struct zmq_shard *h)
{
	return h->shard.workers;
}

static bool told_to_stop(const struct zmq_shard *h)
{
	return h->endpoint.stop && *h->endpoint.stop;
}

int zmq_shard_wait(struct zmq_shard *h, struct err *e)
{
	if (server_bind(h->server, FRAME_HEADER_BYTES + SETTINGS_SIZE, false, e))
		return -1;
	while (!h->shard.settings && !told_to_stop(h))
		server_serve(h->server, POLL_MS);
	zmq_close(h->server->router);
	h->server->router = NULL;
	return h->shard.settings ? 0 : err_world(e, "interrupted before a main server came");
}

/* Now that the sizes are known, so is the longest message. */
static int begin(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e)
{
	struct server *s = h->server;
	struct shard *sh = &h->shard;
	s->env.pool = pool;
	s->workers = sh->workers;
	s->run = zmq_run_number(sh->settings);
	s->set.ban_after = (int64_t)sh->ban_after;
	s->n_parts = (int)sh->n_parts;
	s->part = (int)sh->part;
	s->bn_owner = -1;
	s->handshake = HANDSHAKE_HELLO;
	sh->st.x.count = sh->n;
	round_open(s, x);
	size_t range = 2 * NUMBER + s->answer_bytes, table = table_count(s) * NUMBER;
	sh->body = mem_array(range > table ? range : table, 1);
	sh->decision = mem_array((size_t)s->workers, sizeof *sh->decision);
	x->loss = mem_array((size_t)s->workers, sizeof *x->loss);
	x->born = mem_array((size_t)s->workers, sizeof *x->born);
	sh->x = x;
	sh->lost = clock_s();
	size_t most[] = {SMALL_MOST, s->part_bytes, strlen(sh->settings), (size_t)s->workers * NUMBER},
	       longest = 0;
	for (size_t i = 0; i < sizeof most / sizeof *most; i++)
		longest = most[i] > longest ? most[i] : longest;
	return server_bind(s, FRAME_HEADER_BYTES + longest, true, e);
}

static int serve(struct zmq_shard *h, struct err *e)
{
	struct shard *sh = &h->shard;
	while (!sh->over) {
		bool retry = (sh->have_due || sh->range_due) && sh->lost == 0;
		server_serve(h->server, retry ? RETRY_MS : POLL_MS);
		say_what_is_due(h->server);
		if (told_to_stop(h))
			return err_world(e, "interrupted");
		if (sh->lost > 0 && clock_s() - sh->lost > h->endpoint.patience_s)
			return err_world(e, "the main server was away for %g s", h->endpoint.patience_s);
	}
	return 0;
}

/* The exchange is the caller's, who may have let go of it when we are closed. */
int zmq_shard_serve(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e)
{
	int rc = begin(h, pool, x, e) || serve(h, e) ? -1 : 0;
	mem_free(x->loss);
	mem_free(x->born);
	x->loss = NULL;
	x->born = NULL;
	h->shard.x = NULL;
	return rc;
}

void zmq_shard_close(struct zmq_shard *h)
{
	struct shard *sh = &h->shard;
	server_close(h->server);
	mem_free(sh->settings);
	mem_free(sh->body);
	mem_free(sh->decision);
	mem_free(h);
}
