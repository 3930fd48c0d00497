/*
 * The walk through a gradient, which is cut where somebody waits for a part of it, and is captured and
 * replayed where the machine can do that (backend/capture.h).
 *
 * A model says what it does in times 0, 1, ..., times - 1. Pieces of the walk end where a bucket of the
 * gradient is complete (struct batch): what is done with it then belongs to the step, not to the gradient,
 * and is given to the queue between two pieces.
 *
 * What a gradient does follows from its batches' sizes and from addresses. With the first gradient of a kind
 * it is just done, in which libraries make ready what they need; with the second it is captured; from then on
 * it is replayed. A replay finds what is new in memory: parameters, samples and labels where they always are,
 * random numbers by walk_stream(), and what a worker carries along in walk_carry(). So whatever else differs
 * from step to step (the rate, the momentum's beta, where a worker's message goes) has no place in a walk.
 */
#ifndef SIGNSGD_MODELS_GRAPH_WALK_H
#define SIGNSGD_MODELS_GRAPH_WALK_H

#include "models/model.h"

struct walk;

struct walk_kind {
	int times;
	size_t n;     /* parameters */
	size_t carry; /* numbers that a worker carries along */
	bool draws;   /* random numbers by walk_stream() */
	void *instance;
	void (*work)(void *instance, int time);
	/* The gradient is final from there on when this time is over. */
	size_t (*below)(const void *instance, int time);
};

/* Bytes of the machine's memory that it takes. */
size_t walk_bytes(const struct model_env *env, size_t carry);

struct walk *walk_open(const struct model_env *env, const struct walk_kind *kind);
void walk_close(struct walk *w); /* NULL: nothing */

/* The gradient of these batches at x, as struct model says of grad_many(), without the losses. */
void walk_gradient(struct walk *w, const float *x, int count, const struct batch *batch, float *const *g);

/* While walk_gradient() runs: the stream of dropout of a batch, and the worker's carry. */
const struct stream *walk_stream(const struct walk *w, size_t part);
float *walk_carry(const struct walk *w, size_t part);

#endif
