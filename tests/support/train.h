/* For tests of the step: run an experiment given as text, and look at x. */
#ifndef SIGNSGD_TESTS_SUPPORT_TRAIN_H
#define SIGNSGD_TESTS_SUPPORT_TRAIN_H

#include "base/pool.h"
#include "experiment/experiment.h"
#include "train/trainer.h"

/* All of these abort with a sentence where something is refused. */

/* Settings of a text that makes exactly one run. *r owns them: runs_clear(). */
const struct settings *train_settings(struct runs *r, const char *text);

/* So many steps more. */
void train_steps(struct trainer *t, int64_t steps);

/* A trainer at step 0; trainer_close() it. */
struct trainer *train_open(const struct settings *s, struct pool *pool);

/* The parameters after all steps of the text's one run; free with mem_free(). */
float *train_x(const char *text, int lanes, size_t *n);

#endif
