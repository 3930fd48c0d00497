/*
 * What the README promises of the demo and of `glyphs`: the program is run as a newcomer runs it, and its own
 * summary is read.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/json.h"
#include "tests/support/process.h"
#include "tests/support/file.h"

enum { SIZE = 1 << 16 };

static char folder[FOLDER_SIZE], log_path[128], said[SIZE];

static void make_folder(void)
{
	folder_make(folder);
	snprintf(log_path, sizeof log_path, "%s/log", folder);
}

static void drop_folder(void)
{
	folder_remove(folder);
}

TestSuite(demo, .init = make_folder, .fini = drop_folder, .timeout = 600);

/* Final test accuracies of the runs of `args`, in order; returns how many. */
static size_t accuracies(const char *args, double *out, size_t size)
{
	char command[1024], *save = NULL;
	size_t count = 0;
	struct arena a = {0};
	struct err e = {0};
	snprintf(command, sizeof command, "simulate %s --out %s/ --quiet --json", args, folder);
	cr_assert_eq(process_run(command, log_path), 0, "%s", file_text(log_path, said, sizeof said));
	file_text(log_path, said, sizeof said);
	for (char *line = strtok_r(said, "\n", &save); line && count < size;
	     line = strtok_r(NULL, "\n", &save)) {
		struct json *summary = json_read_text(&a, "summary", line, strlen(line), &e);
		cr_assert_not_null(summary, "%s: %s", e.text, line);
		out[count++] = json_member(summary, "final_test_accuracy")->number;
	}
	arena_clear(&a);
	return count;
}

/* The README's figure: bounds leave room for another processor's matrix products, not for another program. */
Test(demo, seven_workers_learn_while_three_are_byzantine)
{
	static const double promised[] = {0.987, 0.979, 0.952, 0.884};
	double found[5];
	if (process_sanitized())
		cr_skip_test("skipped: too slow under a sanitizer");
	cr_assert_eq(accuracies("experiments/demo.json", found, 5), 4);
	for (size_t i = 0; i < 4; i++)
		cr_expect_float_eq(found[i], promised[i], 0.02, "%zu Byzantine: %g", i, found[i]);
	for (size_t i = 0; i < 3; i++)
		cr_expect_gt(found[i], found[i + 1], "%zu Byzantine are no better than %zu", i, i + 1);
}

/* glyphs is hard enough to tell models apart: softmax 80 to 90 %, an mlp 95 % or more. */
Test(demo, glyphs_tells_models_apart)
{
	double softmax, mlp;
	if (process_sanitized())
		cr_skip_test("skipped: too slow under a sanitizer");
	accuracies("experiments/demo.json --adversaries 0 --set model=softmax --set name=softmax", &softmax,
	           1);
	accuracies("experiments/demo.json --adversaries 0 --set data.train=10000 --set batch=32 --set "
	           "lr.rate=0.001",
	           &mlp, 1);
	cr_expect(softmax >= 0.80 && softmax <= 0.90, "softmax: %g", softmax);
	cr_expect_geq(mlp, 0.95);
}

/* Paper, figure 1: more workers are faster; 13 Byzantine of 27 are slower than none, and still descend. */
Test(demo, figure_1_has_its_shape)
{
	double f[9];
	char command[1024], *save = NULL;
	size_t count = 0;
	struct arena a = {0};
	struct err e = {0};
	snprintf(command, sizeof command, "simulate experiments/fig1-toy.json --out %s/ --quiet --json",
	         folder);
	cr_assert_eq(process_run(command, log_path), 0, "%s", file_text(log_path, said, sizeof said));
	file_text(log_path, said, sizeof said);
	for (char *line = strtok_r(said, "\n", &save); line && count < 9; line = strtok_r(NULL, "\n", &save))
		f[count++] =
		        json_member(json_read_text(&a, "summary", line, strlen(line), &e), "final_test_loss")
		                ->number;
	arena_clear(&a);
	cr_assert_eq(count, 8); /* 1, 3, 9, 27 honest; 4, 7, 10, 13 Byzantine of 27 */
	for (size_t i = 0; i < 3; i++)
		cr_expect_gt(f[i], f[i + 1]);
	for (size_t i = 3; i < 7; i++)
		cr_expect_lt(f[i], f[i + 1]);
	cr_expect_lt(f[7], 400); /* from 500, with 48 % Byzantine */
}
