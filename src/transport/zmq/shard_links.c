/* A main server's connections to its shards: see shard.h. */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100 };

static const double RETRY_S = 0.3; /* between ATTACH messages until there is a reply */
static const double SILENCE_S = 3; /* after this silence an ATTACH asks whether the shard still knows us */
static const double STOP_S = 2;    /* a signal ends the wait for the pull after this */

struct shard_link {
	void *socket;
	const char *address;
	bool connected;
	bool ready;                   /* the shard has replied on this connection */
	double attached_at, heard_at; /* when ATTACH was last sent; when a message last came */
	int64_t instance;             /* of the shard's process; 0: it never replied */
	uint64_t have_step, *have;    /* [workers] attempts of the votes for have_step that it has; 0: none */
	uint64_t *faults;             /* [workers + 1][FAULTS] from the last FAULTS message */
	bool decided, ranged;         /* in this round: DECIDE was sent; RANGE was received */
	uint64_t up, down;            /* bytes at the shard in this round */
	char refusal[FRAME_SENTENCE + 1];
};

struct shard_links {
	int count;
	struct shard_link *at;   /* [count] at[i] is the link to shard i + 1 */
	unsigned char *decision; /* [workers] attempts of the votes that are counted, as wire_put() writes */
	const struct exchange_request *x; /* of the round that is ending; or NULL */
	size_t range;                     /* coordinates of a shard */
	/* The whole pull of the last step, for workers whose shard died before it answered them. */
	bool has_last;
	uint64_t last_step;
	unsigned char *last_pull;
};

static void shard_range(const struct server *s, int i, size_t *begin, size_t *end)
{
	size_t n = s->layout.shape.n, range = s->links->range;
	*begin = (size_t)(i + 1) * range;
	*end = n - *begin < range ? n : *begin + range;
}

/* --- opening and closing -------------------------------------------------------------------------------- */

static void open_link(struct server *s, struct shard_link *link, const char *address)
{
	const struct endpoint *endpoint = s->endpoint;
	const struct curve_key *own = endpoint->ring ? keyring_find(endpoint->ring, KEYRING_SERVER) : NULL;
	*link = (struct shard_link){.socket = zmq_socket_open(s->context, ZMQ_DEALER, address),
	                            .address = address};
	link->have = mem_array((size_t)s->workers, sizeof *link->have);
	link->faults = mem_array(faults_size(&s->faults), sizeof *link->faults);
	zmq_socket_set(link->socket, ZMQ_IMMEDIATE, 1);
	zmq_socket_secure(link->socket, endpoint, own);
	/* The longest message: a range of the pull, the table of faults, or a sentence. */
	size_t most = s->layout.shape.pull_bytes + 2 * WIRE_NUMBER,
	       table = faults_size(&s->faults) * WIRE_NUMBER;
	most = most > table ? most : table;
	zmq_socket_limit(link->socket, endpoint->trust, most > FRAME_SENTENCE ? most : FRAME_SENTENCE);
	if (zmq_connect(link->socket, address))
		snprintf(link->refusal, sizeof link->refusal, "cannot connect: %s", zmq_strerror(errno));
}

void links_open(struct server *s)
{
	struct shard_links *l = mem_alloc(sizeof *l);
	size_t n_shards = (size_t)s->layout.n_shards;
	*l = (struct shard_links){.count = (int)n_shards - 1,
	                          .range = planes_bucket(s->layout.shape.n, n_shards)};
	l->at = mem_array((size_t)l->count, sizeof *l->at);
	l->decision = mem_array((size_t)s->workers, WIRE_NUMBER);
	l->last_pull = mem_array(s->layout.shape.pull_bytes, 1);
	for (int i = 0; i < l->count; i++)
		open_link(s, &l->at[i], s->endpoint->shards[i]);
	s->links = l;
}

void links_close(struct shard_links *l)
{
	if (!l)
		return;
	for (int i = 0; i < l->count; i++) {
		zmq_close(l->at[i].socket);
		mem_free(l->at[i].have);
		mem_free(l->at[i].faults);
	}
	mem_free(l->at);
	mem_free(l->decision);
	mem_free(l->last_pull);
	mem_free(l);
}

/* --- messages to a shard -------------------------------------------------------------------------------- */

/* False: it cannot be sent now. */
static bool say(struct server *s, struct shard_link *link, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, s->run, body, bytes);
	bool sent = message_send(&m, link->socket);
	if (sent)
		s->link_bytes += zmq_wire_bytes(s->endpoint->trust, FRAME_HEADER_BYTES + bytes);
	return sent;
}

static void attach(struct server *s, int i)
{
	struct shard_link *link = &s->links->at[i];
	struct frame f = {.type = FRAME_ATTACH,
	                  .step = s->links->x ? s->links->x->step : s->round.step,
	                  .born = s->instance,
	                  .x_hash = s->layout.shape.n,
	                  .index = (unsigned)i + 1,
	                  .count = (unsigned)s->layout.n_shards,
	                  .worker = (uint32_t)s->workers,
	                  .value = (double)s->set.ban_after};
	say(s, link, &f, s->endpoint->settings, strlen(s->endpoint->settings));
	link->attached_at = clock_s();
}

/* Send the decision to every shard that has not got it: which votes are counted. */
static void say_decision(struct server *s)
{
	struct shard_links *l = s->links;
	for (int i = 0; i < l->count; i++) {
		struct frame f = {.type = FRAME_DECIDE, .step = l->x->step};
		if (l->at[i].ready && !l->at[i].decided)
			l->at[i].decided =
			        say(s, &l->at[i], &f, l->decision, (size_t)s->workers * WIRE_NUMBER);
	}
}

static void role_leave(struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		struct frame f = {.type = FRAME_DONE, .step = s->round.step};
		const char *why = s->ending.why ? s->ending.why : "";
		say(s, &s->links->at[i], &f, why, strlen(why));
	}
}

/* --- messages from a shard ------------------------------------------------------------------------------ */

static void recount_votes(struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		vote_recount(s, m);
}

/* A restarted shard has no votes; workers send them again. */
static void take_ready(struct server *s, struct shard_link *link, const struct frame *f)
{
	if (link->instance != f->born) {
		memset(link->have, 0, (size_t)s->workers * sizeof *link->have);
		memset(link->faults, 0, faults_size(&s->faults) * sizeof *link->faults);
		recount_votes(s);
	}
	link->instance = f->born;
	link->ready = true;
	link->decided = false;
}

static void take_have(struct server *s, struct shard_link *link, const struct frame *f,
                      const unsigned char *body)
{
	if (f->bytes != (size_t)s->workers * WIRE_NUMBER)
		return;
	link->have_step = f->step;
	for (int m = 0; m < s->workers; m++)
		link->have[m] = wire_get(body + (size_t)m * WIRE_NUMBER);
	recount_votes(s);
}

static void take_range(struct server *s, int i, const struct frame *f, const unsigned char *body)
{
	struct shard_link *link = &s->links->at[i];
	const struct exchange_request *x = s->links->x;
	size_t begin, end;
	shard_range(s, i, &begin, &end);
	if (!x || link->ranged || f->step != x->step ||
	    f->bytes != 2 * WIRE_NUMBER + planes_range_bytes(&x->shape.pull_planes, x->shape.n, begin, end))
		return;
	link->up = wire_get(body);
	link->down = wire_get(body + WIRE_NUMBER);
	planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body + 2 * WIRE_NUMBER, x->pull);
	link->ranged = true;
}

static void take_faults(struct server *s, struct shard_link *link, const struct frame *f,
                        const unsigned char *body)
{
	size_t count = faults_size(&s->faults);
	for (size_t i = 0; f->bytes == count * WIRE_NUMBER && i < count; i++) {
		uint64_t now = wire_get(body + i * WIRE_NUMBER);
		__atomic_fetch_add(&s->faults.counts[i], now - link->faults[i], __ATOMIC_RELAXED);
		link->faults[i] = now;
	}
}

static void take(struct server *s, int i, const struct frame *f, const unsigned char *body)
{
	struct shard_link *link = &s->links->at[i];
	if (f->type == FRAME_REFUSED)
		message_sentence(f, body, link->refusal, sizeof link->refusal);
	else if (f->type == FRAME_READY)
		take_ready(s, link, f);
	else if (f->type == FRAME_HAVE)
		take_have(s, link, f, body);
	else if (f->type == FRAME_RANGE)
		take_range(s, i, f, body);
	else if (f->type == FRAME_FAULTS)
		take_faults(s, link, f, body);
}

/* False: there is no message. */
static bool receive(struct server *s, int i)
{
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	bool any = zmq_msg_recv(&m, s->links->at[i].socket, ZMQ_DONTWAIT) >= 0;
	if (any) {
		s->link_bytes += zmq_wire_bytes(s->endpoint->trust, zmq_msg_size(&m));
		s->links->at[i].heard_at = clock_s();
		if (frame_read(&f, zmq_msg_data(&m), zmq_msg_size(&m)) == FRAME_SOUND && f.run == s->run)
			take(s, i, &f, message_body(&m));
	}
	zmq_msg_close(&m);
	return any;
}

/*
 * Send ATTACH if it is due: after connecting, without a reply, or after a silence, since a connection can be
 * lost and made again between two checks.
 */
static void check_link(struct server *s, int i)
{
	struct shard_link *link = &s->links->at[i];
	int events = 0;
	size_t size = sizeof events;
	double now = clock_s();
	bool was = link->connected;
	zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size);
	link->connected = events & ZMQ_POLLOUT;
	link->ready &= link->connected && was;
	bool silent = now - link->heard_at > SILENCE_S && now - link->attached_at > SILENCE_S;
	if (link->connected && (!was || silent || (!link->ready && now - link->attached_at > RETRY_S)))
		attach(s, i);
}

/* --- the role ------------------------------------------------------------------------------------------- */

static int role_poll(const struct server *s, zmq_pollitem_t *items)
{
	int count = s->links ? s->links->count : 0;
	for (int i = 0; i < count; i++)
		items[i] = (zmq_pollitem_t){.socket = s->links->at[i].socket, .events = ZMQ_POLLIN};
	return count;
}

static void role_serve(struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		while (receive(s, i))
			continue;
		check_link(s, i);
	}
}

static bool role_complete(const struct server *s, int m)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		const struct shard_link *link = &s->links->at[i];
		if (link->have_step != s->round.step || link->have[m] != s->peers[m].vote.attempt)
			return false;
	}
	return true;
}

static bool role_range(struct server *s, int m, const struct frame *f)
{
	const struct shard_links *l = s->links;
	const struct message_shape *shape = &s->layout.shape;
	size_t begin, end;
	zmq_msg_t message;
	if (!l->has_last || f->step != l->last_step || f->index == 0 ||
	    f->count != (unsigned)s->layout.n_shards)
		return false;
	shard_range(s, (int)f->index - 1, &begin, &end);
	size_t bytes = planes_range_bytes(&shape->pull_planes, shape->n, begin, end);
	message_init(&message, bytes);
	planes_take(&shape->pull_planes, shape->n, begin, end, l->last_pull, message_body(&message));
	struct frame answer = {.type = FRAME_ANSWER,
	                       .run = s->run,
	                       .step = f->step,
	                       .born = (int64_t)s->round.step,
	                       .index = f->index,
	                       .count = f->count,
	                       .bytes = bytes,
	                       .body_hash = hash_words(0, message_body(&message), bytes)};
	frame_write(&answer, zmq_msg_data(&message));
	server_post(s, m, &message);
	return true;
}

static bool role_refused(const struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++)
		if (s->links->at[i].refusal[0])
			return true;
	return false;
}

static int role_trouble(const struct server *s, struct err *e)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		const struct shard_link *link = &s->links->at[i];
		char shown[ADDRESS_SIZE];
		text_shown(link->address, shown, sizeof shown);
		if (link->refusal[0])
			return err_user(e, "shard %d at %s: %s", i + 1, shown, link->refusal);
		if (!link->ready)
			return err_world(e,
			                 "shard %d at %s: no answer for %g s (it is not there, or does not "
			                 "know the server's key)",
			                 i + 1, shown, s->set.patience_s);
	}
	return 0;
}

static bool all_ranged(const struct shard_links *l)
{
	for (int i = 0; i < l->count; i++)
		if (!l->at[i].ranged)
			return false;
	return true;
}

/*
 * Handle only messages from shards here: workers that already have the answer must not be sent the parameters
 * of the step before.
 */
static enum exchange_end wait_for_ranges(struct server *s, struct err *e)
{
	struct shard_links *l = s->links;
	zmq_pollitem_t items[SHARDS_MOST];
	double begun = clock_s();
	while (!all_ranged(l)) {
		double waited = clock_s() - begun;
		if (s->env.stop && *s->env.stop && waited > STOP_S)
			return EXCHANGE_LEFT;
		if (waited > s->set.patience_s || role_refused(s)) {
			if (role_trouble(s, e) == 0)
				err_world(e, "a shard has not sent its range of the answer for %g s", waited);
			return EXCHANGE_FAILED;
		}
		zmq_poll(items, role_poll(s, items), POLL_MS);
		role_serve(s);
		say_decision(s);
	}
	return EXCHANGE_DONE;
}

static enum exchange_end role_decide(struct server *s, const struct exchange_request *x,
                                     struct exchange_reply *reply, struct err *e)
{
	struct shard_links *l = s->links;
	l->x = x;
	for (int m = 0; m < s->workers; m++) {
		const struct peer_vote *v = &s->peers[m].vote;
		wire_put(l->decision + (size_t)m * WIRE_NUMBER, v->complete ? v->attempt : 0);
	}
	for (int i = 0; i < l->count; i++)
		l->at[i].decided = l->at[i].ranged = false;
	say_decision(s);
	round_finish(s, x, reply, reply->n_voters);
	enum exchange_end end = wait_for_ranges(s, e);
	l->x = NULL;
	l->has_last = end == EXCHANGE_DONE;
	l->last_step = x->step;
	if (l->has_last)
		memcpy(l->last_pull, x->pull, x->shape.pull_bytes);
	for (int i = 0; i < l->count; i++) {
		uint64_t all = l->at[i].up + l->at[i].down;
		reply->bytes_up += l->at[i].up;
		reply->bytes_down += l->at[i].down;
		reply->bytes_busiest = all > reply->bytes_busiest ? all : reply->bytes_busiest;
	}
	return end;
}

const struct server_role server_role_links = {
        .main = true,
        .complete = role_complete,
        .decide = role_decide,
        .poll = role_poll,
        .serve = role_serve,
        .refused = role_refused,
        .trouble = role_trouble,
        .range = role_range,
        .leave = role_leave,
};
