/* A server's sockets and memory: opened, bound, closed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/machine.h"
#include "base/mem.h"
#include "transport/zmq/server_auth.h"
#include "transport/zmq/server_flood.h"
#include "transport/zmq/server.h"

enum {
	BACKLOG = 1024,   /* connections that the kernel holds until ZeroMQ accepts them */
	FILES_SPARE = 64, /* of ZeroMQ's threads and sockets (20 were counted), of results and data */
	FILES_EACH = 2    /* a worker's connection, and the one that it left behind */
};

static const double REBIND_S = 2;

static void *new_context(void)
{
	void *context = zmq_ctx_new();
	if (!context)
		die("ZeroMQ does not start: %s", zmq_strerror(errno));
	return context;
}

/* --- listening ------------------------------------------------------------------------------------------ */

static void *new_router(const struct server *s, void *context)
{
	const struct endpoint *endpoint = s->endpoint;
	void *router = zmq_socket_open(context, ZMQ_ROUTER, endpoint->address);
	zmq_socket_set(router, ZMQ_ROUTER_MANDATORY, 1);
	zmq_socket_set(router, ZMQ_BACKLOG, BACKLOG);
	if (endpoint->trust == ENDPOINT_TOKENS)
		zmq_socket_set(router, ZMQ_PLAIN_SERVER, 1);
	if (endpoint->trust != ENDPOINT_KEYS)
		return router;
	const struct curve_key *own = keyring_find(endpoint->ring, KEYRING_SERVER);
	zmq_socket_set(router, ZMQ_CURVE_SERVER, 1);
	if (zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, own->secret_key, CURVE_TEXT + 1))
		die("ZeroMQ refuses the server's key: %s", zmq_strerror(errno));
	return router;
}

/*
 * The limit of a message's length must be set before a socket listens. It depends on the model, which is not
 * known yet. So the address is only tried here, to report errors and to learn a port that the system chooses.
 * zmq_close() returns before the socket is closed, and until then it would take a worker's HELLO that nobody
 * reads. Therefore the trial has a context of its own, whose end waits for that.
 */
static int try_address(struct server *s, struct err *e)
{
	void *context = new_context(), *router = new_router(s, context);
	size_t size = sizeof s->address;
	int rc = server_bind_address(router, s->endpoint->address, e);
	if (rc == 0 && zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, s->address, &size))
		die("ZeroMQ does not say where it listens: %s", zmq_strerror(errno));
	zmq_close(router);
	zmq_ctx_term(context);
	return rc ? -1 : 0;
}

/* Everything that belongs to sockets, without any. */
static void open_context(struct server *s)
{
	s->context = new_context();
	zmq_ctx_set(s->context, ZMQ_IO_THREADS, 2);
	if (s->endpoint->trust != ENDPOINT_OPEN)
		s->auth = auth_start(s->context, s->endpoint, !s->role->main, &s->faults);
}

/* When it returns, the kernel has taken back every socket and connection. */
static void close_context(struct server *s)
{
	if (s->router)
		zmq_close(s->router);
	s->router = NULL;
	zmq_ctx_shutdown(s->context);
	auth_stop(s->auth);
	s->auth = NULL;
	zmq_ctx_term(s->context);
}

void server_unbind(struct server *s)
{
	close_context(s);
	open_context(s);
}

int server_bind(struct server *s, size_t body_bytes, bool watch, struct err *e)
{
	double until = clock_s() + REBIND_S;
	s->router = new_router(s, s->context);
	zmq_socket_limit(s->router, s->endpoint->trust, body_bytes);
	if (watch)
		s->flood = flood_start(s->context, s->router, s->address, FRAME_HEADER_BYTES + body_bytes,
		                       &s->faults);
	while (zmq_bind(s->router, s->address)) {
		if (errno != EADDRINUSE || clock_s() > until)
			return err_world(e, "cannot listen on %s: %s", s->address, zmq_strerror(errno));
		usleep(1000);
	}
	return 0;
}

/* --- opening and closing -------------------------------------------------------------------------------- */

/* Write the settings, then the addresses of the shards, each after a zero byte. */
static void write_welcome(struct buf *welcome, const struct endpoint *endpoint)
{
	buf_add(welcome, endpoint->settings);
	for (int i = 0; i < endpoint->n_shards; i++) {
		buf_bytes(welcome, "", 1);
		buf_add(welcome, endpoint->shards[i]);
	}
}

static void open_peers(struct server *s)
{
	size_t workers = (size_t)s->workers;
	s->faults.workers = s->workers;
	s->faults.counts = mem_array(faults_size(&s->faults), sizeof *s->faults.counts);
	s->faults.offences = mem_array(workers, sizeof *s->faults.offences);
	s->faults.banned = mem_array(workers, sizeof *s->faults.banned);
	s->fault_table =
	        (struct fault_table){.n_kinds = FAULTS, .kinds = fault_names, .counts = s->faults.counts};
	s->round.pushes = mem_array(workers, sizeof *s->round.pushes);
	s->round.voters = mem_array(workers, sizeof *s->round.voters);
	s->round.removed = mem_array(workers, sizeof *s->round.removed);
	s->peers = mem_array(workers, sizeof *s->peers);
	for (size_t m = 0; m < workers; m++) {
		s->peers[m].presence.fd = -1;
		s->peers[m].born = -1;
		s->peers[m].answered = FRAME_NOWHERE;
		zmq_msg_init(&s->peers[m].vote.message);
	}
}

static void close_peers(struct server *s)
{
	for (int m = 0; m < s->workers; m++) {
		zmq_msg_close(&s->peers[m].vote.message);
		mem_free(s->peers[m].vote.buffer);
	}
	mem_free(s->peers);
	mem_free(s->round.pushes);
	mem_free(s->round.voters);
	mem_free(s->round.removed);
	mem_free(s->faults.counts);
	mem_free(s->faults.offences);
	mem_free(s->faults.banned);
}

struct server *server_open(const struct zmq_settings *set, const struct transport_env *env,
                           const struct server_role *role, struct err *e)
{
	if (machine_descriptors(FILES_SPARE + FILES_EACH * (uint64_t)env->workers, e))
		return NULL;
	struct server *s = mem_alloc(sizeof *s);
	*s = (struct server){.role = role,
	                     .set = *set,
	                     .env = *env,
	                     .endpoint = env->endpoint,
	                     .workers = env->workers,
	                     .run = zmq_run_number(env->endpoint->settings),
	                     .instance = zmq_instance(),
	                     .layout = {.n_shards = (int)set->shards},
	                     .round = {.first = true},
	                     .later = {.in_flight = -1},
	                     .running_of = -1};
	if (set->quorum == 0)
		s->set.quorum = env->workers / 2 + 1;
	write_welcome(&s->welcome, s->endpoint);
	open_peers(s);
	open_context(s);
	if (try_address(s, e) == 0)
		return s;
	server_close(s);
	return NULL;
}

void server_close(struct server *s)
{
	answers_close(&s->log);
	links_close(s->links);
	flood_stop(s->flood);
	close_context(s);
	close_peers(s);
	buf_clear(&s->welcome);
	mem_free(s->copy.bytes);
	mem_free(s->next_running);
	mem_free(s);
}
