/*
 * A worker, honest or lying, and the lane that lends it what a gradient needs.
 *
 * worker_compute() is the left half of Algorithm 1's worker loop: batch, gradient, momentum.
 * worker_encode() is what it says: its momentum, or what its attack makes of it, in the aggregator's bytes.
 * Where a transport sends in pieces, an honest worker's momentum and message are made piece by piece as the
 * gradient becomes final, which gives the same bits; who lies needs the whole vector first.
 * An attack changes what is said (or, where the row says so, the gradient); it is never shown another worker.
 */
#ifndef SIGNSGD_TRAIN_WORKER_H
#define SIGNSGD_TRAIN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "aggregator/aggregator.h"
#include "backend/backend.h"
#include "data/dataset.h"
#include "data/partition.h"
#include "data/image/reader.h"
#include "data/text/text_walk.h"
#include "models/model.h"

struct lane;
struct worker;

/* What all workers of a process share in a step. Borrowed. */
struct round {
	const struct backend *be;
	const struct model *model;
	const struct aggregator *agg;
	struct step_job job;          /* job.step is the present step, from 0 */
	const struct dataset *data;   /* NULL without data */
	struct partition *partition;  /* NULL without images */
	struct reader *reader;        /* reads samples that are not in memory; NULL: all are */
	const struct text_walk *text; /* where this step stands in the text; NULL without text */
	size_t carry_floats;
	int batch;
	float beta;
	bool norms, signs; /* probes want them of this step's gradients */
	const float *x;    /* [n] */
	float *running;    /* [running_floats] the model's running statistics; NULL: none */
	/*
	 * Messages are made in pieces of so many coordinates, a multiple of 64, while earlier layers still
	 * compute; 0: whole. piece(ctx, lane, worker) is called in the lane when one more is made.
	 */
	size_t bucket;
	void (*piece)(void *ctx, const struct lane *l, const struct worker *w);
	void *piece_ctx;
};

/* Scratch of one lane. */
struct lane {
	void *model;     /* instance */
	float *scratch;  /* [n]: a gradient while computing, a forged message while encoding */
	float *forged;   /* [n]: a forged gradient; NULL where no attack acts on gradients */
	float *x;        /* [batch][features] */
	int32_t *label;  /* [batch]; text: [window][batch] */
	int32_t *token;  /* text: [window][batch] */
	uint32_t *index; /* [batch] which samples */
	uint8_t *image;  /* [features] a sample being augmented */
};

struct worker {
	uint32_t id;
	float *v;                    /* [n] momentum */
	void *push;                  /* [push_bytes] */
	const struct attack *attack; /* NULL: honest */
	const void *attack_state;
	float *carry;  /* [carry_floats] the model's state for this worker's sequences; NULL: none */
	bool owns_bn;  /* its batches bring the running statistics up to date */
	float *memory; /* [memory_floats] the attack's */
	size_t memory_floats;
	size_t made;     /* coordinates from here on are in the push already; an atomic access, lanes look */
	uint64_t ticket; /* number of this step's batch in the reader's pass */
	double loss;     /* of the last batch */
	double data_s;   /* seconds its lane waited for that batch and gathered it */
	double l1, l2;   /* norms of the last stochastic gradient, when round.norms */
	uint64_t *signs; /* [words] its sign plane, when round.signs; NULL while nobody wants it */
};

void lane_open(struct lane *l, const struct model *model, const void *model_state,
               const struct model_env *env, size_t n, bool forges_gradient);
void lane_close(struct lane *l, const struct model *model, const struct backend *be);

/* Samples l->index[0..count-1] of the training or test set, normalised, as a batch. */
void lane_gather(struct lane *l, const struct round *r, bool test, int count, struct batch *out);

/* The same, batch `number` of the reader's pass. */
void lane_read(struct lane *l, const struct round *r, uint64_t number, int count, struct batch *out);

void worker_compute(struct worker *w, struct lane *l, const struct round *r);
/* Whatever of the message worker_compute() has not made. */
void worker_encode(struct worker *w, struct lane *l, const struct round *r);

#endif
