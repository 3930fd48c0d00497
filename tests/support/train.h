/* For tests of the step: run an experiment given as text, and look at x. */
#ifndef SIGNSGD_TESTS_SUPPORT_TRAIN_H
#define SIGNSGD_TESTS_SUPPORT_TRAIN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/pool.h"
#include "experiment/experiment.h"
#include "train/trainer.h"

/* Settings of a text that makes exactly one run; exits the test with the sentence otherwise. */
static inline const struct settings *train_settings(struct runs *r, const char *text)
{
	struct err e = {0};
	if (experiment_parse(r, "test", text, strlen(text), NULL, 0, &e) || r->count != 1) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return &r->at[0];
}

static inline void train_steps(struct trainer *t, int64_t steps)
{
	struct err e = {0};
	struct step_row row;
	for (int64_t i = 0; i < steps; i++)
		if (trainer_step(t, &row, NULL, &e)) {
			fprintf(stderr, "%s\n", e.text);
			abort();
		}
}

static inline struct trainer *train_open(const struct settings *s, struct pool *pool)
{
	struct err e = {0};
	struct trainer *t = trainer_open(s, pool, NULL, &e);
	if (!t) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return t;
}

/* The parameters after all steps of the text's one run; free with mem_free(). */
static inline float *train_x(const char *text, int lanes, size_t *n)
{
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(lanes);
	struct trainer *t = train_open(s, pool);
	train_steps(t, s->steps);
	const float *x = trainer_x(t, n);
	float *copy = mem_array(*n, sizeof *copy);
	memcpy(copy, x, *n * sizeof *copy);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return copy;
}

#endif
