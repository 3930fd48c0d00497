/* Messages at the server: who sent them, whether they are sound, what is said back. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "transport/zmq/server.h"

enum {
	AT_ONCE = 64,   /* messages handled before the clock is looked at again */
	TALK_MOST = 96, /* requests of a worker in a step and second that are answered */
};

const char *const fault_names[FAULTS] = {
        [FAULT_LATE] = "late",
        [FAULT_DUPLICATE] = "duplicate",
        [FAULT_WRONG_STEP] = "wrong_step",
        [FAULT_WRONG_BORN] = "wrong_since",
        [FAULT_WRONG_HASH] = "wrong_hash",
        [FAULT_WRONG_LENGTH] = "wrong_length",
        [FAULT_WRONG_ORDER] = "wrong_order",
        [FAULT_WRONG_RUN] = "wrong_run",
        [FAULT_PADDING] = "padding",
        [FAULT_GARBAGE] = "garbage",
        [FAULT_VERSION] = "other_version",
        [FAULT_DAMAGED] = "damaged",
        [FAULT_MULTIPART] = "multipart",
        [FAULT_UNANNOUNCED] = "unannounced",
        [FAULT_TAKEOVER] = "takeover",
        [FAULT_GREEDY] = "greedy",
        [FAULT_FLOOD] = "flood",
        [FAULT_HANDSHAKE] = "handshake",
        [FAULT_UNKNOWN_KEY] = "unknown_key",
        [FAULT_BANNED] = "banned",
};

/* What can happen to the honest is no offence. */
static bool is_offence(enum fault fault)
{
	return fault != FAULT_LATE && fault != FAULT_WRONG_HASH && fault != FAULT_UNANNOUNCED &&
	       fault != FAULT_TAKEOVER && fault != FAULT_WRONG_RUN;
}

void server_fault(struct server *s, int m, enum fault fault)
{
	size_t row = (size_t)(m >= 0 ? m : s->workers);
	__atomic_fetch_add(&s->counts[row * FAULTS + fault], 1, __ATOMIC_RELAXED);
}

void server_offend(struct server *s, int m, enum fault fault)
{
	server_fault(s, m, fault);
	if (m < 0 || !is_offence(fault))
		return;
	struct peer *p = &s->peers[m];
	p->offences++;
	if (p->offences >= (uint64_t)s->set.ban_after && !atomic_load(&p->banned))
		server_ban(s, m);
}

static bool same_route(const struct route *a, const struct route *b)
{
	return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0;
}

static bool send_to(struct server *s, const struct route *to, zmq_msg_t *m)
{
	return zmq_send(s->router, to->at, to->bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
	       zmq_msg_send(m, s->router, ZMQ_DONTWAIT) >= 0;
}

bool server_send(struct server *s, const struct route *to, zmq_msg_t *m)
{
	size_t bytes = zmq_msg_size(m);
	bool sent = send_to(s, to, m) || (!message_queue_full(s->router) && send_to(s, to, m));
	if (sent)
		s->down += zmq_wire_bytes(s->endpoint->trust, bytes);
	else
		zmq_msg_close(m);
	return sent;
}

bool server_say(struct server *s, const struct route *to, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, s->run, body, bytes);
	return server_send(s, to, &m);
}

static void say_sentence(struct server *s, const struct route *to, enum frame_type type, const char *sentence)
{
	struct frame f = {.type = type, .step = s->step};
	size_t bytes = strlen(sentence);
	server_say(s, to, &f, sentence, bytes < FRAME_SENTENCE ? bytes : FRAME_SENTENCE);
}

void server_done(struct server *s, int m)
{
	say_sentence(s, &s->peers[m].route, FRAME_DONE, s->why ? s->why : "");
	s->peers[m].leaving = true;
	s->peers[m].want = WANT_NOTHING;
}

void server_ban(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	atomic_store(&p->banned, true);
	if (!s->shard) /* where it has one already, the main server decides */
		round_forget(s, m);
	say_sentence(s, &p->route, FRAME_REFUSED, "this worker sent too much that is against the protocol");
	p->here = p->awaited = false;
	p->want = WANT_NOTHING;
	guard_shut(s, p->fd, m);
}

uint64_t server_x_hash(struct server *s)
{
	const struct state_part *x = &s->st->x;
	if (!s->hashed || s->x_hash_step != s->step) {
		s->x_hash = hash_words(0, x->at, x->count * sizeof *x->at);
		s->x_hash_step = s->step;
		s->hashed = true;
	}
	return s->x_hash;
}

/* Without keys: the worker's number is the one that it asks for, or the first that nobody has,
 * of those that somebody had before the last: who reads longer messages connects anew. */
static int connection_for(const struct server *s, const struct frame *f)
{
	if (f->worker < (uint32_t)s->workers)
		return (int)f->worker;
	int left = -1;
	for (int m = s->workers - 1; m >= 0; m--)
		if (!s->peers[m].here &&
		    (left < 0 || s->peers[left].route.bytes > 0 || s->peers[m].route.bytes == 0))
			left = m;
	return left;
}

static int who(const struct server *s, const struct route *from, zmq_msg_t *message)
{
	if (s->endpoint->trust != ENDPOINT_OPEN) {
		const char *number = zmq_msg_gets(message, "User-Id");
		return number && number[0] ? (int)strtol(number, NULL, 10) : -1;
	}
	for (int m = 0; m < s->workers; m++)
		if (same_route(&s->peers[m].route, from))
			return m;
	return -1;
}

/* Who it is, where only workers may be: a main server is nobody known. */
static int worker_of(const struct server *s, int who)
{
	return who < s->workers ? who : -1;
}

void server_welcome(struct server *s, int m, uint64_t x_hash)
{
	struct peer *p = &s->peers[m];
	struct frame f = {.type = FRAME_WELCOME,
	                  .step = s->step,
	                  .born = s->life,
	                  .worker = (uint32_t)m,
	                  .x_hash = x_hash,
	                  .pieces = s->set.buckets > 1 ? (unsigned)s->set.buckets : 0};
	if (p->voted)
		f.flags |= FRAME_HAVE_VOTE;
	if (!s->shard && (s->st->given || s->step > 0))
		f.flags |= FRAME_GIVEN;
	server_say(s, &p->route, &f, s->welcome.text, s->welcome.length);
}

/* Told at once: it would say HELLO after some silence, and take the place back. */
static void say_replaced(struct server *s, const struct route *to)
{
	say_sentence(s, to, FRAME_REFUSED, "another process has connected with the key of this worker");
}

static void hello(struct server *s, int m, const struct frame *f, const struct route *from, int fd)
{
	if (m < 0 && s->endpoint->trust == ENDPOINT_OPEN)
		m = connection_for(s, f);
	if (m < 0) {
		say_sentence(s, from, FRAME_REFUSED, "all workers of this run are there already");
		return;
	}
	struct peer *p = &s->peers[m];
	if (f->bytes > FRAME_VERSION_TEXT) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
		return;
	}
	if (f->run != 0 && f->run != s->run) {
		server_fault(s, m, FAULT_WRONG_RUN);
		say_sentence(s, from, FRAME_REFUSED, "this server holds another run");
		return;
	}
	if (p->here && !same_route(&p->route, from)) {
		server_fault(s, m, FAULT_TAKEOVER);
		p->replaced = p->route;
		say_replaced(s, &p->replaced);
		if (p->fd != fd)
			guard_shut(s, p->fd, m);
	}
	p->route = *from;
	p->fd = fd;
	guard_owner(s, fd, m);
	p->here = true;
	p->leaving = p->brief = false;
	p->n_pieces = 0;
	p->want = p->voted ? WANT_ANSWER : WANT_NOTHING;
	p->awaited |= f->step == s->step && s->step >= p->not_before;
	if (s->finished)
		server_done(s, m);
	else if (s->handshake == HANDSHAKE_DONE)
		server_welcome(s, m, f->step == s->step && !s->shard ? server_x_hash(s) : 0);
}

static void bye(struct peer *p)
{
	p->here = p->awaited = false;
	p->leaving = true;
}

/* Is it from the connection that said HELLO last? Says so if it is not. */
static bool announced(struct server *s, int m, const struct route *from)
{
	const struct peer *p = m < 0 ? NULL : &s->peers[m];
	if (p && p->here && same_route(&p->route, from))
		return true;
	server_fault(s, m, FAULT_UNANNOUNCED);
	if (p && same_route(&p->replaced, from))
		say_replaced(s, from);
	return false;
}

static void dispatch(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	switch (f->type) {
	case FRAME_PUSH:
		round_push(s, m, f, message);
		break;
	case FRAME_FETCH:
		round_fetch(s, m, f);
		break;
	case FRAME_SNAPSHOT:
		if (s->shard)
			server_offend(s, m, FAULT_GARBAGE);
		else
			params_snapshot(s, m, f);
		break;
	case FRAME_STATE:
		if (s->shard)
			server_offend(s, m, FAULT_GARBAGE);
		else
			params_state(s, m, f, (unsigned char *)zmq_msg_data(message) + FRAME_HEADER_BYTES);
		break;
	default:
		server_offend(s, m, FAULT_GARBAGE);
	}
}

static enum fault fault_of(enum frame_fault fault)
{
	return fault == FRAME_OTHER_VERSION  ? FAULT_VERSION
	       : fault == FRAME_WRONG_LENGTH ? FAULT_WRONG_LENGTH
	       : fault == FRAME_DAMAGED      ? FAULT_DAMAGED
	                                     : FAULT_GARBAGE;
}

/* Is the key shut out? Then so is each of its connections that still says something. */
static bool shut_out(struct server *s, int m, zmq_msg_t *message)
{
	if (m < 0 || m == s->workers || !atomic_load(&s->peers[m].banned))
		return false;
	server_fault(s, m, FAULT_BANNED);
	guard_shut(s, zmq_msg_get(message, ZMQ_SRCFD), -1);
	return true;
}

/*
 * Does the worker ask for more answers than following takes? Each may cost as much as the largest message, so
 * a few are answered in a step and second.
 */
static bool greedy(struct server *s, int m, const struct frame *f)
{
	bool costs = f->type == FRAME_HELLO || f->type == FRAME_FETCH ||
	             (f->type == FRAME_PUSH && f->step < s->step && f->piece + 1 >= f->pieces);
	if (m < 0 || !costs)
		return false;
	struct peer *p = &s->peers[m];
	int64_t second = (int64_t)clock_s();
	if (p->talked_second != second || p->talked_step != s->step)
		p->talked = 0;
	p->talked_second = second;
	p->talked_step = s->step;
	return ++p->talked > TALK_MOST;
}

static void handle(struct server *s, int m, const struct route *from, zmq_msg_t *message)
{
	struct frame f;
	enum frame_fault fault = frame_read(&f, zmq_msg_data(message), zmq_msg_size(message));
	if (s->shard && fault == FRAME_SOUND && frame_to_shard(f.type)) {
		shard_hear(s, m, from, zmq_msg_get(message, ZMQ_SRCFD), &f,
		           (unsigned char *)zmq_msg_data(message) + FRAME_HEADER_BYTES);
		return;
	}
	m = worker_of(s, m);
	if (fault != FRAME_SOUND || !frame_from_worker(f.type))
		server_offend(s, m, fault_of(fault));
	else if (s->handshake == HANDSHAKE_NONE || (s->handshake == HANDSHAKE_HELLO && f.type != FRAME_HELLO))
		return;
	else if (f.type == FRAME_HELLO && greedy(s, m, &f))
		server_fault(s, m, FAULT_GREEDY); /* no offence: the key's owner may suffer from a thief */
	else if (f.type == FRAME_HELLO)
		hello(s, m, &f, from, zmq_msg_get(message, ZMQ_SRCFD));
	else if (!announced(s, m, from))
		return;
	else if (greedy(s, m, &f))
		server_fault(s, m, FAULT_GREEDY);
	else if (f.type == FRAME_BYE)
		bye(&s->peers[m]);
	else if (f.run != s->run)
		server_offend(s, m, FAULT_WRONG_RUN);
	else if (s->finished)
		server_done(s, m);
	else
		dispatch(s, m, &f, message);
}

/* The frames of a message but its first, which is the route. More than one is against the protocol. */
static int take_frames(struct server *s, zmq_msg_t *message)
{
	int count = 0, more = 1;
	size_t size = sizeof more;
	for (; more; count++) {
		if (zmq_msg_recv(message, s->router, 0) < 0)
			return 0;
		uint64_t bytes = zmq_wire_bytes(s->endpoint->trust, zmq_msg_size(message));
		s->up += bytes;
		guard_seen(s, zmq_msg_get(message, ZMQ_SRCFD), bytes);
		if (zmq_getsockopt(s->router, ZMQ_RCVMORE, &more, &size))
			return 0;
	}
	return count;
}

/* False: there is none. */
static bool take_message(struct server *s)
{
	struct route from;
	zmq_msg_t message;
	int bytes = zmq_recv(s->router, from.at, ROUTE_SIZE, ZMQ_DONTWAIT);
	if (bytes < 0)
		return false;
	from.bytes = (size_t)bytes;
	zmq_msg_init(&message);
	int count = take_frames(s, &message);
	int m = who(s, &from, &message);
	bool heard = count > 0 && !shut_out(s, m, &message);
	if (heard && count == 1)
		handle(s, m, &from, &message);
	else if (heard)
		server_offend(s, worker_of(s, m), FAULT_MULTIPART);
	zmq_msg_close(&message);
	return true;
}

/* Its request is gone with the connection; a vote that has come counts. */
static void lose(struct server *s, int fd)
{
	if (s->shard)
		shard_lost(s, fd);
	for (int m = 0; m < s->workers; m++) {
		struct peer *p = &s->peers[m];
		if (p->fd != fd || !p->here)
			continue;
		p->here = p->awaited = false;
		p->fd = -1;
		if (!p->voted)
			p->want = WANT_NOTHING;
	}
}

void server_serve(struct server *s, int ms)
{
	int fd, count = 1;
	zmq_pollitem_t items[SHARDS_MOST + 1] = {{.socket = s->router, .events = ZMQ_POLLIN}};
	if (s->notices) /* the guard is on watch */
		items[count++] = (zmq_pollitem_t){.socket = s->notices, .events = ZMQ_POLLIN};
	count += links_poll(s, items + count);
	bool any = zmq_poll(items, count, ms) > 0;
	links_serve(s);
	if (!any)
		return;
	while (s->notices && zmq_recv(s->notices, &fd, sizeof fd, ZMQ_DONTWAIT) == sizeof fd)
		lose(s, fd);
	for (int i = 0; i < AT_ONCE && take_message(s); i++)
		continue;
}
