/* A step of an attack that sees the crowd, part by part on the host: the plain way, in one thread. */
#ifndef SIGNSGD_TESTS_SUPPORT_CROWD_HELP_H
#define SIGNSGD_TESTS_SUPPORT_CROWD_HELP_H

#include "adversary/crowd.h"

enum { CROWD_HELP_MOST = 64 }; /* honest workers */

/* What crowd_help_plan() gives to the view. */
struct crowd_help {
	double numbers[CROWD_HELP_MOST + CROWD_NUMBERS];
	const uint64_t *signs[CROWD_HELP_MOST];
};

/* Measure, in blocks, and plan: view->numbers. */
void crowd_help_plan(struct crowd_help *c, const struct crowd_attack *a, const void *state,
                     struct crowd_view *view);

/* Let view->signs be those of the honest vectors, zeros positive; crowd_help_clear() frees them. */
void crowd_help_signs(struct crowd_help *c, struct crowd_view *view);
void crowd_help_clear(struct crowd_help *c);

/* A whole step: plan, forge all of out [n] of colluder 0, remember. memory may be NULL, or is the view's. */
void crowd_help_step(struct crowd_help *c, const struct crowd_attack *a, const void *state,
                     struct crowd_view *view, float *memory, float *out);

/* Harm that grows with the first number, and a Krum that takes it when it is below 0.1. */
crowd_ask_fn crowd_help_ask;

/* A step in which one colluder of two and one honest worker are counted, who both have v [n]. */
void crowd_help_alone(const struct backend *be, const struct crowd_attack *a, const void *state,
                      const float *v, size_t n, uint64_t step, float *memory, float *out);

#endif
