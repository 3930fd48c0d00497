/* A client's connections: join a run, say HELLO again after a loss, give up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "transport/zmq/client.h"

enum {
	POLL_MS = 100,
	RECONNECT_MS = 50, /* between attempts to connect; doubled each time, up to RECONNECT_MOST_MS */
	RECONNECT_MOST_MS = 1000,
	WORKERS_MOST = 1 << 24,
	SOCKETS_EACH = 3, /* sockets of a connection: its own, and the two ends of its monitor */
	SOCKETS_SPARE = 64
};

/* Each socket has a descriptor by which it is woken, and each connection its own. */
int client_allow_files(int connections, struct err *e)
{
	return machine_descriptors(SOCKETS_SPARE + (SOCKETS_EACH + 1) * (uint64_t)connections, e);
}

/*
 * After a silence of SILENCE_S, but at least SILENCE_ROUNDS usual rounds, a HELLO asks the server whether it
 * still knows the worker.
 */
static const double SILENCE_S = 3, SILENCE_ROUNDS = 3;

/*
 * A connection that is lost again and again, without anything but WELCOME in between, says HELLO at longer
 * and longer intervals: it must not cost the server more than server_budget.h allows, whoever cuts it.
 */
static const double HELLO_LEAST_S = 0.1, HELLO_MOST_S = 2;

/* --- a connection --------------------------------------------------------------------------------------- */

/* Let ZeroMQ report each loss of the connection: it may be lost and made again between two checks. */
static void watch(struct connection *c)
{
	struct zmq_client *h = c->client;
	char address[64];
	snprintf(address, sizeof address, "inproc://connection-%d", h->n_opened++);
	c->monitor = zmq_socket(h->context, ZMQ_PAIR);
	if (!c->monitor)
		die("no ZeroMQ socket to be had: %s", zmq_strerror(errno));
	zmq_socket_set(c->monitor, ZMQ_RCVHWM, 0); /* ZeroMQ's own thread must never wait for us */
	if (zmq_socket_monitor(c->socket, address,
	                       ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) ||
	    zmq_connect(c->monitor, address))
		die("ZeroMQ does not let a connection be watched: %s", zmq_strerror(errno));
}

int connection_open(struct connection *c, struct err *e)
{
	struct zmq_client *h = c->client;
	c->socket = zmq_socket_open(h->context, ZMQ_DEALER, c->address);
	/*
	 * The limit is twice the number of messages that may be queued, because ZeroMQ notices that messages
	 * were taken from a queue only when half of the queue was taken.
	 */
	zmq_socket_set(c->socket, ZMQ_SNDHWM, 2 * (SEND_QUEUE + BUCKETS_MOST));
	/* Queue nothing before the connection exists. So a writable socket means that the server let us in.
	 */
	zmq_socket_set(c->socket, ZMQ_IMMEDIATE, 1);
	zmq_socket_set(c->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
	zmq_socket_set(c->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
	zmq_socket_limit(c->socket, h->endpoint->trust, h->most_body);
	zmq_socket_secure(c->socket, h->endpoint, c->key);
	watch(c);
	c->connected = c->welcomed = false;
	if (zmq_connect(c->socket, c->address))
		return err_user(e, "cannot connect to %s: %s", c->address, zmq_strerror(errno));
	return 0;
}

static void connection_close(struct connection *c)
{
	if (!c->socket)
		return;
	zmq_socket_monitor(c->socket, NULL, 0);
	zmq_close(c->monitor);
	zmq_close(c->socket);
}

int client_connections(const struct zmq_client *h)
{
	return h->to_shards ? h->count * h->run.n_shards : h->count;
}

struct connection *client_connection(const struct zmq_client *h, int i)
{
	return i < h->count ? &h->connections[i] : &h->to_shards[i - h->count];
}

static void say_hello(struct connection *c)
{
	const char *version = version_text();
	size_t bytes = strlen(version);
	struct frame f = {.type = FRAME_HELLO,
	                  .step = c->client->step,
	                  .born = -1,
	                  .worker = c->id < 0 ? UINT32_MAX : (uint32_t)c->id};
	connection_say(c, &f, version, bytes < FRAME_VERSION_TEXT ? bytes : FRAME_VERSION_TEXT);
	c->hello_at = clock_s();
	c->hello_due = false;
	double wait = 2 * c->hello_wait_s;
	c->hello_wait_s = wait < HELLO_LEAST_S ? HELLO_LEAST_S : wait < HELLO_MOST_S ? wait : HELLO_MOST_S;
}

static void say_bye(const struct zmq_client *h)
{
	for (int i = 0; i < client_connections(h); i++) {
		struct frame f = {.type = FRAME_BYE};
		if (client_connection(h, i)->welcomed)
			connection_say(client_connection(h, i), &f, NULL, 0);
	}
}

int client_limit(struct zmq_client *h, size_t body_bytes, struct err *e)
{
	if (body_bytes <= h->most_body)
		return 0;
	say_bye(h);
	h->most_body = body_bytes;
	for (int i = 0; i < h->count; i++) {
		connection_close(&h->connections[i]);
		if (connection_open(&h->connections[i], e))
			return -1;
	}
	return 0;
}

/* --- WELCOME -------------------------------------------------------------------------------------------- */

/*
 * The scheme of a shard's address must be that of the server's address. Otherwise a server could make us
 * connect to, for example, a local socket of this machine.
 */
static bool same_scheme(const char *a, const char *b)
{
	const char *end = strstr(a, "://");
	return end && strncmp(a, b, (size_t)(end + 3 - a)) == 0;
}

/* Read the addresses of the shards, each after a zero byte. False: they are invalid. */
static bool read_addresses(struct zmq_client *h, const unsigned char *at, size_t bytes)
{
	struct client_run *r = &h->run;
	int count = 0;
	r->addresses = mem_array(SHARDS_MOST - 1, sizeof *r->addresses);
	while (bytes > 0) {
		size_t length = strnlen((const char *)at + 1, bytes - 1);
		if (*at || length == 0 || length >= ADDRESS_SIZE || count == SHARDS_MOST - 1)
			return false;
		memcpy(r->addresses[count], at + 1, length);
		if (!same_scheme(h->endpoint->address, r->addresses[count++]))
			return false;
		at += length + 1;
		bytes -= length + 1;
	}
	r->n_shards = count + 1;
	return true;
}

/*
 * The first WELCOME describes the run; later ones must be of the same run. False: this one is not, or is
 * invalid.
 */
static bool take_run(struct zmq_client *h, const struct frame *f, const unsigned char *body)
{
	struct client_run *r = &h->run;
	if (r->settings)
		return f->run == r->number;
	size_t bytes = strnlen((const char *)body, f->bytes);
	if (bytes == 0 || bytes > SETTINGS_SIZE || !read_addresses(h, body + bytes, f->bytes - bytes))
		return false;
	r->settings = mem_alloc(bytes + 1);
	memcpy(r->settings, body, bytes);
	r->number = zmq_run_number(r->settings);
	r->instance = f->born;
	r->buckets = f->count <= BUCKETS_MOST ? f->count : 0;
	return f->run == r->number;
}

static void take_welcome(struct connection *c, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = c->client;
	if (!take_run(h, f, body) || f->worker >= WORKERS_MOST || (c->id >= 0 && c->id != (int)f->worker)) {
		snprintf(h->refusal, sizeof h->refusal,
		         "it holds another run than before, or says what cannot be");
		return;
	}
	c->id = (int)f->worker;
	c->welcomed = true;
	h->run.given |= f->flags & FRAME_GIVEN;
	if (h->phase)
		h->phase->resume(c, f);
}

/* --- messages and checks -------------------------------------------------------------------------------- */

static void take(struct connection *c, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = c->client;
	if (f->type != FRAME_WELCOME)
		c->hello_wait_s = 0;
	bool other_run = h->run.settings && f->run != h->run.number;
	if (f->type == FRAME_REFUSED && !(c->take && other_run))
		message_sentence(f, body, h->refusal, sizeof h->refusal);
	else if (f->type == FRAME_WELCOME && !c->take)
		take_welcome(c, f, body);
	else if (other_run)
		return;
	else if (c->take)
		c->take(c, f, body);
	else if (f->type == FRAME_DONE)
		h->over = true;
	else if (h->phase)
		h->phase->take(c, f, body);
}

/* An invalid message is dropped. If it was needed, the HELLO after a silence leads to a new request. */
static bool receive(struct connection *c)
{
	struct zmq_client *h = c->client;
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, c->socket, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&m);
		return false;
	}
	c->heard_at = clock_s();
	h->down += zmq_wire_bytes(h->endpoint->trust, zmq_msg_size(&m));
	if (frame_read(&f, zmq_msg_data(&m), zmq_msg_size(&m)) == FRAME_SOUND && !frame_from_worker(f.type))
		take(c, &f, message_body(&m));
	zmq_msg_close(&m);
	return true;
}

static double silence_s(const struct zmq_client *h)
{
	double rounds = SILENCE_ROUNDS * h->usual_answer_s;
	return rounds > SILENCE_S ? rounds : SILENCE_S;
}

static void take_events(struct connection *c)
{
	struct zmq_client *h = c->client;
	int kind, fd;
	while (zmq_monitor_next(c->monitor, &kind, &fd)) {
		c->connected = c->welcomed = false;
		if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			snprintf(h->refusal, sizeof h->refusal,
			         "it does not let in the key of %s, which it does not know or has shut out",
			         c->key->name);
	}
}

static void check_connection(struct connection *c, double now)
{
	double silence = silence_s(c->client);
	int events = 0;
	size_t size = sizeof events;
	take_events(c);
	bool was = c->connected;
	zmq_getsockopt(c->socket, ZMQ_EVENTS, &events, &size);
	c->connected = events & ZMQ_POLLOUT;
	if (!c->connected) {
		c->welcomed = false;
		return;
	}
	if (c->shard == 0)
		c->client->connected_at = now;
	c->hello_due |= !was;
	bool silent = now - c->heard_at > silence && now - c->hello_at > silence;
	if (silent || (c->hello_due && now - c->hello_at >= c->hello_wait_s))
		say_hello(c);
}

static int give_up(const struct zmq_client *h, struct err *e)
{
	char shown[256];
	text_shown(h->endpoint->address, shown, sizeof shown);
	if (h->refusal[0])
		return err_user(e, "server %s: %s", shown, h->refusal);
	return err_world(e, "server %s: no connection for %g s", shown, h->endpoint->patience_s);
}

int client_pump(struct zmq_client *h, struct err *e)
{
	int count = client_connections(h);
	for (int i = 0; i < count; i++)
		h->items[i] =
		        (zmq_pollitem_t){.socket = client_connection(h, i)->socket, .events = ZMQ_POLLIN};
	bool any = zmq_poll(h->items, count, POLL_MS) > 0;
	for (int i = 0; any && i < count; i++)
		while (receive(client_connection(h, i)))
			continue;
	double now = clock_s();
	if (now - h->checked_at > POLL_MS * 1e-3 || h->checked_at == 0) {
		h->checked_at = now;
		for (int i = 0; i < count; i++)
			check_connection(client_connection(h, i), now);
	}
	return h->refusal[0] || now - h->connected_at > h->endpoint->patience_s ? give_up(h, e) : 0;
}

/* --- joining and closing -------------------------------------------------------------------------------- */

static bool all_welcomed(const struct zmq_client *h)
{
	for (int i = 0; i < h->count; i++)
		if (!h->connections[i].welcomed)
			return false;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct connection *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static void sort_connections(struct zmq_client *h)
{
	qsort(h->connections, (size_t)h->count, sizeof *h->connections, by_id);
	for (int i = 0; i < h->count; i++)
		h->ids[i] = h->connections[i].id;
}

static struct zmq_client *new_client(const struct endpoint *endpoint)
{
	struct zmq_client *h = mem_alloc(sizeof *h);
	size_t count = (size_t)endpoint->count;
	*h = (struct zmq_client){.endpoint = endpoint,
	                         .count = endpoint->count,
	                         .run = {.n_shards = 1},
	                         .step = FRAME_NOWHERE,
	                         .most_body = STATE_CHUNK,
	                         .connected_at = clock_s()};
	h->connections = mem_array(count, sizeof *h->connections);
	h->items = mem_array(count * SHARDS_MOST, sizeof *h->items);
	h->ids = mem_array(count, sizeof *h->ids);
	h->context = zmq_ctx_new();
	if (!h->context)
		die("ZeroMQ does not start: %s", zmq_strerror(errno));
	/* The default is usually 1023. How many shards there will be is not known yet. */
	zmq_ctx_set(h->context, ZMQ_MAX_SOCKETS, SOCKETS_SPARE + SOCKETS_EACH * SHARDS_MOST * h->count);
	return h;
}

static int wait_for_welcomes(struct zmq_client *h, struct err *e)
{
	const struct endpoint *endpoint = h->endpoint;
	while (!all_welcomed(h) && !h->over) {
		if (client_pump(h, e))
			return -1;
		if (endpoint->stop && *endpoint->stop)
			return err_world(e, "interrupted before the server %s said anything",
			                 endpoint->address);
	}
	return h->over ? err_world(e, "server %s: the run is over", endpoint->address) : 0;
}

struct zmq_client *zmq_client_join(const struct endpoint *endpoint, struct err *e)
{
	if (client_allow_files(endpoint->count, e))
		return NULL;
	struct zmq_client *h = new_client(endpoint);
	int rc = 0;
	for (int i = 0; i < h->count && rc == 0; i++) {
		h->connections[i] = (struct connection){.client = h,
		                                        .address = endpoint->address,
		                                        .key = endpoint->keys ? endpoint->keys[i] : NULL,
		                                        .id = -1};
		rc = connection_open(&h->connections[i], e);
	}
	if (rc || wait_for_welcomes(h, e)) {
		zmq_client_close(h);
		return NULL;
	}
	sort_connections(h);
	return h;
}

const char *zmq_client_settings(const struct zmq_client *h)
{
	return h->run.settings;
}

void zmq_client_close(struct zmq_client *h)
{
	if (!h->over && !h->refusal[0])
		say_bye(h);
	for (int i = 0; i < client_connections(h); i++)
		connection_close(client_connection(h, i));
	zmq_ctx_term(h->context);
	for (int i = 0; i < client_connections(h); i++) {
		mem_free(client_connection(h, i)->copies[0].message);
		mem_free(client_connection(h, i)->copies[1].message);
		mem_free(client_connection(h, i)->buffer);
	}
	mem_free(h->to_shards);
	mem_free(h->run.addresses);
	mem_free(h->connections);
	mem_free(h->items);
	mem_free(h->ids);
	mem_free(h->run.settings);
	mem_free(h);
}
