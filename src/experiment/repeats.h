/*
 * Runs that are there twice: a value written twice, or in two ways ("0x1" and 1, 0.1 and {"kind": "constant",
 * "rate": 0.1}), or settings that others hide. Such runs would count twice in every average.
 */
#ifndef SIGNSGD_EXPERIMENT_REPEATS_H
#define SIGNSGD_EXPERIMENT_REPEATS_H

#include "experiment/settings.h"
#include "experiment/sweep.h"

/*
 * runs[i] is point i of the sweep, resolved. -1 and a sentence about the first value that makes a run again.
 * Runs are the same when nothing differs but where the result goes and how messages travel.
 */
int refuse_repeats(const struct settings *runs, const struct sweep *sweep, struct err *e);

#endif
