/*
 * Incoming messages: which worker sent them, whether they are valid, and which file handles them. The key
 * that a connection has proved identifies its worker. A HELLO on another connection with the same key
 * replaces the first connection.
 */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "transport/zmq/server_flood.h"
#include "transport/zmq/server.h"

enum {
	BATCH = 64,   /* messages handled before the caller can check the clock again */
	LATER_MS = 1, /* between looks at whether a reply that waits may be sent */
};

static const double CHECK_S = 0.5; /* between looks at all connections */

/* --- the sender of a message ---------------------------------------------------------------------------- */

static bool same_route(const struct route *a, const struct route *b)
{
	return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0;
}

static int sender(const struct server *s, const struct route *from, zmq_msg_t *message)
{
	if (s->endpoint->trust != ENDPOINT_OPEN) {
		const char *number = zmq_msg_gets(message, "User-Id");
		return number && number[0] ? (int)strtol(number, NULL, 10) : -1;
	}
	for (int m = 0; m < s->workers; m++)
		if (same_route(&s->peers[m].presence.route, from))
			return m;
	return -1;
}

/*
 * At a shard, the number `workers` stands for the main server. Where only workers may send, it counts as not
 * known.
 */
static int worker_only(const struct server *s, int m)
{
	return m < s->workers ? m : -1;
}

/*
 * Without keys, a worker gets the number that it asks for. A worker without a number gets the first number
 * that was never used, or else the first that is not in use. Numbers are not reused at once because a client
 * that has to read longer messages connects again.
 */
static int free_number(const struct server *s, const struct frame *f)
{
	if (f->worker < (uint32_t)s->workers)
		return (int)f->worker;
	int found = -1;
	for (int m = s->workers - 1; m >= 0; m--) {
		const struct presence *p = &s->peers[m].presence;
		if (!p->connected &&
		    (found < 0 || s->peers[found].presence.route.bytes > 0 || p->route.bytes == 0))
			found = m;
	}
	return found;
}

/* --- HELLO and BYE -------------------------------------------------------------------------------------- */

/* Tell a replaced process at once; otherwise it would send HELLO later and replace the new process. */
static void say_replaced(struct server *s, const struct route *to)
{
	server_sentence(s, to, FRAME_REFUSED, "another process has connected with the key of this worker");
}

/* Use this connection for the worker from now on. */
static void connect_worker(struct server *s, int m, const struct incoming *in)
{
	struct presence *p = &s->peers[m].presence;
	later_forget(s, m);
	if (!same_route(&p->route, &in->route))
		s->peers[m].outbox = (struct outbox){0};
	if (p->connected && !same_route(&p->route, &in->route)) {
		faults_count(&s->faults, m, FAULT_TAKEOVER);
		p->replaced = p->route;
		say_replaced(s, &p->replaced);
		if (p->fd != in->fd)
			flood_cut(s->flood, p->fd, m);
	}
	p->route = in->route;
	p->fd = in->fd;
	p->socket_id = flood_socket_id(in->fd);
	flood_owner(s->flood, in->fd, m);
	p->connected = true;
	p->leaving = false;
}

/* Its connection is lost: its open request is dropped, but a vote that was received still counts. */
static void lose_worker(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	p->presence.connected = p->presence.awaited = false;
	p->presence.fd = -1;
	later_forget(s, m);
	if (!p->vote.kept)
		p->request.open = false;
}

static void lose_if_closed(struct server *s, int m)
{
	const struct presence *p = &s->peers[m].presence;
	if (p->connected && p->fd >= 0 && (p->socket_id == 0 || flood_socket_id(p->fd) != p->socket_id))
		lose_worker(s, m);
}

static void hello(struct server *s, int m, const struct incoming *in)
{
	const struct frame *f = &in->frame;
	bool same_step = f->step == s->round.step;
	if (m < 0 && s->endpoint->trust == ENDPOINT_OPEN)
		m = free_number(s, f);
	if (m < 0) {
		server_sentence(s, &in->route, FRAME_REFUSED, "all workers of this run are there already");
		return;
	}
	if (f->bytes > FRAME_VERSION_TEXT) {
		server_offend(s, m, FAULT_WRONG_LENGTH);
		return;
	}
	if (f->run != 0 && f->run != s->run) {
		faults_count(&s->faults, m, FAULT_WRONG_RUN);
		server_sentence(s, &in->route, FRAME_REFUSED, "this server holds another run");
		return;
	}
	connect_worker(s, m, in);
	struct peer *p = &s->peers[m];
	p->vote.n_buckets = 0;
	p->delivery.begun = false;
	p->request.no_pull = false;
	p->request.open = p->vote.kept;
	if (same_step)
		round_await(s, m);
	if (s->ending.finished)
		server_done(s, m);
	else if (s->handshake == HANDSHAKE_DONE)
		server_welcome(s, m, same_step && s->role->main ? params_hash(s) : 0);
	lose_if_closed(s, m);
}

static void bye(struct server *s, int m)
{
	struct presence *p = &s->peers[m].presence;
	later_forget(s, m);
	p->connected = p->awaited = false;
	p->leaving = true;
}

/* --- other messages ------------------------------------------------------------------------------------- */

/*
 * Does it come from the connection that sent the last HELLO? A process that was replaced is told so. The last
 * messages of a connection, such as BYE, may be read when it is known to be lost: that is no fault.
 */
static bool announced(struct server *s, int m, const struct route *from)
{
	const struct presence *p = m < 0 ? NULL : &s->peers[m].presence;
	if (p && same_route(&p->route, from) && (p->connected || !p->leaving))
		return p->connected;
	faults_count(&s->faults, m, FAULT_UNANNOUNCED);
	if (p && same_route(&p->replaced, from) && budget_pay_message(s, m))
		say_replaced(s, from);
	return false;
}

static void dispatch(struct server *s, int m, struct incoming *in)
{
	const struct frame *f = &in->frame;
	if (f->type == FRAME_PUSH)
		round_push(s, m, f, &in->message);
	else if (f->type == FRAME_FETCH)
		round_fetch(s, m, f);
	else if (f->type == FRAME_SNAPSHOT && s->role->main)
		params_snapshot(s, m, f);
	else if (f->type == FRAME_STATE && s->role->main)
		params_state(s, m, f, message_body(&in->message));
	else
		server_offend(s, m, FAULT_GARBAGE);
}

static enum fault fault_of(enum frame_fault fault)
{
	return fault == FRAME_OTHER_VERSION  ? FAULT_VERSION
	       : fault == FRAME_WRONG_LENGTH ? FAULT_WRONG_LENGTH
	       : fault == FRAME_DAMAGED      ? FAULT_DAMAGED
	                                     : FAULT_GARBAGE;
}

/* Does the message come from a banned worker? If so, its connection is cut off. */
static bool is_banned(struct server *s, const struct incoming *in)
{
	int m = worker_only(s, in->from);
	if (m < 0 || !atomic_load(&s->faults.banned[m]))
		return false;
	faults_count(&s->faults, m, FAULT_BANNED);
	flood_cut(s->flood, in->fd, -1);
	return true;
}

/* Handle a message of one frame. */
static void handle(struct server *s, struct incoming *in)
{
	struct frame *f = &in->frame;
	enum frame_fault fault = frame_read(f, zmq_msg_data(&in->message), zmq_msg_size(&in->message));
	int m = worker_only(s, in->from);
	if (s->role->hear && fault == FRAME_SOUND && frame_to_shard(f->type))
		s->role->hear(s, in);
	else if (fault != FRAME_SOUND || !frame_from_worker(f->type))
		server_offend(s, m, fault_of(fault));
	else if (s->handshake == HANDSHAKE_NONE ||
	         (s->handshake == HANDSHAKE_HELLO && f->type != FRAME_HELLO))
		return;
	else if (!budget_pay(s, m, f))
		return;
	else if (f->type == FRAME_HELLO)
		hello(s, m, in);
	else if (!announced(s, m, &in->route))
		return;
	else if (f->type == FRAME_BYE)
		bye(s, m);
	else if (f->run != s->run)
		server_offend(s, m, FAULT_WRONG_RUN);
	else if (s->ending.finished)
		server_done(s, m);
	else
		dispatch(s, m, in);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

/* Read the frames after the route; returns how many. in->message gets the last. 0: the socket failed. */
static int receive_frames(struct server *s, struct incoming *in)
{
	int count = 0, more = 1;
	size_t size = sizeof more;
	for (; more; count++) {
		if (zmq_msg_recv(&in->message, s->router, 0) < 0)
			return 0;
		uint64_t bytes = zmq_wire_bytes(s->endpoint->trust, zmq_msg_size(&in->message));
		s->up += bytes;
		flood_seen(s->flood, zmq_msg_get(&in->message, ZMQ_SRCFD), bytes);
		if (zmq_getsockopt(s->router, ZMQ_RCVMORE, &more, &size))
			return 0;
	}
	return count;
}

/* False: there is no message. */
static bool receive(struct server *s)
{
	struct incoming in;
	int bytes = zmq_recv(s->router, in.route.at, ROUTE_SIZE, ZMQ_DONTWAIT);
	if (bytes < 0)
		return false;
	in.route.bytes = (size_t)bytes;
	zmq_msg_init(&in.message);
	int count = receive_frames(s, &in);
	in.from = sender(s, &in.route, &in.message);
	in.fd = zmq_msg_get(&in.message, ZMQ_SRCFD);
	bool heard = count > 0 && !is_banned(s, &in);
	if (heard && count == 1)
		handle(s, &in);
	else if (heard)
		server_offend(s, worker_only(s, in.from), FAULT_MULTIPART);
	zmq_msg_close(&in.message);
	return true;
}

/* Look after connections: now and then, and when one was lost. */
static void check_connections(struct server *s)
{
	double now = clock_s();
	bool due = now - s->connections_checked > CHECK_S;
	int fd;
	while (flood_lost(s->flood, &fd)) {
		due = true;
		if (s->role->lost)
			s->role->lost(s, fd);
	}
	if (!due)
		return;
	s->connections_checked = now;
	for (int m = 0; m < s->workers; m++)
		lose_if_closed(s, m);
}

static void send_later(struct server *s)
{
	struct frame f;
	for (int m = later_next(s, &f); m >= 0; m = later_next(s, &f)) {
		if (f.type == FRAME_SNAPSHOT)
			params_send(s, m, &f);
		else
			round_past(s, m, &f);
	}
}

static void take(struct server *s)
{
	for (int i = 0; i < BATCH && receive(s); i++)
		continue;
}

void server_serve(struct server *s, int ms)
{
	int count = 1;
	zmq_pollitem_t items[SHARDS_MOST + 1] = {{.socket = s->router, .events = ZMQ_POLLIN}};
	if (s->flood)
		items[count++] = (zmq_pollitem_t){.socket = flood_socket(s->flood), .events = ZMQ_POLLIN};
	if (s->role->poll)
		count += s->role->poll(s, items + count);
	bool any = zmq_poll(items, count, s->later.count > 0 && ms > LATER_MS ? LATER_MS : ms) > 0;
	if (s->role->serve)
		s->role->serve(s);
	check_connections(s);
	if (any)
		take(s);
	send_later(s);
}
