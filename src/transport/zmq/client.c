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
	LOOK_MS = 100,
	RECONNECT_MS = 50, /* between attempts to connect; doubled up to */
	RECONNECT_MOST_MS = 1000,
	NUMBERS_MOST = 1 << 24, /* workers */
	SEAT_SOCKETS = 3,
	SOCKETS_SPARE = 64
};

/* After which a HELLO asks whether we are still known: so long, and no sooner than rounds take. */
static const double SILENCE_S = 3, SILENCE_ROUNDS = 3;

/* Word of what becomes of the socket's connection, which may be gone and there again between two looks. */
static void watch(struct zmq_host *h, struct seat *seat)
{
	char address[64];
	snprintf(address, sizeof address, "inproc://seat-%d", h->n_opened++);
	seat->monitor = zmq_socket(h->context, ZMQ_PAIR);
	if (!seat->monitor)
		die("no ZeroMQ socket to be had: %s", zmq_strerror(errno));
	zmq_socket_set(seat->monitor, ZMQ_RCVHWM, 0); /* ZeroMQ's own thread must never wait for us */
	if (zmq_socket_monitor(seat->socket, address,
	                       ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) ||
	    zmq_connect(seat->monitor, address))
		die("ZeroMQ does not let a connection be watched: %s", zmq_strerror(errno));
}

static void seat_close(struct seat *seat)
{
	if (!seat->socket)
		return;
	zmq_socket_monitor(seat->socket, NULL, 0);
	zmq_close(seat->monitor);
	zmq_close(seat->socket);
}

void seat_open(struct zmq_host *h, struct seat *seat)
{
	seat->socket = zmq_socket_open(h->context, ZMQ_DEALER, seat->address);
	/* The library hears of what was taken from a queue only when half of it was. */
	zmq_socket_set(seat->socket, ZMQ_SNDHWM, 2 * (HIGH_WATER + BUCKETS_MOST));
	/* Nothing is queued for a connection that is not there, so a socket that can be written to is one
	 * that the server has let in. */
	zmq_socket_set(seat->socket, ZMQ_IMMEDIATE, 1);
	zmq_socket_set(seat->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
	zmq_socket_set(seat->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
	zmq_socket_limit(seat->socket, h->site->trust, h->most_bytes);
	zmq_socket_secure(seat->socket, h->site, seat->key);
	watch(h, seat);
	seat->connected = seat->welcomed = false;
}

int host_seats(const struct zmq_host *h)
{
	return h->branches ? h->count * h->n_parts : h->count;
}

struct seat *host_seat(const struct zmq_host *h, int i)
{
	return i < h->count ? &h->seats[i] : &h->branches[i - h->count];
}

int seat_connect(const struct seat *seat, struct err *e)
{
	if (zmq_connect(seat->socket, seat->address))
		return err_user(e, "cannot connect to %s: %s", seat->address, zmq_strerror(errno));
	return 0;
}

int host_limit(struct zmq_host *h, size_t body_bytes, struct err *e)
{
	size_t most = FRAME_HEADER_BYTES + body_bytes;
	if (most <= h->most_bytes)
		return 0;
	host_bye(h);
	h->most_bytes = most;
	for (int i = 0; i < h->count; i++) {
		seat_close(&h->seats[i]);
		seat_open(h, &h->seats[i]);
		if (seat_connect(&h->seats[i], e))
			return -1;
	}
	return 0;
}

bool seat_send(struct seat *seat, zmq_msg_t *m)
{
	size_t bytes = zmq_msg_size(m);
	bool sent = message_send(m, seat->socket);
	if (sent)
		seat->host->up += zmq_wire_bytes(seat->host->site->trust, bytes);
	return sent;
}

void seat_say(struct seat *seat, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, seat->host->run, body, bytes);
	seat_send(seat, &m);
}

static void say_hello(struct seat *seat)
{
	const struct zmq_host *h = seat->host;
	const char *version = version_text();
	size_t bytes = strlen(version);
	struct frame f = {.type = FRAME_HELLO,
	                  .step = h->step,
	                  .since = -1,
	                  .worker = seat->id < 0 ? UINT32_MAX : (uint32_t)seat->id};
	seat_say(seat, &f, version, bytes < FRAME_VERSION_TEXT ? bytes : FRAME_VERSION_TEXT);
	seat->said = clock_s();
}

void host_bye(struct zmq_host *h)
{
	for (int i = 0; i < host_seats(h); i++) {
		struct frame f = {.type = FRAME_BYE};
		if (host_seat(h, i)->welcomed)
			seat_say(host_seat(h, i), &f, NULL, 0);
	}
}

/* The run's settings, in the first WELCOME; later ones must be of the same run. False: they do not fit. */
static bool take_settings(struct zmq_host *h, const struct frame *f, const unsigned char *body)
{
	if (h->settings)
		return f->run == h->run;
	size_t bytes = strnlen((const char *)body, f->bytes);
	if (bytes == 0 || bytes > SETTINGS_ROOM || !branches_read(h, body + bytes, f->bytes - bytes))
		return false;
	h->settings = mem_alloc(bytes + 1);
	memcpy(h->settings, body, bytes);
	h->run = zmq_run_number(h->settings);
	h->life = f->since;
	h->buckets = f->pieces <= BUCKETS_MOST ? f->pieces : 0;
	return f->run == h->run;
}

static void take_welcome(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	if (!take_settings(h, f, body) || f->worker >= NUMBERS_MOST ||
	    (seat->id >= 0 && seat->id != (int)f->worker)) {
		snprintf(h->refusal, sizeof h->refusal,
		         "it holds another run than before, or says what cannot be");
		return;
	}
	seat->id = (int)f->worker;
	seat->welcomed = true;
	h->given |= f->flags & FRAME_GIVEN;
	if (h->phase == PHASE_VOTING)
		voting_resume(seat, f);
	else if (h->phase == PHASE_TAKING)
		taking_resume(seat);
	else if (h->phase == PHASE_SAVING)
		saving_resume(seat);
}

void host_refused(struct zmq_host *h, const struct frame *f, const unsigned char *body)
{
	char text[FRAME_SENTENCE + 1];
	size_t bytes = f->bytes < FRAME_SENTENCE ? f->bytes : FRAME_SENTENCE;
	memcpy(text, body, bytes);
	text[bytes] = 0;
	text_shown(text, h->refusal, sizeof h->refusal);
}

static void take(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	if (seat->part > 0)
		branch_take(seat, f, body);
	else if (f->type == FRAME_WELCOME)
		take_welcome(seat, f, body);
	else if (f->type == FRAME_REFUSED)
		host_refused(h, f, body);
	else if (h->settings && f->run != h->run)
		return;
	else if (f->type == FRAME_DONE)
		h->over = true;
	else if (h->phase == PHASE_VOTING)
		voting_take(seat, f, body);
	else if (h->phase == PHASE_TAKING)
		taking_take(seat, f, body);
	else if (h->phase == PHASE_SAVING)
		saving_take(seat, f);
}

/* What does not follow the protocol is dropped; the HELLO after silence mends what comes of it. */
static bool take_message(struct seat *seat)
{
	struct zmq_host *h = seat->host;
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, seat->socket, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&m);
		return false;
	}
	seat->heard = clock_s();
	h->down += zmq_wire_bytes(h->site->trust, zmq_msg_size(&m));
	const unsigned char *at = zmq_msg_data(&m);
	if (frame_read(&f, at, zmq_msg_size(&m)) == FRAME_SOUND && !frame_from_worker(f.type))
		take(seat, &f, at + FRAME_HEADER_BYTES);
	zmq_msg_close(&m);
	return true;
}

static double silence_s(const struct zmq_host *h)
{
	double rounds = SILENCE_ROUNDS * h->usual_s;
	return rounds > SILENCE_S ? rounds : SILENCE_S;
}

static void take_events(struct seat *seat)
{
	unsigned char event[6]; /* u16 what, u32 value; then a frame with an address */
	uint16_t what;
	while (zmq_recv(seat->monitor, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
		zmq_recv(seat->monitor, NULL, 0, 0);
		memcpy(&what, event, sizeof what);
		seat->connected = seat->welcomed = false;
		if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			snprintf(seat->host->refusal, sizeof seat->host->refusal,
			         "it does not let in the key of %s, which it does not know or has shut out",
			         seat->key->name);
	}
}

static void look_at(struct seat *seat, double now)
{
	double silence = silence_s(seat->host);
	int events = 0;
	size_t room = sizeof events;
	take_events(seat);
	bool was = seat->connected;
	zmq_getsockopt(seat->socket, ZMQ_EVENTS, &events, &room);
	seat->connected = events & ZMQ_POLLOUT;
	if (!seat->connected) {
		seat->welcomed = false;
		return;
	}
	if (seat->part == 0)
		seat->host->reached = now;
	if (!was || (now - seat->heard > silence && now - seat->said > silence))
		say_hello(seat);
}

static int give_up(const struct zmq_host *h, struct err *e)
{
	char shown[256];
	text_shown(h->site->address, shown, sizeof shown);
	if (h->refusal[0])
		return err_user(e, "server %s: %s", shown, h->refusal);
	return err_world(e, "server %s: no connection for %g s", shown, h->site->patience_s);
}

int host_pump(struct zmq_host *h, struct err *e)
{
	int count = host_seats(h);
	for (int i = 0; i < count; i++)
		h->items[i] = (zmq_pollitem_t){.socket = host_seat(h, i)->socket, .events = ZMQ_POLLIN};
	bool any = zmq_poll(h->items, count, LOOK_MS) > 0;
	for (int i = 0; any && i < count; i++)
		while (take_message(host_seat(h, i)))
			continue;
	double now = clock_s();
	if (now - h->looked > LOOK_MS * 1e-3 || h->looked == 0) {
		h->looked = now;
		for (int i = 0; i < count; i++)
			look_at(host_seat(h, i), now);
	}
	return h->refusal[0] || now - h->reached > h->site->patience_s ? give_up(h, e) : 0;
}

static bool all_welcomed(const struct zmq_host *h)
{
	for (int i = 0; i < h->count; i++)
		if (!h->seats[i].welcomed)
			return false;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static void sort_seats(struct zmq_host *h)
{
	qsort(h->seats, (size_t)h->count, sizeof *h->seats, by_id);
	for (int i = 0; i < h->count; i++)
		h->ids[i] = h->seats[i].id;
}

static struct zmq_host *new_host(const struct site *site)
{
	struct zmq_host *h = mem_alloc(sizeof *h);
	size_t count = (size_t)site->count;
	*h = (struct zmq_host){.site = site, .count = site->count, .n_parts = 1, .step = FRAME_NOWHERE};
	h->seats = mem_array(count, sizeof *h->seats);
	h->items = mem_array(count * SHARDS_MOST, sizeof *h->items);
	h->ids = mem_array(count, sizeof *h->ids);
	h->most_bytes = FRAME_HEADER_BYTES + PARAMS_PIECE;
	h->reached = clock_s();
	h->context = zmq_ctx_new();
	if (!h->context)
		die("ZeroMQ does not start: %s", zmq_strerror(errno));
	/* A seat is a socket and the two ends that watch it; the library's own limit is 1023 in all. */
	zmq_ctx_set(h->context, ZMQ_MAX_SOCKETS, SOCKETS_SPARE + SEAT_SOCKETS * h->count);
	return h;
}

struct zmq_host *zmq_host_join(const struct site *site, struct err *e)
{
	struct zmq_host *h = new_host(site);
	int rc = 0;
	for (int i = 0; i < h->count && rc == 0; i++) {
		h->seats[i].host = h;
		h->seats[i].address = site->address;
		h->seats[i].key = site->keys ? site->keys[i] : NULL;
		h->seats[i].id = -1;
		seat_open(h, &h->seats[i]);
		rc = seat_connect(&h->seats[i], e);
	}
	while (rc == 0 && !all_welcomed(h) && !h->over) {
		rc = host_pump(h, e);
		if (rc == 0 && site->stop && *site->stop)
			rc = err_world(e, "interrupted before the server %s said anything", site->address);
	}
	if (rc == 0 && h->over)
		rc = err_world(e, "server %s: the run is over", site->address);
	if (rc) {
		zmq_host_close(h);
		return NULL;
	}
	sort_seats(h);
	h->phase = PHASE_IDLE;
	return h;
}

const char *zmq_host_settings(const struct zmq_host *h)
{
	return h->settings;
}

void zmq_host_close(struct zmq_host *h)
{
	if (!h->over && !h->refusal[0])
		host_bye(h);
	for (int i = 0; i < host_seats(h); i++)
		seat_close(host_seat(h, i));
	zmq_ctx_term(h->context);
	for (int i = 0; i < host_seats(h); i++)
		mem_free(host_seat(h, i)->box);
	mem_free(h->branches);
	mem_free(h->addresses);
	mem_free(h->seats);
	mem_free(h->items);
	mem_free(h->ids);
	mem_free(h->settings);
	mem_free(h);
}
