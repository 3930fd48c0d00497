/* The figure kappa, in numbers: each experiment's kappa over the steps, beside its bound. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/figure.h"
#include "tests/support/h5_door.h"

TestSuite(figure_kappa, .init = figure_open, .fini = figure_close, .timeout = 180);

/* Nine workers, two of them Byzantine, 12 steps; kappa in every third. `aggregator`: JSON. */
static void simulate(const char *name, const char *aggregator, const char *more)
{
	cli_write(
	        "k.json",
	        "{\"name\":\"k\",\"workers\":9,\"steps\":12,\"batch\":1,\"momentum\":0.5,\"lr\":0.01,"
	        "\"model\":{"
	        "\"kind\":\"quadratic\",\"dimensions\":50},\"adversaries\":{\"count\":2,\"attack\":{\"kind\":"
	        "\"scale\",\"factor\":-3}},\"record\":{\"kappa\":3},\"eval\":{\"every\":0}}");
	cr_assert_eq(cli("simulate %s/k.json --set 'aggregator=%s' %s --out %s/%s.h5 --quiet", cli_folder,
	                 aggregator, more, cli_folder, name),
	             0, "%s", cli_err);
}

/* The number in row `row` of a column below /probes/kappa. */
static double number(const char *name, const char *column, size_t row)
{
	char path[200], dataset[64];
	size_t count;
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	snprintf(dataset, sizeof dataset, "/probes/kappa/%s", column);
	double *all = h5_door_numbers(path, dataset, &count), found;
	cr_assert_lt(row, count);
	found = all[row];
	mem_free(all);
	return found;
}

Test(figure_kappa, is_the_recorded_one_with_its_bound)
{
	double xs[FIGURE_POINTS];
	simulate("a", "\"krum\"", "");
	figure_draw("kappa", "a");
	const struct json *kappa = figure_need_curve("label", "kappa");
	cr_assert_eq(figure_numbers(kappa, "x", xs), 4);
	for (size_t row = 0; row < 4; row++)
		figure_expect_near(figure_at(kappa, xs[row]), number("a", "kappa", row), "kappa");
	double bound[FIGURE_POINTS];
	figure_numbers(figure_need_curve("label", "bound"), "y", bound);
	figure_expect_near(bound[0], 6 * (1 + 0.4), "the bound of Krum, r = 2 / 5");
}

Test(figure_kappa, is_averaged_over_seeds)
{
	simulate("a", "\"krum\"", "--seed 1");
	simulate("b", "\"krum\"", "--seed 2");
	figure_draw("kappa", "a b");
	figure_expect_near(figure_at(figure_need_curve("label", "2 runs"), 6),
	                   (number("a", "kappa", 1) + number("b", "kappa", 1)) / 2, "the mean");
	cr_expect_eq(figure_count("band"), 1);
	cr_expect(figure_told("bound") && !figure_told("dotted"), "%s", cli_out);
}

/* What stands before a rule is part of its name; a curve without a known bound has no dotted line. */
Test(figure_kappa, has_a_bound_for_each_that_has_one)
{
	size_t dotted = 0;
	simulate("a", "\"krum\"", "");
	simulate("b", "{\"kind\":\"krum\",\"before\":\"nnm\"}", "");
	simulate("c", "{\"kind\":\"krum\",\"before\":[{\"kind\":\"clipping\",\"limit\":2},\"nnm\"]}", "");
	figure_draw("kappa", "a b c");
	cr_expect(figure_told("nnm + krum") && figure_told("clipping (limit 2) + nnm + krum") &&
	                  figure_told("dotted: bound, where one is known"),
	          "%s", cli_out);
	for (size_t i = 0; i < figure_n_lines; i++) {
		double y[FIGURE_POINTS];
		if (strcmp(figure_text(figure_lines[i], "what"), "line") != 0 ||
		    strcmp(figure_text(figure_lines[i], "style"), ":") != 0)
			continue;
		size_t count = figure_numbers(figure_lines[i], "y", y);
		dotted += count > 0;
		cr_expect(count == 0 || fabs(y[0] - 8.4) < 1e-9 || fabs(y[0] - 16.0 / 7 * 9.4) < 1e-9, "%g",
		          y[0]);
	}
	cr_expect_eq(dotted, 2, "%s", cli_out);
}

/* So it is where the rules alone would tell the curves apart: behind nnm a median is another aggregator. */
Test(figure_kappa, names_what_stands_before_among_different_rules)
{
	simulate("a", "\"krum\"", "");
	simulate("b", "{\"kind\":\"median\",\"before\":[\"nnm\"]}", "");
	figure_draw("kappa", "a b");
	cr_expect(figure_told("nnm + median") && !figure_told("nnm + krum") && figure_told("krum"), "%s",
	          cli_out);
}

/* An answer that is the honest mean itself, but for rounding, is drawn at the edge. */
Test(figure_kappa, has_an_end_below)
{
	simulate("a", "\"mean\"", "--adversaries 0");
	cr_expect_lt(number("a", "kappa", 0), 1e-12);
	figure_draw("kappa", "a");
	cr_expect_eq(figure_at(figure_need_curve("style", "-"), 3), 1e-6);
}

Test(figure_kappa, says_what_is_missing)
{
	simulate("a", "\"krum\"", "--set record.kappa=0");
	cli_expect(2, "has no /probes/kappa; the experiment must ask for it: \"record\": {\"kappa\": 1}",
	           "plot kappa %s/a.h5 -o %s/x.png", cli_folder, cli_folder);
	simulate("b", "\"krum\"", "--set record.kappa=100");
	cli_expect(2, "/probes/kappa/step is empty", "plot kappa %s/b.h5 -o %s/x.png", cli_folder,
	           cli_folder);
	simulate("c", "\"krum\"", "");
	cli_expect(2, "has no epochs; try --x step", "plot kappa %s/c.h5 -o %s/x.png --x epoch", cli_folder,
	           cli_folder);
	cr_expect_eq(cli("plot kappa %s/c.h5 -o %s/x.pdf", cli_folder, cli_folder), 0, "%s", cli_err);
}
