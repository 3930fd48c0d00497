/*
 * Repeating a run whose result file says who was counted in each step: only workers that were counted then
 * are counted now. The parameters then have the bits of the recorded run.
 */
#ifndef SIGNSGD_TRAIN_REPLAY_H
#define SIGNSGD_TRAIN_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "train/state.h"

/*
 * born[step - 1][m], for step = 1, 2, ...: the steps that were done when the state of worker m had last been
 * reset, if it was counted in this step; -1 if it was not.
 */
struct replay {
	int64_t steps;
	const int32_t *born; /* [steps][M] */
};

/*
 * Prepare for the present step: mark workers for a reset that had started again in the recorded run. -1 and a
 * sentence when what is recorded cannot be repeated. r = NULL: nothing is repeated.
 */
int replay_begin_step(const struct replay *r, struct state *st, struct err *e);

/* Is worker m counted in the present step, as far as a recorded run says? */
bool replay_counts(const struct replay *r, const struct state *st, int m);

#endif
