/* What the runs of a file will take: time, and room on the disk. Said by `validate` before anything runs. */
#ifndef SIGNSGD_CMD_FORECAST_H
#define SIGNSGD_CMD_FORECAST_H

#include <stdbool.h>
#include "base/mem.h"
#include "cmd/jobs_size.h"
#include "cmd/ui/cmd.h"
#include "experiment/experiment.h"
#include "train/trainer.h"

struct forecast_run {
	double step_s, eval_s, time_s;       /* NAN: not known */
	double file_bytes, checkpoint_bytes; /* of its result; of a checkpoint while it runs */
};

struct forecast {
	const struct runs *runs;
	struct forecast_run *run; /* [runs->count] */
	size_t shapes, timed;     /* kinds of steps, and how many of them were timed */
	struct jobs_size size;    /* runs at once */
	int lanes;                /* of each */
	char unknown[1024];       /* why a kind of steps could not be timed; "": it could */
	struct forecast_run
	        all; /* time: of all together, jobs at once; checkpoints: the most at once and kept ones */
};

/* Is time asked for: of a grid unless --no-time, of one run with --time? */
#define FORECAST_OPTIONS                                                                                     \
	{"time", NULL, "time a step of one run too"},                                                        \
	{                                                                                                    \
		"no-time", NULL, "do not time a step of each kind that a grid has"                           \
	}

/* plans: of the runs. -1 and a sentence where the options contradict each other. Free with forecast_clear().
 */
int forecast_open(struct forecast *f, const struct runs *runs, const struct plan *plans, const struct args *a,
                  int lanes, struct err *e);
void forecast_clear(struct forecast *f);

/* What is said of one run, of all, and of what was left out; as text, and as members of a line. */
void forecast_print_run(const struct forecast *f, size_t run);
void forecast_print(const struct forecast *f);
void forecast_line(struct buf *b, const struct forecast *f, size_t run);

#endif
