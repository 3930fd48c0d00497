/* How many points of a grid run at once, and in how many threads each. */
#ifndef SIGNSGD_CMD_JOBS_SIZE_H
#define SIGNSGD_CMD_JOBS_SIZE_H

#include "cmd/ui/cmd.h"
#include "experiment/experiment.h"

/* The points of a grid, and what the command line says of how they run. */
struct jobs_grid {
	const struct args *args; /* --jobs, --lanes and --profile, as far as the command has them */
	int lanes;               /* --lanes, or one a core */
	size_t count;
	const struct settings *(*at)(const void *points, size_t i);
	const void *points;
};

/*
 * --jobs, where it is given. Else as many as the cores hold that this process may use, with one
 * lane each, no more than points, and as the memory allows that `validate` announces; one at a time where
 * points are timed (--profile) or compute on a device. -1 and a sentence.
 */
int jobs_size(const struct jobs_grid *g, int *jobs, struct err *e);

/* Lanes of each of so many points at once: --lanes, or its share of the cores. */
int jobs_lanes(const struct jobs_grid *g, int at_once);

#endif
