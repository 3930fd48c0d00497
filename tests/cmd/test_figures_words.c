/* Figures from outside, whatever names, titles and styles people have: no traceback, and the same picture. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/support/cli.h"

static void begin(void)
{
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !*python) {
		puts("skipped: no Python with h5py, numpy and matplotlib");
		cr_skip_test("no Python with h5py, numpy and matplotlib");
	}
	cli_open();
	cli_write("e.json",
	          "{\"name\":\"e\",\"workers\":5,\"steps\":20,\"batch\":1,\"momentum\":0,\"lr\":0.01,"
	          "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},\"eval\":{\"every\":10},"
	          "\"adversaries\":{\"count\":2,\"attack\":\"zero\"}}");
	cr_assert_eq(cli("simulate %s/e.json --quiet --out %s/e.h5", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}

TestSuite(figures_words, .init = begin, .fini = cli_close, .timeout = 180);

/* The figure is drawn, and nothing is said but that. */
static void draws(const char *figure, const char *files, const char *more)
{
	cr_expect_eq(cli("plot %s %s/%s -o %s/x.png --quiet %s", figure, cli_folder, files, cli_folder, more),
	             0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, "Traceback"), "%s", cli_err);
	cr_expect_null(strstr(cli_err, "Warning"), "%s", cli_err);
}

static unsigned png_width(const char *path)
{
	unsigned char head[24] = {0};
	FILE *f = fopen(path, "rb");
	cr_assert_not_null(f, "%s", path);
	cr_assert_eq(fread(head, 1, sizeof head, f), sizeof head);
	fclose(f);
	return (unsigned)head[16] << 24 | (unsigned)head[17] << 16 | (unsigned)head[18] << 8 | head[19];
}

/* `plot` and `show` say the same of what neither can read. */
Test(figures_words, of_a_file_that_is_no_result_is_said_what_show_says)
{
	static const struct {
		const char *name, *says;
	} cases[] = {{"newer.h5",
	              "is a result of a newer signsgd: found layout version 99, this one reads 1 to 2"},
	             {"text.h5", "is no HDF5 file (it does not begin as one)"},
	             {"other.h5", "is an HDF5 file, but no result of signsgd (it has no /format version)"},
	             {"none.h5", "cannot be opened: No such file or directory"},
	             {"folder.h5", "is a folder, expected a file"}};
	cli_write("text.h5", "my thesis");
	cr_assert(process_shell(
	        "cd %s && mkdir folder.h5 && cp e.h5 newer.h5 && $SIGNSGD_PYTHON -c \"import h5py; "
	        "h5py.File('other.h5', 'w').close(); f = h5py.File('newer.h5', 'r+'); "
	        "f['format'].attrs['version'] = 99; f.close()\"",
	        cli_folder));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_expect_eq(cli("show %s/%s", cli_folder, cases[i].name), 2);
		cr_expect_not_null(strstr(cli_err, cases[i].says), "show: %s", cli_err);
		cr_expect_eq(cli("plot curves %s/%s -o %s/x.png", cli_folder, cases[i].name, cli_folder), 2);
		cr_expect_not_null(strstr(cli_err, cases[i].says), "plot: %s", cli_err);
	}
}

Test(figures_words, checkpoints_are_passed_over_or_said_to_be_ones)
{
	cr_assert_eq(cli("simulate %s/e.json --quiet --out %s/k.h5 --set checkpoint.keep=true --seed 2",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cli_expect(0, "k.checkpoint.h5: a checkpoint of a run, no result: passed over",
	           "plot curves %s/e.h5 %s/k.checkpoint.h5 %s/k.h5 -o %s/x.png", cli_folder, cli_folder,
	           cli_folder, cli_folder);
	cli_expect(2, " after step 20, no result; that stands in ",
	           "plot curves %s/k.checkpoint.h5 -o %s/x.png", cli_folder, cli_folder);
	cr_expect_not_null(strstr(cli_err, "k.checkpoint.h5: is the checkpoint of run "), "%s", cli_err);
	cr_assert(process_shell("cp %s/k.checkpoint.h5 %s/copy.h5", cli_folder, cli_folder));
	cli_expect(2, "copy.h5: is the checkpoint of run ", "plot curves %s/copy.h5 -o %s/x.png", cli_folder,
	           cli_folder);
}

Test(figures_words, dollars_are_no_mathematics)
{
	draws("curves", "e.h5", "--title '$\\frac{ and $x_1$'");
	cr_expect_str_empty(cli_err);
	draws("toy", "e.h5", "--title '$'");
}

/* With a font that has the letters, or with one line that says that there is none. */
Test(figures_words, a_title_may_be_chinese)
{
	draws("curves", "e.h5", "--title '\xe4\xb8\xad\xe6\x96\x87 $a'");
	cr_expect(!*cli_err || strstr(cli_err, "no font on this machine has"), "%s", cli_err);
}

Test(figures_words, a_run_too_short_for_snapshots_is_drawn)
{
	cli_write("m.json", "{\"workers\":3,\"steps\":4,\"batch\":1,\"momentum\":0,\"model\":\"median-toy\","
	                    "\"record\":{\"snapshots\":100}}");
	cr_assert_eq(cli("simulate %s/m.json --quiet --out %s/m.h5", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	draws("toy", "m.h5", "");
}

Test(figures_words, a_long_legend_stands_beside_the_figure)
{
	char path[512];
	snprintf(path, sizeof path, "%s/x.png", cli_folder);
	draws("curves", "e.h5", "");
	cr_expect_eq(png_width(path), 7 * 150);
	cr_assert_eq(cli("simulate %s/e.json --quiet --out %s/many/ --set "
	                 "'sweep={\"lr\":[0.01,0.02,0.03,0.04],\"adversaries.count\":[0,1,2]}'",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	draws("curves", "many/*.h5", "");
	cr_expect_gt(png_width(path), 7 * 150 + 200, "the curves would have lost their room");
}

static void expect_same(const char *one, const char *other)
{
	cr_expect(process_shell("cmp -s %s/%s %s/%s", cli_folder, one, cli_folder, other), "%s is not %s",
	          one, other);
}

/* A style of the user's own, and one that matplotlib cannot even read. */
Test(figures_words, a_style_of_the_users_own_changes_nothing)
{
	static const char *const styles[] = {"axes.grid : False\nfont.size : 30\ntext.usetex : True\n",
	                                     "no such key\n\xff\xfe\n"};
	draws("curves", "e.h5", "");
	cr_assert(process_shell("mv %s/x.png %s/house.png", cli_folder, cli_folder));
	for (size_t i = 0; i < 2; i++) {
		char path[512];
		cli_write("matplotlibrc", styles[i]);
		snprintf(path, sizeof path, "%s/matplotlibrc", cli_folder);
		setenv("MATPLOTLIBRC", path, 1);
		draws("curves", "e.h5", "");
		unsetenv("MATPLOTLIBRC");
		expect_same("x.png", "house.png");
		cr_assert(process_shell("cd %s && SIGNSGD_PLOTS= %s plot curves e.h5 -o x.png --quiet",
		                        cli_folder, process_program()),
		          "with matplotlibrc in the working folder");
		expect_same("x.png", "house.png");
	}
}

Test(figures_words, a_figure_of_one_run_says_which_and_how_many_are_byzantine)
{
	cr_assert(process_shell("$SIGNSGD_PYTHON tests/support/figure_values.py curves %s/e.h5 >%s/values",
	                        cli_folder, cli_folder));
	char path[512];
	snprintf(path, sizeof path, "%s/values", cli_folder);
	file_text(path, cli_out, sizeof cli_out);
	cr_expect_not_null(strstr(cli_out, "e, id "), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, ", seed 1: 2 of 5 workers Byzantine, zero"), "%s", cli_out);
}

Test(figures_words, what_a_file_lacks_is_said_with_what_records_it)
{
	cli_expect(2,
	           "e.h5: has no /probes/sign_failure/full_l1; it is recorded by \"record\": "
	           "{\"sign_failure\": 1}",
	           "plot toy --theory %s/e.h5 -o %s/x.png", cli_folder, cli_folder);
	cr_assert(process_shell("$SIGNSGD_PYTHON -c \"import h5py; f = h5py.File('%s/e.h5', 'r+'); "
	                        "del f['evals/test_bits']\" || true",
	                        cli_folder));
	cli_expect(2, "e.h5: has no /evals/test_bits; it is recorded of runs on a text",
	           "plot curves --y test_bits %s/e.h5 -o %s/x.png", cli_folder, cli_folder);
}

Test(figures_words, a_wrong_option_is_one_sentence)
{
	static const char *const options[] = {"--width 0", "--width nan", "--height x", "--x sideways"};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		cr_expect_eq(cli("plot curves %s/e.h5 -o %s/x.png %s", cli_folder, cli_folder, options[i]),
		             2);
		cr_expect_null(strstr(cli_err, "usage"), "%s", cli_err);
		cr_expect_eq(strchr(cli_err, '\n'), cli_err + strlen(cli_err) - 1, "%s", cli_err);
	}
	cli_expect(2, "--target: found 2", "plot time-to-accuracy %s/e.h5 -o %s/x.png --target 2", cli_folder,
	           cli_folder);
	cr_expect_null(strstr(cli_err, "usage"), "%s", cli_err);
}

Test(figures_words, a_title_that_is_no_text_is_named)
{
	cli_expect(2, "--title: found 'a\\udcff', expected text in UTF-8",
	           "plot curves %s/e.h5 -o %s/x.svg --title 'a\xff'", cli_folder, cli_folder);
}

/* Whatever a script runs into that nobody foresaw is a sentence. */
Test(figures_words, no_mistake_of_a_script_is_a_traceback)
{
	char plots[512], *here = realpath("plots", NULL);
	cli_write("broken.py",
	          "#!\nimport common\ncommon.main(common.parser('x'), lambda args, runs: 1 // 0)\n");
	cli_write("shared.py", "import common\n");
	snprintf(plots, sizeof plots, "%s", cli_folder);
	setenv("SIGNSGD_PLOTS", plots, 1);
	setenv("PYTHONPATH", here, 1);
	cli_expect(1, "cannot be drawn from these files: ZeroDivisionError",
	           "plot broken %s/e.h5 -o %s/x.png", cli_folder, cli_folder);
	cr_expect_null(strstr(cli_err, "Traceback"), "%s", cli_err);
	cli_expect(2, "there is no figure 'shared'; there are: broken", "plot shared %s/e.h5 -o %s/x.png",
	           cli_folder, cli_folder);
	unsetenv("SIGNSGD_PLOTS");
	unsetenv("PYTHONPATH");
	free(here);
}
