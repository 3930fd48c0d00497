/* The figure half, in numbers: final accuracies over the share of Byzantine workers, and Theorem 2's factor.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/figure.h"
#include "tests/support/h5_door.h"

TestSuite(figure_half, .init = figure_open, .fini = figure_close, .timeout = 180);

/* Seven evaluations behind that at the start. */
static void simulate(const char *name, int seed, const char *more)
{
	cli_write("h.json",
	          "{\"name\":\"h\",\"workers\":5,\"steps\":7,\"batch\":4,\"lr\":0.01,\"model\":\"softmax\","
	          "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":100},\"eval\":{\"every\":1}}");
	cr_assert_eq(cli("simulate %s/h.json --seed %d %s --out %s/%s.h5 --quiet", cli_folder, seed, more,
	                 cli_folder, name),
	             0, "%s", cli_err);
}

/* The mean of the last five test accuracies, in %. */
static double final(const char *name)
{
	char path[200];
	size_t count;
	double sum = 0;
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	double *all = h5_door_numbers(path, "/evals/test_accuracy", &count);
	cr_assert_eq(count, 8);
	for (size_t i = 3; i < count; i++)
		sum += 100 * all[i] / 5;
	mem_free(all);
	return sum;
}

Test(figure_half, is_of_final_accuracies_and_of_theorem_2)
{
	simulate("none1", 1, "--adversaries 0");
	simulate("none2", 2, "--adversaries 0");
	simulate("one1", 1, "--adversaries 1 --attack invert");
	simulate("one2", 2, "--adversaries 1 --attack invert");
	simulate("many", 1, "--adversaries 3 --attack invert");
	simulate("nine", 1, "--adversaries 2 --attack min-margin --workers 9");
	figure_draw("half", "none1 none2 one1 one2 many nine");
	const struct json *five = figure_need_curve("label", "invert, 1 to 2 runs");
	figure_expect_near(figure_at(five, 0), (final("none1") + final("none2")) / 2, "no Byzantine worker");
	figure_expect_near(figure_at(five, 20), (final("one1") + final("one2")) / 2, "1 of 5");
	figure_expect_near(figure_at(five, 60), final("many"), "3 of 5");
	const struct json *nine = figure_need_curve("label", "min-margin");
	figure_expect_near(figure_at(nine, 100 * 2.0 / 9), final("nine"), "2 of 9");
	cr_expect_eq(figure_count("band"), 1, "%s", cli_out);
	figure_expect_near(figure_at(figure_need_curve("label", "M = 5"), 0), 1 / sqrt(5), "alpha = 0");
	figure_expect_near(figure_at(figure_need_curve("label", "M = 5"), 20), 1 / (0.6 * sqrt(5)), "1 of 5");
	figure_expect_near(figure_at(figure_need_curve("label", "M = 9"), 100 * 2.0 / 9), 1 / (5.0 / 9 * 3),
	                   "2 of 9");
	cr_expect(isnan(figure_at(figure_need_curve("label", "M = 5"), 60)), "nothing beyond one half");
	size_t halves = 0;
	for (size_t i = 0; i < figure_n_lines; i++) {
		double x[FIGURE_POINTS];
		halves += !strcmp(figure_text(figure_lines[i], "what"), "line") &&
		          figure_numbers(figure_lines[i], "x", x) == 2 && x[0] == 50 && x[1] == 50;
	}
	cr_expect_eq(halves, 2, "a line at one half in each panel: %s", cli_out);
}

/* A run of no attack is where the curve of each attack begins. */
Test(figure_half, begins_without_byzantine_workers)
{
	simulate("none", 1, "--adversaries 0");
	simulate("one", 1, "--adversaries 1 --attack invert");
	simulate("two", 1, "--adversaries 1 --attack min-margin");
	figure_draw("half", "none one two");
	figure_expect_near(figure_at(figure_need_curve("label", "invert"), 0), final("none"), "invert");
	figure_expect_near(figure_at(figure_need_curve("label", "min-margin"), 0), final("none"),
	                   "min-margin");
}

Test(figure_half, says_what_is_missing)
{
	simulate("q", 1, "--set model=quadratic --set data=none");
	cli_expect(2, "no run has a test accuracy; the figure is for runs with labels",
	           "plot half %s/q.h5 -o %s/x.png", cli_folder, cli_folder);
	simulate("a", 1, "--adversaries 1");
	cr_expect_eq(cli("plot half %s/a.h5 -o %s/x.pdf --band none", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}
