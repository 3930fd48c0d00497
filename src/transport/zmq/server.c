/* The row, its keys, its opening and closing: see zmq.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "transport/zmq/server.h"

enum { FRAME_SHORT = 2, FRAME_LONG = 9, SHORT_PAYLOAD = 255, CURVE_BYTES = 33, LINGER_MS = 500 };

static const double REBIND_S = 2;

uint64_t zmq_wire_bytes(enum endpoint_trust trust, size_t payload)
{
	size_t body = payload + (trust == ENDPOINT_KEYS ? CURVE_BYTES : 0);
	return body + (body <= SHORT_PAYLOAD ? FRAME_SHORT : FRAME_LONG);
}

uint64_t zmq_run_number(const char *settings)
{
	char hex[65];
	sha256_hex(settings, strlen(settings), hex);
	hex[16] = 0;
	return strtoull(hex, NULL, 16);
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
	zmq_socket_set(socket, ZMQ_SNDHWM, HIGH_WATER);
	/* No bound: when a full queue has stopped the reading of a connection that then ends, libzmq 4.3.4
	 * runs into an assertion of its own (its issues 4364 and 3937), and the process is gone. Connections
	 * that send more than is read are cut off by the guard (server_flood.c). */
	zmq_socket_set(socket, ZMQ_RCVHWM, 0);
	zmq_socket_set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
	zmq_socket_set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
	zmq_socket_set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
	if (strchr(address, '[')) /* "tcp://[::1]:5555" */
		zmq_socket_set(socket, ZMQ_IPV6, 1);
	return socket;
}

void zmq_socket_limit(void *socket, enum endpoint_trust trust, size_t payload)
{
	int64_t most = (int64_t)(payload + (trust == ENDPOINT_KEYS ? CURVE_BYTES : 0));
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

static void secure(void *socket, const struct endpoint *endpoint)
{
	const struct curve_key *own =
	        endpoint->trust == ENDPOINT_KEYS ? keyring_find(endpoint->ring, KEYRING_SERVER) : NULL;
	if (endpoint->trust == ENDPOINT_TOKENS)
		zmq_socket_set(socket, ZMQ_PLAIN_SERVER, 1);
	if (endpoint->trust != ENDPOINT_KEYS)
		return;
	zmq_socket_set(socket, ZMQ_CURVE_SERVER, 1);
	if (zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, CURVE_TEXT + 1))
		die("ZeroMQ refuses the server's key: %s", zmq_strerror(errno));
}

static void *new_router(const struct server *s)
{
	void *router = zmq_socket_open(s->context, ZMQ_ROUTER, s->endpoint->address);
	zmq_socket_set(router, ZMQ_ROUTER_MANDATORY, 1);
	zmq_socket_set(router, ZMQ_BACKLOG, BACKLOG);
	secure(router, s->endpoint);
	return router;
}

/*
 * The limit of a message's size is the socket's from its birth, and it is not known before the model is. So
 * the address is only tried here, and learned if the system chooses it.
 */
static int try_address(struct server *s, struct err *e)
{
	void *router = new_router(s);
	size_t size = sizeof s->address;
	int rc = zmq_bind(router, s->endpoint->address);
	if (rc && errno == EADDRINUSE)
		err_world(e, "cannot listen on %s: %s", s->endpoint->address, zmq_strerror(errno));
	else if (rc)
		err_user(e, "cannot listen on %s: %s", s->endpoint->address, zmq_strerror(errno));
	else if (zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, s->address, &size))
		die("ZeroMQ does not say where it listens: %s", zmq_strerror(errno));
	zmq_close(router);
	return rc ? -1 : 0;
}

int server_bind(struct server *s, size_t most_bytes, bool watch, struct err *e)
{
	double until = clock_s() + REBIND_S;
	s->router = new_router(s);
	zmq_socket_limit(s->router, s->endpoint->trust, most_bytes);
	if (watch)
		guard_start(s, most_bytes);
	while (zmq_bind(s->router, s->address)) {
		if (errno != EADDRINUSE || clock_s() > until)
			return err_world(e, "cannot listen on %s: %s", s->address, zmq_strerror(errno));
		usleep(1000);
	}
	return 0;
}

static int check_endpoint(const struct zmq_settings *set, const struct transport_env *env, struct err *e)
{
	const struct endpoint *endpoint = env->endpoint;
	if (!endpoint)
		return err_user(e, "transport zmq: only for `train`, `serve` and `work`");
	if (strlen(endpoint->settings) > SETTINGS_SIZE)
		return err_user(e, "settings: found %zu bytes, expected at most %d",
		                strlen(endpoint->settings), SETTINGS_SIZE);
	if (set->quorum > env->workers)
		return err_user(e, "transport.quorum: found %lld, expected at most the %d workers",
		                (long long)set->quorum, env->workers);
	if (endpoint->trust == ENDPOINT_OPEN)
		return 0;
	if (endpoint->trust == ENDPOINT_KEYS &&
	    (!keyring_find(endpoint->ring, KEYRING_SERVER) ||
	     !keyring_find(endpoint->ring, KEYRING_SERVER)->secret_key[0]))
		return err_user(
		        e, "keys: found no secret of the server, expected %s.secret (`signsgd keys new %s`)",
		        KEYRING_SERVER, KEYRING_SERVER);
	if (keyring_workers(endpoint->ring) != env->workers)
		return err_user(e,
		                "keys: found those of %d workers, expected %d (the experiment's `workers`)",
		                keyring_workers(endpoint->ring), env->workers);
	return 0;
}

static int64_t quorum_of(const struct zmq_settings *set, int workers)
{
	return set->quorum > 0 ? set->quorum : workers / 2 + 1;
}

int64_t zmq_life(void)
{
	return (int64_t)(clock_s() * 1e6) ^ (int64_t)getpid() << 40;
}

void *server_dealer(const struct server *s, const char *address)
{
	const struct endpoint *endpoint = s->endpoint;
	const struct curve_key *own = endpoint->ring ? keyring_find(endpoint->ring, KEYRING_SERVER) : NULL;
	void *socket = zmq_socket_open(s->context, ZMQ_DEALER, address);
	zmq_socket_set(socket, ZMQ_IMMEDIATE, 1);
	zmq_socket_secure(socket, endpoint, own);
	return socket;
}

/* Settings, and the addresses of the servers of other parts, each behind a zero. */
static void write_welcome(struct server *s)
{
	buf_add(&s->welcome, s->endpoint->settings);
	for (int i = 0; i < s->endpoint->n_shards; i++) {
		buf_bytes(&s->welcome, "", 1);
		buf_add(&s->welcome, s->endpoint->shards[i]);
	}
}

static struct server *new_server(const struct zmq_settings *set, const struct transport_env *env)
{
	struct server *s = mem_alloc(sizeof *s);
	size_t workers = (size_t)env->workers;
	*s = (struct server){.set = *set, .env = *env, .endpoint = env->endpoint, .workers = env->workers};
	s->set.quorum = quorum_of(set, env->workers);
	s->run = zmq_run_number(s->endpoint->settings);
	s->life = zmq_life();
	s->n_parts = (int)set->shards;
	write_welcome(s);
	s->counts = mem_array((workers + 1) * FAULTS, sizeof *s->counts);
	s->faults = (struct fault_table){.n_kinds = FAULTS, .kinds = fault_names, .counts = s->counts};
	s->peers = mem_array(workers, sizeof *s->peers);
	s->pushes = mem_array(workers, sizeof *s->pushes);
	s->first = true;
	s->holder = -1;
	for (size_t m = 0; m < workers; m++) {
		s->peers[m].fd = -1;
		s->peers[m].born = -1;
		zmq_msg_init(&s->peers[m].vote);
	}
	s->context = zmq_ctx_new();
	if (!s->context)
		die("ZeroMQ does not start: %s", zmq_strerror(errno));
	zmq_ctx_set(s->context, ZMQ_IO_THREADS, 2);
	return s;
}

void server_close(struct server *s)
{
	round_close(s);
	links_close(s);
	guard_stop(s);
	if (s->router)
		zmq_close(s->router);
	zmq_ctx_shutdown(s->context);
	if (s->endpoint->trust != ENDPOINT_OPEN)
		pthread_join(s->zap, NULL);
	zmq_ctx_term(s->context);
	buf_clear(&s->welcome);
	mem_free(s->copy.bytes);
	mem_free(s->peers);
	mem_free(s->pushes);
	mem_free(s->counts);
	mem_free(s);
}

struct server *server_open(const struct zmq_settings *set, const struct transport_env *env, struct err *e)
{
	struct server *s = new_server(set, env);
	if (s->endpoint->trust != ENDPOINT_OPEN)
		zap_start(s);
	if (try_address(s, e) == 0)
		return s;
	server_close(s);
	return NULL;
}

static int check_shards(const struct zmq_settings *set, const struct endpoint *endpoint, struct err *e)
{
	if (set->shards != 1 + endpoint->n_shards)
		return err_user(e,
		                "transport.shards: found %lld, expected %d: the main server and those that "
		                "--shards names",
		                (long long)set->shards, 1 + endpoint->n_shards);
	for (int i = 0; i < endpoint->n_shards; i++)
		if (strlen(endpoint->shards[i]) >= ADDRESS_SIZE || !endpoint->shards[i][0])
			return err_user(e, "shards: address %d has %zu bytes, expected 1 to %d", i + 1,
			                strlen(endpoint->shards[i]), ADDRESS_SIZE - 1);
	if (set->shards > 1 && set->buckets > 1)
		return err_user(e,
		                "transport: found %lld shards and %lld buckets, expected one of them to be 1",
		                (long long)set->shards, (long long)set->buckets);
	return 0;
}

static int row_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	if (check_endpoint(state, env, e) || check_shards(state, env->endpoint, e))
		return -1;
	struct server *s = server_open(state, env, e);
	*link = (struct link){.row = &transport_zmq, .self = s, .root = true};
	return s ? 0 : -1;
}

static void row_close(void *self)
{
	server_close(self);
}

static int row_sync(void *self, struct train_state *st, struct err *e)
{
	struct server *s = self;
	(void)e;
	s->st = st;
	s->step = (uint64_t)st->step;
	return 0;
}

static enum exchange_end row_exchange(void *self, const struct exchange_request *x,
                                      struct exchange_reply *reply, struct err *e)
{
	exchange_begin(x, reply);
	return round_exchange(self, x, reply, e);
}

static int row_collect(void *self, struct train_state *st, struct err *e)
{
	return params_collect(self, st, e);
}

static void row_leave(void *self, bool finished, const char *why)
{
	params_leave(self, finished, why);
}

static const struct fault_table *row_faults(void *self)
{
	return &((struct server *)self)->faults;
}

int zmq_shards(const void *state)
{
	return (int)((const struct zmq_settings *)state)->shards;
}

const char *zmq_server_address(const void *self)
{
	return ((const struct server *)self)->address;
}

static const struct key zmq_keys[] = {
        {.name = "deadline_s",
         .kind = KEY_REAL,
         .offset = offsetof(struct zmq_settings, deadline_s),
         .default_json = "0",
         .highest = 1e6,
         .unit = "s",
         .help = "when a round ends although awaited votes are missing, if there is a quorum; 0: five times "
                 "the median of the last 31 rounds, at least 2 s"},
        {.name = "quorum",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, quorum),
         .default_json = "0",
         .highest = 1e6,
         .help = "votes that a round needs; 0: more than half of the workers"},
        {.name = "patience_s",
         .kind = KEY_REAL,
         .offset = offsetof(struct zmq_settings, patience_s),
         .default_json = "60",
         .highest = 1e6,
         .above = true,
         .unit = "s",
         .help = "how long the server waits for a quorum before it saves and ends, and before its first "
                 "round for all workers"},
        {.name = "max_missed",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, max_missed),
         .default_json = "3",
         .lowest = 1,
         .highest = 1e6,
         .help = "rounds missed in a row after which a worker is no longer waited for"},
        {.name = "ban_after",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, ban_after),
         .default_json = "100",
         .lowest = 1,
         .highest = 1e9,
         .help = "messages against the protocol after which a worker is shut out"},
        {.name = "buckets",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, buckets),
         .default_json = "1",
         .lowest = 1,
         .highest = BUCKETS_MOST,
         .not_identity = true,
         .help = "pieces in which votes are sent while earlier layers still compute, the last layer's "
                 "first"},
        {.name = "shards",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, shards),
         .default_json = "1",
         .lowest = 1,
         .highest = SHARDS_MOST,
         .not_identity = true,
         .help = "servers, each of which counts the votes of its share of the coordinates, so that no "
                 "server's link carries everything"},
        {0},
};

static void row_library(char *out, size_t size)
{
	int major, minor, patch;
	zmq_version(&major, &minor, &patch);
	snprintf(out, size, "ZeroMQ %d.%d.%d, %s CURVE", major, minor, patch,
	         zmq_has("curve") ? "with" : "without");
}

const struct transport transport_zmq = {
        .row = {.name = "zmq",
                .about = "a server over ZeroMQ, for workers that nobody vouches for: one key, one vote",
                .formula = "bytes up and down are all messages' on the server's sockets, with ZMTP's frame "
                           "headers and what CURVE adds",
                .keys = zmq_keys,
                .state_bytes = sizeof(struct zmq_settings)},
        .processes = TRANSPORT_SERVED,
        .library = row_library,
        .open = row_open,
        .sync = row_sync,
        .exchange = row_exchange,
        .collect = row_collect,
        .leave = row_leave,
        .faults = row_faults,
        .close = row_close,
};
