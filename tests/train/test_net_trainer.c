/*
 * Networks under the trainer: lanes never show, resumed is never interrupted; with running statistics, which
 * evaluations read, and with dropout, whose masks belong to worker and step.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/train.h"
#include "tests/support/file.h"

#define DATA "\"data\":{\"kind\":\"glyphs\",\"train\":60,\"test\":21}"
#define RUN  "\"seed\":3,\"workers\":3,\"steps\":4,\"batch\":4,\"lr\":0.01,\"eval\":{\"train\":14}," DATA

static const char *const experiments[] = {
        "{" RUN ",\"model\":\"resnet20\",\"adversaries\":{\"count\":1}}",
        "{" RUN ",\"aggregator\":\"mean\",\"init\":\"he\",\"model\":{\"kind\":\"sequential\",\"layers\":[{"
        "\"kind\":\"conv\","
        "\"channels\":6,\"kernel\":5,\"stride\":2},\"norm\",\"relu\",\"dropout\",{\"kind\":\"linear\","
        "\"width\":20},"
        "\"relu\",{\"kind\":\"dropout\",\"rate\":0.2}]}}",
};

enum { N_EXPERIMENTS = sizeof experiments / sizeof *experiments, STEPS = 4 };

/* Everything that an experiment leaves behind. */
struct end {
	float *x; /* [n] */
	size_t n;
	struct eval_row row;
};

static void read_end(struct trainer *t, struct end *out)
{
	const float *x = trainer_x(t, &out->n);
	out->x = mem_array(out->n, sizeof *x);
	memcpy(out->x, x, out->n * sizeof *x);
}

static void run(const char *text, int lanes, struct end *out)
{
	struct runs runs;
	struct pool *pool = pool_open(lanes);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	train_steps(t, STEPS);
	read_end(t, out);
	struct err e = {0};
	cr_assert_eq(trainer_eval(t, &out->row, &e), 0, "%s", e.text);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

static void expect_same(const struct end *a, const struct end *b, const char *what)
{
	cr_expect_eq(memcmp(a->x, b->x, a->n * sizeof *a->x), 0, "%s: other parameters", what);
	cr_expect_eq(a->row.train_loss, b->row.train_loss, "%s: training loss %.17g, %.17g", what,
	             a->row.train_loss, b->row.train_loss);
	cr_expect_eq(a->row.test_loss, b->row.test_loss, "%s: test loss %.17g, %.17g", what, a->row.test_loss,
	             b->row.test_loss);
	cr_expect_eq(a->row.test_accuracy, b->row.test_accuracy, "%s", what);
}

Test(net_trainer, lanes_never_show)
{
	for (size_t i = 0; i < N_EXPERIMENTS; i++) {
		struct end one, two, three;
		run(experiments[i], 1, &one);
		run(experiments[i], 2, &two);
		run(experiments[i], 3, &three);
		expect_same(&one, &two, experiments[i]);
		expect_same(&one, &three, experiments[i]);
		mem_free(one.x);
		mem_free(two.x);
		mem_free(three.x);
	}
}

static void resume(const char *text, int64_t step, const char *path, const struct end *whole)
{
	struct runs runs;
	struct err e = {0};
	struct end end;
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(2);
	struct trainer *first = train_open(s, pool), *second = train_open(s, pool);
	train_steps(first, step);
	cr_assert_eq(trainer_save(first, path, &e), 0, "%s", e.text);
	cr_assert_eq(trainer_restore(second, path, &e), 0, "%s", e.text);
	train_steps(second, STEPS - step);
	read_end(second, &end);
	cr_assert_eq(trainer_eval(second, &end.row, &e), 0, "%s", e.text);
	expect_same(&end, whole, text);
	mem_free(end.x);
	trainer_close(first);
	trainer_close(second);
	pool_close(pool);
	runs_clear(&runs);
}

Test(net_trainer, resumed_is_never_interrupted)
{
	char folder[FOLDER_SIZE], path[128];
	folder_make(folder);
	snprintf(path, sizeof path, "%s/c.h5", folder);
	for (size_t i = 0; i < N_EXPERIMENTS; i++) {
		struct end whole;
		run(experiments[i], 1, &whole);
		for (int64_t step = 1; step < STEPS; step += 2)
			resume(experiments[i], step, path, &whole);
		mem_free(whole.x);
	}
	folder_remove(folder);
}
