/* Training on text: what a step reads and carries, resuming, lanes, evaluation, what experiments may say. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "tests/support/train.h"
#include "tests/support/file.h"

/* LICENSE is the text: it is always there. */
#define EXPERIMENT                                                                                           \
	"{\"seed\":5,\"workers\":3,\"steps\":24,\"batch\":2,\"lr\":0.01,\"momentum\":0.5,"                   \
	"\"data\":{\"kind\":\"text\",\"train\":\"LICENSE\",\"bptt\":12,\"random_length\":%s},"               \
	"\"model\":{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":6,\"hidden\":10,\"window\":2,"              \
	"\"dropout_words\":0.1,\"dropout_input\":0.2,\"dropout_hidden\":0.2,\"dropout_output\":0.2,"         \
	"\"zoneout\":0.1},\"adversaries\":{\"count\":1},\"eval\":{\"train\":700}%s}"

static void write_experiment(char text[1024], bool random_length, const char *more)
{
	snprintf(text, 1024, EXPERIMENT, random_length ? "true" : "false", more);
}

Test(text_training, resumed_is_never_interrupted)
{
	char folder[FOLDER_SIZE], path[128], text[1024];
	struct runs runs;
	struct err e = {0};
	size_t n, m;
	folder_make(folder);
	snprintf(path, sizeof path, "%s/c.h5", folder);
	write_experiment(text, true, ",\"momentum_at\":[9,17],\"momentum_then\":[0.9,0]");
	const struct settings *s = train_settings(&runs, text);
	float *whole = train_x(text, 2, &n);
	for (int64_t step = 1; step < s->steps; step += 4) {
		struct pool *pool = pool_open(1);
		struct trainer *first = train_open(s, pool), *second = train_open(s, pool);
		train_steps(first, step);
		cr_assert_eq(trainer_save(first, path, &e), 0, "%s", e.text);
		cr_assert_eq(trainer_restore(second, path, &e), 0, "%s", e.text);
		train_steps(second, s->steps - step);
		cr_expect_eq(memcmp(trainer_x(second, &m), whole, n * sizeof *whole), 0, "at step %d",
		             (int)step);
		trainer_close(first);
		trainer_close(second);
		pool_close(pool);
	}
	mem_free(whole);
	runs_clear(&runs);
	folder_remove(folder);
}

static struct eval_row evaluation(const char *text, int lanes)
{
	struct runs runs;
	struct eval_row row;
	struct pool *pool = pool_open(lanes);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	train_steps(t, 3);
	cr_assert_eq(trainer_eval(t, &row, &(struct err){0}), 0);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return row;
}

Test(text_training, an_evaluation_has_a_perplexity_and_shows_no_lanes)
{
	char text[1024];
	write_experiment(text, false, "");
	struct eval_row one = evaluation(text, 1), many = evaluation(text, 3);
	cr_expect_eq(memcmp(&one, &many, sizeof one), 0);
	cr_expect_float_eq(one.test_perplexity, exp(one.test_loss), 1e-12);
	cr_expect_float_eq(one.train_perplexity, exp(one.train_loss), 1e-12);
	cr_expect_float_eq(one.test_bits, one.test_loss / log(2), 1e-12);
	cr_expect(one.test_perplexity > 1 && one.test_perplexity < 200);
	cr_expect(one.test_accuracy >= 0 && one.test_accuracy <= 1);
}

/* The recorded rate is the schedule's, times the step's positions over bptt; all workers step alike. */
Test(text_training, the_rate_follows_the_length)
{
	char text[1024];
	struct runs runs;
	struct err e = {0};
	struct step_row row;
	write_experiment(text, true, "");
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(s, pool);
	int differ = 0;
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(trainer_step(t, &row, NULL, &e), 0, "%s", e.text);
		double length = row.lr / 0.01 * 12;
		cr_expect_float_eq(length, round(length), 1e-9, "step %d: %g positions", i, length);
		cr_expect(length >= 1 && length <= 32);
		differ += length != 12;
	}
	cr_expect_gt(differ, 10);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

/*
 * A model that carries knows the beginning of its window better than one that does not: at a rate of 0 the
 * loss of step 1 depends on what step 0 left behind, and after a whole pass it is that of the first pass
 * again.
 */
Test(text_training, the_carry_goes_from_step_to_step_and_begins_anew_with_the_text)
{
	const char *text =
	        "{\"workers\":1,\"steps\":500,\"batch\":4,\"lr\":0,\"data\":{\"kind\":\"text\",\"train\":"
	        "\"LICENSE\",\"bptt\":50},\"model\":{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":6,"
	        "\"window\":1}}";
	struct runs runs;
	struct err e = {0};
	struct step_row row;
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(&runs, text);
	struct trainer *t = train_open(s, pool);
	int64_t pass = s->steps_per_epoch.over;
	double *loss = mem_array((size_t)pass, sizeof *loss);
	cr_assert_gt(pass, 2);
	for (int64_t i = 0; i < 2 * pass; i++) {
		cr_assert_eq(trainer_step(t, &row, NULL, &e), 0, "%s", e.text);
		if (i < pass)
			loss[i] = row.loss;
		else
			cr_expect_eq(row.loss, loss[i - pass], "step %d of the second pass", (int)(i - pass));
	}
	cr_expect_neq(loss[0], loss[1]);
	mem_free(loss);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

static void expect_refused(const char *more, const char *expected)
{
	char text[1024];
	struct runs runs;
	struct err e = {0};
	write_experiment(text, false, more);
	cr_expect_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), -1, "%s was accepted",
	             more);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", more, e.text,
	          expected);
}

Test(text_training, what_makes_no_sense_with_text_is_refused)
{
	expect_refused(",\"partition\":\"iid\"",
	               "a text is divided into one contiguous shard for each worker");
	expect_refused(",\"record\":{\"sign_failure\":5}", "no full-data gradient");
	expect_refused(",\"momentum_at\":[5]", "found 1 steps and 0 values");
	expect_refused(",\"momentum_at\":[5,5],\"momentum_then\":[0,0.5]", "found 5 behind 5");
	expect_refused(",\"aggregator\":\"adam\"", "keeps its own momentum");
	const char *const wrong[] = {
	        "{\"steps\":1,\"batch\":4000,\"model\":\"qrnn\",\"data\":{\"kind\":\"text\",\"train\":"
	        "\"LICENSE\"}}",
	        "{\"steps\":1,\"batch\":4,\"model\":\"softmax\",\"data\":{\"kind\":\"text\",\"train\":"
	        "\"LICENSE\"}}",
	        "{\"steps\":1,\"batch\":4,\"model\":\"qrnn\",\"data\":\"glyphs\"}",
	};
	const char *const expected[] = {"too few for", "reads images, and data \"text\" is text",
	                                "needs tokens"};
	for (int i = 0; i < 3; i++) {
		struct runs runs;
		struct err e = {0};
		cr_expect_eq(experiment_parse(&runs, "test", wrong[i], strlen(wrong[i]), NULL, 0, &e), -1);
		cr_expect(strstr(e.text, expected[i]), "found \"%s\", expected \"%s\" in it", e.text,
		          expected[i]);
	}
}

/* Real sentences are learned: in 60 steps far below the uniform guess. */
Test(text_training, the_loss_falls)
{
	const char *text =
	        "{\"workers\":2,\"steps\":60,\"batch\":4,\"lr\":0.01,\"data\":{\"kind\":\"text\",\"train\":"
	        "\"LICENSE\",\"bptt\":30},\"model\":{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":16,"
	        "\"window\":2}}";
	struct runs runs;
	struct eval_row before, after;
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(&runs, text);
	struct trainer *t = train_open(s, pool);
	cr_assert_eq(trainer_eval(t, &before, &(struct err){0}), 0);
	cr_expect_float_eq(before.test_loss, log(s->shape.n_classes), 0.1);
	train_steps(t, s->steps);
	cr_assert_eq(trainer_eval(t, &after, &(struct err){0}), 0);
	cr_expect_lt(after.test_loss, before.test_loss - 0.7, "from %g to %g", before.test_loss,
	             after.test_loss);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}
