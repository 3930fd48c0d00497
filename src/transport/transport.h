/*
 * A transport carries each worker's push (its vote) to the process that combines the votes, and carries the
 * pull (the answer) back. It moves bytes and counts them; only the aggregator interprets them. Each process
 * has some of the M workers. One process, the root, also evaluates, records and saves. Apart from that all
 * processes do the same: each holds the parameters and applies every answer.
 *
 * A process sends one packed push for each of its workers. It never adds up the pushes of its workers first,
 * because the majority is not associative (a majority of majorities is not the majority of all), and the sum
 * of floats depends on the order of additions. So a result does not depend on how workers are distributed
 * over processes. The one exception has to be requested: MPI's own all-reduce of floats (mpi/sum.c).
 *
 * A worker that was not counted in a round starts again in the next one: its momentum, the recurrent state of
 * its sequences (carry) and the memories of its compressor and its attack are zeroed. So the state of a
 * worker is determined by the rounds in which it was counted. The root records these rounds, so that even a
 * run with faults can be repeated (`simulate --replay`).
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
#include "transport/meeting.h"

/* Combine the votes, in a lane: write coordinates [begin, end) of pull, from the pushes of the workers that
 * voted. Outside of the pool's lanes, lane is 0. */
typedef void combine_fn(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                        void *pull);

/*
 * The layout of the coordinates in a message: `count` planes, one after the other, each with `bits` bits (1,
 * or a multiple of 8) for every coordinate. A plane of single bits is padded to whole words of 64. count = 0:
 * the message has no such layout and cannot be cut.
 */
struct planes {
	int count, bits;
};

/* The planes of a message of `bytes` bytes; bits = 0: it cannot be cut. */
struct planes planes_of(int bits, size_t bytes, size_t n);
/* Bytes from the beginning of a plane of n coordinates to the beginning of the next. */
size_t planes_stride(const struct planes *p, size_t n);
/* The offset in a plane, in bytes, of coordinate i (a multiple of 64, or n). */
size_t planes_offset(const struct planes *p, size_t n, size_t i);
/*
 * Are the padding bits of single-bit planes, those after coordinate n - 1, all 0, as sign.h requires? The
 * message must have the length of its planes; it may be unaligned.
 */
bool planes_padding_clear(const struct planes *p, size_t n, const void *message);
/* Bytes of the coordinates [begin, end) in all planes together; bounds as for planes_offset(). */
size_t planes_range_bytes(const struct planes *p, size_t n, size_t begin, size_t end);
/* Copy these bytes, plane by plane, out of a message, or into one. */
void planes_take(const struct planes *p, size_t n, size_t begin, size_t end, const void *message,
                 void *range);
void planes_put(const struct planes *p, size_t n, size_t begin, size_t end, const void *range, void *message);
/* Coordinates in a bucket, a multiple of 64, when n coordinates are cut into `buckets` buckets for post(). */
size_t planes_bucket(size_t n, size_t buckets);

enum exchange_flag {
	EXCHANGE_SAVE = 1,     /* collect all state at the root after this step */
	EXCHANGE_STOP = 2,     /* this step is the last one before the process ends */
	EXCHANGE_WITHHELD = 4, /* replies only: the step has no answer, and pull is not written */
};

enum exchange_end {
	EXCHANGE_FAILED = -1,
	EXCHANGE_DONE = 0,
	EXCHANGE_REPLACED = 1, /* clients only: no answer; train_state now holds the root's parameters, those
	                          of step reply.step */
	EXCHANGE_LEFT =
	        2, /* client: the root has ended the run; root: a signal came before the round could end */
};

/* Sizes and layout of the messages of a round; the same in every round of a run. */
struct message_shape {
	size_t n;                      /* coordinates */
	size_t push_bytes, pull_bytes; /* of what varies, the most */
	/* A message begins with its length in bytes, a uint32, little endian, and that many are sent. Such
	 * messages are memory of the host, and cannot be cut. */
	bool push_varies, pull_varies;
	struct planes push_planes, pull_planes;
};

/* Bytes of a message of this process, of a shape of at most `most`. */
size_t message_length(bool varies, size_t most, const void *message);
/* Is a length that a message says it has one that it can have? `bytes` of it are there. */
bool message_length_holds(bool varies, size_t most, const void *message, size_t bytes);

/*
 * How the votes of a round are combined: by combine(), or, where meet is not NULL, by meet(), which must see
 * all messages at once and may withhold the answer.
 */
struct exchange_rule {
	const char *name;      /* of the aggregator, for sentences */
	bool separable;        /* every coordinate is combined independently of the others */
	const char *one_piece; /* the compressor whose messages cannot be cut; NULL: they can */
	const char *two_way;   /* the compressor that makes the answer too, in one place; NULL: none does */
	const char
	        *on_host; /* the compressor whose messages or answers are made on the host; NULL: none are */
	bool judged;      /* meet() removes messages that no compressor can have made */
	bool float_mean;  /* pushes are n floats, the answer is their mean; MPI's own sum may compute it */
	combine_fn *combine;
	meeting_fn *meet;
	/* Of an answer that varies in length: what is wrong with bytes that a peer sent for it; NULL:
	 * nothing. Itself NULL: nothing can be. */
	const char *(*refuses)(void *ctx, const void *answer, size_t bytes);
	void *ctx; /* the first argument of these */
};

/* What a process passes to a round. The caller owns the arrays; the transport writes to some of them. */
struct exchange_request {
	uint64_t step; /* from 0 */
	struct message_shape shape;
	struct exchange_rule rule;
	const void *const *pushes; /* [hosted] in order of worker */
	int hosted;                /* number of pushes of this process */
	bool silent;        /* clients: this process does not vote but gets the answer (see must_resync) */
	uint64_t x_hash;    /* of the parameters before the step; 0: not computed */
	int flags;          /* enum exchange_flag: what this process wants */
	int bn_owner;       /* the worker whose batches update the running statistics in this step */
	const bool *honest; /* [workers] */
	void *pull;         /* [pull_bytes], written */
	/*
	 * [workers] The loss of the worker's batch, and the step at which the worker's state began. The
	 * caller sets them for the workers of this process. The transport sets them, at the root, for all
	 * workers that were counted, and sets born = -1 for a worker that was not: the root for every worker,
	 * a client for its own workers. The root sets loss = NAN, where it is
	 * untrusted, for a counted worker whose loss cannot be believed.
	 */
	double *loss;
	int64_t *born;
};

/* The result of a round. exchange_begin() sets the initial values; the transport writes the rest. */
struct exchange_reply {
	uint64_t step; /* the request's; after EXCHANGE_REPLACED, the step of the root's parameters */
	int flags;     /* enum exchange_flag, agreed for all processes */
	int bn_owner;  /* of the next step, by bn_owner_next() */
	int n_voters;
	bool must_resync; /* clients: the root is ahead; get its parameters before the next gradient */
	uint64_t bytes_up, bytes_down; /* on the wire in this step, sum over all workers */
	uint64_t bytes_busiest;        /* sent and received by the busiest process */
	double wait_s;                 /* from the beginning of the exchange until the last vote had come */
};

void exchange_begin(const struct exchange_request *request, struct exchange_reply *reply);

/* May messages of this shape, for this rule, be sent in buckets? */
bool exchange_cuts(const struct exchange_request *request);

/* The workers that were counted, by their `born`, into ids [workers], ascending. Returns how many. */
int exchange_voters(const int64_t *born, int workers, int *ids);

/*
 * The worker that owns the running statistics after a round with these voters. The owner stays the same if it
 * was counted. Otherwise it is the first honest worker that was counted; if there is none, it stays the same.
 */
int bn_owner_next(int bn_owner, int workers, const int64_t *born, const bool *honest);

/* An array of the state that every process holds. */
struct state_part {
	size_t count;
	float *at; /* [count] */
};

enum { STATE_PARTS = 3 };

/*
 * The state of a run between two steps. It points to the trainer's own buffers, which stay valid as long as
 * the trainer.
 */
struct train_state {
	int64_t step;
	/* The shared state; count 0: there is none. */
	struct state_part x, optimizer, running; /* parameters, memory of the optimizer, running statistics */
	/*
	 * The memory of a rule that must see all messages at once: server_vectors whole vectors of
	 * coordinates, then what does not belong to any. Only the process where votes meet has it
	 * (link.meets): where several share the coordinates, each keeps that of its share current, and all of
	 * what follows; collect() brings the shares to the root.
	 */
	struct state_part server;
	size_t server_vectors;
	const size_t *worker_floats; /* [M] floats of each worker's own state: momentum, carry,
	                              * memories of compressor and attack */
	float **workers;             /* [M] blocks of worker_floats[m]; NULL: not in this process */
	int64_t *born;               /* [M] the step at which each worker's state began */
	bool given;                  /* the settings alone do not determine the parameters */
	/* Can an honest batch have made the running statistics `next` of those in `running`? NULL: there are
	 * none to be judged. */
	bool (*running_fits)(const void *ctx, const float *next);
	const void *running_ctx;
	int bn_owner; /* owner of the running statistics in the next step */
};

/* The shared state as a list, in the order in which transports send it: x, optimizer, running. */
struct state_part train_state_part(const struct train_state *st, int i);

struct transport_env {
	int workers;
	struct pool *pool;
	/*
	 * Not 0: a signal has asked the process to stop. The root then sets STOP in the flags of the present
	 * round, and gives the round up if it does not end (EXCHANGE_LEFT). A client leaves. May be NULL.
	 */
	const volatile sig_atomic_t *stop;
	const struct endpoint *endpoint; /* addresses and keys for transport zmq; other transports: NULL */
};

/* Faults so far, counted for each worker and kind. */
struct fault_table {
	int n_kinds;
	const char *const *kinds; /* [n_kinds] names, "late", "duplicate", ... */
	const uint64_t *counts;   /* [workers + 1][n_kinds]; the last row: faults of unknown peers */
};

/* An open transport. */
struct link {
	const struct transport *row;
	void *self;
	bool root;
	bool untrusted;   /* at the root: nobody vouches for the workers; no number of theirs decides */
	bool meets;       /* votes meet in this process, or some coordinates of them */
	bool meets_apart; /* other processes have shares of them too */
	int count;        /* workers of this process; may be 0 at the root */
	int *ids;         /* [count] their numbers, ascending; owned by the transport */
	int buckets;      /* in how many buckets post() takes a push; 0 or 1: exchange() sends pushes whole */
};

/* How the processes of a run are started. */
enum transport_processes {
	TRANSPORT_ALONE,    /* there is one process, with all workers */
	TRANSPORT_LAUNCHED, /* a launcher starts them all (launch.h) */
	TRANSPORT_SERVED,   /* one is the server; it starts the others, or they connect to it */
};

struct transport {
	struct row row;
	enum transport_processes processes;
	/*
	 * Pushes and the answer are memory of the machine (backend/memory.h), which exchange() leaves to
	 * combine(). Other rows get memory of the host, and a state of the host's.
	 */
	bool on_machine;
	/* The one backend whose memory it moves; NULL: any. A row that wants one is nobody's choice unasked.
	 */
	const char *backend;
	/*
	 * Why `train` cannot use this transport (LAUNCHED: without the launcher). The text is the end of a
	 * sentence that begins with the transport's name. NULL: `train` can use it.
	 */
	const char *no_train;
	/*
	 * Writes the name and version of the library that the transport uses. load = false: what is known
	 * without opening a library that only this transport needs. NULL: it uses none.
	 */
	void (*library)(bool load, char *out, size_t size);
	/*
	 * Called before open(): do the settings suit this rule? It has no ctx yet. -1 and a sentence if not.
	 * NULL: all rules suit.
	 */
	int (*check)(const void *state, const struct exchange_rule *rule, struct err *e);
	/* Writes what `validate` should say of settings that are allowed but fight each other, as a sentence;
	 * false: nothing. NULL: there is never anything to say. */
	bool (*remark)(const void *state, char *out, size_t size);
	/* With these settings, do several processes share the coordinates, so that nowhere all votes are
	 * combined? NULL: one process combines them all. */
	bool (*apart)(const void *state);
	/* Open the transport and fill *link. -1 and a sentence. */
	int (*open)(const void *state, const struct transport_env *env, struct link *link, struct err *e);
	/* Bytes of the machine's memory that rounds with messages of these sizes take in this process, beside
	 * its own messages. NULL: none. */
	size_t (*round_bytes)(const void *self, size_t push_bytes, size_t pull_bytes);
	/*
	 * Before a run: send the root's *value to all processes. self may be NULL, because no link needs to
	 * be open. -1 and a sentence when it cannot be sent. NULL: there are no other processes to tell.
	 */
	int (*tell)(void *self, int64_t *value, struct err *e);
	/*
	 * Send the root's state to all processes: the step, the owner of the running statistics, the shared
	 * state if `given`, and workers' own states if the root has them. A process receives the states of
	 * its own workers in workers[id]. If the root has none for a worker, workers[id] stays as it is, and
	 * born[id] = step. Call it once, before the first exchange; st must stay valid. NULL: nothing to do.
	 */
	int (*sync)(void *self, struct train_state *st, struct err *e);
	/*
	 * Post a bucket of a vote before exchange(): coordinates [begin, end) of push number `i` of this
	 * process are final and may be sent at once. Called from the thread that calls exchange(), with the
	 * same request; only loss and born of workers that still compute are not set yet. Buckets are posted
	 * from the end of a push to its beginning. Each has planes_bucket() coordinates, except the bucket
	 * with the last coordinates. All buckets of a push must be posted before exchange(), which then sends
	 * only the rest of the vote. Not called in a silent round. If sending fails, exchange() reports the
	 * error. NULL: the transport has no buckets.
	 */
	void (*post)(void *self, const struct exchange_request *request, int i, size_t begin, size_t end);
	/* Hold one round. EXCHANGE_FAILED and a sentence when that fails. */
	enum exchange_end (*exchange)(void *self, const struct exchange_request *request,
	                              struct exchange_reply *reply, struct err *e);
	/*
	 * After a step with SAVE or STOP in its flags: send all workers' own states to the root. The root has
	 * allocated zeroed memory (mem_array()) in workers[] for each; if a state does not come, its block is
	 * freed and set to NULL. NULL: nothing to do.
	 */
	int (*collect)(void *self, struct train_state *st, struct err *e);
	/*
	 * At the root: tell the other processes that the run is over (finished) or interrupted. NULL: there
	 * are no others.
	 */
	void (*leave)(void *self, bool finished, const char *why);
	/* This process fails with this exit code: keep the others from waiting for it. NULL: they would not.
	 */
	void (*fail)(void *self, int code);
	/* The faults so far, which become columns of /faults. NULL: the transport counts no faults. */
	const struct fault_table *(*faults)(void *self);
	void (*close)(void *self);
};

#endif
