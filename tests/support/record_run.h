/* For tests of result files: a run whose numbers are a function of the step, written and checked. */
#ifndef SIGNSGD_TESTS_SUPPORT_RECORD_RUN_H
#define SIGNSGD_TESTS_SUPPORT_RECORD_RUN_H

#include "record/record.h"
#include "tests/support/h5_door.h"

/* Of a run "toy" of 10,000 steps. */
extern const struct record_meta record_run_meta;

/* What a run would record after `step` steps: any numbers, but a function of the step alone. */
struct step_row record_run_step(int64_t step);
struct eval_row record_run_eval(int64_t step);

/* A probe of a row every 5 steps: two numbers a row, and floats. */
struct record_run_probe {
	struct h5_column *step, *pair, *real;
};

/* Its columns in a file; record_run_probe_close() them. */
struct record_run_probe record_run_probe_columns(struct record *r);
void record_run_probe_close(struct record_run_probe *p);

/* Record the steps after `from` up to `to`: a row each `every`, an evaluation each 50, the probe each 5. */
void record_run_steps(struct record *r, struct record_run_probe *p, int64_t from, int64_t to, int64_t every);

/* A run from its first step to `to`, ended in `state`. */
void record_run_write(const char *path, const struct record_meta *m, int64_t to, enum run_state state);

/* An attribute of /meta is this. */
void record_run_expect_text(struct h5 *f, const char *name, const char *expected);
void record_run_expect_int(struct h5 *f, const char *name, int64_t expected);

/* Everything in the tables and the probe as after `to` steps of an uninterrupted run. */
void record_run_expect(const char *path, int64_t to, int64_t every);

#endif
