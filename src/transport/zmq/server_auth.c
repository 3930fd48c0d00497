/*
 * Who may speak: ZeroMQ's authentication protocol (ZAP, RFC 27), answered by a thread of its own. It gives
 * each connection the worker's number as its User-Id.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "transport/zmq/server.h"

enum { FIELD_SIZE = 256, CURVE_BINARY = 32, FIELDS = 8 };

/* A request's frames, cut at FIELD_SIZE. */
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTE, ZAP_MECHANISM, ZAP_FIRST, ZAP_SECOND };

struct request {
	int count;
	size_t bytes[FIELDS]; /* as they came; more than FIELD_SIZE: cut */
	char at[FIELDS][FIELD_SIZE + 1];
};

/* Equal, in a time that says nothing about where they differ. */
static bool same(const char *a, const char *b, size_t bytes)
{
	volatile unsigned char differ = 0;
	for (size_t i = 0; i < bytes; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* The worker whose key or token this is, or -1; at a shard `workers`: the main server. All are looked at. */
static int whose(const struct server *s, const struct request *r)
{
	char text[CURVE_TEXT + 1] = "";
	bool curve = s->endpoint->trust == ENDPOINT_KEYS;
	int found = -1;
	if (r->bytes[ZAP_MECHANISM] > FIELD_SIZE || strcmp(r->at[ZAP_MECHANISM], curve ? "CURVE" : "PLAIN"))
		return -1;
	if (curve && r->bytes[ZAP_FIRST] == CURVE_BINARY)
		zmq_z85_encode(text, (const uint8_t *)r->at[ZAP_FIRST], CURVE_BINARY);
	else if (!curve && r->count == FIELDS && r->bytes[ZAP_SECOND] == CURVE_TEXT)
		memcpy(text, r->at[ZAP_SECOND], CURVE_TEXT);
	else
		return -1;
	for (int m = 0; m < s->workers; m++) {
		const struct curve_key *k = keyring_worker(s->endpoint->ring, m);
		if (same(text, curve ? k->public_key : k->secret_key, CURVE_TEXT))
			found = m;
	}
	const struct curve_key *main = keyring_find(s->endpoint->ring, KEYRING_SERVER);
	if (s->shard && same(text, curve ? main->public_key : main->secret_key, CURVE_TEXT))
		found = s->workers;
	return found;
}

/* False when the context is at its end. */
static bool read_request(void *socket, struct request *r)
{
	int more = 1;
	size_t size = sizeof more;
	*r = (struct request){0};
	for (int i = 0; more; i++) {
		int at = i < FIELDS ? i : FIELDS - 1;
		int bytes = zmq_recv(socket, r->at[at], FIELD_SIZE, 0);
		if (bytes < 0 && errno == ETERM)
			return false;
		r->bytes[at] = bytes > 0 ? (size_t)bytes : 0;
		r->count = i + 1;
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
	}
	return true;
}

static void answer(struct server *s, void *socket, const struct request *r)
{
	char user[16] = "";
	int m = r->count > ZAP_FIRST ? whose(s, r) : -1;
	bool in = m >= 0 && (m == s->workers || !atomic_load(&s->peers[m].banned));
	if (in)
		snprintf(user, sizeof user, "%d", m);
	else
		server_fault(s, m, m >= 0 ? FAULT_BANNED : FAULT_UNKNOWN_KEY);
	zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(socket, r->at[ZAP_ID], r->bytes[ZAP_ID] < FIELD_SIZE ? r->bytes[ZAP_ID] : FIELD_SIZE,
	         ZMQ_SNDMORE);
	zmq_send(socket, in ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(socket, in ? "OK" : "no", 2, ZMQ_SNDMORE);
	zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(socket, "", 0, 0);
}

static void *zap_run(void *ctx)
{
	struct server *s = ctx;
	struct request r;
	void *socket = s->zap_socket;
	while (read_request(socket, &r))
		answer(s, socket, &r);
	explicit_bzero(&r, sizeof r);
	zmq_close(socket);
	return NULL;
}

void zap_start(struct server *s)
{
	s->zap_socket = zmq_socket_open(s->context, ZMQ_REP, "");
	if (zmq_bind(s->zap_socket, "inproc://zeromq.zap.01"))
		die("ZeroMQ does not let keys be checked: %s", zmq_strerror(errno));
	int rc = pthread_create(&s->zap, NULL, zap_run, s);
	if (rc)
		die("no thread to be had: %s", strerror(rc));
}
