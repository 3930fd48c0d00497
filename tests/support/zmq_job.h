/* For tests of transport zmq with several servers: a main server in the test, shards in threads, workers in
 * processes. */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_JOB_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_JOB_H

#include <pthread.h>
#include <signal.h>
#include "tests/support/served.h"
#include "tests/support/zmq_byzantine.h"
#include "transport/zmq/shard.h"

enum { SHARDS_OPEN = 4, SETTLED_MS = 60000 };

/* A shard, in a thread. */
struct toy_shard {
	const struct toy *toy;
	struct endpoint endpoint;
	struct zmq_shard *open;
	struct exchange_request x;
	volatile sig_atomic_t stop;
	pthread_t thread;
	int rc;
	struct err e;
	char address[ADDRESS_SIZE];
};

/* address: where it is told to listen. */
void shard_start(struct toy_shard *s, const struct toy *t, enum endpoint_trust trust,
                 const struct keyring *ring, const char *address);

/* Waits for its end; what zmq_shard_serve() returned. */
int shard_end(struct toy_shard *s);

/* A main server, shards and clients; the keys of all are the server's. */
struct job {
	struct toy_server server;
	struct toy_shard shards[SHARDS_OPEN];
	const char *addresses[SHARDS_OPEN];
	/* where they are told to listen */
	char own[SERVED_ADDRESS], shard_at[SHARDS_OPEN][SERVED_ADDRESS];
	int n_shards, n_clients;
	struct toy_client *clients;
};

/* Everybody is to be counted, however slow: who is gone is known without waiting. A job is large: keep it in
 * static memory. */
void job_open(struct job *p, const struct toy *t, enum endpoint_trust trust, int n_shards,
              struct toy_client *clients, int n_clients);

/*
 * One shard; the honest workers 0 and 1 have voted, and rounds do not wait for worker 2. more: further keys
 * of the row, each after a comma.
 */
void job_meet(struct job *p, const struct toy *t, struct toy_client *honest, const char *more);

void job_steps(struct job *p, int steps);

/* All x are what the counted votes make of them. ends: of the clients (NULL: 0). */
void job_close(struct job *p, const int *ends);

/* So many sockets of this process are at the address's port: one that listens, and connections that it has
 * taken. These are cut where `cut` is true. */
int sockets_at(const char *address, bool cut);

#endif
