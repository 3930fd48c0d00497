/* A shard: see shard.h. */
#include "transport/zmq/shard.h"
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100, RETRY_MS = 1, WORKERS_MOST = 4096 };

/* The run, as described by the main server's first ATTACH. */
struct shard_run {
	char *settings; /* NULL: no main server has connected yet */
	size_t n;
	int workers;
	unsigned index, count; /* which shard of how many */
	double ban_after;
};

/* The connection to the main server, and what has to be sent to it. */
struct main_server {
	int64_t instance; /* 0: it has not connected since the sizes are known */
	struct route route;
	int fd;
	double lost_at;           /* when the connection was lost; 0: it is connected */
	bool have_due, range_due; /* HAVE, RANGE must be sent */
	uint64_t range_step;      /* the step of the RANGE */
	uint64_t faults_said;     /* the sum of all faults in the last FAULTS that was sent */
	bool done;                /* it has sent DONE */
};

struct shard {
	struct shard_run run;
	struct main_server main;
	struct train_state st;      /* only the number of parameters is set */
	struct exchange_request *x; /* NULL: the sizes are not known yet */
	bool deciding;              /* DECIDE came, but some votes that it counts have not come */
	uint64_t *decision;         /* [workers] attempts of the votes; 0: not counted */
	unsigned char *body;        /* scratch for the bodies of messages */
};

struct zmq_shard {
	struct server *server;
	struct endpoint endpoint;
	struct shard shard;
};

/* --- messages from the main server ---------------------------------------------------------------------- */

static bool attach_holds(const struct server *s, const struct frame *f, const unsigned char *body)
{
	return f->index > 0 && f->count <= SHARDS_MOST && f->worker >= 1 && f->worker <= WORKERS_MOST &&
	       f->x_hash > 0 && f->x_hash < SIZE_MAX / 64 && f->value >= 1 && f->value <= 1e9 &&
	       f->bytes > 0 && f->bytes <= SETTINGS_SIZE && !memchr(body, 0, f->bytes) &&
	       chunk_count(f->x_hash, planes_bucket(f->x_hash, f->count)) >= f->count &&
	       (s->endpoint->trust == ENDPOINT_OPEN || f->worker == (uint32_t)s->workers);
}

static void learn_run(struct shard_run *r, const struct frame *f, const unsigned char *body)
{
	*r = (struct shard_run){.settings = mem_alloc(f->bytes + 1),
	                        .n = f->x_hash,
	                        .workers = (int)f->worker,
	                        .index = f->index,
	                        .count = f->count,
	                        .ban_after = f->value};
	memcpy(r->settings, body, f->bytes);
}

static bool same_run(const struct server *s, const struct frame *f)
{
	const struct shard_run *r = &s->shard->run;
	return f->run == s->run && f->x_hash == r->n && f->index == r->index && f->count == r->count &&
	       f->worker == (uint32_t)r->workers;
}

/* The main server was restarted: go to its step, and forget answers and votes. */
static void start_again(struct server *s, const struct frame *f)
{
	struct shard *h = s->shard;
	h->main.instance = f->born;
	h->main.range_due = h->deciding = false;
	s->round.step = f->step;
	for (size_t i = 0; i < s->log.count; i++)
		s->log.at[i].there = false;
	for (int m = 0; m < s->workers; m++) {
		s->peers[m].vote.kept = false;
		s->peers[m].request.open = false;
	}
}

static void attach(struct server *s, const struct incoming *in, const unsigned char *body)
{
	struct shard *h = s->shard;
	const struct frame *f = &in->frame;
	struct frame ready = {.type = FRAME_READY, .step = s->round.step, .born = s->instance};
	if (!attach_holds(s, f, body)) {
		server_sentence(
		        s, &in->route, FRAME_REFUSED,
		        "it has the keys of other workers than the main server, or runs another version");
		return;
	}
	if (!h->run.settings)
		learn_run(&h->run, f, body);
	if (!h->x) /* send no reply before the sizes are known */
		return;
	if (!same_run(s, f)) {
		server_sentence(s, &in->route, FRAME_REFUSED,
		                "it serves another run, or another range of its coordinates");
		return;
	}
	h->main.route = in->route;
	h->main.fd = in->fd;
	h->main.lost_at = 0;
	if (f->born != h->main.instance)
		start_again(s, f);
	h->main.have_due = true;
	h->main.faults_said = 0;
	server_say(s, &in->route, &ready, NULL, 0);
	for (int m = 0; s->handshake != HANDSHAKE_DONE && m < s->workers; m++)
		if (s->peers[m].presence.connected)
			server_welcome(s, m, 0);
	s->handshake = HANDSHAKE_DONE;
}

/*
 * End the round if it is decided and all votes that count have come. After a restart of this shard they may
 * be missing; workers send them again.
 */
static void try_decision(struct server *s)
{
	struct shard *h = s->shard;
	struct exchange_reply reply;
	if (!h->deciding)
		return;
	for (int m = 0; m < s->workers; m++) {
		struct peer_vote *v = &s->peers[m].vote;
		v->complete = h->decision[m] != 0;
		if (v->complete && !(v->kept && v->attempt == h->decision[m]))
			return;
	}
	h->deciding = false;
	h->main.range_due = true;
	h->main.range_step = h->x->step = s->round.step;
	exchange_begin(h->x, &reply);
	round_finish(s, h->x, &reply, round_gather(s, h->x));
}

static void decide(struct server *s, const struct frame *f, const unsigned char *body)
{
	struct shard *h = s->shard;
	uint64_t step = s->round.step;
	if (f->bytes != (size_t)s->workers * WIRE_NUMBER || f->step > step || f->step + 1 < step)
		return;
	if (f->step < step) { /* sent again: the main server may have missed only our RANGE */
		h->main.range_due = true;
		h->main.range_step = f->step;
		return;
	}
	for (int m = 0; m < s->workers; m++)
		h->decision[m] = wire_get(body + (size_t)m * WIRE_NUMBER);
	h->deciding = true;
	try_decision(s);
}

static void role_hear(struct server *s, struct incoming *in)
{
	const struct frame *f = &in->frame;
	const struct main_server *main = &s->shard->main;
	bool known = in->route.bytes == main->route.bytes &&
	             memcmp(in->route.at, main->route.at, in->route.bytes) == 0;
	if (s->endpoint->trust != ENDPOINT_OPEN && in->from != s->workers)
		server_offend(s, in->from, FAULT_GARBAGE);
	else if (f->type == FRAME_ATTACH)
		attach(s, in, message_body(&in->message));
	else if (known && f->run == s->run && f->type == FRAME_DECIDE)
		decide(s, f, message_body(&in->message));
	else if (known && f->run == s->run)
		s->shard->main.done = true;
}

static void role_have(struct server *s)
{
	s->shard->main.have_due = true;
	try_decision(s);
}

static void role_lost(struct server *s, int fd)
{
	if (fd == s->shard->main.fd && s->shard->main.lost_at == 0)
		s->shard->main.lost_at = clock_s();
}

static const struct server_role role_shard = {
        .main = false, .hear = role_hear, .have = role_have, .lost = role_lost};

/* --- messages to the main server ------------------------------------------------------------------------ */

static bool say_have(struct server *s)
{
	struct shard *h = s->shard;
	struct frame f = {.type = FRAME_HAVE, .step = s->round.step};
	for (int m = 0; m < s->workers; m++) {
		const struct peer_vote *v = &s->peers[m].vote;
		wire_put(h->body + (size_t)m * WIRE_NUMBER, v->kept ? v->attempt : 0);
	}
	return server_say(s, &h->main.route, &f, h->body, (size_t)s->workers * WIRE_NUMBER);
}

/* Send the counts of faults if they have changed. True: the main server has all counts. */
static bool say_faults(struct server *s)
{
	struct shard *h = s->shard;
	struct frame f = {.type = FRAME_FAULTS, .step = s->round.step};
	size_t count = faults_size(&s->faults);
	uint64_t all = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t faults = __atomic_load_n(&s->faults.counts[i], __ATOMIC_RELAXED);
		wire_put(h->body + i * WIRE_NUMBER, faults);
		all += faults;
	}
	if (all == h->main.faults_said)
		return true;
	if (!server_say(s, &h->main.route, &f, h->body, count * WIRE_NUMBER))
		return false;
	h->main.faults_said = all;
	return true;
}

static bool say_range(struct server *s)
{
	struct shard *h = s->shard;
	size_t bytes = s->layout.shard_pull;
	struct frame f = {.type = FRAME_RANGE, .step = h->main.range_step};
	struct answer *a = answers_find(&s->log, h->main.range_step);
	if (!a)
		return true;
	wire_put(h->body, s->up);
	wire_put(h->body + WIRE_NUMBER, s->down);
	memcpy(h->body + 2 * WIRE_NUMBER, message_body(&a->message), bytes);
	if (!server_say(s, &h->main.route, &f, h->body, 2 * WIRE_NUMBER + bytes))
		return false;
	s->up = s->down = 0;
	return true;
}

static void say_what_is_due(struct server *s)
{
	struct main_server *main = &s->shard->main;
	bool due = main->range_due || main->have_due;
	if (main->instance == 0)
		return;
	if (main->range_due && say_faults(s))
		main->range_due = !say_range(s);
	if (main->have_due)
		main->have_due = !say_have(s);
	/*
	 * Everything was sent, so the main server is connected: the loss of an old connection may be reported
	 * after the next one was made.
	 */
	if (due && !main->range_due && !main->have_due)
		main->lost_at = 0;
}

/* --- opening, serving, closing -------------------------------------------------------------------------- */

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
	h->server = server_open(&set, &env, &role_shard, e);
	if (!h->server) {
		mem_free(h);
		return NULL;
	}
	h->shard.main.fd = -1;
	h->server->shard = &h->shard;
	h->server->handshake = HANDSHAKE_NONE;
	h->server->st = &h->shard.st;
	h->server->round.first = false;
	return h;
}

const char *zmq_shard_address(const struct zmq_shard *h)
{
	return h->server->address;
}

const char *zmq_shard_settings(const struct zmq_shard *h)
{
	return h->shard.run.settings;
}

size_t zmq_shard_n(const struct zmq_shard *h)
{
	return h->shard.run.n;
}

static bool told_to_stop(const struct zmq_shard *h)
{
	return h->endpoint.stop && *h->endpoint.stop;
}

int zmq_shard_wait(struct zmq_shard *h, struct err *e)
{
	if (server_bind(h->server, SETTINGS_SIZE, false, e))
		return -1;
	while (!h->shard.run.settings && !told_to_stop(h))
		server_serve(h->server, POLL_MS);
	/* A socket that is only being closed would take messages that nobody reads. */
	server_unbind(h->server);
	return h->shard.run.settings ? 0 : err_world(e, "interrupted before a main server came");
}

/* The longest body of a message: from a worker, or from the main server. */
static size_t longest_body(const struct server *s)
{
	const size_t most[] = {SMALL_BODY, s->layout.shard_push, strlen(s->shard->run.settings),
	                       (size_t)s->workers * WIRE_NUMBER};
	size_t longest = 0;
	for (size_t i = 0; i < sizeof most / sizeof *most; i++)
		longest = most[i] > longest ? most[i] : longest;
	return longest;
}

/* Set up the run that the main server has described, and listen again with limits for the run's messages. */
static int begin(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e)
{
	struct server *s = h->server;
	struct shard *sh = &h->shard;
	s->env.pool = pool;
	s->workers = s->faults.workers = sh->run.workers;
	s->run = zmq_run_number(sh->run.settings);
	s->set.ban_after = (int64_t)sh->run.ban_after;
	s->layout.n_shards = (int)sh->run.count;
	s->layout.shard = (int)sh->run.index;
	s->round.bn_owner = -1;
	s->handshake = HANDSHAKE_HELLO;
	sh->st.x.count = sh->run.n;
	round_open(s, x);
	size_t range = 2 * WIRE_NUMBER + s->layout.shard_pull, table = faults_size(&s->faults) * WIRE_NUMBER;
	sh->body = mem_array(range > table ? range : table, 1);
	sh->decision = mem_array((size_t)s->workers, sizeof *sh->decision);
	x->loss = mem_array((size_t)s->workers, sizeof *x->loss);
	x->born = mem_array((size_t)s->workers, sizeof *x->born);
	sh->x = x;
	sh->main.lost_at = clock_s();
	return server_bind(s, longest_body(s), true, e);
}

static int serve(struct zmq_shard *h, struct err *e)
{
	struct main_server *main = &h->shard.main;
	while (!main->done) {
		bool retry = (main->have_due || main->range_due) && main->lost_at == 0;
		server_serve(h->server, retry ? RETRY_MS : POLL_MS);
		say_what_is_due(h->server);
		if (told_to_stop(h))
			return err_world(e, "interrupted");
		if (main->lost_at > 0 && clock_s() - main->lost_at > h->endpoint.patience_s)
			return err_world(e, "the main server was away for %g s", h->endpoint.patience_s);
	}
	return 0;
}

int zmq_shard_serve(struct zmq_shard *h, struct pool *pool, struct exchange_request *x, struct err *e)
{
	int rc = begin(h, pool, x, e) || serve(h, e) ? -1 : 0;
	mem_free(x->loss);
	mem_free(x->born);
	x->loss = NULL;
	x->born = NULL;
	h->shard.x = NULL; /* the caller owns it and may free it before the shard is closed */
	return rc;
}

void zmq_shard_close(struct zmq_shard *h)
{
	struct shard *sh = &h->shard;
	server_close(h->server);
	mem_free(sh->run.settings);
	mem_free(sh->body);
	mem_free(sh->decision);
	mem_free(h);
}
