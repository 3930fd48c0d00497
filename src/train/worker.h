/*
 * A worker, honest or Byzantine.
 *
 * worker_compute() does the worker loop of Algorithm 1: batch, gradient, the vector that the direction makes
 * of it (direction/direction.h; the momentum, most often) and its message, both in one pass over memory where
 * the compressor has one. Only a message that an attack replaces is left to worker_encode(), which runs when
 * all vectors are there.
 *
 * A transport may want messages in buckets while the gradient is still being computed. Then the vector and
 * the message of an honest worker are computed bucket by bucket, from the end of the gradient to its
 * beginning, as soon as that part of the gradient is final. The message has the same bits as one made at
 * once. An attack on more than data needs the whole vector, as some compressors and directions do, so such a
 * worker's message is made after the backward pass.
 *
 * Several workers may share the passes of a gradient (train/group.h): worker_begin() and worker_end() are
 * what comes before and behind it.
 *
 * An attack changes the worker's labels, its gradient, the vector that becomes its message, or the message
 * when it is packed, as the attack's row says (adversary/attack.h). A blind one never
 * sees the vectors of another worker; what colluders send who see the crowd is forged once for all of them,
 * between the two calls (train/crowd.h).
 */
#ifndef SIGNSGD_TRAIN_WORKER_H
#define SIGNSGD_TRAIN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "aggregator/method.h"
#include "models/model.h"
#include "probe/probe.h"
#include "train/feed.h"
#include "train/lane.h"
#include "transport/transport.h"

/* How messages are made in buckets. */
struct round_buckets {
	size_t size;          /* coordinates, a multiple of 64; 0: messages are made whole */
	struct planes planes; /* of a message */
	/* Called in lane l after each bucket of a worker's message is made. */
	void (*made)(void *ctx, const struct lane *l);
	void *ctx;
};

struct worker;

/* What all workers of a process share in a step. All pointers are borrowed. */
struct round {
	const struct backend *be;
	const struct model *model;
	struct method method;
	size_t push_bytes;
	struct step_job job; /* job.step is the present step, from 0 */
	const struct feed *feed;
	const float *x;      /* [n] */
	float *running;      /* [running_floats] running statistics; NULL: the model has none */
	size_t carry_floats; /* of each worker's carry */
	float beta;          /* momentum */
	struct probe_wants wants;
	struct round_buckets buckets;
	const float *forged; /* [n] what all Byzantine workers hand to the compressor; NULL: each forges its
	                      * own message, if its attack does */
	/* Colluders of whom each has a vector of its own: write it to out [n]. NULL: there are none. */
	void (*collude)(void *colluding, const struct worker *w, const struct lane *l, float *out);
	void *colluding;
};

/* The step's job in a lane. */
struct step_job round_job(const struct round *r, const struct lane *l);

/* A message while it is made in buckets from a gradient. */
struct maker {
	struct worker *w;
	const struct lane *l;
	const struct round *r;
	float *g; /* [n] the gradient, in the lane */
};

struct worker {
	uint32_t id;
	bool idle;                   /* Byzantine without data: it computes no gradient */
	int place;                   /* where its batches begin among those that are read: feed->reading */
	const int *parts;            /* [n_parts] the parts of the data that it has, by coding; */
	int n_parts;                 /* 0: there is no coding, and it has its own shard alone */
	float *m;                    /* [n] momentum: what the direction remembers */
	float *v;                    /* [n] its vector, which may be m; NULL: in its lane (train/turn.h) */
	void *push;                  /* [push_bytes] message */
	void *push_seen;             /* its mirror, which the transport reads; or the message itself */
	const struct attack *attack; /* NULL: honest */
	const void *attack_state;
	uint64_t attack_from; /* the first step in which it attacks; it is honest before */
	float *memory;        /* of the attack; NULL: it has none */
	float *unsaid;        /* memory of the compressor; NULL: it has none */
	float *carry; /* [carry_floats] model state that its sequences carry to the next step; NULL: none */
	struct probe_worker *shown; /* what probes see of the worker */
	size_t made; /* coordinates from here on are in the push; atomic, because other lanes read it */
	struct mark *const
	        *marks; /* [buckets] set behind what shows a bucket in push_seen; NULL: none is needed
	                 */
	/* Of the present step: */
	struct maker maker;
	bool owns_bn;    /* its batches update the running statistics */
	uint64_t number; /* number of its batch in the reader's list */
	double loss;     /* of its batch */
	double data_s;   /* seconds that its lane took to get the batch */
	double encode_s; /* seconds of worker_compute() that its lane took for vector and message */
};

/* Compute gradient and vector of this step, and the message unless an attack replaces it. */
void worker_compute(struct worker *w, struct lane *l, const struct round *r);
/* The same but for the gradient itself, of a worker with data: get the batch, whose gradient goes to the
 * lane's present slot; and what is done with it. */
void worker_begin(struct worker *w, struct lane *l, const struct round *r, struct batch *out);
void worker_end(struct worker *w, double loss);
/* Bring the message to where it is combined, if that is not where it is made. */
void worker_show(const struct worker *w, const struct lane *l, const struct round *r);
/* Make the message that worker_compute() has not made, if there is one. */
void worker_encode(struct worker *w, struct lane *l, const struct round *r);

#endif
