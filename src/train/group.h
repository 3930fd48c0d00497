/*
 * Groups: workers of a process whose gradients a lane computes at once (`fuse`).
 *
 * A group has workers with data and batches of one size, in order of id, and at most `fuse` of them; all
 * others are alone. Samples that are read on the way come in order of worker, so there a group has neighbours
 * only. Their passes are shared as the model can (models/model.h: grad_many); all else is each worker's own,
 * in order of id, and the bits are those of one after the other.
 */
#ifndef SIGNSGD_TRAIN_GROUP_H
#define SIGNSGD_TRAIN_GROUP_H

#include "train/worker.h"

struct group {
	struct worker **workers; /* [count] borrowed */
	int count;
};

struct groups {
	struct worker **order; /* [workers] by group */
	struct group *group;   /* [count] */
	int count;
};

/* Of `count` workers, in order of id. */
void groups_open(struct groups *g, struct worker *workers, int count, const struct feed *f, int64_t fuse);
void groups_close(struct groups *g);

/* worker_compute() of them all. */
void group_compute(const struct group *g, struct lane *l, const struct round *r);

#endif
