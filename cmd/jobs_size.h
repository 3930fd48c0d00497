/* How many points of a grid run at once, and in how many threads each. */
#ifndef SIGNSGD_CMD_JOBS_SIZE_H
#define SIGNSGD_CMD_JOBS_SIZE_H

#include "cmd/session.h"

struct jobs_size {
	int jobs, lanes;
};

/*
 * --jobs and --lanes where they are given. Else as many as the cores hold that this process may use, with one
 * lane each, no more than points, and as the memory allows that `validate` announces; one at a time where
 * points are timed (--profile) or compute on a device. Cores that are left are shared among them. -1 and a
 * sentence.
 */
int jobs_size(const struct session *s, struct jobs_size *out, struct err *e);

#endif
