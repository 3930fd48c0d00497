/* `signsgd table` and `best`: numbers of results that were made by hand, and what is said where there are
 * none. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/cli.h"
#include "tests/support/figure.h"

TestSuite(table, .init = figure_open, .fini = figure_close, .timeout = 180);

/* What all made runs share. */
#define BASE                                                                                                 \
	"{\"base\":{\"workers\":7,\"aggregator\":{\"kind\":\"mean\"},\"lr\":{\"kind\":\"constant\","         \
	"\"rate\":0.1},"                                                                                     \
	"\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"invert\"}}},\"runs\":["

#define RUN(rule, attack, seed, more, accuracy)                                                              \
	"{\"set\":{\"aggregator.kind\":\"" rule "\",\"adversaries.attack.kind\":\"" attack "\"" more         \
	"},\"seed\":" #seed ",\"evals\":{\"test_accuracy\":[0," #accuracy "]}}"

/* Makes the runs of a text in FOLDER/NAME. */
static void make(const char *name, const char *runs)
{
	cli_write("runs.json", runs);
	cr_assert(process_shell("$SIGNSGD_PYTHON tests/support/made_runs.py %s/runs.json %s/%s", cli_folder,
	                        cli_folder, name));
}

/*
 * Two rules, two attacks, three seeds. median under zero: one run diverged, its last value is 0.1, and one is
 * not finished. mean under zero lacks seed 3.
 */
/* clang-format off */
#define TOLD ",\"aggregator.f\":2"
static const char grid[] = BASE
	RUN("mean",   "invert", 1, "",   0.5)  "," RUN("mean",   "invert", 2, "",   0.6) "," RUN("mean", "invert", 3, "", 0.7) ","
	RUN("mean",   "zero",   1, "",   0.4)  "," RUN("mean",   "zero",   2, "",   0.3) ","
	RUN("median", "invert", 1, TOLD, 0.75) "," RUN("median", "invert", 2, TOLD, 0.8) ","
	RUN("median", "invert", 3, TOLD, 0.85) "," RUN("median", "zero",   1, TOLD, 0.9) ","
	"{\"set\":{\"aggregator.kind\":\"median\",\"adversaries.attack.kind\":\"zero\"" TOLD "},\"seed\":2,"
	"\"state\":\"diverged\",\"evals\":{\"test_accuracy\":[0,0.9,0.1,null]}},"
	"{\"set\":{\"aggregator.kind\":\"median\",\"adversaries.attack.kind\":\"zero\"" TOLD "},\"seed\":3,"
	"\"state\":\"interrupted\",\"evals\":{\"test_accuracy\":[0,0.99]}}]}";
/* clang-format on */

static const double t2 = 4.302652729749464, t1 = 12.706204736174696; /* 0.975, 2 and 1 degrees of freedom */

/* The cell, or the worst case, of a row of the table's JSON. */
static const struct json *cell(const struct json *table, const char *list, const char *row,
                               const char *column)
{
	const struct json *cells = json_member(table, list);
	cr_assert(cells && cells->type == JSON_ARRAY, "%s", cli_out);
	const struct json *c = cells->child;
	while (c && (strcmp(json_member(c, "row")->string, row) != 0 ||
	             strcmp(json_member(c, "column")->string, column) != 0))
		c = c->next;
	cr_assert_not_null(c, "no %s, %s in %s", row, column, cli_out);
	return c;
}

/* A number of a cell; NaN for null. */
static double of(const struct json *c, const char *key)
{
	const struct json *value = json_member(c, key);
	cr_assert_not_null(value, "%s", key);
	return value->type == JSON_NULL ? NAN : value->number;
}

static void expect(const struct json *c, double mean, double half, double n)
{
	cr_expect_float_eq(of(c, "mean"), mean, 1e-12);
	cr_expect_float_eq(of(c, "half_width"), half, 1e-12);
	cr_expect_float_eq(of(c, "n"), n, 0);
}

static const struct json *table(struct arena *a, const char *options)
{
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli("table %s/g --rows aggregator --columns attack --json %s", cli_folder, options), 0,
	             "%s", cli_err);
	cr_assert_eq(cli_json_lines(a, lines), 1);
	return lines[0];
}

Test(table, has_means_bands_and_the_worst_case)
{
	struct arena a = {0};
	make("g", grid);
	const struct json *t = table(&a, "");
	expect(cell(t, "cells", "mean", "invert"), 0.6, t2 * 0.1 / sqrt(3), 3);
	expect(cell(t, "cells", "mean", "zero"), 0.35, t1 * 0.05, 2);
	expect(cell(t, "cells", "median", "invert"), 0.8, t2 * 0.05 / sqrt(3), 3);
	const struct json *marked = cell(t, "cells", "median", "zero");
	expect(marked, 0.5, t1 * 0.4, 2);
	cr_expect_eq(of(marked, "diverged"), 1);
	cr_expect_eq(of(marked, "unfinished"), 1);
	/* Over seeds 1 and 2: zero with 0.4 and 0.3; resamples 0.4, 0.35 twice, 0.3. */
	const struct json *worst = cell(t, "worst", "mean", "worst case");
	cr_expect_str_eq(json_member(worst, "worst_attack")->string, "zero");
	cr_expect_float_eq(of(worst, "mean"), 0.35, 1e-12);
	cr_expect_float_eq(of(worst, "low"), 0.3 + 0.075 * 0.05, 1e-12);
	cr_expect_float_eq(of(worst, "high"), 0.4 - 0.075 * 0.05, 1e-12);
	arena_clear(&a);
}

Test(table, has_differences_by_seed)
{
	struct arena a = {0};
	make("g", grid);
	const struct json *t = table(&a, "--against aggregator=mean");
	expect(cell(t, "cells", "median", "invert"), 0.2, t2 * 0.05 / sqrt(3), 3);
	expect(cell(t, "cells", "median", "zero"), (0.5 - 0.2) / 2, t1 * 0.35, 2);
	expect(cell(t, "cells", "mean", "invert"), 0.6, t2 * 0.1 / sqrt(3), 3);
	cr_expect_eq(json_member(t, "worst")->type, JSON_NULL);
	t = table(&a, "--where attack=zero --peak");
	cr_expect_float_eq(of(cell(t, "cells", "median", "zero"), "mean"), 0.9, 1e-12);
	cr_expect_not_null(strstr(json_member(t, "title")->string, "best over time"));
	arena_clear(&a);
}

/* Two counts, one of them of nobody, whose attack is none of the settings; a share by its last word, by size.
 */
Test(table, knows_settings_by_short_names)
{
	make("w", BASE "{\"set\":{\"partition.alpha\":10,\"adversaries.ids\":[0,1]},\"seed\":1,\"evals\":{"
	               "\"test_accuracy\":[0,0.5]}},"
	               "{\"set\":{\"partition.alpha\":0.5,\"adversaries.ids\":[0,1]},\"seed\":1,\"evals\":{"
	               "\"test_accuracy\":[0,0.25]}},"
	               "{\"set\":{\"partition.alpha\":0.5,\"adversaries.count\":0,\"adversaries.ids\":[],"
	               "\"adversaries.attack\":null},"
	               "\"given\":{\"adversaries.attack\":{\"kind\":\"invert\"}},\"seed\":1,\"evals\":{"
	               "\"test_accuracy\":[0,0.75]}}]}");
	cr_assert_eq(cli("table %s/w --rows alpha --columns byzantine", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "alpha \\ byzantine          0          2\n"
	                                   "0.5                75.00 (1)  25.00 (1)\n"
	                                   "10                         –  50.00 (1)\n"),
	                   "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "Other settings that differ with byzantine: attack."), "%s",
	                   cli_out);
	cr_assert_eq(cli("table %s/w --rows attack --where alpha=0.50", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "none        75.00 (1)\ninvert      25.00 (1)\n"), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "Other settings that differ with attack: byzantine."), "%s",
	                   cli_out);
}

Test(table, has_forms_that_are_known_again)
{
	static const char *const forms[] = {"t.txt", "t.md", "t.tex", "t.csv", "t.json"};
	static const char *const parts[] = {
	        "mean                 60.00 ± 24.84 (3)         35.00 ± 63.53 (2)     35.00 [30.3",
	        "| median | 80.00 ± 12.42 (3) | 50.00 ± 508.25 (2) †1 ‡1 |",
	        "mean & 60.00 $\\pm$ 24.84 (3) & 35.00 $\\pm$ 63.53 (2) & 35.00 {[}30.3",
	        "\naggregator,attack,mean,half_width,low,high,n,diverged,unfinished,worst_attack\n",
	        "{\"made_by\": \"signsgd table\","};
	char path[200];
	make("g", grid);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		for (int again = 0; again < (i == 1 || i == 3 ? 2 : 1); again++)
			cr_assert_eq(cli("table %s/g --rows aggregator --columns attack -o %s/%s --quiet",
			                 cli_folder, cli_folder, forms[i]),
			             0, "%s", cli_err);
		snprintf(path, sizeof path, "%s/%s", cli_folder, forms[i]);
		cli_out[0] = '\n';
		file_text(path, cli_out + 1, sizeof cli_out - 1);
		cr_expect_not_null(strstr(cli_out, parts[i]), "%s:%s", forms[i], cli_out);
	}
	cli_write("t.md", "# mine\n");
	cli_expect(2, "is a text file, expected a table of signsgd table or nothing",
	           "table %s/g --rows aggregator -o %s/t.md", cli_folder, cli_folder);
}

Test(table, what_it_refuses)
{
	cli_expect(2, "table needs a folder of results and --rows", "table x");
	make("g", grid);
	cli_expect(2,
	           "runs of one place differ in more than aggregator: attack; choose some with --where, as "
	           "in --where "
	           "'attack=invert' (attack is one of invert, zero), or compare by it",
	           "table %s/g --rows aggregator", cli_folder);
	cli_expect(2,
	           "--rows agregator: these runs have no such setting; did you mean aggregator? What differs "
	           "between "
	           "them: attack, aggregator",
	           "table %s/g --rows agregator", cli_folder);
	cli_expect(2, "has no /evals/test_los; it has test_accuracy",
	           "table %s/g --rows aggregator --value test_los", cli_folder);
	cli_expect(2, "--where attack=zer: no run has that; there are: invert, zero",
	           "table %s/g --rows aggregator --where attack=zer", cli_folder);
	cli_expect(2, "--columns aggregator: is the same as --rows aggregator",
	           "table %s/g --rows aggregator --columns aggregator", cli_folder);
	cli_expect(2, "--against aggregator=krum: expected one of mean, median",
	           "table %s/g --rows aggregator --columns attack --against aggregator=krum", cli_folder);
	make("n", BASE "{\"seed\":1,\"evals\":{\"test_accuracy\":[null,null]}}]}");
	cli_expect(2, "/evals/test_accuracy holds no value in any of the files",
	           "table %s/n --rows aggregator", cli_folder);
	cr_assert(process_shell("mkdir %s/empty", cli_folder));
	cli_expect(2, "there is no result file (*.h5) in this folder", "table %s/empty --rows seed",
	           cli_folder);
}

#define TUNED(rule, rate, attack, seed, validation, test)                                                    \
	"{\"set\":{\"aggregator.kind\":\"" rule "\",\"lr.rate\":" #rate                                      \
	",\"adversaries.attack.kind\":\"" attack "\"},\"seed\":" #seed                                       \
	",\"evals\":{\"validation_accuracy\":[0," #validation "],\"test_accuracy\":[0," #test "]}}"

/*
 * mean: rate 0.1 is best on the mean over attacks and on the test set, 0.01 in the worst case on validation.
 * krum: rate 1 was run under one attack only.
 */
/* clang-format off */
static const char tuned[] = BASE
	TUNED("mean", 0.1,  "invert", 1, 0.9, 0.99) "," TUNED("mean", 0.1,  "zero", 1, 0.3, 0.99) ","
	TUNED("mean", 0.1,  "invert", 2, 0.9, 0.99) "," TUNED("mean", 0.1,  "zero", 2, 0.3, 0.99) ","
	TUNED("mean", 0.01, "invert", 1, 0.5, 0.45) "," TUNED("mean", 0.01, "zero", 1, 0.5, 0.55) ","
	TUNED("mean", 0.01, "invert", 2, 0.4, 0.35) "," TUNED("mean", 0.01, "zero", 2, 0.6, 0.65) ","
	TUNED("krum", 1,    "invert", 1, 0.99, 0.99) ","
	TUNED("krum", 0.1,  "invert", 1, 0.7, 0.6) "," TUNED("krum", 0.1, "zero", 1, 0.8, 0.5) "]}";
/* clang-format on */

Test(table, best_is_the_best_worst_case_on_validation)
{
	struct json *lines[CLI_LINES];
	struct arena a = {0};
	make("t", tuned);
	cr_assert_eq(cli("best %s/t --by validation --per aggregator --json", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 2);
	cr_expect_str_eq(json_member(lines[0], "per")->string, "krum");
	const struct json *best = json_member(lines[1], "best");
	cr_expect_eq(of(json_member(best, "settings"), "lr.rate"), 0.01);
	cr_expect_float_eq(of(json_member(best, "validation"), "mean"), 0.45, 1e-12);
	cr_expect_str_eq(json_member(json_member(best, "validation"), "attack")->string, "invert");
	cr_expect_float_eq(of(json_member(best, "test"), "mean"), 0.4, 1e-12);
	cr_expect_float_eq(of(json_member(best, "test"), "low"), 0.35 + 0.075 * 0.05, 1e-12);
	best = json_member(lines[0], "best");
	cr_expect_eq(of(json_member(best, "settings"), "lr.rate"), 0.1);
	cr_expect_float_eq(of(json_member(best, "test"), "mean"), 0.5, 1e-12);
	cr_expect(isnan(of(json_member(best, "test"), "low")), "one seed has no band");
	arena_clear(&a);
	cr_assert_eq(cli("best %s/t --by validation --per aggregator", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "not compared: lr.rate = 1: no run has ended under zero"), "%s",
	                   cli_out);
	cr_expect_not_null(strstr(cli_out, "mean: lr.rate = 0.01\n  validation 45.00 [40.3"), "%s", cli_out);
}

Test(table, best_never_chooses_by_the_test_set)
{
	make("s", BASE TUNED("mean", 0.1, "invert", 1, 0.9,
	                     0.99) ",{\"set\":{\"adversaries.count\":3},\"seed\":1,\"evals\":{"
	                           "\"validation_accuracy\":[0,0.5],\"test_accuracy\":[0,0.5]}}]}");
	make("g", grid);
	cli_expect(2, "best needs a folder of results, --by and --per", "best %s/g --by validation",
	           cli_folder);
	cli_expect(2, "settings that are chosen on the test set look better than they are",
	           "best %s/g --by test --per aggregator", cli_folder);
	cli_expect(2,
	           "has no validation split (11 of 11 runs have none); run the experiment with \"data\": "
	           "{\"validation\":",
	           "best %s/g --by validation --per aggregator", cli_folder);
	cli_expect(2,
	           "mean: the runs differ in byzantine, which is no setting to choose; expected one of its "
	           "values, with "
	           "--where, or --per byzantine besides",
	           "best %s/s --by validation --per aggregator", cli_folder);
	cr_expect_eq(cli("best %s/s --by validation --per aggregator --per byzantine", cli_folder), 0, "%s",
	             cli_err);
	cr_expect_not_null(strstr(cli_out, "mean, 3: one choice of settings\n"), "%s", cli_out);
	make("t", tuned);
	cli_expect(2, "--over aggregator: is the same as --per aggregator",
	           "best %s/t --by validation --per aggregator --over aggregator", cli_folder);
}

/* Names of another program's making are neither columns nor HTML nor lines of their own. */
Test(table, keeps_what_files_say_in_its_place)
{
	make("odd", BASE RUN("a|b<i>\\nz", "invert", 1, "", 0.5) "]}");
	cli_expect(0, "", "table %s/odd --rows aggregator --format markdown", cli_folder);
	cr_expect(strstr(cli_out, "\n| a\\|b&lt;i> z | 50.00 (1) |\n"), "%s", cli_out);
	cli_expect(0, "", "table %s/odd --rows aggregator --format latex", cli_folder);
	cr_expect(strstr(cli_out, "\na\\textbar{}b$<$i$>$ z & 50.00 (1) \\\\\n"), "%s", cli_out);
	cli_expect(0, "", "table %s/odd --rows aggregator", cli_folder);
	cr_expect(strstr(cli_out, "\na|b<i> z "), "%s", cli_out);
}

/* More runs than a shell lets a program open; what cannot be opened is one sentence. */
Test(table, opens_more_files_than_were_asked_for)
{
	make("g", grid);
	cr_expect(process_shell(
	        "ulimit -Sn 12 && $SIGNSGD_BIN table %s/g --rows aggregator --columns attack >%s/said",
	        cli_folder, cli_folder));
	cr_expect(
	        process_shell("ulimit -n 12 && ! $SIGNSGD_BIN table %s/g --rows aggregator --columns attack "
	                      "2>%s/said && grep -q 'one file more than may be open' %s/said",
	                      cli_folder, cli_folder, cli_folder));
}

Test(table, figures_of_final_values_need_one)
{
	make("on", BASE "{\"seed\":1,\"state\":\"interrupted\",\"evals\":{\"test_accuracy\":[0,0.5]}}]}");
	static const char *const figures[] = {"box", "heatmap", "bytes"};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		cli_expect(2, "no run has ended, and only such have a final value",
		           "plot %s %s/on/000.h5 -o %s/x.png", figures[i], cli_folder, cli_folder);
	cr_expect(process_shell("test ! -e %s/x.png", cli_folder));
}

Test(table, best_says_that_others_are_as_good)
{
	make("tie", BASE "{\"seed\":1,\"evals\":{\"validation_accuracy\":[0,0.5],\"test_accuracy\":[0,0.5]}},"
	                 "{\"set\":{\"lr.rate\":0.2},\"seed\":1,\"evals\":{\"validation_accuracy\":[0,0.5],"
	                 "\"test_accuracy\":[0,0.9]}}]}");
	cr_assert_eq(cli("best %s/tie --by validation --per aggregator", cli_folder), 0, "%s", cli_err);
	cr_expect(strstr(cli_out, "best of 2 settings (the first of 2 that are equally good)"), "%s",
	          cli_out);
}
