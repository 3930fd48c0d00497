/* How many points of a grid run at once, and in how many threads each: `simulate` does it, `validate` says
 * it. */
#ifndef SIGNSGD_CMD_JOBS_SIZE_H
#define SIGNSGD_CMD_JOBS_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "cmd/ui/cmd.h"
#include "experiment/settings.h"

/* What is to be done: these runs, by this command line. */
struct jobs_grid {
	const struct args *args;
	const struct settings *const *runs; /* [count] */
	size_t count;
	int lanes; /* --lanes, else one for each core of this process */
};

struct jobs_size {
	int jobs;         /* runs at once, at least 1 */
	int wanted;       /* as many as cores alone allow, or --jobs */
	bool short_of;    /* memory: fewer than wanted, or --jobs is beyond it */
	double need;      /* bytes of the largest run; 0: nobody asked for */
	double room;      /* bytes for all */
	const char *what; /* sets the bound of memory */
};

/*
 * --jobs, where the command has it and it is given. Else as many as the cores hold that this process may use,
 * with one lane each, no more than runs, and as the memory allows that `validate` announces; one at a time
 * where runs are timed (--profile) or compute on a device. -1 and a sentence.
 */
int jobs_size(const struct jobs_grid *g, struct jobs_size *out, struct err *e);

/* The same in words, where memory decides: log_say() for fewer, log_warn() for --jobs beyond it. */
void jobs_size_say(const struct jobs_size *size);

/* --jobs; *jobs stays as it is where it is not given. -1 and a sentence. */
int jobs_given(const struct args *a, long long *jobs, struct err *e);

/* Lanes of each of so many runs at once: --lanes, or its share of the cores. */
int jobs_lanes(const struct args *a, int lanes, int at_once);

#endif
