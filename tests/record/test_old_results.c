/*
 * Result files of earlier versions (golden/make_results.sh) are still read: shown, drawn, found done,
 * repeated; an unfinished one is continued, or refused in a sentence. What is compared with them bit by bit
 * is arithmetic that is the same on every machine: median-toy has no matrix product.
 */
#include <stdio.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/cli.h"

#define GOLDEN "tests/golden/results-0.1.0/"

enum { OLD_FILES = 4 };
static const char *const files[OLD_FILES] = {"theory", "probes", "served", "unfinished"};

/* A copy of each old file in the test's folder. */
static void open_old(void)
{
	cli_open();
	for (int i = 0; i < OLD_FILES + 1; i++) {
		char line[512];
		const char *name = i < OLD_FILES ? files[i] : "unfinished.checkpoint";
		snprintf(line, sizeof line, "gzip -dc " GOLDEN "%s.h5.gz >%s/%s.h5", name, cli_folder, name);
		cr_assert_eq(system(line), 0, "%s", line);
	}
}

TestSuite(old_results, .init = open_old, .fini = cli_close, .timeout = 180);

/* Do two runs of the folder end with the same bits? */
static bool same_final(const char *name, const char *other)
{
	char path[128], second[128], different[128] = "";
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	snprintf(second, sizeof second, "%s/%s.h5", cli_folder, other);
	int same = record_same_final(path, second, different, sizeof different, &e);
	cr_expect_geq(same, 0, "%s", e.text);
	return same == 1;
}

static const char *string(const struct json *line, const char *key)
{
	const struct json *value = json_member(line, key);
	cr_assert(value && value->type == JSON_STRING, "%s is no string", key);
	return value->string;
}

Test(old_results, are_shown)
{
	static const char *const words[OLD_FILES] = {"1 of 3, invert", "1 of 3, random-sign", "1 of 3, flip",
	                                             "interrupted"};
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	for (int i = 0; i < OLD_FILES; i++) {
		cr_expect_eq(cli("show %s/%s.h5", cli_folder, files[i]), 0, "%s", cli_err);
		cr_expect_not_null(strstr(cli_out, words[i]), "%s: no '%s' in: %s", files[i], words[i],
		                   cli_out);
	}
	cr_expect_eq(cli("show --json %s/theory.h5 %s/probes.h5 %s/served.h5 %s/unfinished.h5", cli_folder,
	                 cli_folder, cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), OLD_FILES);
	for (int i = 0; i < OLD_FILES; i++) {
		cr_expect_str_eq(string(lines[i], "name"), files[i]);
		cr_expect_str_eq(string(lines[i], "state"), i < 3 ? "finished" : "interrupted");
	}
	cr_expect_eq(json_member(lines[0], "final_test_loss")->number, 1.721536352897893);
	cr_expect_eq(json_member(lines[1], "final_test_accuracy")->number, 0.1);
	cr_expect_eq(json_member(lines[2], "steps")->number, 12000);
	cr_expect_eq(json_member(lines[3], "steps_planned")->number, 400000);
	arena_clear(&a);
}

Test(old_results, are_drawn)
{
	static const char *const figures[][2] = {{"curves", "probes --y test_accuracy"},
	                                         {"adversaries", "probes"},
	                                         {"noise", "probes"},
	                                         {"snr", "probes"},
	                                         {"time-to-accuracy", "probes --target 0.1"},
	                                         {"toy", "theory --theory"},
	                                         {"curves", "unfinished"}};
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !*python) {
		puts("skipped: no Python with h5py, numpy and matplotlib");
		cr_skip_test("no Python with h5py, numpy and matplotlib");
	}
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		char path[128];
		const char *name = figures[i][1], *more = name + strcspn(name, " ");
		snprintf(path, sizeof path, "%s/%zu.png", cli_folder, i);
		cr_expect_eq(cli("plot %s %s/%.*s.h5 -o %s%s", figures[i][0], cli_folder, (int)(more - name),
		                 name, path, more),
		             0, "%s of %s: %s", figures[i][0], name, cli_err);
		cr_expect_eq(access(path, F_OK), 0, "%s of %s", figures[i][0], name);
	}
}

/* Whose votes counted is in the file; worker 2 was away for a while and came back with a momentum begun anew.
 */
Test(old_results, of_a_served_run_are_repeated_bit_by_bit)
{
	cli_expect(0, "ends with the same bits", "simulate --replay %s/served.h5 --out %s/replayed.h5",
	           cli_folder, cli_folder);
	cr_expect_null(strstr(cli_err, "warning"), "nobody wrote the names that were repeated: %s", cli_err);
	cr_expect(same_final("served", "replayed"));
	cr_expect_eq(cli("simulate " GOLDEN "served.json --out %s/all.h5 --quiet", cli_folder), 0, "%s",
	             cli_err);
	cr_expect_not(same_final("served", "all"), "who was counted makes no difference");
}

Test(old_results, of_finished_runs_are_found)
{
	for (int i = 0; i < 3; i++)
		cli_expect(0, "done already, skipped", "simulate " GOLDEN "%s.json --out %s/%s.h5", files[i],
		           cli_folder, files[i]);
	cli_expect(2, "holds another run", "simulate " GOLDEN "theory.json --seed 8 --out %s/theory.h5",
	           cli_folder);
}

/* An id by which 0.1.0 named its results outlives the names of keys, and so does the path that is made from
 * it. */
Test(old_results, of_finished_runs_are_found_by_default_paths)
{
	static const char *const ids[] = {"b6a7b5253a2a", "a1e7f4a6c88d", "733c604a753d"};
	for (int i = 0; i < 3; i++) {
		char line[512];
		snprintf(line, sizeof line, "mkdir -p %s/many && cp %s/%s.h5 %s/many/%s-%s.h5", cli_folder,
		         cli_folder, files[i], cli_folder, files[i], ids[i]);
		cr_assert_eq(system(line), 0, "%s", line);
		cli_expect(0, "done already, skipped", "simulate " GOLDEN "%s.json --out %s/many/", files[i],
		           cli_folder);
	}
}

/* A golden experiment with its keys under today's names, in the test's folder. */
static void write_renamed(const char *name)
{
	char line[512];
	snprintf(line, sizeof line,
	         "sed -e s/sign-failure/sign_failure/ -e s/gradient-noise/gradient_noise/ -e "
	         "s/l1-l2/l1_l2/ " GOLDEN "%s.json >%s/%s.json",
	         name, cli_folder, name);
	cr_assert_eq(system(line), 0, "%s", line);
}

Test(old_results, of_finished_runs_are_found_under_either_name_of_a_key)
{
	for (int i = 0; i < 3; i++) {
		write_renamed(files[i]);
		cli_expect(0, "done already, skipped", "simulate %s/%s.json --out %s/%s.h5", cli_folder,
		           files[i], cli_folder, files[i]);
		cr_expect_null(strstr(cli_err, "\" is now \""), "%s", cli_err);
	}
	cli_expect(0, "\"record.sign-failure\" is now \"record.sign_failure\"",
	           "simulate " GOLDEN "probes.json --out %s/probes.h5", cli_folder);
	cli_expect(0, "done already, skipped",
	           "simulate %s/probes.json --set record.sign-failure=3 --out %s/probes.h5", cli_folder,
	           cli_folder);
	cli_expect(2, "holds another run",
	           "simulate %s/probes.json --set record.sign-failure=2 --out %s/probes.h5", cli_folder,
	           cli_folder);
	cli_expect(2, "holds another run",
	           "simulate " GOLDEN "probes.json --set record.l1_l2=2 --out %s/probes.h5", cli_folder);
}

static int64_t layout_of(struct h5 *f)
{
	int64_t version = 0;
	struct err e = {0};
	cr_assert_eq(h5_get_int(f, "/format", "version", &version, &e), 0, "%s", e.text);
	return version;
}

/* What is continued is a file of today's layout from then on: its settings have today's names. */
static void expect_layout(const char *name, int64_t version, const char *key)
{
	char path[128];
	struct err e = {0}, ignored = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	char *resolved = h5_read_text(f, "/config/resolved", &e);
	cr_expect_eq(layout_of(f), version);
	cr_expect_eq(h5_has(f, "/config/identity"), version > 1);
	char *data_id = h5_get_text(f, "/meta", "data_id", &ignored);
	cr_expect_null(data_id, "nobody knows what it began with, and it says %s", data_id);
	mem_free(data_id);
	cr_expect(resolved && strstr(resolved, key), "no %s in: %s", key, resolved ? resolved : e.text);
	mem_free(resolved);
	h5_close(f);
}

/* The rest of the run ends where the whole does; or the checkpoint is refused, in one line, and nothing is
 * lost. */
Test(old_results, of_an_unfinished_run_are_continued_or_refused)
{
	expect_layout("unfinished", 1, "\"sign-failure\":0");
	int code = cli("simulate --resume %s/unfinished.h5 --quiet", cli_folder);
	if (code == 0) {
		expect_layout("unfinished", 2, "\"sign_failure\":0");
		cr_expect_str_empty(cli_err, "nobody wrote the names that were continued: %s", cli_err);
		cr_expect_eq(cli("simulate " GOLDEN "unfinished.json --out %s/whole.h5 --quiet", cli_folder),
		             0, "%s", cli_err);
		cr_expect(same_final("unfinished", "whole"), "continued with other bits");
		return;
	}
	const char *end = strchr(cli_err, '\n');
	cr_expect(code == 1 || code == 2, "exit code %d", code);
	cr_expect(strncmp(cli_err, "signsgd: ", 9) == 0 && end && end[1] == 0, "no sentence: %s", cli_err);
	cr_expect_not_null(strstr(cli_err, "unfinished"), "no file is named: %s", cli_err);
	cr_expect_eq(cli("show %s/unfinished.h5", cli_folder), 0, "%s", cli_err);
}
