/* Authentication of peers: see server_auth.h. */
#include "transport/zmq/server_auth.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/wire.h"

enum { FIELD_SIZE = 256, CURVE_BINARY = 32, FIELDS = 8 };

/* The frames of a request. The last two are credentials: CURVE's public key, or PLAIN's name and password. */
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTE, ZAP_MECHANISM, ZAP_FIRST, ZAP_SECOND };

struct request {
	int count;
	size_t bytes[FIELDS]; /* as sent; a frame longer than FIELD_SIZE is cut */
	char at[FIELDS][FIELD_SIZE + 1];
};

struct auth {
	const struct endpoint *endpoint;
	struct faults *faults;
	bool admit_server;
	void *socket;
	pthread_t thread;
};

/* Are they equal? Takes constant time, so that timing does not show where they differ. */
static bool same(const char *a, const char *b, size_t bytes)
{
	volatile unsigned char differ = 0;
	for (size_t i = 0; i < bytes; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/*
 * The worker that has this key or token; `workers`: the server itself; -1: none. Compares every key, for
 * constant time.
 */
static int owner(const struct auth *a, const struct request *r)
{
	char text[CURVE_TEXT + 1] = "";
	bool curve = a->endpoint->trust == ENDPOINT_KEYS;
	int found = -1;
	if (r->bytes[ZAP_MECHANISM] > FIELD_SIZE || strcmp(r->at[ZAP_MECHANISM], curve ? "CURVE" : "PLAIN"))
		return -1;
	if (curve && r->bytes[ZAP_FIRST] == CURVE_BINARY)
		zmq_z85_encode(text, (const uint8_t *)r->at[ZAP_FIRST], CURVE_BINARY);
	else if (!curve && r->count == FIELDS && r->bytes[ZAP_SECOND] == CURVE_TEXT)
		memcpy(text, r->at[ZAP_SECOND], CURVE_TEXT);
	else
		return -1;
	for (int m = 0; m < a->faults->workers; m++) {
		const struct curve_key *k = keyring_worker(a->endpoint->ring, m);
		if (same(text, curve ? k->public_key : k->secret_key, CURVE_TEXT))
			found = m;
	}
	const struct curve_key *server = keyring_find(a->endpoint->ring, KEYRING_SERVER);
	if (a->admit_server && same(text, curve ? server->public_key : server->secret_key, CURVE_TEXT))
		found = a->faults->workers;
	return found;
}

/* False: the context is shut down. */
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

static void reply(struct auth *a, const struct request *r)
{
	char user[16] = "";
	int m = r->count > ZAP_FIRST ? owner(a, r) : -1;
	bool in = m >= 0 && (m == a->faults->workers || !atomic_load(&a->faults->banned[m]));
	if (in)
		snprintf(user, sizeof user, "%d", m);
	else
		faults_count(a->faults, m, m >= 0 ? FAULT_BANNED : FAULT_UNKNOWN_KEY);
	zmq_send(a->socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(a->socket, r->at[ZAP_ID], r->bytes[ZAP_ID] < FIELD_SIZE ? r->bytes[ZAP_ID] : FIELD_SIZE,
	         ZMQ_SNDMORE);
	zmq_send(a->socket, in ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(a->socket, in ? "OK" : "no", 2, ZMQ_SNDMORE);
	zmq_send(a->socket, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(a->socket, "", 0, 0);
}

static void *auth_run(void *ctx)
{
	struct auth *a = ctx;
	struct request r;
	while (read_request(a->socket, &r))
		reply(a, &r);
	explicit_bzero(&r, sizeof r);
	zmq_close(a->socket);
	return NULL;
}

struct auth *auth_start(void *context, const struct endpoint *endpoint, bool admit_server, struct faults *f)
{
	struct auth *a = mem_alloc(sizeof *a);
	*a = (struct auth){.endpoint = endpoint, .faults = f, .admit_server = admit_server};
	a->socket = zmq_socket_open(context, ZMQ_REP, "");
	if (zmq_bind(a->socket, "inproc://zeromq.zap.01"))
		die("ZeroMQ does not let keys be checked: %s", zmq_strerror(errno));
	int rc = pthread_create(&a->thread, NULL, auth_run, a);
	if (rc)
		die("no thread to be had: %s", strerror(rc));
	return a;
}

void auth_stop(struct auth *a)
{
	if (!a)
		return;
	pthread_join(a->thread, NULL);
	mem_free(a);
}
