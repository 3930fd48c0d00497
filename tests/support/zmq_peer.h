/*
 * For tests of transport zmq: a toy experiment whose workers live in processes, and the same experiment
 * computed without any transport from the lists of workers counted in each step. Whatever fails ends its
 * process (die()).
 *
 * Worker m in step k: v = 0.5 v + noise(m, k) + 0.125 x (all floats), its push the signs of v; the answer
 * moves x by 0.25. So each push depends on all parameters and on the worker's whole past, and one wrong bit
 * shows.
 *
 * zmq_peer.c has the experiment, zmq_peer_client.c the processes, zmq_peer_server.c the server.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_PEER_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_PEER_H

#include <sys/types.h>
#include "base/pool.h"
#include "tests/support/methods.h"
#include "transport/zmq/server.h"

enum { TOY_WORKERS_MOST = 16, TOY_STEPS_MOST = 4096 };

struct toy {
	int workers, steps;
	size_t n, running; /* running: floats of running statistics */
	struct method method;
	struct message_shape shape;
	struct step_job job;
	struct backend be;
	struct arena arena;
	const bool *honest; /* [workers] */
	bool meets;         /* messages, floats, are combined by a rule that must see all at once, and every
	                     * third step is withheld (meeting_rule.h) */
	int zeros;          /* the worker whose every vote is all zeros (zmq_byzantine.h); -1: none */
};

/* agg: an aggregator by name, or as JSON. */
void toy_open(struct toy *t, int workers, int steps, size_t n, const char *agg);
void toy_close(struct toy *t);

/* A worker's memory and what it says. */
struct toy_worker {
	int id;
	float *v; /* [n] */
	void *push;
};

void toy_worker_open(const struct toy *t, struct toy_worker *w, int id);

/* Moves the worker to step `step` at x [n]: its v and its push. */
void toy_say(const struct toy *t, struct toy_worker *w, uint64_t step, const float *x);

/* Moves x [n] by the answer. */
void toy_apply(const struct toy *t, uint64_t step, const void *pull, float *x);

/* The context of an exchange's combine(). */
struct toy_round {
	const struct toy *toy;
	uint64_t step;
};

void toy_combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                 void *pull);

/* The request of a step, without what a server or a client adds to it. */
/* Combines the votes of step r->step, of workers ids [count]; false: the step is withheld. */
bool toy_answer(struct toy_round *r, int count, const int *ids, const void *const *pushes, void *pull);

struct exchange_request toy_request(const struct toy *t, struct toy_round *r);

/* What x [n] must be after `steps` steps. born[k][m] is -1 where worker m was not counted in step k, and
 * otherwise the step at which its v was last set to 0.
 */
void toy_replay(const struct toy *t, int steps, const int64_t (*born)[TOY_WORKERS_MOST], float *x);

/* --- a process with workers ----------------------------------------------------------------------------- */

struct toy_client {
	pid_t pid;
	int to, from; /* pipes: address and keys go in, the hash of its x comes out */
	int count, first;
	/* How it fails, if it does: before it votes in step `fail_at` (-1: never). */
	int fail_at, nap_us;                                 /* nap: before every vote */
	enum { TOY_DIES = 1, TOY_PAUSES, TOY_FORGETS } fail; /* forgets: its x becomes another one */
};

/* State that a client or a server lends to its transport. */
struct toy_state {
	struct train_state st;
	size_t floats[TOY_WORKERS_MOST];
	float *blocks[TOY_WORKERS_MOST];
	int64_t born[TOY_WORKERS_MOST], reported_born[TOY_WORKERS_MOST];
	double loss[TOY_WORKERS_MOST];
	float *x, *running;
};

void toy_state_open(const struct toy *t, struct toy_state *s);

/* Forks clients[i], which waits for toy_client_tell(). To be called in the order of i, before this process
 * starts threads. The pipes of the clients before it are closed in the new process, because each client reads
 * its pipe to the end.
 */
void toy_client_start(const struct toy *t, struct toy_client *clients, int i, enum endpoint_trust trust);

/* Gives a client the server's address and its workers' keys (ring NULL: none): it begins. */
void toy_client_tell(const struct toy_client *h, const char *address, const struct keyring *ring);

/* Waits for its end: the exit code (256 + signal), and the hash of its x (0: it did not say). */
int toy_client_end(const struct toy_client *h, uint64_t *hash);

/* --- a server in this process --------------------------------------------------------------------------- */

struct toy_server {
	const struct toy *toy;
	struct pool *pool;
	struct keyring ring;
	struct endpoint endpoint;
	struct link link;
	struct toy_state state;
	void *pull;
	int64_t born[TOY_STEPS_MOST][TOY_WORKERS_MOST]; /* as toy_replay() takes it */
	int n_voters[TOY_STEPS_MOST];
	struct exchange_reply last;
	int bn_owner;
	struct arena arena;
};

/* A server's address and keys, before it is opened. Other settings go into s->endpoint. */
void toy_server_make(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                     const char *address);

/* Opens it. row: the transport as JSON, or NULL: "zmq". */
void toy_server_begin(struct toy_server *s, const char *row);

/* Both. */
void toy_server_open(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                     const char *address, const char *row);

/* Begins to listen: holds a round that ends at once, because nobody can vote yet. The next one is as the
 * first.
 */
void toy_server_listen(struct toy_server *s);

/*
 * Hears messages until workers [first, first + count) have voted. From now on rounds wait only for workers
 * that are there, as after a first round: that one would wait for all until its patience ends.
 */
void toy_server_meet(struct toy_server *s, int first, int count);

/* One step with EXCHANGE_... flags; s->last is the reply. */
enum exchange_end toy_server_step(struct toy_server *s, int flags, struct err *e);

/* How many faults of that kind worker m has (m < 0: clients that are no worker). */
uint64_t toy_server_fault(struct toy_server *s, int m, const char *kind);

/* Closes the transport and frees all that toy_server_begin() made. */
void toy_server_close(struct toy_server *s);

#endif
