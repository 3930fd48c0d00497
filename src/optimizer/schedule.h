/*
 * The learning rate as a function of the step: a family of rows, all in optimizer/schedule.c.
 *
 * Every row's state begins with `struct warmup`. Its `per` is the unit of all lengths of that schedule:
 * steps, or epochs of steps_per_epoch steps. Over the first w steps of the warm-up, the rate that the
 * schedule gives at step t (counted from the run's start, warm-up or not) is multiplied by
 * warmup_from + (1 - warmup_from) (t + 1) / w. So step w - 1 is the first one at the full rate, and the rate
 * of the first step is not zero.
 */
#ifndef SIGNSGD_OPTIMIZER_SCHEDULE_H
#define SIGNSGD_OPTIMIZER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/exact.h"
#include "config/key.h"

struct schedule_env {
	int64_t steps;                /* K, of the whole run */
	struct ratio steps_per_epoch; /* over is 0 without data */
	/* Theory of Bernstein et al. 2019, or NaN where the model does not know it. */
	double f0_minus_f_star; /* f(x0) - f* */
	double l1_l;            /* |L|_1 */
};

enum schedule_per { SCHEDULE_STEP, SCHEDULE_EPOCH };

struct warmup {
	int64_t warmup;     /* in units of `per` */
	double warmup_from; /* share of the rate */
	int per;            /* enum schedule_per */
};

struct schedule {
	struct row row;
	/* Impossible settings: -1 and a sentence. knows_theory: the model has constants. NULL: none. */
	int (*check)(const void *state, const struct schedule_env *env, bool knows_theory, struct err *e);
	double (*rate)(const void *state, const struct schedule_env *env, int64_t step);
	/*
	 * Do the rates depend on K, the steps of the whole run? Then *length gets what the key `length` says
	 * of a run of any K with the same rates, in units of `per`; 0: there is no such value. NULL: they do
	 * not.
	 */
	bool (*spans)(const void *state, const struct schedule_env *env, int64_t *length);
};

/* Rate at `step` (from 0), warm-up included. */
double schedule_rate(const struct schedule *s, const void *state, const struct schedule_env *env,
                     int64_t step);

extern const struct schedule schedule_constant, schedule_step, schedule_multi_step, schedule_cosine,
        schedule_linear, schedule_inverse_sqrt, schedule_theory;

#endif
