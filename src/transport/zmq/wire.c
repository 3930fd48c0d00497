/* Sockets, messages, and state as bytes: see wire.h. */
#include "transport/zmq/wire.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/sha256.h"
#include "base/text.h"
#include "transport/zmq/zmq.h"

enum {
	SHORT_HEADER = 2, /* of ZMTP 3.0, for a payload of at most SHORT_PAYLOAD bytes */
	LONG_HEADER = 9,
	SHORT_PAYLOAD = 255,
	CURVE_BYTES = 33,
	LINGER_MS = 500,
	EVENT_BYTES = 6,             /* of a monitor: u16 kind, u32 value */
	HEARTBEAT_TIMEOUT_MS = 5000, /* long, because a busy machine may answer late */
	HANDSHAKE_MS = 1000,         /* a peer that has not proved its key by then is disconnected */
};

/* --- sockets -------------------------------------------------------------------------------------------- */

uint64_t zmq_wire_bytes(enum endpoint_trust trust, size_t payload)
{
	size_t body = payload + (trust == ENDPOINT_KEYS ? CURVE_BYTES : 0);
	return body + (body <= SHORT_PAYLOAD ? SHORT_HEADER : LONG_HEADER);
}

void zmq_socket_set(void *socket, int option, int value)
{
	if (zmq_setsockopt(socket, option, &value, sizeof value))
		die("ZeroMQ refuses option %d: %s", option, zmq_strerror(errno));
}

void *zmq_socket_open(void *context, int type, const char *address)
{
	void *socket = zmq_socket(context, type);
	if (!socket)
		die("no ZeroMQ socket to be had: %s", zmq_strerror(errno));
	zmq_socket_set(socket, ZMQ_LINGER, LINGER_MS);
	zmq_socket_set(socket, ZMQ_SNDHWM, SEND_QUEUE);
	/*
	 * The receive queue must not be bounded. If a connection ends while a full queue has stopped ZeroMQ
	 * from reading it, an assertion of libzmq 4.3.4 fails (its issues 4364 and 3937) and ends the
	 * process. The flood guard (server_flood.c) cuts off connections that send more than is read.
	 */
	zmq_socket_set(socket, ZMQ_RCVHWM, 0);
	zmq_socket_set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
	zmq_socket_set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
	zmq_socket_set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
	if (strchr(address, '[')) /* "tcp://[::1]:5555" */
		zmq_socket_set(socket, ZMQ_IPV6, 1);
	return socket;
}

void zmq_socket_limit(void *socket, enum endpoint_trust trust, size_t body_bytes)
{
	int64_t most =
	        (int64_t)(FRAME_HEADER_BYTES + body_bytes + (trust == ENDPOINT_KEYS ? CURVE_BYTES : 0));
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most))
		die("ZeroMQ refuses a limit of %lld bytes: %s", (long long)most, zmq_strerror(errno));
}

void zmq_socket_secure(void *socket, const struct endpoint *endpoint, const struct curve_key *own)
{
	const struct curve_key *server =
	        endpoint->trust == ENDPOINT_KEYS ? keyring_find(endpoint->ring, KEYRING_SERVER) : NULL;
	int rc = 0;
	if (endpoint->trust == ENDPOINT_TOKENS)
		rc = zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, own->name, strlen(own->name)) ||
		     zmq_setsockopt(socket, ZMQ_PLAIN_PASSWORD, own->secret_key, CURVE_TEXT);
	if (endpoint->trust == ENDPOINT_KEYS)
		rc = zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server->public_key, CURVE_TEXT + 1) ||
		     zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->public_key, CURVE_TEXT + 1) ||
		     zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, CURVE_TEXT + 1);
	if (rc)
		die("ZeroMQ refuses a key: %s", zmq_strerror(errno));
}

bool zmq_monitor_next(void *monitor, int *kind, int *fd)
{
	unsigned char event[EVENT_BYTES];
	uint16_t what;
	int32_t value;
	if (zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) != sizeof event)
		return false;
	zmq_recv(monitor, NULL, 0, 0); /* the second frame, an address */
	memcpy(&what, event, sizeof what);
	memcpy(&value, event + sizeof what, sizeof value);
	*kind = what;
	*fd = value;
	return true;
}

/* --- messages ------------------------------------------------------------------------------------------- */

uint64_t zmq_run_number(const char *settings)
{
	char hex[65];
	sha256_hex(settings, strlen(settings), hex);
	hex[16] = 0;
	return strtoull(hex, NULL, 16);
}

int64_t zmq_instance(void)
{
	return (int64_t)(clock_s() * 1e6) ^ (int64_t)getpid() << 40;
}

void message_init(zmq_msg_t *m, size_t bytes)
{
	if (zmq_msg_init_size(m, FRAME_HEADER_BYTES + bytes))
		die("no memory for a message of %zu bytes", bytes);
}

void message_make(zmq_msg_t *m, struct frame *f, uint64_t run, const void *body, size_t bytes)
{
	message_init(m, bytes);
	f->run = run;
	f->bytes = bytes;
	f->body_hash = hash_words(0, body, bytes);
	frame_write(f, zmq_msg_data(m));
	if (bytes > 0)
		memcpy(message_body(m), body, bytes);
}

unsigned char *message_body(zmq_msg_t *m)
{
	return (unsigned char *)zmq_msg_data(m) + FRAME_HEADER_BYTES;
}

bool message_queue_full(void *socket)
{
	size_t size = sizeof(int);
	int events;
	return errno != EAGAIN || zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0;
}

bool message_send(zmq_msg_t *m, void *socket)
{
	if (zmq_msg_send(m, socket, ZMQ_DONTWAIT) >= 0)
		return true;
	if (!message_queue_full(socket) && zmq_msg_send(m, socket, ZMQ_DONTWAIT) >= 0)
		return true;
	zmq_msg_close(m);
	return false;
}

void message_sentence(const struct frame *f, const unsigned char *body, char *out, size_t size)
{
	char text[FRAME_SENTENCE + 1];
	size_t bytes = f->bytes < FRAME_SENTENCE ? f->bytes : FRAME_SENTENCE;
	memcpy(text, body, bytes);
	text[bytes] = 0;
	text_shown(text, out, size);
}

void wire_put(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < WIRE_NUMBER; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

uint64_t wire_get(const unsigned char *at)
{
	uint64_t value = 0;
	for (int i = WIRE_NUMBER - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

/* --- state ---------------------------------------------------------------------------------------------- */

static size_t part_bytes(const struct state_part *part)
{
	return part->count * sizeof *part->at;
}

size_t shared_bytes(const struct train_state *st)
{
	size_t bytes = 0;
	for (int i = 0; i < STATE_PARTS; i++) {
		struct state_part part = train_state_part(st, i);
		bytes += part_bytes(&part);
	}
	return bytes;
}

void shared_read(const struct train_state *st, unsigned char *out)
{
	for (int i = 0; i < STATE_PARTS; i++) {
		struct state_part part = train_state_part(st, i);
		if (part.count > 0)
			memcpy(out, part.at, part_bytes(&part));
		out += part_bytes(&part);
	}
}

void shared_write(const struct train_state *st, size_t offset, const unsigned char *in, size_t bytes)
{
	for (int i = 0; i < STATE_PARTS && bytes > 0; i++) {
		struct state_part part = train_state_part(st, i);
		size_t size = part_bytes(&part);
		if (offset >= size) {
			offset -= size;
			continue;
		}
		size_t now = size - offset < bytes ? size - offset : bytes;
		memcpy((unsigned char *)part.at + offset, in, now);
		in += now;
		bytes -= now;
		offset = 0;
	}
}

uint64_t shared_x_hash(const struct train_state *st)
{
	return hash_words(0, st->x.at, part_bytes(&st->x));
}

size_t chunk_count(size_t bytes, size_t chunk)
{
	return (bytes + chunk - 1) / chunk;
}

size_t chunk_bytes(size_t bytes, size_t offset, size_t chunk)
{
	return bytes - offset < chunk ? bytes - offset : chunk;
}

size_t state_chunk(size_t push_bytes)
{
	size_t bytes = push_bytes > SMALL_BODY ? push_bytes : SMALL_BODY;
	return bytes < STATE_CHUNK ? bytes : STATE_CHUNK;
}
