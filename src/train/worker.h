/*
 * A worker, honest or Byzantine.
 *
 * worker_compute() is the left half of Algorithm 1's worker loop: batch, gradient, momentum.
 * worker_encode() makes its message of the momentum, or of what its attack makes of the momentum.
 *
 * A transport may want messages in buckets while the gradient is still being computed. The momentum and the
 * message of an honest worker are then made bucket by bucket as the gradient becomes final, from its end to
 * its beginning; the bits are the same. An attack needs the whole vector, so a Byzantine worker's message is
 * made at the end.
 *
 * An attack changes a message, or a gradient if its row says so. It never sees another worker.
 */
#ifndef SIGNSGD_TRAIN_WORKER_H
#define SIGNSGD_TRAIN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "aggregator/aggregator.h"
#include "models/model.h"
#include "probe/probe.h"
#include "train/feed.h"
#include "train/lane.h"

/* Messages that are made in buckets. */
struct round_buckets {
	size_t size; /* coordinates, a multiple of 64; 0: messages are made whole */
	/* Called in lane l when one more bucket of a worker's message is made. */
	void (*made)(void *ctx, const struct lane *l);
	void *ctx;
};

/* What all workers of a process share in a step. Borrowed. */
struct round {
	const struct backend *be;
	const struct model *model;
	const struct aggregator *agg;
	struct step_job job; /* job.step is the present step, from 0 */
	const struct feed *feed;
	const float *x;      /* [n] */
	float *running;      /* [running_floats] running statistics; NULL: the model has none */
	size_t carry_floats; /* of each worker's carry */
	float beta;          /* momentum */
	struct probe_wants wants;
	struct round_buckets buckets;
};

struct worker {
	uint32_t id;
	float *v;                    /* [n] momentum */
	void *push;                  /* [push_bytes] message */
	const struct attack *attack; /* NULL: honest */
	const void *attack_state;
	float *memory;              /* of the attack; NULL: it has none */
	float *carry;               /* [carry_floats] model state of its sequences; NULL: none */
	struct probe_worker *shown; /* what probes see of it */
	size_t made;                /* coordinates from here on are in the push; atomic, the lanes read it */
	/* Of the present step: */
	bool owns_bn;    /* its batches update the running statistics */
	uint64_t number; /* of its batch in the reader's list */
	double loss;     /* of its batch */
	double data_s;   /* seconds that its lane took to get the batch */
};

/* Gradient and momentum of this step; with buckets, an honest worker's message too. */
void worker_compute(struct worker *w, struct lane *l, const struct round *r);
/* The message, as far as worker_compute() has not made it. */
void worker_encode(struct worker *w, struct lane *l, const struct round *r);

#endif
