/* What people are told of the work on a grid: one progress line for all, and what its processes say. */
#ifndef SIGNSGD_CMD_JOBS_TALK_H
#define SIGNSGD_CMD_JOBS_TALK_H

#include "cmd/jobs_state.h"

/* How many are done, running, failed, and for how long yet; shown when it is due. */
void jobs_show(const struct jobs *j);

/* The last line of a point's progress, which stays. */
void jobs_show_last(const struct jobs *j, const struct slot *slot);

/* A line that a process has said: with its point's name, unless another point has said the same. */
void jobs_tell(struct jobs *j, size_t index, const char *line);

/* A point failed: says why now, unless another has failed so, and at the end each reason once. */
void jobs_say_failed(const struct jobs *j, size_t index);
void jobs_say_failures(const struct jobs *j);

void jobs_forget(struct jobs *j);

#endif
