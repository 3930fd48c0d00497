/*
 * The points of a session, several at once, each in a process of its own (cmd/point.h): what is done, what is
 * left, what came of it. A point that fails stops no other. Several of these processes may share a grid, by
 * chance or as tasks of one job (mpirun, srun), which begin at different points and then help each other; the
 * locks of the results decide who does what.
 */
#ifndef SIGNSGD_CMD_JOBS_H
#define SIGNSGD_CMD_JOBS_H

#include "cmd/session.h"

/* Is the session one for jobs_run(): several points, or one of a job with several processes? */
bool jobs_wanted(const struct session *s);

/* Is its one run, of --resume or --replay, that of another process of the same job: the first? */
bool jobs_others(const struct session *s);

/*
 * Do all points. The first process of a job goes on until none is left, and speaks for all; the others end
 * when there is nothing for them to do, with 0, because Open MPI would end the first one with them. Says what
 * is wrong, and returns the exit code: 0, 1 when a run diverged or failed, 2 when all that failed is the
 * user's to mend, or that of a signal.
 */
int jobs_run(struct session *s);

#endif
