/*
 * Where a worker's gradient becomes the vector that is compressed (direction/direction.h).
 *
 * Where that vector is the worker's momentum itself, it needs no memory. Otherwise a lane lends it: it is
 * compressed before the lane computes the next worker's. Who is asked for it later in the step keeps one of
 * its own: all workers where an attack sees the crowd or `record.kappa` compares them, and a Byzantine one
 * whose attack makes its message of it.
 */
#ifndef SIGNSGD_TRAIN_TURN_H
#define SIGNSGD_TRAIN_TURN_H

#include "experiment/settings.h"
#include "train/lane.h"
#include "train/worker.h"

/* What a lane lends, in vectors of n coordinates; 0: nothing. */
size_t turn_lane_floats(const struct settings *s, size_t n);
/* Does worker `id` keep a vector of its own? And how many of `hosted` workers, at most? */
bool turn_keeps(const struct settings *s, int id);
size_t turn_kept(const struct settings *s, size_t hosted);

/* The vector of the worker that the lane has computed last. */
float *turn_vector(const struct worker *w, const struct lane *l);
/* Coordinates [begin, end) of it, and of the worker's memory, of the gradient g [n]. job: the lane's. */
void turn_gradient(const struct worker *w, const struct lane *l, const struct round *r, struct step_job job,
                   const float *g, size_t begin, size_t end);

#endif
