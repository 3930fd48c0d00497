/* The command line from outside, with runs: simulate, show and plot on small quadratics. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/cli.h"

TestSuite(cli_runs, .init = cli_open, .fini = cli_close, .timeout = 180);

/* Four runs of a few milliseconds: two seeds, with and without Byzantine workers. */
static const char *const small =
        "{\"name\":\"small\",\"seeds\":[1,2],\"workers\":5,\"steps\":40,\"batch\":1,"
        "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},\"momentum\":0,\"lr\":0.01,"
        "\"eval\":{\"every\":10},\"adversaries\":{\"attack\":\"invert\"},"
        "\"sweep\":{\"adversaries.count\":[0,2]}}";
static const char *const single = "--set seed=3 --set adversaries.count=1"; /* makes one run of it */

static double number(const struct json *line, const char *key)
{
	const struct json *value = json_member(line, key);
	cr_assert(value && value->type == JSON_NUMBER, "%s is no number", key);
	return value->number;
}

static const char *string(const struct json *line, const char *key)
{
	const struct json *value = json_member(line, key);
	cr_assert(value && value->type == JSON_STRING, "%s is no string", key);
	return value->string;
}

static int simulate(const char *more)
{
	cli_write("small.json", small);
	return cli("simulate %s/small.json --lanes 2 %s --out %s/r%s", cli_folder, more, cli_folder,
	           strstr(more, "adversaries.count") ? ".h5" : "/");
}

Test(cli_runs, json_says_what_the_file_says)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(simulate("--json --quiet"), 0, "%s", cli_err);
	cr_expect_str_empty(cli_err, "--quiet said: %s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 4);
	for (size_t i = 0; i < 4; i++) {
		struct run_info info;
		struct err e = {0};
		cr_assert_eq(record_info(string(lines[i], "file"), &info, &e), 0, "%s", e.text);
		cr_expect_str_eq(string(lines[i], "name"), "small");
		cr_expect_str_eq(string(lines[i], "id"), info.id);
		cr_expect_str_eq(string(lines[i], "state"), "finished");
		cr_expect_eq(number(lines[i], "steps"), 40);
		cr_expect_eq(number(lines[i], "final_test_loss"), info.final_test_loss);
		cr_expect_eq(number(lines[i], "best_test_loss"), info.best_test_loss);
		cr_expect_eq(json_member(lines[i], "final_test_accuracy")->type, JSON_NULL,
		             "no labels, no accuracy");
		cr_expect_eq(json_member(lines[i], "best_test_accuracy")->type, JSON_NULL);
		cr_expect_eq(number(lines[i], "wall_s"), info.wall_s);
		cr_expect_float_eq(number(lines[i], "steps_per_s") * info.wall_s, 40, 1e-6);
		cr_expect_eq(number(lines[i], "push_bytes"), 8, "50 signs take one word of 64");
		cr_expect_eq(number(lines[i], "pull_bytes"), 8);
		cr_expect_eq(number(lines[i], "bytes_up"), 5 * 8);
		cr_expect_eq(number(lines[i], "bytes_down"), 5 * 8);
		cr_expect_eq(number(lines[i], "n_voters"), 5);
	}
	arena_clear(&a);
}

Test(cli_runs, a_sweep_ends_in_a_table_and_is_skipped_the_second_time)
{
	cr_assert_eq(simulate(""), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "2 of 5"));
	cr_expect_not_null(strstr(cli_out, "invert"));
	cr_expect_null(strstr(cli_out, "before"));
	cr_assert_eq(simulate(""), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "finished before"), "%s", cli_out);
	cr_assert_eq(simulate("--overwrite"), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "before"));
	cr_assert_eq(simulate("--overwrite --quiet"), 0);
	cr_expect_str_empty(cli_out);
	cr_expect_str_empty(cli_err);
}

Test(cli_runs, a_single_run_says_one_line)
{
	cr_assert_eq(simulate(single), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "small: finished, 40 steps in"));
	cr_expect_not_null(strstr(cli_out, "r.h5"));
}

Test(cli_runs, a_run_that_diverges_is_exit_1_and_the_others_still_run)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	const char *more = "--json --set aggregator=mean --attack nan";
	for (int again = 0; again < 2;
	     again++) { /* found finished the second time, it has diverged all the same */
		cr_expect_eq(simulate(more), 1);
		cr_expect_not_null(strstr(cli_err, again ? "skipped" : "no longer finite"), "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 4);
		for (size_t i = 0; i < 4; i++)
			cr_expect_str_eq(string(lines[i], "state"), i < 2 ? "finished" : "diverged");
	}
	cr_expect_eq(simulate("--json --attack nan"), 0, "the vote stands: %s", cli_err);
	arena_clear(&a);
}

Test(cli_runs, another_run_at_the_path_is_refused)
{
	cr_assert_eq(simulate(single), 0, "%s", cli_err);
	cli_expect(2, "holds another run", "simulate %s/small.json %s --set lr=0.02 --out %s/r.h5",
	           cli_folder, single, cli_folder);
	cr_expect_eq(cli("simulate %s/small.json %s --set lr=0.02 --out %s/r.h5 --overwrite", cli_folder,
	                 single, cli_folder),
	             0);
}

Test(cli_runs, resume_reads_the_experiment_from_the_file)
{
	cr_assert_eq(simulate(single), 0, "%s", cli_err);
	cr_expect_eq(cli("simulate --resume %s/r.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "finished"));
	cli_expect(2, "holds another run", "simulate --resume %s/r.h5 --set lr=0.5", cli_folder);
	cli_expect(2, "give one of them", "simulate --resume %s/r.h5 --overwrite", cli_folder);
	cli_expect(2, "leave out --out", "simulate --resume %s/r.h5 --out x.h5", cli_folder);
	cli_expect(2, "make 4", "simulate %s/small.json --resume %s/r.h5", cli_folder, cli_folder);
	cr_expect_neq(cli("simulate --resume %s/none.h5", cli_folder), 0);
	cr_expect_not_null(strstr(cli_err, "none.h5"));
}

Test(cli_runs, what_simulate_refuses_before_it_runs)
{
	cli_expect(2, "needs an experiment file", "simulate");
	cli_write("small.json", small);
	cli_expect(2, "did you mean \"invert\"", "simulate %s/small.json --attack invrt --out %s/x/",
	           cli_folder, cli_folder);
	cli_expect(2, "--adversaries 5", "simulate %s/small.json --adversaries 5 --out %s/x/", cli_folder,
	           cli_folder);
	cli_expect(2, "bad.json", "simulate %s/small.json %s/bad.json --out %s/x/", cli_folder, cli_folder,
	           cli_folder);
	char path[128];
	snprintf(path, sizeof path, "%s/x", cli_folder);
	cr_expect_neq(access(path, F_OK), 0, "a run began before all files were read");
}

Test(cli_runs, show_one_file)
{
	static const char *const locales[][2] = {{"C", "'"}, {"C.UTF-8", "\xe2\xa0"}};
	cr_assert_eq(simulate(single), 0, "%s", cli_err);
	for (size_t i = 0; i < 2; i++) {
		setenv("LC_ALL", locales[i][0], 1);
		cr_expect_eq(cli("show %s/r.h5", cli_folder), 0, "%s", cli_err);
		cr_expect_not_null(strstr(cli_out, "1 of 5, invert"));
		cr_expect_not_null(strstr(cli_out, "40 of 40"));
		cr_expect_not_null(strstr(cli_out, "objective"));
		cr_expect_not_null(strstr(cli_out, locales[i][1]), "no curve in %s: %s", locales[i][0],
		                   cli_out);
	}
	setenv("LC_ALL", "C", 1);
	cr_expect_eq(cli("show %s/r.h5", cli_folder), 0);
	for (const char *p = cli_out; *p; p++)
		cr_expect_lt((unsigned char)*p, 128, "not ASCII in locale C");
}

Test(cli_runs, show_many_files)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(simulate(""), 0, "%s", cli_err);
	cr_expect_eq(cli("show %s/r/*.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "aggregator"));
	cr_expect_eq(cli("show --json %s/r/*.h5", cli_folder), 0);
	cr_assert_eq(cli_json_lines(&a, lines), 4);
	cr_expect_eq(number(lines[0], "steps_planned"), 40);
	cr_expect_eq(cli("show %s/r/*.h5 %s/none.h5", cli_folder, cli_folder), 2);
	cr_expect_not_null(strstr(cli_out, "aggregator"), "a missing file hides the others");
	arena_clear(&a);
}

Test(cli_runs, show_refuses_what_is_no_result)
{
	cli_write("text.h5", "this is no HDF5 file");
	cli_write("empty.h5", "");
	cli_expect(2, "needs a result file", "show");
	cr_expect_neq(cli("show %s/none.h5", cli_folder), 0);
	cr_expect_not_null(strstr(cli_err, "none.h5"));
	cr_expect_neq(cli("show %s/text.h5", cli_folder), 0);
	cr_expect_not_null(strstr(cli_err, "text.h5"));
	cr_expect_neq(cli("show --json %s/empty.h5", cli_folder), 0);
	cr_expect_str_empty(cli_out);
}

Test(cli_runs, plot_refuses_what_cannot_be_drawn)
{
	cli_expect(2, "plot needs a figure", "plot");
	char said[1024], path[200];
	snprintf(path, sizeof path, "%s/figures", cli_folder);
	cr_assert(process_shell("cd plots && grep -l '^#!' *.py | LC_ALL=C sort | sed 's/[.]py$//' | paste "
	                        "-sd, | sed 's/,/, /g' "
	                        "| tr -d '\\n' >%s",
	                        path));
	snprintf(said, sizeof said, "did you mean 'curves'? There are: %s\n",
	         file_text(path, cli_out, sizeof cli_out));
	cli_expect(2, said, "plot curve x.h5 -o x.png");
	cli_expect(2, "there is no figure 'common'", "plot common x.h5 -o x.png");
	cli_expect(2, "there is no figure 'results'", "plot results x.h5 -o x.png");
	cli_expect(2, "there is no figure", "plot ../plots/curves x.h5 -o x.png");
	cli_expect(2, "needs result files", "plot curves -o x.png");
	cli_expect(2, "plot needs -o FILE", "plot curves x.h5");
	cli_expect(2, "expected a name that ends in .png, .svg or .pdf", "plot curves x.h5 -o x.gif");
	cli_expect(2, "expected a name that ends in", "plot curves x.h5 -o .png");
	setenv("SIGNSGD_PYTHON", "/bin/false", 1);
	cli_expect(1, "/bin/false", "plot curves x.h5 -o x.png");
	cr_expect_not_null(strstr(cli_err, "apt-get install python3-h5py python3-matplotlib"));
	setenv("SIGNSGD_PYTHON", "/bin/true", 1); /* runs, and is no Python */
	cli_expect(1, "/bin/true", "plot curves x.h5 -o x.png");
	setenv("SIGNSGD_PYTHON", "/no/such/python", 1);
	cli_expect(1, "h5py, numpy and matplotlib", "plot curves x.h5 -o x.png");
	setenv("SIGNSGD_PLOTS", "/no/such/folder", 1);
	cli_expect(1, "SIGNSGD_PLOTS", "plot curves x.h5 -o x.png");
}

/* A python that can draw, or the test is skipped. */
static void need_python(void)
{
	const char *python = getenv("SIGNSGD_PYTHON");
	if (python && *python)
		return;
	puts("skipped: no Python with h5py, numpy and matplotlib");
	cr_skip_test("no Python with h5py, numpy and matplotlib");
}

static void expect_begins(const char *name, const char *magic)
{
	char path[128], head[16] = "";
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	FILE *f = fopen(path, "rb");
	cr_assert_not_null(f, "%s was not written", name);
	cr_expect_eq(fread(head, 1, strlen(magic), f), strlen(magic));
	cr_expect_eq(memcmp(head, magic, strlen(magic)), 0, "%s is no such file", name);
	fclose(f);
}

Test(cli_runs, plot_draws_every_figure_in_every_format)
{
	static const char *const formats[][2] = {{"png", "\x89PNG"}, {"svg", "<?xml"}, {"pdf", "%PDF"}};
	static const char *const figures[] = {"curves", "adversaries", "toy"};
	need_python();
	cr_assert_eq(simulate(""), 0, "%s", cli_err);
	for (size_t i = 0; i < 3; i++) {
		char name[32];
		snprintf(name, sizeof name, "%s.%s", figures[i], formats[i][0]);
		cr_expect_eq(cli("plot %s %s/r/*.h5 -o '%s/%s' --title 'a \"b\" $c' -- --band std",
		                 figures[i], cli_folder, cli_folder, name),
		             0, "%s", cli_err);
		expect_begins(name, formats[i][1]);
	}
	cr_expect_eq(cli("plot curves %s/r/*.h5 --out=%s/x.png --x wall --y train_loss --log --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_str_empty(cli_err);
	cli_expect(2, "invalid choice", "plot curves %s/r/*.h5 -o %s/x.png --x sideways", cli_folder,
	           cli_folder);
}

Test(cli_runs, plot_is_the_same_twice)
{
	need_python();
	cr_assert_eq(simulate(""), 0, "%s", cli_err);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(cli("plot toy %s/r/*.h5 -o %s/%d.svg", cli_folder, cli_folder, i), 0, "%s",
		             cli_err);
	char command[512];
	snprintf(command, sizeof command, "cmp %s/0.svg %s/1.svg", cli_folder, cli_folder);
	cr_expect_eq(system(command), 0);
}

Test(cli_runs, plot_answers_bad_files_with_a_sentence, .timeout = 600)
{
	need_python();
	cli_write("text.h5", "this is no HDF5 file");
	cr_assert_eq(simulate(single), 0, "%s", cli_err);
	static const char *const figures[] = {
	        "curves", "adversaries",      "toy",   "noise",      "partition",
	        "snr",    "time-to-accuracy", "kappa", "certificate"};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		cli_expect(2, "text.h5", "plot %s %s/text.h5 -o %s/x.png", figures[i], cli_folder,
		           cli_folder);
		cr_expect_null(strstr(cli_err, "Traceback"), "%s", cli_err);
		cli_expect(2, "No such file", "plot %s %s/none.h5 -o %s/x.png", figures[i], cli_folder,
		           cli_folder);
	}
	cli_expect(2, "/probes/sign_failure/full_l1", "plot toy %s/r.h5 -o %s/x.png --theory", cli_folder,
	           cli_folder);
	cli_expect(2, "has no /probes/gradient_noise", "plot noise %s/r.h5 -o %s/x.png", cli_folder,
	           cli_folder);
	cli_expect(2, "has no /partition/samples: it has no data", "plot partition %s/r.h5 -o %s/x.png",
	           cli_folder, cli_folder);
	cli_expect(2, "has no /probes/snr", "plot snr %s/r.h5 -o %s/x.png", cli_folder, cli_folder);
	cli_expect(2, "holds no value", "plot curves %s/r.h5 -o %s/x.png --y test_accuracy", cli_folder,
	           cli_folder);
	cli_expect(2, "the figure is for runs with labels", "plot time-to-accuracy %s/r.h5 -o %s/x.png",
	           cli_folder, cli_folder);
	cli_expect(1, "could not be written", "plot curves %s/r.h5 -o %s/none/x.png", cli_folder, cli_folder);
}

Test(cli_runs, theorem_2_is_drawn_where_it_can_be)
{
	need_python();
	cli_write("theory.json",
	          "{\"name\":\"theory\",\"workers\":3,\"model\":{\"kind\":\"quadratic\",\"dimensions\":20},"
	          "\"momentum\":0,\"lr\":\"theory\",\"record\":{\"sign_failure\":1},"
	          "\"sweep\":{\"steps,batch\":[[10,10],[20,20]],\"adversaries.count\":[0,1]}}");
	cr_assert_eq(cli("simulate %s/theory.json --out %s/t/", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli("plot toy %s/t/*.h5 -o %s/t.png --theory", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	expect_begins("t.png", "\x89PNG");
}

/* Both would have one id and one path; with --overwrite the second took the first one's place. */
Test(cli_runs, a_run_of_two_files_is_refused_before_any_begins)
{
	static const char *const commands[] = {"simulate", "train", "validate"};
	cli_write("small.json", small);
	cli_write("other.json",
	          "{\"name\":\"small\",\"seed\":2,\"workers\":5,\"steps\":40,\"batch\":1,"
	          "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},\"momentum\":0,\"lr\":0.01,"
	          "\"eval\":{\"every\":10},\"checkpoint\":{\"keep\":true}}");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		cli_expect(2, "other.json: its run small, id ", "%s %s/small.json %s/other.json --out %s/n/",
		           commands[i], cli_folder, cli_folder, cli_folder);
	char path[128];
	snprintf(path, sizeof path, "%s/n", cli_folder);
	cr_expect_neq(access(path, F_OK), 0, "a run has begun");
}

Test(cli_runs, passes_are_drawn)
{
	need_python();
	cli_write("pass.json", "{\"name\":\"pass\",\"steps\":20,\"batch\":10,\"model\":\"softmax\",\"data\":{"
	                       "\"kind\":\"glyphs\","
	                       "\"train\":200,\"test\":20},\"record\":{\"gradient_noise\":{\"every\":4,"
	                       "\"random\":5},\"snr\":5}}");
	cr_assert_eq(cli("simulate %s/pass.json --out %s/p.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli("plot noise %s/p.h5 -o %s/n.png -- --rows 3", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	expect_begins("n.png", "\x89PNG");
	cr_assert(process_shell("cp %s/p.h5 %s/q.h5", cli_folder, cli_folder));
	cli_expect(2, "found 2 result files, expected one", "plot noise %s/p.h5 %s/q.h5 -o %s/n.png",
	           cli_folder, cli_folder, cli_folder);
	char link[128];
	snprintf(link, sizeof link, "%s/l.h5", cli_folder);
	cr_assert_eq(symlink("p.h5", link), 0);
	cr_expect_eq(cli("plot noise %s/p.h5 %s/l.h5 -o %s/n.png", cli_folder, cli_folder, cli_folder), 0,
	             "a link counts as a run of its own: %s", cli_err);
	cr_expect_eq(cli("plot snr %s/p.h5 -o %s/s.png --x step", cli_folder, cli_folder), 0, "%s", cli_err);
	expect_begins("s.png", "\x89PNG");
}
