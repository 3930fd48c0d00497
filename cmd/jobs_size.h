/* How many points of a grid run at once, and in how many threads each. */
#ifndef SIGNSGD_CMD_JOBS_SIZE_H
#define SIGNSGD_CMD_JOBS_SIZE_H

#include "cmd/session.h"

/*
 * --jobs, where it is given. Else as many as the cores hold that this process may use, with one
 * lane each, no more than points, and as the memory allows that `validate` announces; one at a time where
 * points are timed (--profile) or compute on a device. -1 and a sentence.
 */
int jobs_size(const struct session *s, int *jobs, struct err *e);

/* Lanes of each of so many points at once: --lanes, or its share of the cores. */
int jobs_lanes(const struct session *s, int at_once);

#endif
