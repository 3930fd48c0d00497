/* What figures show, in numbers (support/figure_values.py): which runs are one group, what is averaged, what
 * is not. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/figure.h"

TestSuite(figures, .init = figure_open, .fini = figure_close, .timeout = 180);

/* Five workers, 40 steps on a quadratic; `seed`, `more`: further changes, as options. */
static void simulate(const char *name, int seed, const char *more)
{
	cli_write("e.json",
	          "{\"name\":\"e\",\"workers\":5,\"steps\":40,\"batch\":1,\"momentum\":0,\"lr\":0.01,"
	          "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},\"eval\":{\"every\":10}}");
	cr_assert_eq(cli("simulate %s/e.json --seed %d %s --out %s/%s.h5 --quiet", cli_folder, seed, more,
	                 cli_folder, name),
	             0, "%s", cli_err);
}

/* Keep the first rows of a group, as if the run had come no further. */
static void cut(struct h5 *f, const char *group, size_t rows)
{
	size_t count;
	struct err e = {0};
	char **names = h5_names(f, group, &count);
	for (size_t i = 0; i < count; i++) {
		char *column = mem_format("%s/%s", group, names[i]);
		cr_assert_eq(h5_truncate(f, column, rows, &e), 0, "%s", e.text);
		mem_free(column);
	}
	mem_free(names);
}

/* The run was interrupted when it had so many steps and evaluations. */
static void interrupt(const char *name, size_t steps, size_t evals)
{
	char path[128];
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	cut(f, "/steps", steps);
	cut(f, "/evals", evals);
	h5_set_text(f, "/meta", "state", "interrupted");
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

/* As if an earlier version had written it, which does not say what was trained on. */
static void forget_data(const char *name)
{
	char path[128];
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	h5_set_text(f, "/meta", "data_id", "");
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(figures, no_mean_of_finals_has_an_interrupted_run)
{
	simulate("a", 1, "--adversaries 2");
	simulate("b", 2, "--adversaries 2");
	simulate("c", 3, "--adversaries 2");
	const double one = figure_alone("adversaries", "a", 40), two = figure_alone("adversaries", "b", 40);
	interrupt("c", 0, 1);
	figure_draw("adversaries", "a b c");
	figure_expect_near(figure_at(figure_need_curve("label", "_"), 40), (one + two) / 2, "the mean");
	cr_expect_not_null(figure_curve("label", "seed 3 interrupted after step 0 of 40"), "%s", cli_out);
	cr_expect(figure_told("2 runs"), "%s", cli_out);
	figure_draw("adversaries", "c");
	cr_expect_eq(figure_count("line") - 1, 1, "more than a ring and the line at 50 %%: %s", cli_out);
}

/* Of two seeds: t(0.975, 1) = 12.706 standard errors, each half of the difference. */
Test(figures, bars_of_finals_are_the_band_that_was_asked_for)
{
	simulate("a", 1, "--adversaries 2");
	simulate("b", 2, "--adversaries 2");
	const double one = figure_alone("adversaries", "a", 40), two = figure_alone("adversaries", "b", 40);
	const double half = fabs(one - two) / 2, mean = (one + two) / 2;
	figure_draw("adversaries", "--band=t a b");
	figure_expect_near(figure_at(figure_need_curve("marker", "_"), 40), mean - 12.706204736 * half,
	                   "the low end of the 95 % band");
	figure_draw("adversaries", "a b");
	figure_expect_near(figure_at(figure_need_curve("marker", "_"), 40), mean - half, "the lower seed");
}

Test(figures, an_unfinished_seed_is_drawn_by_itself_and_cuts_nothing_off)
{
	simulate("a", 1, "");
	simulate("b", 2, "");
	simulate("c", 3, "");
	const double one = figure_alone("curves", "a", 40), two = figure_alone("curves", "b", 40);
	interrupt("c", 12, 2);
	figure_draw("curves", "a b c");
	const struct json *mean = figure_need_curve("label", "e, 2 runs"),
	                  *left = figure_need_curve("style", ":");
	double xs[FIGURE_POINTS];
	cr_expect_eq(figure_numbers(mean, "x", xs), 5);
	figure_expect_near(figure_at(mean, 40), (one + two) / 2, "the mean at the end");
	cr_expect_eq(figure_numbers(left, "x", xs), 2);
	cr_expect(figure_told("e, seed 3 interrupted after step 12 of 40"), "%s", cli_out);
	interrupt("b", 30, 4);
	figure_draw("curves", "a b c");
	figure_expect_near(figure_at(figure_need_curve("style", "-"), 40), one, "the only finished one");
	cr_expect(figure_told("2 interrupted"), "%s", cli_out);
}

Test(figures, runs_with_evaluations_at_other_steps_keep_all_points)
{
	simulate("a", 1, "");
	simulate("b", 2, "--set eval.every=20");
	const double one = figure_alone("curves", "a", 20), two = figure_alone("curves", "b", 20),
	             early = figure_alone("curves", "a", 10);
	figure_draw("curves", "a b");
	const struct json *mean = figure_need_curve("label", "2 runs"),
	                  *dots = figure_need_curve("marker", ".");
	double xs[FIGURE_POINTS];
	cr_expect_eq(figure_numbers(mean, "x", xs), 3);
	figure_expect_near(figure_at(mean, 20), (one + two) / 2, "the mean");
	cr_expect_eq(figure_numbers(dots, "x", xs), 2);
	figure_expect_near(figure_at(dots, 10), early, "a point of one run");
	cr_expect_eq(figure_count("band"), 1);
	cr_expect(figure_told("dots"), "%s", cli_out);
}

Test(figures, snapshots_are_paired_by_step)
{
	static const char *const toy =
	        "{\"name\":\"m\",\"steps\":60,\"momentum\":0,\"lr\":0.05,\"workers\":3,"
	        "\"model\":{\"kind\":\"median-toy\",\"a\":[1,2,9]}}";
	cli_write("m.json", toy);
	for (int seed = 1; seed <= 2; seed++)
		cr_assert_eq(
		        cli("simulate %s/m.json --seed %d --set record.snapshots=%d --out %s/%d.h5 --quiet",
		            cli_folder, seed, 10 * seed, cli_folder, seed),
		        0, "%s", cli_err);
	const double one = figure_alone("toy", "1", 20), two = figure_alone("toy", "2", 20),
	             first = figure_alone("toy", "1", 10);
	cr_assert_gt(fabs(one - first), 0.1, "x moves between the snapshots");
	figure_draw("toy", "1 2");
	figure_expect_near(figure_at(figure_need_curve("label", "2 runs"), 20), (one + two) / 2,
	                   "x after 20 steps");
}

/* Messages that travel otherwise change no result. Only where time is drawn they are apart. */
Test(figures, ways_to_run_an_experiment_are_one_group)
{
	simulate("a", 1, "");
	cr_assert_eq(
	        cli("train %s/e.json --seed 1 --processes 2 --out %s/b.h5 --quiet", cli_folder, cli_folder),
	        0, "%s", cli_err);
	figure_draw("curves", "a b");
	cr_expect(figure_told("e, 2 runs, some of the same seed"), "%s", cli_out);
	figure_draw("curves --x wall", "a b");
	cr_expect(figure_told("local") && figure_told("zmq"), "%s", cli_out);
}

Test(figures, a_result_named_twice_counts_once)
{
	char line[256];
	simulate("a", 1, "");
	simulate("b", 2, "");
	snprintf(line, sizeof line, "%s/l.h5", cli_folder);
	cr_assert_eq(symlink("a.h5", line), 0);
	figure_draw("curves", "a b");
	const double mean = figure_at(figure_need_curve("label", "2 runs"), 40);
	figure_draw("curves", "a b a l");
	figure_expect_near(figure_at(figure_need_curve("label", "e, 2 runs"), 40), mean, "the mean");
	cr_expect_not_null(strstr(cli_err, "l.h5 is "), "%s", cli_err);
}

/* A file of 0.1.0 does not say its identity; the program makes it from the settings. */
Test(figures, an_old_result_joins_the_seeds_of_today)
{
	cr_assert(process_shell("gzip -dc tests/golden/results-0.1.0/probes.h5.gz >%s/old.h5", cli_folder));
	cr_assert_eq(cli("simulate tests/golden/results-0.1.0/probes.json --seed 4 --out %s/new.h5 --quiet",
	                 cli_folder),
	             0, "%s", cli_err);
	figure_draw("curves", "old new");
	cr_expect(figure_told("probes, 2 runs"), "%s", cli_out);
}

/* The signal-to-noise ratio of a classifier every 3 steps. */
static void probe(const char *name, const char *more)
{
	cli_write("p.json",
	          "{\"name\":\"p\",\"steps\":6,\"batch\":10,\"model\":{\"kind\":\"mlp\",\"hidden\":[2]},"
	          "\"data\":{\"kind\":\"glyphs\",\"train\":60,\"test\":20},\"record\":{\"snr\":3},"
	          "\"eval\":{\"every\":3}}");
	cr_assert_eq(cli("simulate %s/p.json %s --out %s/%s.h5 --quiet", cli_folder, more, cli_folder, name),
	             0, "%s", cli_err);
}

/* Six steps are a pass with batches of 10 samples of 60, and two passes with batches of 20. */
Test(figures, epochs_are_those_of_each_run)
{
	double xs[FIGURE_POINTS];
	probe("a", "");
	probe("b", "--set batch=20");
	figure_draw("snr", "a b");
	cr_expect_eq(figure_numbers(figure_need_curve("label", "largest, batch = 10"), "x", xs), 3);
	figure_expect_near(xs[2], 1, "epochs with the small batch");
	cr_expect_eq(figure_numbers(figure_need_curve("label", "largest, batch = 20"), "x", xs), 3);
	figure_expect_near(xs[2], 2, "epochs with the large batch");
	interrupt("a", 0, 1);
	figure_draw("snr", "a b");
	cr_expect_eq(figure_numbers(figure_need_curve("label", "largest, batch = 20"), "x", xs), 3);
	figure_expect_near(xs[2], 2, "epochs behind a file that has none so far");
	cr_expect_eq(figure_numbers(figure_need_curve("style", ":"), "x", xs), 3);
	cr_expect_eq(xs[0], 0, "the start is known");
}

/* The first training samples are others: another curve where these are drawn, and only there. */
Test(figures, losses_over_other_training_samples_are_apart)
{
	probe("a", "");
	probe("b", "--seed 2 --set eval.train=20");
	figure_draw("curves --y train_loss", "a b");
	cr_expect(figure_told("eval.train = 20") && !figure_told("2 runs"), "%s", cli_out);
	figure_draw("curves --y test_loss", "a b");
	cr_expect(figure_told("p, 2 runs"), "%s", cli_out);
}

/* In files, in words and in labels, where another attack stands beside it too. */
Test(figures, a_sleeper_is_called_by_what_it_becomes)
{
	static const char asleep[] =
	        "--adversaries 2 --set "
	        "'adversaries.attack={\"kind\":\"sleeper\",\"after\":5,\"then\":\"%s\"}'";
	char zero[120], ones[120];
	snprintf(zero, sizeof zero, asleep, "zero");
	snprintf(ones, sizeof ones, asleep, "ones");
	simulate("a", 1, zero);
	simulate("b", 1, ones);
	simulate("c", 1, "--adversaries 2 --attack zero");
	cr_assert_eq(cli("show %s/a.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "2 of 5, sleeper+zero\n"), "%s", cli_out);
	cr_assert_eq(cli("show --json %s/c.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "\"attack\":\"zero\""), "%s", cli_out);
	cr_assert_eq(cli("validate %s/e.json %s", cli_folder, ones), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "2 of 5 workers, sleeper+ones\n"), "%s", cli_out);
	figure_draw("curves", "a");
	cr_expect_not_null(strstr(cli_out, "2 of 5 workers Byzantine, sleeper+zero\""), "%s", cli_out);
	figure_draw("curves", "a b c");
	cr_expect(figure_told("sleeper+zero") && figure_told("sleeper+ones") && figure_told("zero"), "%s",
	          cli_out);
	cr_expect(!figure_told("sleeper, ") && !figure_told("sleeper+zero, zero"), "%s", cli_out);
}

/* The default is no part of an identity, and yet has a name beside the others. */
Test(figures, a_default_is_named_beside_the_others)
{
	simulate("a", 1, "");
	simulate("b", 1, "--set momentum=0 --set direction=lion");
	simulate("c", 1, "--set direction=muon");
	figure_draw("curves", "a b c");
	cr_expect(figure_told("momentum") && figure_told("lion") && figure_told("muon"), "%s", cli_out);
}

/* Where shards are by label, it matters who is Byzantine. */
Test(figures, other_byzantine_workers_are_another_curve)
{
	simulate("a", 1, "--set adversaries.ids=[0]");
	simulate("b", 2, "--adversaries 1");
	simulate("c", 1, "--set adversaries.ids=[4]");
	simulate("d", 1, "--adversaries 2");
	simulate("e", 1, "");
	const double one = figure_alone("adversaries", "a", 20), two = figure_alone("adversaries", "b", 20),
	             other = figure_alone("adversaries", "c", 20);
	figure_draw("adversaries", "a b c d e");
	cr_expect(figure_told("adversaries.ids = [4]"), "%s", cli_out);
	figure_expect_near(figure_at(figure_need_curve("style", "-"), 20), (one + two) / 2,
	                   "the first worker, however it is named");
	figure_expect_near(figure_at(figure_need_curve("style", "--"), 20), other, "the last worker");
	cr_expect(isfinite(figure_at(figure_need_curve("style", "-"), 40)), "two of the first: %s", cli_out);
	simulate("f", 1, "--set adversaries.ids=[3,4]");
	simulate("g", 2, "--set adversaries.ids=[4,3]");
	figure_draw("adversaries", "a f g");
	cr_expect(figure_told("adversaries.ids = [3, 4], 2 runs"), "%s", cli_out);
}

/* The curve of this line style in the panel of this title, or NULL. */
static const struct json *curve_in(const char *title, const char *style)
{
	bool inside = false;
	for (size_t i = 0; i < figure_n_lines; i++) {
		const char *what = figure_text(figure_lines[i], "what");
		if (!strcmp(what, "panel"))
			inside = !strcmp(figure_text(figure_lines[i], "title"), title);
		else if (inside && !strcmp(what, "line") &&
		         !strcmp(figure_text(figure_lines[i], "style"), style))
			return figure_lines[i];
	}
	return NULL;
}

static void expect_panel(const char *title, const char *style, double none, double one)
{
	const struct json *found = curve_in(title, style);
	cr_assert_not_null(found, "no %s in panel '%s': %s", style, title, cli_out);
	figure_expect_near(figure_at(found, 0), none, "nobody attacks");
	figure_expect_near(figure_at(found, 20), one, title);
}

static void simulate_rule(const char *name, const char *rule, const char *attack)
{
	char more[160];
	snprintf(more, sizeof more, "--set aggregator=%s %s%s", rule,
	         *attack ? "--adversaries 1 --attack " : "", attack);
	simulate(name, 1, more);
}

/* Rules under several attacks: a panel for each attack, and in all of them the runs without one. A rule's f
 * that goes with the count makes no curve of its own. */
Test(figures, rules_under_several_attacks_have_a_panel_for_each)
{
	static const char *const rules[] = {"multi-krum", "vote"}, *const styles[] = {"-", "--"};
	static const char *const names[][3] = {{"k", "ki", "kg"}, {"v", "vi", "vg"}};
	double none[2], invert[2], gaussian[2];
	for (size_t r = 0; r < 2; r++) {
		simulate_rule(names[r][0], rules[r], "");
		simulate_rule(names[r][1], rules[r], "invert");
		simulate_rule(names[r][2], rules[r], "gaussian");
		none[r] = figure_alone("adversaries", names[r][0], 0);
		invert[r] = figure_alone("adversaries", names[r][1], 20);
		gaussian[r] = figure_alone("adversaries", names[r][2], 20);
	}
	figure_draw("adversaries", "k ki kg");
	cr_expect_eq(figure_count("panel"), 1, "one rule: %s", cli_out);
	figure_draw("adversaries", "k ki v vi");
	cr_expect_eq(figure_count("panel"), 1, "one attack: %s", cli_out);
	figure_draw("adversaries", "k v ki kg vi vg");
	cr_expect_eq(figure_count("panel"), 2, "%s", cli_out);
	cr_expect(figure_told("multi-krum") && figure_told("vote") && !figure_told("aggregator.f"), "%s",
	          cli_out);
	for (size_t r = 0; r < 2; r++) {
		expect_panel("attack: invert", styles[r], none[r], invert[r]);
		expect_panel("attack: gaussian", styles[r], none[r], gaussian[r]);
	}
}

/* Where a rule is told its f whatever the count, as in figure 8, that is its curve. */
Test(figures, an_f_that_was_told_is_a_curve)
{
	simulate("none", 1, "--set aggregator=multi-krum --set aggregator.f=1");
	simulate("one", 1, "--set aggregator=multi-krum --adversaries 1");
	simulate("zero", 1, "--set aggregator=multi-krum --set aggregator.f=0 --adversaries 1");
	figure_draw("adversaries", "none one");
	cr_expect(isfinite(figure_at(figure_need_curve("style", "-"), 0)) &&
	                  isfinite(figure_at(figure_need_curve("style", "-"), 20)),
	          "%s", cli_out);
	figure_draw("adversaries", "none one zero");
	cr_expect(figure_told("aggregator.f = 0") && figure_told("aggregator.f = 1"), "%s", cli_out);
}

/* A run that ended before its first evaluation has no point, but it was asked for. */
Test(figures, a_run_without_evaluations_is_named)
{
	probe("a", "");
	probe("b", "--seed 2");
	interrupt("b", 0, 0);
	figure_draw("curves", "a b");
	cr_expect(figure_told("p, seed 2 interrupted after step 0 of 6, without a point so far"), "%s",
	          cli_out);
	figure_draw("time-to-accuracy", "a b");
	cr_expect_not_null(strstr(cli_err, "b.h5 is left out: no evaluation, interrupted after step 0 of 6"),
	                   "%s", cli_err);
	figure_need_curve("label", "p: ");
}

/* Two folders of data are two experiments, though their settings are the same. A result that says nothing of
 * its data goes with the others where these are of one kind. */
Test(figures, other_data_are_another_group)
{
	static const char *const texts[] = {"abcabcabcabcabcabcabcabcabcabcabcabcabcabcabc",
	                                    "abcbacabcbacabcbacabcbacabcbacabcbacabcbacabc"};
	cli_write("e.json",
	          "{\"name\":\"e\",\"steps\":4,\"batch\":1,\"model\":{\"kind\":\"qrnn\",\"layers\":1,"
	          "\"embedding\":3,\"hidden\":4},\"data\":{\"kind\":\"text\",\"train\":\"t.txt\","
	          "\"bptt\":3}}");
	for (int i = 0; i < 3; i++) {
		cr_assert(process_shell("mkdir -p %s/%d", cli_folder, i % 2));
		cli_write(i % 2 ? "1/t.txt" : "0/t.txt", texts[i % 2]);
		cr_assert_eq(cli("simulate %s/e.json --data %s/%d --seed %d --out %s/%d.h5 --quiet",
		                 cli_folder, cli_folder, i % 2, i, cli_folder, i),
		             0, "%s", cli_err);
	}
	figure_draw("curves", "0 2");
	cr_expect(figure_told("e, 2 runs"), "%s", cli_out);
	figure_draw("curves", "0 1 2");
	cr_expect(figure_told("data_id = ") && figure_told("2 runs") && !figure_told("3 runs"), "%s",
	          cli_out);
	forget_data("2");
	figure_draw("curves", "0 2");
	cr_expect(figure_told("e, 2 runs"), "%s", cli_out);
	figure_draw("curves", "0 1 2");
	cr_expect(figure_told("data_id = unknown") && !figure_told("2 runs"), "%s", cli_out);
}

/* A training set of 300, of which worker 0 has nothing. */
static void simulate_shares(const char *name, const char *more)
{
	cli_write("s.json",
	          "{\"name\":\"s\",\"workers\":4,\"steps\":2,\"batch\":[9,5,6,7],\"lr\":0.01,\"model\":"
	          "\"softmax\","
	          "\"data\":{\"kind\":\"glyphs\",\"train\":300,\"test\":20},\"adversaries\":{\"count\":1,"
	          "\"data\":"
	          "\"none\",\"attack\":\"zero\"},\"partition\":{\"kind\":\"dirichlet\",\"alpha\":0.5}}");
	cr_assert_eq(cli("simulate %s/s.json %s --out %s/%s.h5 --quiet", cli_folder, more, cli_folder, name),
	             0, "%s", cli_err);
}

/* The bars of a class are what the file says of it, and the file what there is: each sample once. */
Test(figures, partition_shows_what_each_worker_got)
{
	enum { WORKERS = 4, GLYPHS_CLASSES = 10 };
	char path[128];
	struct err e = {0};
	int64_t samples[WORKERS][GLYPHS_CLASSES], batch[WORKERS], sum = 0;
	simulate_shares("a", "");
	snprintf(path, sizeof path, "%s/a.h5", cli_folder);
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	cr_assert_eq(h5_read(f, "/partition/samples", H5_I64, WORKERS * GLYPHS_CLASSES, samples, &e), 0, "%s",
	             e.text);
	cr_assert_eq(h5_read(f, "/partition/batch", H5_I64, WORKERS, batch, &e), 0, "%s", e.text);
	h5_close(f);
	cr_expect(batch[0] == 0 && batch[1] == 5 && batch[2] == 6 && batch[3] == 7);
	figure_draw("partition", "a");
	cr_expect_eq(figure_count("bars"), GLYPHS_CLASSES + 1);
	for (int c = 0; c < GLYPHS_CLASSES; c++) {
		char label[16];
		const struct json *bars = NULL;
		snprintf(label, sizeof label, "class %d", c);
		for (size_t i = 0; i < figure_n_lines; i++)
			if (!strcmp(figure_text(figure_lines[i], "what"), "bars") &&
			    !strcmp(figure_text(figure_lines[i], "label"), label))
				bars = figure_lines[i];
		cr_assert_not_null(bars, "%s", label);
		for (int w = 0; w < WORKERS; w++) {
			cr_expect_eq(figure_at(bars, w), (double)samples[w][c], "worker %d, %s", w, label);
			sum += samples[w][c];
		}
		cr_expect_eq(samples[0][c], 0);
		cr_expect(figure_told(label));
	}
	cr_expect_eq(sum, 300);
}

/* Runs that share their shares are one panel: seeds with a fixed data_seed. */
Test(figures, partition_has_a_panel_for_each_partition)
{
	simulate_shares("a", "--set data_seed=7 --seed 1");
	simulate_shares("b", "--set data_seed=7 --seed 2");
	simulate_shares("c", "--seed 2");
	figure_draw("partition", "a b");
	cr_expect_eq(figure_count("panel"), 1);
	figure_draw("partition", "a b c");
	cr_expect_eq(figure_count("panel"), 2);
}
