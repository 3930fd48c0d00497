/* A main server's connections to the servers of other parts: see shard.h. */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "transport/zmq/server.h"

enum { POLL_MS = 100, NUMBER = 8 /* bytes */ };

static const double RETRY_S = 0.3, SILENCE_S = 3, STOP_S = 2;

struct link_to {
	void *socket;
	const char *address;
	bool connected, ready;     /* ready: has answered on this connection */
	double said, heard;        /* the last ATTACH */
	int64_t life;              /* of its process; 0: it never answered */
	uint64_t have_step, *have; /* [workers] the votes for that step that are there, by number; 0: none */
	uint64_t *faults;          /* [workers + 1][FAULTS] as it told last */
	bool told, ranged;         /* of the decision: it knows; its part is here */
	uint64_t up, down;         /* bytes of its round */
	char refusal[FRAME_SENTENCE + 1];
};

struct links {
	int count;
	struct link_to *at;      /* [count]; at[i] is of part i + 1 */
	unsigned char *decision; /* [workers] numbers of the votes that are counted, as they travel */
	const struct exchange_request *x; /* of the round whose answer is being made; or NULL */
	size_t bucket;                    /* coordinates of a part */
};

void wire_put(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < NUMBER; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

uint64_t wire_get(const unsigned char *at)
{
	uint64_t value = 0;
	for (int i = NUMBER - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

static size_t table_count(const struct server *s)
{
	return ((size_t)s->workers + 1) * FAULTS;
}

static void range_of(const struct server *s, int i, size_t *begin, size_t *end)
{
	*begin = (size_t)(i + 1) * s->links->bucket;
	*end = s->n - *begin < s->links->bucket ? s->n : *begin + s->links->bucket;
}

void links_open(struct server *s)
{
	struct links *l = mem_alloc(sizeof *l);
	size_t workers = (size_t)s->workers;
	*l = (struct links){.count = s->n_parts - 1, .bucket = planes_bucket(s->n, (size_t)s->n_parts)};
	l->at = mem_array((size_t)l->count, sizeof *l->at);
	l->decision = mem_array(workers, NUMBER);
	for (int i = 0; i < l->count; i++) {
		struct link_to *to = &l->at[i];
		*to = (struct link_to){.socket = server_dealer(s, s->endpoint->shards[i]),
		                       .address = s->endpoint->shards[i]};
		to->have = mem_array(workers, sizeof *to->have);
		to->faults = mem_array(table_count(s), sizeof *to->faults);
		/* A part of a pull is no longer than the whole, an address of a sentence is looked at there.
		 */
		size_t most = s->pull_bytes + 2 * NUMBER, table = table_count(s) * NUMBER;
		most = most > table ? most : table;
		zmq_socket_limit(to->socket, s->endpoint->trust,
		                 FRAME_HEADER_BYTES + (most > FRAME_SENTENCE ? most : FRAME_SENTENCE));
		if (zmq_connect(to->socket, to->address))
			snprintf(to->refusal, sizeof to->refusal, "cannot connect: %s", zmq_strerror(errno));
	}
	s->links = l;
}

void links_close(struct server *s)
{
	struct links *l = s->links;
	for (int i = 0; l && i < l->count; i++) {
		zmq_close(l->at[i].socket);
		mem_free(l->at[i].have);
		mem_free(l->at[i].faults);
	}
	if (l) {
		mem_free(l->at);
		mem_free(l->decision);
	}
	mem_free(l);
	s->links = NULL;
}

int links_poll(const struct server *s, zmq_pollitem_t *items)
{
	int count = s->links ? s->links->count : 0;
	for (int i = 0; i < count; i++)
		items[i] = (zmq_pollitem_t){.socket = s->links->at[i].socket, .events = ZMQ_POLLIN};
	return count;
}

/* False: it cannot be sent now. */
static bool say(struct server *s, struct link_to *to, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, s->run, body, bytes);
	bool sent = message_send(&m, to->socket);
	if (sent)
		s->link_bytes += zmq_wire_bytes(s->endpoint->trust, FRAME_HEADER_BYTES + bytes);
	return sent;
}

static void attach(struct server *s, int i)
{
	struct frame f = {.type = FRAME_ATTACH,
	                  .step = s->links->x ? s->links->x->step : s->step,
	                  .born = s->life,
	                  .x_hash = s->n,
	                  .piece = (unsigned)i + 1,
	                  .pieces = (unsigned)s->n_parts,
	                  .worker = (uint32_t)s->workers,
	                  .number = (double)s->set.ban_after};
	say(s, &s->links->at[i], &f, s->endpoint->settings, strlen(s->endpoint->settings));
	s->links->at[i].said = clock_s();
}

/* --- what comes ----------------------------------------------------------------------------------------- */

/* A new process knows nothing of votes that an earlier one had; workers say them again. */
static void take_ready(struct server *s, struct link_to *to, const struct frame *f)
{
	if (to->life != f->born) {
		memset(to->have, 0, (size_t)s->workers * sizeof *to->have);
		memset(to->faults, 0, table_count(s) * sizeof *to->faults);
		for (int m = 0; m < s->workers; m++)
			round_judge(s, m);
	}
	to->life = f->born;
	to->ready = true;
	to->told = false;
}

static void take_have(struct server *s, struct link_to *to, const struct frame *f, const unsigned char *body)
{
	if (f->bytes != (size_t)s->workers * NUMBER)
		return;
	to->have_step = f->step;
	for (int m = 0; m < s->workers; m++) {
		to->have[m] = wire_get(body + (size_t)m * NUMBER);
		round_judge(s, m);
	}
}

static void take_range(struct server *s, int i, const struct frame *f, const unsigned char *body)
{
	struct link_to *to = &s->links->at[i];
	const struct exchange_request *x = s->links->x;
	size_t begin, end;
	range_of(s, i, &begin, &end);
	if (!x || to->ranged || f->step != x->step ||
	    f->bytes != 2 * NUMBER + planes_range_bytes(&x->shape.pull_planes, x->shape.n, begin, end))
		return;
	to->up = wire_get(body);
	to->down = wire_get(body + NUMBER);
	planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body + 2 * NUMBER, x->pull);
	to->ranged = true;
}

static void take_faults(struct server *s, struct link_to *to, const struct frame *f,
                        const unsigned char *body)
{
	size_t count = table_count(s);
	for (size_t i = 0; f->bytes == count * NUMBER && i < count; i++) {
		uint64_t now = wire_get(body + i * NUMBER);
		__atomic_fetch_add(&s->counts[i], now - to->faults[i], __ATOMIC_RELAXED);
		to->faults[i] = now;
	}
}

static void take_refusal(struct link_to *to, const struct frame *f, const unsigned char *body)
{
	char text[FRAME_SENTENCE + 1];
	size_t bytes = f->bytes < FRAME_SENTENCE ? f->bytes : FRAME_SENTENCE;
	memcpy(text, body, bytes);
	text[bytes] = 0;
	text_shown(text, to->refusal, sizeof to->refusal);
}

static void take(struct server *s, int i, const struct frame *f, const unsigned char *body)
{
	struct link_to *to = &s->links->at[i];
	if (f->type == FRAME_REFUSED)
		take_refusal(to, f, body);
	else if (f->type == FRAME_READY)
		take_ready(s, to, f);
	else if (f->type == FRAME_HAVE)
		take_have(s, to, f, body);
	else if (f->type == FRAME_RANGE)
		take_range(s, i, f, body);
	else if (f->type == FRAME_FAULTS)
		take_faults(s, to, f, body);
}

/* False: there is none. */
static bool take_message(struct server *s, int i)
{
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	bool any = zmq_msg_recv(&m, s->links->at[i].socket, ZMQ_DONTWAIT) >= 0;
	const unsigned char *at = zmq_msg_data(&m);
	if (any) {
		s->link_bytes += zmq_wire_bytes(s->endpoint->trust, zmq_msg_size(&m));
		s->links->at[i].heard = clock_s();
		if (frame_read(&f, at, zmq_msg_size(&m)) == FRAME_SOUND && f.run == s->run)
			take(s, i, &f, at + FRAME_HEADER_BYTES);
	}
	zmq_msg_close(&m);
	return any;
}

/* A connection may be gone and there again between two looks, so silence too is a reason to ask. */
static void look_at(struct server *s, int i)
{
	struct link_to *to = &s->links->at[i];
	int events = 0;
	size_t size = sizeof events;
	double now = clock_s();
	bool was = to->connected;
	zmq_getsockopt(to->socket, ZMQ_EVENTS, &events, &size);
	to->connected = events & ZMQ_POLLOUT;
	to->ready &= to->connected && was;
	bool silent = now - to->heard > SILENCE_S && now - to->said > SILENCE_S;
	if (to->connected && (!was || silent || (!to->ready && now - to->said > RETRY_S)))
		attach(s, i);
}

void links_serve(struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		while (take_message(s, i))
			continue;
		look_at(s, i);
	}
}

bool links_have(const struct server *s, int m, uint64_t number)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		const struct link_to *to = &s->links->at[i];
		if (to->have_step != s->step || to->have[m] != number)
			return false;
	}
	return true;
}

bool links_refused(const struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++)
		if (s->links->at[i].refusal[0])
			return true;
	return false;
}

int links_trouble(const struct server *s, struct err *e)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		const struct link_to *to = &s->links->at[i];
		char shown[ADDRESS_SIZE];
		text_shown(to->address, shown, sizeof shown);
		if (to->refusal[0])
			return err_user(e, "shard %d at %s: %s", i + 1, shown, to->refusal);
		if (!to->ready)
			return err_world(e,
			                 "shard %d at %s: no answer for %g s (it is not there, or does not "
			                 "know the server's key)",
			                 i + 1, shown, s->set.patience_s);
	}
	return 0;
}

/* --- the end of a round --------------------------------------------------------------------------------- */

static void tell(struct server *s)
{
	struct links *l = s->links;
	for (int i = 0; i < l->count; i++) {
		struct frame f = {.type = FRAME_DECIDE, .step = l->x->step};
		if (l->at[i].ready && !l->at[i].told)
			l->at[i].told = say(s, &l->at[i], &f, l->decision, (size_t)s->workers * NUMBER);
	}
}

static bool all_ranged(const struct links *l)
{
	for (int i = 0; i < l->count; i++)
		if (!l->at[i].ranged)
			return false;
	return true;
}

/* Nothing but the other parts is heard: workers that are ahead must not find the parameters a step behind. */
static enum exchange_end wait_for_ranges(struct server *s, struct err *e)
{
	struct links *l = s->links;
	zmq_pollitem_t items[SHARDS_MOST];
	double begun = clock_s();
	while (!all_ranged(l)) {
		double waited = clock_s() - begun;
		if (s->env.stop && *s->env.stop && waited > STOP_S)
			return EXCHANGE_LEFT;
		if (waited > s->set.patience_s || links_refused(s)) {
			if (links_trouble(s, e) == 0)
				err_world(e, "a shard has not sent its part of the answer for %g s", waited);
			return EXCHANGE_FAILED;
		}
		zmq_poll(items, links_poll(s, items), POLL_MS);
		links_serve(s);
		tell(s);
	}
	return EXCHANGE_DONE;
}

enum exchange_end links_decide(struct server *s, const struct exchange_request *x,
                               struct exchange_reply *reply, struct err *e)
{
	struct links *l = s->links;
	l->x = x;
	for (int m = 0; m < s->workers; m++)
		wire_put(l->decision + (size_t)m * NUMBER, s->peers[m].complete ? s->peers[m].number : 0);
	for (int i = 0; i < l->count; i++)
		l->at[i].told = l->at[i].ranged = false;
	tell(s);
	round_finish(s, x, reply, reply->n_voters);
	enum exchange_end end = wait_for_ranges(s, e);
	l->x = NULL;
	for (int i = 0; i < l->count; i++) {
		uint64_t all = l->at[i].up + l->at[i].down;
		reply->bytes_up += l->at[i].up;
		reply->bytes_down += l->at[i].down;
		reply->bytes_busiest = all > reply->bytes_busiest ? all : reply->bytes_busiest;
	}
	return end;
}

void links_done(struct server *s)
{
	for (int i = 0; s->links && i < s->links->count; i++) {
		struct frame f = {.type = FRAME_DONE, .step = s->step};
		const char *why = s->why ? s->why : "";
		say(s, &s->links->at[i], &f, why, strlen(why));
	}
}
