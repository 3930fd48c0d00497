/*
 * A lane: one thread's share of what a gradient needs, which it lends to one worker after another. It holds
 * an instance of the model, scratch memory, and the batch that it gathers from the feed.
 *
 * Where several workers are taken at once (`fuse`), it has a slot for each of them: a gradient and a batch,
 * the slots' numbers one behind the other, each from where a line of memory begins. The functions that gather
 * a batch fill the present slot.
 */
#ifndef SIGNSGD_TRAIN_LANE_H
#define SIGNSGD_TRAIN_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "backend/backend.h"
#include "models/model.h"
#include "train/coded.h"
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
	size_t slots;    /* workers that it can take at once */
	size_t slot;     /* the present one; 0 but while a group's batches are gathered */
	size_t n;        /* coordinates */
	float *scratch;  /* [slots][n]: gradients while computing, a forged message while encoding */
	float *forged;   /* [n]: a forged gradient; NULL where no attack acts on gradients */
	float *vector;   /* of the worker that it computes, with scratch (train/turn.h); NULL: none is lent */
	double *numbers; /* [2] sums */
	struct coded coded;
	float *block;         /* step_job.scratch */
	float *seen;          /* step_job.seen */
	float *x;             /* [slots][batch][features] */
	uint8_t *pixels;      /* [batch][features]; NULL: pixels are read where they were gathered */
	size_t labels;        /* of a slot: batch; text: window * batch */
	int32_t *label;       /* [slots][labels]; NULL likewise */
	int32_t *token;       /* text: [slots][labels]; NULL likewise */
	struct mark *brought; /* behind pixels on their way from the reader */
	/* Gathered on the host, for one upload a batch: */
	uint8_t *pixels_gathered; /* [batch][features] */
	int32_t *label_gathered;  /* as label */
	int32_t *token_gathered;  /* as token */
	/* Of a group of workers, [slots]: */
	struct batch *batches;
	float **gradients;
	double *losses;
	uint32_t *index;         /* [batch] sample numbers of a batch; of a pass: lane_pass() */
	uint32_t *index_brought; /* [batch] where kernels read them; NULL likewise */
};

/* Floats from one slot to the next, of which each has so many numbers. */
static inline size_t lane_stride(size_t numbers)
{
	return (numbers + 15) / 16 * 16;
}

/* Workers that a lane takes at once, of so many that could be. */
static inline int lane_fuse(int64_t fuse, int64_t of)
{
	int64_t least = of < fuse ? of : fuse;
	return least > 1 ? (int)least : 1;
}

/*
 * first: the lane that was opened first, whose models are the siblings of this one's; NULL for itself.
 * vector_floats: of `vector`.
 */
void lane_open(struct lane *l, const struct model_env *env, const void *model_state, struct feed *feed,
               size_t n, bool forges_gradient, size_t vector_floats, const struct lane *first);
/* Lanes of a process are siblings: the first one is closed last. */
void lane_close(struct lane *l);

/* The gradient of the present slot. */
float *lane_gradient(const struct lane *l);

/* The instance for batches of `size` samples. */
void *lane_instance(const struct lane *l, int size);

/* x has changed: let the models update what they derive from it. Of the first lane, for all its siblings. */
void lane_load(const struct lane *l, const float *x);

/* Images of worker `worker`'s shard in a step, augmented; `number` counts the batches of the reader's list.
 */
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
void lane_pass(struct lane *l, enum feed_set set, uint64_t number, int count, struct batch *out);

#endif
