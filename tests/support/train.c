#include "tests/support/train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

const struct settings *train_settings(struct runs *r, const char *text)
{
	struct err e = {0};
	if (experiment_parse(r, "test", text, strlen(text), NULL, 0, &e) || r->count != 1) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return &r->at[0];
}

void train_steps(struct trainer *t, int64_t steps)
{
	struct err e = {0};
	struct step_row row;
	for (int64_t i = 0; i < steps; i++)
		if (trainer_step(t, &row, NULL, &e)) {
			fprintf(stderr, "%s\n", e.text);
			abort();
		}
}

struct trainer *train_open(const struct settings *s, struct pool *pool)
{
	struct err e = {0};
	struct trainer *t = trainer_open(s, pool, NULL, &e);
	if (!t) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return t;
}

float *train_x(const char *text, int lanes, size_t *n)
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
