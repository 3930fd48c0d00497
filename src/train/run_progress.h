/* How far a run is: what its progress line says, and what a process that does a point of a grid reports. */
#ifndef SIGNSGD_TRAIN_RUN_PROGRESS_H
#define SIGNSGD_TRAIN_RUN_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct run_progress {
	int64_t began, done, steps;  /* steps done before this process took over, by now, and planned */
	int64_t withheld;            /* of those that are done */
	double loss;                 /* of the last step */
	double accuracy, perplexity; /* of the last evaluation; not finite: there is none */
	double elapsed;              /* seconds of this process */
};

/* "step 40 of 100 (40 %), loss 0.31, test accuracy 0.9102, 81 steps/s, ETA 0.7 s" into out. */
void run_progress_text(const struct run_progress *p, char *out, size_t size);

#endif
