/*
 * A transport: carries every worker's push to where the votes meet, and the answer back. It moves opaque
 * bytes and counts them; what they mean is the aggregator's. A process hosts some of the M workers; one
 * process, the root, also evaluates, records and saves. The steps are the same on all of them: each holds
 * the parameters, and each applies every answer.
 *
 * Votes leave a process packed, one message a worker, and never summed with those of its neighbours: the
 * majority is not associative (the sign of a sum of signs of sums is another vote), and sums of floats in
 * another order are other bits. So a result never shows how workers were spread over processes. The one
 * exception is asked for by name: MPI's own all-reduce of floats (mpi.c).
 *
 * Who was not counted in a round begins anew in the next: zero momentum, zero carry, zero memory of an
 * attack. What a worker's state is therefore follows from who was counted when, which the root records; that
 * is what makes a faulty run repeatable (`simulate --replay`).
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

/* What runs where the votes meet: pull's coordinates [begin, end) from the pushes of the voters. */
typedef void combine_fn(void *ctx, int count, const void *const *pushes, size_t begin, size_t end,
                        void *pull);

/*
 * How the coordinates lie in a message: `count` planes one behind the other, each with `bits` (1, or a
 * multiple of 8) a coordinate. A plane of single bits fills whole words of 64. count = 0: in no such order,
 * the message cannot be cut.
 */
struct planes {
	int count, bits;
};

/* Those of a message of `bytes` bytes with `bits` a coordinate in each plane; bits = 0: it cannot be cut. */
struct planes planes_of(int bits, size_t bytes, size_t n);
/* Bytes from a plane's beginning to the next one's, of n coordinates. */
size_t planes_stride(const struct planes *p, size_t n);
/* Where coordinate i (a multiple of 64, or n) stands in a plane, in bytes. */
size_t planes_offset(const struct planes *p, size_t n, size_t i);
/*
 * Are the padding bits of single-bit planes, those behind coordinate n - 1, all 0? The message is as long as
 * its planes and may lie at any address. Who sets one did not pack what sign.h says.
 */
bool planes_padding_clear(const struct planes *p, size_t n, const void *message);
/* Bytes of the coordinates [begin, end) in all planes together; bounds as of planes_offset(). */
size_t planes_range_bytes(const struct planes *p, size_t n, size_t begin, size_t end);
/* Those bytes, plane by plane, out of a message; and into one. */
void planes_take(const struct planes *p, size_t n, size_t begin, size_t end, const void *message, void *part);
void planes_put(const struct planes *p, size_t n, size_t begin, size_t end, const void *part, void *message);
/* Coordinates of each piece when n are cut in so many, whole words of 64: post()'s, whoever cuts. */
size_t planes_bucket(size_t n, size_t pieces);

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
	 * not counted: at the root for all workers, at a client for its own.
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
	int bn_owner;                            /* of the running statistics, in the next step */
};

/* The shared state as a list, in the order in which transports send it: x, optimizer, running. */
struct state_part train_state_part(const struct train_state *st, int i);

struct transport_env {
	int workers;
	struct pool *pool;
	/* Not 0: a signal asks to stop. The root sets STOP in the round's flags if it is not answered yet,
	 * and gives up a round that does not come to its end (EXCHANGE_LEFT); a host leaves. NULL: nobody
	 * asks. */
	const volatile sig_atomic_t *stop;
	const struct endpoint *endpoint; /* of a transport between machines; NULL elsewhere */
};

/* What went wrong so far, counted per worker. */
struct fault_table {
	int n_kinds;
	const char *const *kinds; /* [n_kinds] names, "late", "duplicate", ... */
	const uint64_t *counts;   /* [workers + 1][n_kinds]; the last row: of nobody that is known */
};

/* An open transport. */
struct link {
	const struct transport *row;
	void *self;
	bool root;
	int count;   /* workers hosted here; may be 0 at the root */
	int *ids;    /* [count] which, ascending; owned by the transport */
	int buckets; /* pieces that post() wants a push in; 0 or 1: pushes are sent whole, in exchange() */
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
	/* The library that carries it, with its version, into out; NULL: none. */
	void (*library)(char *out, size_t size);
	/* Can these settings carry an aggregator that is separable, whose answer is a mean of floats? -1 and
	 * a sentence if not; before anything is opened. NULL: all. */
	int (*check)(const void *state, bool separable, bool float_mean, struct err *e);
	/* Fills *link. -1 and a sentence when it cannot. */
	int (*open)(const void *state, const struct transport_env *env, struct link *link, struct err *e);
	/*
	 * The root's word to all before a run: *value becomes the root's. Needs no open link: self may be
	 * NULL. -1 and a sentence when it cannot be passed on. NULL: nobody to tell.
	 */
	int (*tell)(void *self, int64_t *value, struct err *e);
	/*
	 * Bring the root's state to all: step, BN owner, shared parts where `given`, workers' blocks where
	 * the root has them (the hosts then get those of their own workers in workers[id], and else find them
	 * untouched with since[id] = step). To be called once, before the first exchange; st must stay. NULL:
	 * nothing to do.
	 */
	int (*sync)(void *self, struct train_state *st, struct err *e);
	/*
	 * Before the exchange of a round, from the same thread, with what will be its *x but for loss and
	 * since of workers that still compute: coordinates [begin, end) of push number `i` of this process
	 * are final and may be sent at once. Pieces of a push come from its end to its beginning, all of the
	 * same size but the last coordinates' one, begin a multiple of 64; all of them before the exchange,
	 * which then sends only what else belongs to it. Never of a silent round. What goes wrong is
	 * exchange()'s to say. NULL: the transport has no buckets.
	 */
	void (*post)(void *self, const struct exchange_request *request, int i, size_t begin, size_t end);
	/* One round. -1 and a sentence when it cannot be held. */
	enum exchange_end (*exchange)(void *self, const struct exchange_request *request,
	                              struct exchange_reply *reply, struct err *e);
	/*
	 * After a step whose flags said SAVE or STOP: the hosts' blocks to the root, which has lent zeroed
	 * memory by mem_array() for each in workers[]; those that cannot be had it frees and sets to NULL.
	 * NULL: nothing to do.
	 */
	int (*collect)(void *self, struct train_state *st, struct err *e);
	/* At the root: the run is over, or interrupted, after this many steps; hosts are told. NULL: nobody.
	 */
	void (*leave)(void *self, bool finished, const char *why);
	/* This process failed with this exit code: do not let the others wait. NULL: nobody waits. */
	void (*fail)(void *self, int code);
	/* Columns below /faults of what went wrong so far; NULL where nothing can. */
	const struct fault_table *(*faults)(void *self);
	void (*close)(void *self);
};

#endif
