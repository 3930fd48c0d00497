/* The figures heatmap, box and bytes, in numbers: final values of a small grid of rules and attacks, computed
 * here once more from the result files. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/figure.h"
#include "tests/support/h5_door.h"

TestSuite(figure_grid, .init = figure_open, .fini = figure_close, .timeout = 180);

static const char *const rules[] = {"mean", "median"}, *const attacks[] = {"invert", "zero"};
enum { SEEDS = 2, EVALS_AT_END = 5 };
#define T_OF_TWO 12.706204736174698 /* Student's t, 0.975, one degree of freedom */

/* Two rules, two attacks, two seeds: RULE-ATTACK-SEED.h5. */
static void simulate_all(char names[512])
{
	cli_write("g.json",
	          "{\"name\":\"g\",\"workers\":5,\"steps\":21,\"batch\":4,\"momentum\":0.5,\"lr\":0.1,"
	          "\"model\":{\"kind\":\"softmax\"},\"compressor\":\"none\",\"data\":{\"kind\":\"glyphs\","
	          "\"train\":200,\"test\":100},\"adversaries\":{\"count\":1,\"attack\":\"invert\"},"
	          "\"eval\":{\"every\":3,\"train\":50}}");
	names[0] = '\0';
	for (int i = 0; i < 4 * SEEDS; i++) {
		const char *rule = rules[i / 4], *attack = attacks[i / 2 % 2];
		int seed = i % 2 + 1;
		cr_assert_eq(cli("simulate %s/g.json --set aggregator=%s --attack %s --seed %d --out "
		                 "%s/%s-%s-%d.h5 --quiet",
		                 cli_folder, rule, attack, seed, cli_folder, rule, attack, seed),
		             0, "%s", cli_err);
		snprintf(names + strlen(names), 512 - strlen(names), "%s%s-%s-%d", i ? " " : "", rule, attack,
		         seed);
	}
}

/* The mean of the last 5 evaluations of a run, in percent. */
static double final_of(const char *rule, const char *attack, int seed)
{
	char path[256];
	size_t count;
	double sum = 0;
	snprintf(path, sizeof path, "%s/%s-%s-%d.h5", cli_folder, rule, attack, seed);
	double *all = h5_door_numbers(path, "/evals/test_accuracy", &count);
	cr_assert_gt(count, EVALS_AT_END);
	for (size_t i = count - EVALS_AT_END; i < count; i++)
		sum += all[i];
	mem_free(all);
	return 100 * sum / EVALS_AT_END;
}

static double mean_of(const char *rule, const char *attack)
{
	return (final_of(rule, attack, 1) + final_of(rule, attack, 2)) / 2;
}

static double half_of(const char *rule, const char *attack)
{
	return T_OF_TWO * fabs(final_of(rule, attack, 1) - final_of(rule, attack, 2)) / 2;
}

static const struct json *cell(const char *row, const char *column)
{
	for (size_t i = 0; i < figure_n_lines; i++)
		if (!strcmp(figure_text(figure_lines[i], "what"), "cell") &&
		    !strcmp(figure_text(figure_lines[i], "row"), row) &&
		    !strcmp(figure_text(figure_lines[i], "column"), column))
			return figure_lines[i];
	cr_assert_fail("no cell %s, %s in: %s", row, column, cli_out);
	return NULL;
}

Test(figure_grid, heatmap_has_means_with_bands_and_the_worst_attack)
{
	char names[512], text[64];
	simulate_all(names);
	figure_draw("heatmap", names);
	cr_expect_eq(figure_count("cell"), 6);
	for (int r = 0; r < 2; r++) {
		double worst = INFINITY;
		for (int a = 0; a < 2; a++) {
			double mean = mean_of(rules[r], attacks[a]);
			const struct json *found = cell(rules[r], attacks[a]);
			snprintf(text, sizeof text, "%.1f\n± %.1f", mean, half_of(rules[r], attacks[a]));
			cr_expect_str_eq(figure_text(found, "text"), text);
			figure_expect_near(cli_number(found, "value"), mean, "the mean");
			worst = fmin(worst, mean);
		}
		figure_expect_near(cli_number(cell(rules[r], "worst"), "value"), worst, "the worst case");
	}
	/* of a row that lacks an attack the worst is not known */
	figure_draw("heatmap", "mean-invert-1 mean-invert-2 median-invert-1 median-invert-2 median-zero-1");
	cr_expect_eq(figure_count("cell"), 4);
	figure_expect_near(cli_number(cell("median", "worst"), "value"),
	                   fmin(final_of("median", "invert", 1), final_of("median", "zero", 1)),
	                   "the worst case");
	/* rows and columns may be any settings */
	strcat(names, " --rows=attack --columns=aggregator.kind");
	figure_draw("heatmap", names);
	cr_expect_eq(figure_count("panel"), 1);
	cr_expect_eq(figure_count("cell"), 4);
	figure_expect_near(cli_number(cell("zero", "median"), "value"), mean_of("median", "zero"),
	                   "the mean");
	cli_expect(
	        2,
	        "no run has a setting aggregator.knd; expected one of rule, attack, share, partition, task, "
	        "or a key such as aggregator.kind",
	        "plot heatmap %s/mean-zero-1.h5 --rows aggregator.knd -o %s/x.png", cli_folder, cli_folder);
}

/* A column of /steps, added up. */
static double sum_of(const char *name, const char *column)
{
	char path[256];
	size_t count;
	double sum = 0;
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	double *all = h5_door_numbers(path, column, &count);
	for (size_t i = 0; i < count; i++)
		sum += all[i];
	mem_free(all);
	return sum;
}

Test(figure_grid, box_has_every_seed_and_bytes_are_those_that_were_sent)
{
	char names[512];
	double x[FIGURE_POINTS];
	simulate_all(names);
	figure_draw("box", names);
	const struct json *dots = figure_need_curve("label", "median, zero, finished");
	cr_assert_eq(figure_numbers(dots, "x", x), SEEDS);
	figure_expect_near(x[0] + x[1], 2 * mean_of("median", "zero"), "both seeds");
	cr_assert_eq(figure_numbers(figure_need_curve("label", "median, zero, mean"), "x", x), 1);
	figure_expect_near(x[0], mean_of("median", "zero"), "the mean");
	cr_assert_eq(cli("plot box %s/mean-zero-1.h5 -o %s/x.png", cli_folder, cli_folder), 0, "%s", cli_err);
	strcat(names, " --x=up");
	figure_draw("bytes", names);
	cr_assert_eq(figure_numbers(figure_need_curve("marker", "o"), "x", x), 1);
	figure_expect_near(x[0], sum_of("mean-invert-1", "/steps/bytes_up"), "bytes up");
	strcat(names, " --curve");
	figure_draw("bytes", names);
	size_t count = figure_numbers(figure_need_curve("label", "median, zero, 2 runs"), "x", x);
	figure_expect_near(x[count - 1], sum_of("median-zero-1", "/steps/bytes_up"), "bytes up at the end");
	cr_expect_eq(x[0], 0);
}
