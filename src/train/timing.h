/*
 * How long a step takes, by doing a few on samples that are made up: no file of a data set is read. What is
 * not in it is what reading, decoding and changing images takes, what `record` asks for, and a network.
 */
#ifndef SIGNSGD_TRAIN_TIMING_H
#define SIGNSGD_TRAIN_TIMING_H

#include <stdbool.h>
#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "experiment/settings.h"

struct timing {
	double step_s, eval_s; /* of a step, and of an evaluation of all that a run's evaluations are of */
};

/*
 * One step is for warming up, and those behind it are timed. A first step of seconds is timed by itself, and
 * an evaluation is then estimated from it. -1 and a sentence where the run cannot begin here.
 */
int timing_measure(const struct settings *s, struct pool *pool, struct timing *out, struct err *e);

/* What decides the time of a step, JSON text in the arena: runs that have it in common take the same. */
const char *timing_shape(struct arena *a, const struct settings *s);

#endif
