/* The figure certificate, in numbers: the share of coordinates that is safe from f voters, a line an f. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/figure.h"
#include "tests/support/h5_door.h"

TestSuite(figure_certificate, .init = figure_open, .fini = figure_close, .timeout = 180);

/* 12 steps of a vote among nine workers, two of them Byzantine; a row in every third. */
static void simulate(const char *name, const char *more)
{
	cli_write("k.json",
	          "{\"name\":\"k\",\"workers\":9,\"steps\":12,\"batch\":1,\"momentum\":0.5,\"lr\":0.01,"
	          "\"model\":{"
	          "\"kind\":\"quadratic\",\"dimensions\":500,\"noise\":1},\"adversaries\":{\"count\":2},"
	          "\"record\":{\"certificate\":3},\"eval\":{\"every\":0}}");
	cr_assert_eq(cli("simulate %s/k.json %s --out %s/%s.h5 --quiet", cli_folder, more, cli_folder, name),
	             0, "%s", cli_err);
}

/* 1 minus what is recorded of f voters in row `row`, of `half` numbers of voters. */
static double safe(const char *name, size_t row, size_t f, size_t half)
{
	char path[200];
	size_t count;
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	double *all = h5_door_numbers(path, "/probes/certificate/turned", &count),
	       found = 1 - all[row * half + f - 1];
	cr_assert_eq(count, 4 * half);
	mem_free(all);
	return found;
}

/* A share, which may be 0. */
static void expect_share(double found, double expected, const char *what)
{
	cr_expect(fabs(found - expected) < 1e-12, "%s: found %.17g, expected %.17g", what, found, expected);
}

/* How many curves have points. */
static size_t curves(void)
{
	size_t count = 0;
	for (size_t i = 0; i < figure_n_lines; i++) {
		double x[FIGURE_POINTS];
		if (strcmp(figure_text(figure_lines[i], "what"), "line") == 0)
			count += figure_numbers(figure_lines[i], "x", x) > 0;
	}
	return count;
}

Test(figure_certificate, is_what_no_f_voters_turn)
{
	double xs[FIGURE_POINTS];
	simulate("a", "");
	figure_draw("certificate", "a");
	cr_expect_eq(curves(), 4);
	for (size_t f = 1; f <= 4; f++) {
		char label[16];
		snprintf(label, sizeof label, "f = %zu", f);
		const struct json *line = figure_need_curve("label", label);
		cr_assert_eq(figure_numbers(line, "x", xs), 4);
		for (size_t row = 0; row < 4; row++) {
			cr_expect_eq(xs[row], 3 * ((double)row + 1));
			expect_share(figure_at(line, xs[row]), safe("a", row, f, 4), label);
		}
	}
	cr_expect_gt(figure_at(figure_need_curve("label", "f = 1"), 3),
	             figure_at(figure_need_curve("label", "f = 4"), 3), "more voters turn more");
}

Test(figure_certificate, is_averaged_over_seeds)
{
	simulate("a", "--seed 1");
	simulate("b", "--seed 2");
	figure_draw("certificate", "a b");
	expect_share(figure_at(figure_need_curve("label", "f = 2, 2 runs"), 6),
	             (safe("a", 1, 2, 4) + safe("b", 1, 2, 4)) / 2, "the mean");
	cr_expect_eq(figure_count("band"), 4);
}

/* Each has as many lines as half of its workers, and one legend is for all. */
Test(figure_certificate, has_a_panel_for_each_experiment)
{
	simulate("a", "");
	simulate("b", "--workers 5");
	figure_draw("certificate", "a b");
	cr_expect_eq(figure_count("panel"), 2);
	cr_expect_eq(curves(), 4 + 2);
	cr_expect(figure_told("f = 1") && figure_told("f = 4"), "%s", cli_out);
}

/* Half of 61 workers are more than can be told apart. */
Test(figure_certificate, shows_some_of_many_or_those_that_are_named)
{
	simulate("a", "--workers 61");
	figure_draw("certificate", "a");
	cr_expect_eq(curves(), 8);
	figure_need_curve("label", "f = 30");
	figure_draw("certificate", "a --f=3,20");
	cr_expect_eq(curves(), 2);
	expect_share(figure_at(figure_need_curve("label", "f = 20"), 12), safe("a", 3, 20, 30), "f = 20");
}

Test(figure_certificate, says_what_is_missing)
{
	simulate("a", "--set record.certificate=0");
	cli_expect(2,
	           "has no /probes/certificate; the experiment must ask for it: \"record\": "
	           "{\"certificate\": 1}",
	           "plot certificate %s/a.h5 -o %s/x.png", cli_folder, cli_folder);
	simulate("b", "--set record.certificate=100");
	cli_expect(2, "/probes/certificate/step is empty", "plot certificate %s/b.h5 -o %s/x.png", cli_folder,
	           cli_folder);
	simulate("c", "");
	cli_expect(2, "has no epochs; try --x step", "plot certificate %s/c.h5 -o %s/x.png --x epoch",
	           cli_folder, cli_folder);
	cli_expect(2, "c.h5 has 9 workers, expected 1 to 4", "plot certificate %s/c.h5 -o %s/x.png --f 5",
	           cli_folder, cli_folder);
	cli_expect(2, "found two, expected numbers of voters", "plot certificate %s/c.h5 -o %s/x.png --f two",
	           cli_folder, cli_folder);
	cr_expect_eq(cli("plot certificate %s/c.h5 -o %s/x.pdf -f 1,2", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}
