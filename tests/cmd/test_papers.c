/*
 * `signsgd claims`: what an experiment file claims, held against its results; and the papers of
 * experiments/papers/, whose claims must mean runs that their files have.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/figure.h"

TestSuite(papers, .init = figure_open, .fini = figure_close, .timeout = 300);

/* Two rates of steps along the signs, three seeds; `claims` is JSON. */
static void write_file(const char *claims)
{
	char text[4096];
	snprintf(text, sizeof text,
	         "{\"name\":\"c\",\"workers\":3,\"steps\":40,\"batch\":1,\"momentum\":0,\"lr\":{\"kind\":"
	         "\"constant\",\"rate\":0.01},\"model\":{\"kind\":"
	         "\"quadratic\",\"dimensions\":20},\"eval\":{\"every\":4},\"seeds\":[1,2,3],\"sweep\":{\"lr."
	         "rate\":[0.01,0.02]},\"claims\":[%s]}",
	         claims);
	cli_write("c.json", text);
}

#define SLOW "\"of\":{\"lr.rate\":0.01}"
#define FAST "\"than\":{\"lr\":0.02}"

static void simulate(const char *more)
{
	cr_assert_eq(cli("simulate %s/c.json --out %s/c/ --quiet %s", cli_folder, cli_folder, more), 0, "%s",
	             cli_err);
}

static int claims(const char *options)
{
	return cli("claims %s/c.json %s/c %s", cli_folder, cli_folder, options);
}

/* The lines of `claims --json`. */
static const struct json *found(struct arena *a, size_t i)
{
	struct json *lines[CLI_LINES];
	cr_assert_gt(cli_json_lines(a, lines), i, "%s", cli_out);
	return lines[i];
}

static const char *verdict(struct arena *a, size_t i)
{
	return json_member(found(a, i), "verdict")->string;
}

/* Mean over the runs of the mean loss of the last five evaluations, at the low rate less that at the high
 * one. */
static double difference(void)
{
	char command[PATH_MAX + 512], numbers[FOLDER_SIZE + 16];
	snprintf(numbers, sizeof numbers, "%s/numbers", cli_folder);
	snprintf(command, sizeof command,
	         "$SIGNSGD_PYTHON -c \"import glob, h5py, json\nd = 0\nfor n in glob.glob('%s/c/*.h5'):\n    "
	         "f = "
	         "h5py.File(n)\n    low = json.loads(f['config/resolved'][()])['lr']['rate'] == 0.01\n    d "
	         "+= "
	         "(1 if low else -1) * f['evals/test_loss'][-5:].mean() / 3\nprint(repr(float(d)))\" >%s",
	         cli_folder, numbers);
	cr_assert_eq(system(command), 0);
	return strtod(file_text(numbers, cli_out, sizeof cli_out), NULL);
}

Test(papers, claims_hold_or_not)
{
	struct arena a = {0};
	char text[2048];
	write_file("");
	simulate("");
	double differ = difference();
	cr_assert_gt(differ, 0.5);
#define LOSS ",\"measure\":\"test_loss\","
	snprintf(text, sizeof text,
	         "{\"say\":\"a\"," SLOW "," FAST LOSS "\"by\":0},{\"say\":\"b\"," SLOW "," FAST LOSS
	         "\"by\":1000},{\"say\":\"c\"," SLOW "," FAST LOSS "\"by\":%.12g},{\"say\":\"d\"," SLOW
	         "," FAST LOSS "\"by\":1000,\"tolerance\":1000},{\"say\":\"e\"," SLOW ",\"than\":1000" LOSS
	         "\"by\":-500},{\"say\":\"f\"," SLOW "," FAST LOSS "\"tolerance\":1e-9}",
	         differ);
	write_file(text);
	cr_assert_eq(claims("--json"), 0, "%s%s", cli_out, cli_err);
	static const char *const expected[] = {"holds", "does not hold", "not decided",
	                                       "holds", "holds",         "does not hold"};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		cr_expect_str_eq(verdict(&a, i), expected[i], "claim %zu: %s", i, cli_out);
	cr_expect_float_eq(cli_number(found(&a, 0), "difference"), differ, 1e-9 * differ);
	cr_expect_eq(cli_number(found(&a, 0), "seeds"), 3);
	double low = cli_number(found(&a, 0), "low"), high = cli_number(found(&a, 0), "high");
	cr_expect(low < differ && differ < high);
	cr_expect_eq(
	        cli("report %s/c -o %s/page.html --claims %s/c.json", cli_folder, cli_folder, cli_folder), 0,
	        "%s", cli_err);
	snprintf(text, sizeof text, "%s/page.html", cli_folder);
	cr_expect_not_null(strstr(file_text(text, cli_out, sizeof cli_out), "<strong>not decided</strong>"));
	/* both sides by name, and which way the difference is claimed */
	cr_expect_not_null(strstr(cli_out, ">at least 500 lower<"));
	cr_expect_not_null(strstr(cli_out, ">lr.rate = 0.01: ") && strstr(cli_out, ">lr.rate = 0.02: "));
	cr_expect_eq(claims("--strict"), 1, "one does not hold");
	cr_expect_eq(claims(""), 0);
	cr_expect_not_null(strstr(cli_out, "6 claims, 3 hold, 2 do not hold, 1 not decided"), "%s", cli_out);
	arena_clear(&a);
}

Test(papers, claims_want_all_seeds_and_one_experiment)
{
	struct arena a = {0};
	write_file("{\"say\":\"a\"," SLOW "," FAST LOSS "\"by\":0}");
	simulate("--run 1");
	simulate("--run 4");
	cr_expect_eq(claims("--json"), 1, "seeds are missing");
	cr_expect_str_eq(verdict(&a, 0), "missing");
	cr_expect_eq(claims(""), 1);
	cr_expect_not_null(strstr(cli_out, "no finished run of seed 2, 3 with {\"lr.rate\": 0.01}"), "%s",
	                   cli_out);
	write_file("{\"say\":\"a\",\"of\":{\"workers\":3},\"than\":1" LOSS "\"by\":0}");
	cli_expect(2, "means runs of 2 experiments, which differ in lr.rate", "claims %s/c.json %s/c",
	           cli_folder, cli_folder);
	cr_assert_eq(cli("simulate %s/c.json --set name=other --out %s/c/ --quiet --run 1", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	write_file("{\"say\":\"a\"," SLOW ",\"than\":1" LOSS "\"by\":0}");
	cr_expect_eq(claims(""), 1);
	cr_expect_not_null(strstr(cli_err, "1 of 3 results have another name than c: passed over"), "%s",
	                   cli_err);
	cli_expect(2, "has no `claims`", "claims experiments/demo.json %s/c", cli_folder);
	cli_expect(2, "claims needs an experiment file and the folder", "claims %s/c.json", cli_folder);
	arena_clear(&a);
}

Test(papers, claims_say_what_they_are_not_about)
{
	write_file("{\"say\":\"a\\u001b[31m\"," SLOW "," FAST LOSS "\"by\":0}");
	simulate("");
	cr_expect_eq(claims(""), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, "other settings"), "%s", cli_err);
	cr_expect_null(strchr(cli_out, '\x1b'), "a terminal obeys a claim");
	cr_expect_not_null(strstr(cli_out, "a\xef\xbf\xbd[31m"), "%s", cli_out);
	cr_assert_eq(cli("simulate %s/c.json --set steps=20 --out %s/short/ --quiet", cli_folder, cli_folder),
	             0);
	cr_expect_eq(cli("claims %s/c.json %s/short", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "6 of 6 runs have other settings than"), "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "c.json: steps = 20\n"), "%s", cli_err);
	write_file("{\"say\":\"a\"," SLOW "," FAST ",\"by\":0}");
	cli_write("bad.json", "{\"claims\":[{\"say\":\"a\"}]}");
	cli_expect(2, "bad.json:1:12: claims[0]: found no `of`",
	           "report %s/c -o %s/bad.html --claims %s/bad.json", cli_folder, cli_folder, cli_folder);
	cli_expect(2, "claims[0].of: these runs have no test_accuracy", "claims %s/c.json %s/c", cli_folder,
	           cli_folder);
}

Test(papers, claim_what_their_files_run)
{
	char command[PATH_MAX * 2], said[FOLDER_SIZE + 16];
	snprintf(said, sizeof said, "%s/said", cli_folder);
	snprintf(command, sizeof command,
	         "(%s validate --json experiments/papers/*.json >%s/planned && $SIGNSGD_PYTHON "
	         "tests/support/claims_match.py <%s/planned) >%s 2>&1",
	         process_program(), cli_folder, cli_folder, said);
	cr_expect_eq(system(command), 0, "%s", file_text(said, cli_out, sizeof cli_out));
	file_text(said, cli_out, sizeof cli_out);
	const char *last = strstr(cli_out, "sides of claims: ");
	cr_expect(last && atoi(last + strlen("sides of claims: ")) > 100, "%s", cli_out);
}

/* A paper from its file to its row of the table, shortened; again, it is skipped. */
Test(papers, are_run_and_summed_up)
{
	char root[PATH_MAX], program[PATH_MAX], command[PATH_MAX * 4], said[FOLDER_SIZE + 16];
	cr_assert_not_null(realpath(".", root));
	cr_assert_not_null(realpath(process_program(), program));
	snprintf(said, sizeof said, "%s/said", cli_folder);
	snprintf(command, sizeof command,
	         "cd %s && ln -sf %s/experiments . && ARGS='--steps 64' %s/mk/papers.sh %s bernstein-fig1 "
	         ">said 2>&1",
	         cli_folder, root, root, program);
	cr_assert_eq(system(command), 0, "%s", file_text(said, cli_out, sizeof cli_out));
	file_text(said, cli_out, sizeof cli_out);
	cr_expect_not_null(strstr(cli_out, "holds          after 2,000 steps 3 workers"), "%s", cli_out);
	int holds = -1, not = -1, open = -1, missing = -1;
	const char *row = strstr(cli_out, "\nbernstein-fig1 ");
	cr_assert(row && sscanf(row, " bernstein-fig1 %d %d %d %d", &holds, &not, &open, &missing) == 4, "%s",
	          cli_out);
	cr_expect_eq(holds + not +open, 5);
	cr_expect_eq(missing, 0);
	cr_assert_eq(system(command), 0);
	cr_expect_not_null(strstr(file_text(said, cli_out, sizeof cli_out), "done already, skipped"));
	snprintf(
	        command, sizeof command,
	        "test -s %s/papers/bernstein-fig1/figure.png && test -s %s/papers/bernstein-fig1/report.html",
	        cli_folder, cli_folder);
	cr_expect_eq(system(command), 0, "there is no figure");
	snprintf(command, sizeof command, "cd %s && %s/mk/papers.sh %s karimireddy-nothing >said 2>&1",
	         cli_folder, root, program);
	cr_expect_neq(system(command), 0);
	file_text(said, cli_out, sizeof cli_out);
	cr_expect_not_null(strstr(cli_out, "found no such file"), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "\nkarimireddy-nothing    not run\n"), "%s", cli_out);
	cr_expect_null(strstr(cli_out, "plot"), "without a result there is nothing to draw: %s", cli_out);
	cr_expect_null(strstr(cli_out, ".py:"), "%s", cli_out);
}
