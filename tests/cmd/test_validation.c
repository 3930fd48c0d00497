/* `data.validation` from the file to the result: what is said, what is recorded, and the same bits in all
 * ways to run. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/image_folder.h"

static void enter(void)
{
	cli_open();
	data_help_enter();
}

static void leave(void)
{
	data_help_leave();
	cli_close();
}

TestSuite(validation, .init = enter, .fini = leave, .timeout = 180);

static const char digits[] =
        "{\"name\":\"v\",\"workers\":3,\"steps\":20,\"batch\":8,\"model\":\"softmax\",\"lr\":0.01,"
        "\"eval\":{\"every\":10,\"train\":2000},\"partition\":\"label-shards\",\"data_seed\":5,"
        "\"data\":{\"kind\":\"glyphs\",\"train\":500,\"test\":100,\"validation\":0.2}}";

static const char *file(const char *name)
{
	static char out[4][FOLDER_SIZE + 32];
	static int next;
	next = (next + 1) % 4;
	snprintf(out[next], sizeof out[next], "%s/%s.h5", cli_folder, name);
	return out[next];
}

/* A column of /evals, in the arena of data_help; *count rows. */
static double *column(const char *name, const char *which, size_t *count)
{
	char path[64];
	struct err e = {0};
	double *values;
	snprintf(path, sizeof path, "/evals/%s", which);
	cr_assert_eq(record_column(file(name), path, &values, count, &e), 0, "%s", e.text);
	return values;
}

static void expect_same(const char *a, const char *b)
{
	static const char *const columns[] = {"validation_loss", "validation_accuracy", "train_accuracy",
	                                      "test_loss"};
	char different[80];
	struct err e = {0};
	cr_expect_eq(record_same_final(file(a), file(b), different, sizeof different, &e), 1,
	             "%s and %s: %s%s", a, b, different, e.text);
	for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
		size_t n, m;
		double *of_a = column(a, columns[c], &n), *of_b = column(b, columns[c], &m);
		cr_assert_eq(n, m, "%s of %s and %s", columns[c], a, b);
		cr_expect_arr_eq(of_a, of_b, n * sizeof *of_a, "%s of %s and %s", columns[c], a, b);
		mem_free(of_a);
		mem_free(of_b);
	}
}

static void run(const char *how, const char *name, const char *more)
{
	cr_assert_eq(cli("%s %s/v.json --quiet --out %s %s", how, cli_folder, file(name), more), 0, "%s",
	             cli_err);
}

Test(validation, is_the_same_in_all_ways_to_run)
{
	cli_write("v.json", digits);
	run("simulate", "once", "");
	run("simulate", "lanes", "--lanes 2");
	run("train", "processes", "--processes 2");
	run("simulate", "short", "--steps 10 --set checkpoint.keep=true");
	cr_assert_eq(cli("simulate --resume %s --set steps=20 --quiet", file("short")), 0, "%s", cli_err);
	expect_same("once", "lanes");
	expect_same("once", "processes");
	expect_same("once", "short");
	cli_expect(0, "ends with the same bits", "simulate --replay %s", file("processes"));
}

/* 400 samples are left, and all of the train accuracy's. */
Test(validation, is_evaluated_and_not_trained_on)
{
	size_t n;
	cli_write("v.json", digits);
	cr_assert_eq(cli("validate %s/v.json", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "100 samples that nobody trains on; 400 are left"), "%s", cli_out);
	run("simulate", "v", "");
	double *right = column("v", "validation_accuracy", &n);
	cr_assert_eq(n, 3);
	for (size_t i = 0; i < n; i++)
		cr_expect_float_eq(right[i] * 100, round(right[i] * 100), 1e-9, "%zu: of 100 samples", i);
	mem_free(right);
	right = column("v", "train_accuracy", &n);
	cr_expect_float_eq(right[1] * 400, round(right[1] * 400), 1e-9, "of 400 samples");
	mem_free(right);
	cr_assert_eq(cli("show %s", file("v")), 0);
	cr_expect_not_null(strstr(cli_out, "  validation   "), "%s", cli_out);
	cr_assert_eq(cli("show %s --json", file("v")), 0);
	cr_expect_not_null(strstr(cli_out, "\"final_validation_accuracy\":0."), "%s", cli_out);
}

/* A validation set that has learned nothing of itself differs from the training set: another seed, other
 * samples. */
Test(validation, no_share_is_as_if_there_were_no_such_key)
{
	struct run_info with, without;
	struct err e = {0};
	cli_write("v.json", digits);
	run("simulate", "zero", "--set data.validation=0");
	run("simulate", "held", "");
	cr_assert_eq(record_info(file("zero"), &without, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(file("held"), &with, &e), 0, "%s", e.text);
	cr_expect(isnan(without.final_validation_loss) && !isnan(with.final_validation_loss));
	cr_expect_str_eq(with.data_id, without.data_id);
	cr_expect_str_neq(with.id, without.id);
	cli_write("v.json",
	          "{\"name\":\"v\",\"workers\":3,\"steps\":20,\"batch\":8,\"model\":\"softmax\",\"lr\":0.01,"
	          "\"eval\":{\"every\":10,\"train\":2000},\"partition\":\"label-shards\",\"data_seed\":5,"
	          "\"data\":{\"kind\":\"glyphs\",\"train\":500,\"test\":100}}");
	run("simulate", "plain", "");
	cr_assert_eq(record_info(file("plain"), &with, &e), 0, "%s", e.text);
	cr_expect_str_eq(with.id, without.id);
}

Test(validation, works_for_files_and_texts)
{
	struct run_info info;
	struct err e = {0};
	size_t n;
	image_folder_make();
	cli_write("v.json", image_folder_experiment(data_help_path("set"), ",\"validation\":0.3"));
	run("simulate", "files", "");
	run("simulate", "lanes", "--lanes 2");
	expect_same("files", "lanes");
	double *right = column("files", "validation_accuracy", &n);
	cr_expect_float_eq(right[n - 1] * 6, round(right[n - 1] * 6), 1e-9, "of 6 of 21 files");
	mem_free(right);
	cli_write(
	        "v.json",
	        "{\"name\":\"t\",\"workers\":2,\"steps\":4,\"batch\":2,\"data\":{\"kind\":\"text\",\"train\":"
	        "\"LICENSE\",\"bptt\":20,\"validation\":0.1},\"model\":{\"kind\":\"qrnn\",\"layers\":1,"
	        "\"embedding\":6,\"window\":1}}");
	run("simulate", "text", "");
	cr_assert_eq(record_info(file("text"), &info, &e), 0, "%s", e.text);
	double *bits = column("text", "validation_bits", &n);
	cr_expect_float_eq(bits[n - 1], info.final_validation_loss / log(2), 1e-12);
	mem_free(bits);
}

Test(validation, is_drawn_and_missed_by_figures)
{
	if (!getenv("SIGNSGD_PYTHON"))
		cr_skip_test("skipped: no Python with h5py, numpy and matplotlib");
	cli_write("v.json", digits);
	run("simulate", "v", "");
	cr_expect_eq(cli("plot curves %s -o %s/v.png --y validation_accuracy --quiet", file("v"), cli_folder),
	             0, "%s", cli_err);
	run("simulate", "w", "--set data.validation=0");
	cli_expect(2,
	           "has no /evals/validation_loss; it is recorded of runs with \"data\": {\"validation\": "
	           "SHARE}",
	           "plot curves %s -o %s/w.png --y validation_loss", file("w"), cli_folder);
}

Test(validation, what_cannot_be_split_is_refused)
{
	cli_write("v.json", digits);
	cli_expect(2, "a share of 0.0001 of 500 training samples leaves none to validate on",
	           "validate %s/v.json --set data.validation=1e-4", cli_folder);
	cli_expect(2, "a share of 0.9999 of 500 training samples leaves none to train on",
	           "validate %s/v.json --set data.validation=0.9999", cli_folder);
	cli_expect(2, "data.validation: found the number 1, expected a number in [0, 1)",
	           "validate %s/v.json --set data.validation=1", cli_folder);
	cli_expect(2, "a share of 0.01 of 10 training samples",
	           "validate %s/v.json --set data.validation=0.01 --set data.train=10", cli_folder);
	cli_expect(2, "data.validation", "validate %s/v.json --set data.validation=0.999", cli_folder);
	cli_write("v.json",
	          "{\"steps\":1,\"batch\":2,\"model\":\"qrnn\",\"data\":{\"kind\":\"text\",\"train\":"
	          "\"LICENSE\",\"validation\":0.0001}}");
	cli_expect(2, "1 validation tokens are too few for 2 sequences", "validate %s/v.json", cli_folder);
	cli_write("v.json", "{\"steps\":1,\"batch\":2,\"model\":\"quadratic\",\"data\":{\"kind\":\"none\","
	                    "\"validation\":0.1}}");
	cli_expect(2, "validation", "validate %s/v.json", cli_folder);
}
