/*
 * A transport carries each worker's push (its vote) to the place where the votes are combined, and the pull
 * (the answer) back. It moves bytes and counts them; the aggregator knows what they mean. A process hosts
 * some of the M workers. One process, the root, also evaluates, records and saves. Otherwise all processes do
 * the same: each holds the parameters, and each applies every answer.
 *
 * A push leaves its process packed, one message for each worker. It is never summed with the pushes of other
 * workers of the process: the majority is not associative (the sign of a sum of signs of sums is another
 * vote), and floats added in another order are other bits. So a result does not depend on how workers are
 * spread over processes. The one exception is asked for by name: MPI's own all-reduce of floats (mpi/sum.c).
 *
 * A worker that was not counted in a round starts again in the next one, with no momentum, no carry and no
 * memory of an attack. So the state of a worker follows from the rounds in which it was counted. The root
 * records them, and a run with faults can be repeated from that (`simulate --replay`).
 */
#ifndef SIGNSGD_TRANSPORT_TRANSPORT_H
#define SIGNSGD_TRANSPORT_TRANSPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/key.h"
#include "base/pool.h"

/* Combine the votes: pull's coordinates [begin, end) from the pushes of the workers that voted. */
typedef void combine_fn(void *ctx, int count, const void *const *pushes, size_t begin, size_t end,
                        void *pull);

/*
 * How the coordinates lie in a message: in `count` planes, one behind the other, with `bits` (1, or a
 * multiple of 8) for each coordinate. A plane of single bits fills whole words of 64. count = 0: the
 * coordinates have no such order, and the message cannot be cut.
 */
struct planes {
	int count, bits;
};

/* The planes of a message of `bytes` bytes; bits = 0: it cannot be cut. */
struct planes planes_of(int bits, size_t bytes, size_t n);
/* Bytes from a plane's beginning to the next one's, of n coordinates. */
size_t planes_stride(const struct planes *p, size_t n);
/* The byte of a plane at which coordinate i (a multiple of 64, or n) begins. */
size_t planes_offset(const struct planes *p, size_t n, size_t i);
/*
 * Are the padding bits of single-bit planes, those behind coordinate n - 1, all 0? sign.h says that they are.
 * The message is as long as its planes and may lie at any address.
 */
bool planes_padding_clear(const struct planes *p, size_t n, const void *message);
/* Bytes of the coordinates [begin, end) in all planes together; bounds as for planes_offset(). */
size_t planes_range_bytes(const struct planes *p, size_t n, size_t begin, size_t end);
/* Copy those bytes, plane by plane, out of a message, and into one. */
void planes_take(const struct planes *p, size_t n, size_t begin, size_t end, const void *message, void *part);
void planes_put(const struct planes *p, size_t n, size_t begin, size_t end, const void *part, void *message);
/* Coordinates of a bucket, in whole words of 64, when n are cut into so many. All who cut for post() use it.
 */
size_t planes_bucket(size_t n, size_t buckets);

enum exchange_flag {
	EXCHANGE_SAVE = 1, /* after this step, all state is to be collected at the root */
	EXCHANGE_STOP = 2, /* this step is the last one of this process's life */
};

enum exchange_end {
	EXCHANGE_FAILED = -1,
	EXCHANGE_DONE = 0,
	EXCHANGE_REPLACED = 1, /* clients only: there is no answer; train_state now holds the parameters of
	                        * step reply.step */
	EXCHANGE_LEFT = 2,     /* client: the root has ended the run; root: a signal came, and no votes */
};

/* Sizes and layout of the messages of a round; the same in every round of a run. */
struct message_shape {
	size_t n; /* coordinates */
	size_t push_bytes, pull_bytes;
	struct planes push_planes, pull_planes;
};

/* How the votes of a round become its answer. */
struct exchange_rule {
	bool separable;  /* every coordinate is combined by itself */
	bool float_mean; /* pushes are n floats, the answer their mean: MPI's own sum may make it */
	combine_fn *combine;
	void *ctx; /* of combine() */
};

/* What a process brings to a round. The arrays are the caller's, and the transport writes to some of them. */
struct exchange_request {
	uint64_t step; /* from 0 */
	struct message_shape shape;
	struct exchange_rule rule;
	const void *const *pushes; /* [hosted] in order of worker */
	int hosted;                /* pushes of this process */
	bool silent;        /* clients: this process does not vote, it only wants the answer (must_resync) */
	uint64_t x_hash;    /* of the parameters before the step; 0: not computed */
	int flags;          /* enum exchange_flag: what this process wants */
	int bn_owner;       /* the worker whose batches update the running statistics in this step */
	const bool *honest; /* [workers] */
	void *pull;         /* [pull_bytes], written */
	/*
	 * [workers] In: of the workers hosted here, the loss of the batch, and the step at which the worker's
	 * state began. Out, at the root: of all workers that were counted. born = -1 for a worker that was
	 * not counted: at the root for all workers, at a client for its own. loss = NAN of a counted worker
	 * at an untrusted root: it sent a loss that cannot be believed.
	 */
	double *loss;
	int64_t *born;
};

/* What comes of a round. Written by the transport; exchange_begin() fills in what holds until then. */
struct exchange_reply {
	uint64_t step; /* the request's; where the exchange ends REPLACED, the step to go on from */
	int flags;     /* what holds for all processes */
	int bn_owner;  /* of the next step, by bn_owner_next() */
	int n_voters;
	bool must_resync;              /* clients: the root is ahead; get its parameters before you compute */
	uint64_t bytes_up, bytes_down; /* this step, all workers together, as they cross the wire */
	uint64_t bytes_busiest;        /* sent and received by the busiest process */
	double wait_s;                 /* of the exchange: until the last vote was there */
};

void exchange_begin(const struct exchange_request *request, struct exchange_reply *reply);

/*
 * The worker that owns the running statistics after a round with these voters: the same one if it was
 * counted, else the first honest worker that was; if there is none, the same one.
 */
int bn_owner_next(int bn_owner, int workers, const int64_t *born, const bool *honest);

/* An array of the state that every process holds. */
struct state_part {
	size_t count;
	float *at; /* [count] */
};

enum { STATE_PARTS = 3 };

/* The state of a run between two steps: the trainer's own buffers, lent for as long as it lives. */
struct train_state {
	int64_t step;
	/* The shared state; count 0: there is none. */
	struct state_part x, optimizer, running; /* parameters, memory of the optimizer, running statistics */
	const size_t *worker_floats;             /* [M] floats of each worker's own state: momentum, carry,
	                                          * memory of an attack */
	float **workers;                         /* [M] blocks of worker_floats[m]; NULL: not held here */
	int64_t *born;                           /* [M] the step at which each worker's state began */
	bool given;                              /* the settings alone do not determine the parameters */
	/* Can an honest batch have made running statistics `next` of those in `running`? NULL: there are none
	 * to be judged. */
	bool (*running_fits)(const void *ctx, const float *next);
	const void *running_ctx;
	int bn_owner; /* of the running statistics, in the next step */
};

/* The shared state as a list, in the order in which transports send it: x, optimizer, running. */
struct state_part train_state_part(const struct train_state *st, int i);

struct transport_env {
	int workers;
	struct pool *pool;
	/*
	 * Not 0: a signal asks the process to stop. The root then sets STOP in the flags of the present
	 * round, if the round is not over yet, and gives the round up if it does not end (EXCHANGE_LEFT). A
	 * client leaves. May be NULL.
	 */
	const volatile sig_atomic_t *stop;
	const struct endpoint *endpoint; /* of a transport between machines; NULL elsewhere */
};

/* Faults so far, counted for each worker and kind. */
struct fault_table {
	int n_kinds;
	const char *const *kinds; /* [n_kinds] names, "late", "duplicate", ... */
	const uint64_t *counts;   /* [workers + 1][n_kinds]; the last row: of peers that are not known */
};

/* An open transport. */
struct link {
	const struct transport *row;
	void *self;
	bool root;
	bool untrusted; /* at the root: nobody vouches for the workers; no number they send decides anything
	                 */
	int count;      /* workers hosted here; may be 0 at the root */
	int *ids;       /* [count] which, ascending; owned by the transport */
	int buckets;    /* in how many post() wants a push; 0 or 1: pushes are sent whole, in exchange() */
};

/* Where the processes of a run come from. */
enum transport_processes {
	TRANSPORT_ALONE,    /* there is one, and all workers are in it */
	TRANSPORT_LAUNCHED, /* a launcher starts them all (launch.h) */
	TRANSPORT_SERVED,   /* one is the server; it starts the others itself, or they come to it */
};

struct transport {
	struct row row;
	enum transport_processes processes;
	/* Why `train` cannot use it (LAUNCHED: without the launcher), as the end of a sentence that begins
	 * with its name. NULL: it can. */
	const char *no_train;
	/* Writes the name and version of the library that it uses. NULL: it uses none. */
	void (*library)(char *out, size_t size);
	/* Asked before anything is opened: do these settings suit an aggregator that is separable, or whose
	 * answer is a mean of floats? -1 and a sentence if not. NULL: they suit all. */
	int (*check)(const void *state, bool separable, bool float_mean, struct err *e);
	/* Writes what `validate` should say of settings that are allowed but fight each other, as a sentence;
	 * false: nothing. NULL: there is never anything to say. */
	bool (*remark)(const void *state, char *out, size_t size);
	/* Fills *link. -1 and a sentence when it cannot. */
	int (*open)(const void *state, const struct transport_env *env, struct link *link, struct err *e);
	/*
	 * Before a run: send the root's *value to all processes. Needs no open link: self may be NULL. -1 and
	 * a sentence when it cannot be sent. NULL: there are no others.
	 */
	int (*tell)(void *self, int64_t *value, struct err *e);
	/*
	 * Bring the root's state to all: the step, the owner of the running statistics, the shared state if
	 * `given`, and workers' own states if the root has them. A process gets the states of its own workers
	 * in workers[id]; where the root has none, the state stays as it is, and born[id] = step. Call it
	 * once, before the first exchange; st must stay. NULL: nothing to do.
	 */
	int (*sync)(void *self, struct train_state *st, struct err *e);
	/*
	 * A bucket of a vote, before the exchange of its round: coordinates [begin, end) of push number `i`
	 * of this process are final and may be sent at once. Called from the thread that calls exchange(),
	 * with the same request, in which only loss and born of workers that still compute are missing.
	 * Buckets come from the end of a push to its beginning. All have the size of planes_bucket(), except
	 * the one of the last coordinates. All buckets of a push must be posted before the exchange, which
	 * then sends only the rest of the vote. Not called in a silent round. If sending fails, exchange()
	 * says so. NULL: the transport has no buckets.
	 */
	void (*post)(void *self, const struct exchange_request *request, int i, size_t begin, size_t end);
	/* One round. -1 and a sentence when it cannot be held. */
	enum exchange_end (*exchange)(void *self, const struct exchange_request *request,
	                              struct exchange_reply *reply, struct err *e);
	/*
	 * After a step whose flags said SAVE or STOP: bring all workers' own states to the root. It has lent
	 * zeroed memory by mem_array() for each in workers[]; a block whose state cannot be had is freed and
	 * set to NULL. NULL: nothing to do.
	 */
	int (*collect)(void *self, struct train_state *st, struct err *e);
	/* At the root: the run is over (finished), or interrupted; the others are told. NULL: there are none.
	 */
	void (*leave)(void *self, bool finished, const char *why);
	/* This process fails with this exit code: the others must not wait for it. NULL: none would. */
	void (*fail)(void *self, int code);
	/* The faults so far, which become columns of /faults. NULL: there can be none. */
	const struct fault_table *(*faults)(void *self);
	void (*close)(void *self);
};

#endif
