/*
 * A lane: one thread's share of what a gradient needs, which it lends to one worker after another. It holds
 * an instance of the model, scratch memory, and the batch that it gathers from the feed.
 */
#ifndef SIGNSGD_TRAIN_LANE_H
#define SIGNSGD_TRAIN_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "backend/backend.h"
#include "models/model.h"
#include "train/feed.h"

/* Normalisation counts the samples of a batch, so that each size has an instance. */
struct lane_model {
	int batch;
	void *model;
};

struct lane {
	const struct backend *be;
	struct queue *queue; /* of what this lane does */
	const struct model *row;
	struct feed *feed;
	void *model;               /* instance of the row, for batches of up to feed->batch */
	struct lane_model *others; /* [n_others] instances for the other sizes of batches that workers have */
	int n_others;
	float *scratch;       /* [n]: a gradient while computing, a forged message while encoding */
	float *forged;        /* [n]: a forged gradient; NULL where no attack acts on gradients */
	double *numbers;      /* [2] sums */
	struct mark *brought; /* behind pixels on their way from the reader */
	float *x;             /* [batch][features] */
	uint8_t *pixels;      /* [batch][features]; NULL: pixels are read where they were gathered */
	int32_t *label;       /* [batch]; text: [window][batch]; NULL likewise */
	int32_t *token;       /* text: [window][batch]; NULL likewise */
	/* Gathered on the host, for one upload a batch: */
	uint8_t *pixels_gathered; /* [batch][features] */
	int32_t *label_gathered;  /* as label */
	int32_t *token_gathered;  /* as token */
	uint32_t *index;          /* [batch] sample numbers of a batch; of a pass: lane_pass() */
	uint32_t *index_brought;  /* [batch] where kernels read them; NULL likewise */
};

/* first: the lane that was opened first, whose models are the siblings of this one's; NULL for itself. */
void lane_open(struct lane *l, const struct model_env *env, const void *model_state, struct feed *feed,
               size_t n, bool forges_gradient, const struct lane *first);
/* Lanes of a process are siblings: the first one is closed last. */
void lane_close(struct lane *l);

/* The instance for batches of `size` samples. */
void *lane_instance(const struct lane *l, int size);

/* x has changed: let the models update what they derive from it. Of the first lane, for all its siblings. */
void lane_load(const struct lane *l, const float *x);

/* Worker `worker`'s images of a step, augmented; `number` counts the batches of the reader's list. */
void lane_images(struct lane *l, uint32_t worker, uint64_t step, uint64_t number, struct batch *out);

/* Let an attack on data change the labels of a batch of images that this lane has just gathered: there alone,
 * not in the data set. */
void lane_relabel(struct lane *l, const struct attack *attack, const void *attack_state, struct batch *batch);

/*
 * `length` positions from `at` on of out->count columns from `first` on, in a text whose columns have
 * `positions` positions.
 */
void lane_tokens(struct lane *l, const int32_t *tokens, size_t positions, size_t first, size_t at, int length,
                 struct batch *out);

/* Worker `worker`'s columns of text at the present positions of the feed. */
void lane_text(struct lane *l, uint32_t worker, struct batch *out);

/* Batch `number` of a pass: `count` images with the sample numbers l->index [count], as they are. */
void lane_pass(struct lane *l, bool test, uint64_t number, int count, struct batch *out);

#endif
