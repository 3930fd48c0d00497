/* A host's connections: joining, knowing again, giving up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "transport/zmq/client.h"

enum {
	POLL_MS = 100,
	RECONNECT_MS = 50, /* between attempts to connect; doubled up to */
	RECONNECT_MOST_MS = 1000,
	NUMBERS_MOST = 1 << 24, /* workers */
	SEAT_SOCKETS = 3,
	SOCKETS_SPARE = 64
};

/* After which a HELLO asks whether we are still known: so long, and no sooner than rounds take. */
static const double SILENCE_S = 3, SILENCE_ROUNDS = 3;

/* Word of what becomes of the socket's connection, which may be gone and there again between two looks. */
static void watch(struct zmq_client *h, struct connection *connection)
{
	char address[64];
	snprintf(address, sizeof address, "inproc://seat-%d", h->n_opened++);
	connection->monitor = zmq_socket(h->context, ZMQ_PAIR);
	if (!connection->monitor)
		die("no ZeroMQ socket to be had: %s", zmq_strerror(errno));
	zmq_socket_set(connection->monitor, ZMQ_RCVHWM, 0); /* ZeroMQ's own thread must never wait for us */
	if (zmq_socket_monitor(connection->socket, address,
	                       ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) ||
	    zmq_connect(connection->monitor, address))
		die("ZeroMQ does not let a connection be watched: %s", zmq_strerror(errno));
}

static void connection_close(struct connection *connection)
{
	if (!connection->socket)
		return;
	zmq_socket_monitor(connection->socket, NULL, 0);
	zmq_close(connection->monitor);
	zmq_close(connection->socket);
}

void connection_open(struct zmq_client *h, struct connection *connection)
{
	connection->socket = zmq_socket_open(h->context, ZMQ_DEALER, connection->address);
	/* The library hears of what was taken from a queue only when half of it was. */
	zmq_socket_set(connection->socket, ZMQ_SNDHWM, 2 * (HIGH_WATER + BUCKETS_MOST));
	/* Nothing is queued for a connection that is not there, so a socket that can be written to is one
	 * that the server has let in. */
	zmq_socket_set(connection->socket, ZMQ_IMMEDIATE, 1);
	zmq_socket_set(connection->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
	zmq_socket_set(connection->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
	zmq_socket_limit(connection->socket, h->endpoint->trust, h->most_bytes);
	zmq_socket_secure(connection->socket, h->endpoint, connection->key);
	watch(h, connection);
	connection->connected = connection->welcomed = false;
}

int client_connections(const struct zmq_client *h)
{
	return h->branches ? h->count * h->n_parts : h->count;
}

struct connection *client_connection(const struct zmq_client *h, int i)
{
	return i < h->count ? &h->connections[i] : &h->branches[i - h->count];
}

int connection_connect(const struct connection *connection, struct err *e)
{
	if (zmq_connect(connection->socket, connection->address))
		return err_user(e, "cannot connect to %s: %s", connection->address, zmq_strerror(errno));
	return 0;
}

int client_limit(struct zmq_client *h, size_t body_bytes, struct err *e)
{
	size_t most = FRAME_HEADER_BYTES + body_bytes;
	if (most <= h->most_bytes)
		return 0;
	client_bye(h);
	h->most_bytes = most;
	for (int i = 0; i < h->count; i++) {
		connection_close(&h->connections[i]);
		connection_open(h, &h->connections[i]);
		if (connection_connect(&h->connections[i], e))
			return -1;
	}
	return 0;
}

bool connection_send(struct connection *connection, zmq_msg_t *m)
{
	size_t bytes = zmq_msg_size(m);
	bool sent = message_send(m, connection->socket);
	if (sent)
		connection->client->up += zmq_wire_bytes(connection->client->endpoint->trust, bytes);
	return sent;
}

void connection_say(struct connection *connection, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, connection->client->run, body, bytes);
	connection_send(connection, &m);
}

static void say_hello(struct connection *connection)
{
	const struct zmq_client *h = connection->client;
	const char *version = version_text();
	size_t bytes = strlen(version);
	struct frame f = {.type = FRAME_HELLO,
	                  .step = h->step,
	                  .born = -1,
	                  .worker = connection->id < 0 ? UINT32_MAX : (uint32_t)connection->id};
	connection_say(connection, &f, version, bytes < FRAME_VERSION_TEXT ? bytes : FRAME_VERSION_TEXT);
	connection->said = clock_s();
}

void client_bye(struct zmq_client *h)
{
	for (int i = 0; i < client_connections(h); i++) {
		struct frame f = {.type = FRAME_BYE};
		if (client_connection(h, i)->welcomed)
			connection_say(client_connection(h, i), &f, NULL, 0);
	}
}

/* The run's settings, in the first WELCOME; later ones must be of the same run. False: they do not fit. */
static bool take_settings(struct zmq_client *h, const struct frame *f, const unsigned char *body)
{
	if (h->settings)
		return f->run == h->run;
	size_t bytes = strnlen((const char *)body, f->bytes);
	if (bytes == 0 || bytes > SETTINGS_SIZE || !branches_read(h, body + bytes, f->bytes - bytes))
		return false;
	h->settings = mem_alloc(bytes + 1);
	memcpy(h->settings, body, bytes);
	h->run = zmq_run_number(h->settings);
	h->life = f->born;
	h->buckets = f->pieces <= BUCKETS_MOST ? f->pieces : 0;
	return f->run == h->run;
}

static void take_welcome(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	if (!take_settings(h, f, body) || f->worker >= NUMBERS_MOST ||
	    (connection->id >= 0 && connection->id != (int)f->worker)) {
		snprintf(h->refusal, sizeof h->refusal,
		         "it holds another run than before, or says what cannot be");
		return;
	}
	connection->id = (int)f->worker;
	connection->welcomed = true;
	h->given |= f->flags & FRAME_GIVEN;
	if (h->phase == PHASE_VOTING)
		voting_resume(connection, f);
	else if (h->phase == PHASE_TAKING)
		taking_resume(connection);
	else if (h->phase == PHASE_SAVING)
		saving_resume(connection);
}

void client_refused(struct zmq_client *h, const struct frame *f, const unsigned char *body)
{
	char text[FRAME_SENTENCE + 1];
	size_t bytes = f->bytes < FRAME_SENTENCE ? f->bytes : FRAME_SENTENCE;
	memcpy(text, body, bytes);
	text[bytes] = 0;
	text_shown(text, h->refusal, sizeof h->refusal);
}

static void take(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	if (connection->part > 0)
		branch_take(connection, f, body);
	else if (f->type == FRAME_WELCOME)
		take_welcome(connection, f, body);
	else if (f->type == FRAME_REFUSED)
		client_refused(h, f, body);
	else if (h->settings && f->run != h->run)
		return;
	else if (f->type == FRAME_DONE)
		h->over = true;
	else if (h->phase == PHASE_VOTING)
		voting_take(connection, f, body);
	else if (h->phase == PHASE_TAKING)
		taking_take(connection, f, body);
	else if (h->phase == PHASE_SAVING)
		saving_take(connection, f);
}

/* What does not follow the protocol is dropped; the HELLO after silence mends what comes of it. */
static bool take_message(struct connection *connection)
{
	struct zmq_client *h = connection->client;
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, connection->socket, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&m);
		return false;
	}
	connection->heard = clock_s();
	h->down += zmq_wire_bytes(h->endpoint->trust, zmq_msg_size(&m));
	const unsigned char *at = zmq_msg_data(&m);
	if (frame_read(&f, at, zmq_msg_size(&m)) == FRAME_SOUND && !frame_from_worker(f.type))
		take(connection, &f, at + FRAME_HEADER_BYTES);
	zmq_msg_close(&m);
	return true;
}

static double silence_s(const struct zmq_client *h)
{
	double rounds = SILENCE_ROUNDS * h->usual_s;
	return rounds > SILENCE_S ? rounds : SILENCE_S;
}

static void take_events(struct connection *connection)
{
	unsigned char event[6]; /* u16 what, u32 value; then a frame with an address */
	uint16_t what;
	while (zmq_recv(connection->monitor, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
		zmq_recv(connection->monitor, NULL, 0, 0);
		memcpy(&what, event, sizeof what);
		connection->connected = connection->welcomed = false;
		if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			snprintf(connection->client->refusal, sizeof connection->client->refusal,
			         "it does not let in the key of %s, which it does not know or has shut out",
			         connection->key->name);
	}
}

static void look_at(struct connection *connection, double now)
{
	double silence = silence_s(connection->client);
	int events = 0;
	size_t size = sizeof events;
	take_events(connection);
	bool was = connection->connected;
	zmq_getsockopt(connection->socket, ZMQ_EVENTS, &events, &size);
	connection->connected = events & ZMQ_POLLOUT;
	if (!connection->connected) {
		connection->welcomed = false;
		return;
	}
	if (connection->part == 0)
		connection->client->reached = now;
	if (!was || (now - connection->heard > silence && now - connection->said > silence))
		say_hello(connection);
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
		while (take_message(client_connection(h, i)))
			continue;
	double now = clock_s();
	if (now - h->looked > POLL_MS * 1e-3 || h->looked == 0) {
		h->looked = now;
		for (int i = 0; i < count; i++)
			look_at(client_connection(h, i), now);
	}
	return h->refusal[0] || now - h->reached > h->endpoint->patience_s ? give_up(h, e) : 0;
}

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
	*h = (struct zmq_client){
	        .endpoint = endpoint, .count = endpoint->count, .n_parts = 1, .step = FRAME_NOWHERE};
	h->connections = mem_array(count, sizeof *h->connections);
	h->items = mem_array(count * SHARDS_MOST, sizeof *h->items);
	h->ids = mem_array(count, sizeof *h->ids);
	h->most_bytes = FRAME_HEADER_BYTES + PARAMS_PIECE;
	h->reached = clock_s();
	h->context = zmq_ctx_new();
	if (!h->context)
		die("ZeroMQ does not start: %s", zmq_strerror(errno));
	/* A connection is a socket and the two ends that watch it; the library's own limit is 1023 in all. */
	zmq_ctx_set(h->context, ZMQ_MAX_SOCKETS, SOCKETS_SPARE + SEAT_SOCKETS * h->count);
	return h;
}

struct zmq_client *zmq_client_join(const struct endpoint *endpoint, struct err *e)
{
	struct zmq_client *h = new_client(endpoint);
	int rc = 0;
	for (int i = 0; i < h->count && rc == 0; i++) {
		h->connections[i].client = h;
		h->connections[i].address = endpoint->address;
		h->connections[i].key = endpoint->keys ? endpoint->keys[i] : NULL;
		h->connections[i].id = -1;
		connection_open(h, &h->connections[i]);
		rc = connection_connect(&h->connections[i], e);
	}
	while (rc == 0 && !all_welcomed(h) && !h->over) {
		rc = client_pump(h, e);
		if (rc == 0 && endpoint->stop && *endpoint->stop)
			rc = err_world(e, "interrupted before the server %s said anything",
			               endpoint->address);
	}
	if (rc == 0 && h->over)
		rc = err_world(e, "server %s: the run is over", endpoint->address);
	if (rc) {
		zmq_client_close(h);
		return NULL;
	}
	sort_connections(h);
	h->phase = PHASE_IDLE;
	return h;
}

const char *zmq_client_settings(const struct zmq_client *h)
{
	return h->settings;
}

void zmq_client_close(struct zmq_client *h)
{
	if (!h->over && !h->refusal[0])
		client_bye(h);
	for (int i = 0; i < client_connections(h); i++)
		connection_close(client_connection(h, i));
	zmq_ctx_term(h->context);
	for (int i = 0; i < client_connections(h); i++)
		mem_free(client_connection(h, i)->box);
	mem_free(h->branches);
	mem_free(h->addresses);
	mem_free(h->connections);
	mem_free(h->items);
	mem_free(h->ids);
	mem_free(h->settings);
	mem_free(h);
}
