/* Grids on the command line: which points are runs, and what `validate` says of them before. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/pool.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"

TestSuite(grid, .init = cli_open, .fini = cli_close);

#define HEAD "{\"name\":\"g\",\"model\":\"quadratic\",\"steps\":3,\"workers\":9,\"sweep\":{"

static const char rules[] = HEAD "\"aggregator\":[\"median\",\"krum\"],\"adversaries.count\":[1,2,4]}}";

static const char *member(const struct json *line, const char *key)
{
	const struct json *m = json_member(line, key);
	cr_assert(m && m->type == JSON_STRING, "no %s", key);
	return m->string;
}

/* --run counts what stays, whose paths are those of the whole grid. */
Test(grid, runs_are_what_stays)
{
	static const char except[] =
	        "--set 'sweep.except=[{\"aggregator\":\"median\",\"adversaries.count\":[1,2]}]'";
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cli_write("e.json", rules);
	cr_assert_eq(cli("validate %s/e.json --json", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 5);
	cr_expect_not_null(strstr(cli_err, "1 of 6 runs are left out"), "%s", cli_err);
	cr_expect_not_null(
	        strstr(cli_err, "{\"aggregator\":\"krum\",\"adversaries.count\":4}; of the first: "), "%s",
	        cli_err);
	const char *third = member(lines[2], "id"), *fourth = member(lines[3], "file");
	cr_assert_eq(cli("validate %s/e.json --json %s", cli_folder, except), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 3);
	cr_expect_str_eq(member(lines[0], "id"), third);
	cr_expect_str_eq(member(lines[1], "file"), fourth);
	cr_assert_eq(cli("simulate %s/e.json %s --run 1 --json --out %s/", cli_folder, except, cli_folder), 0,
	             "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	cr_expect_str_eq(member(lines[0], "id"), third);
	cli_expect(2, "--run", "simulate %s/e.json %s --run 4", cli_folder, except);
	arena_clear(&a);
}

Test(grid, strict_refuses_impossible_points)
{
	static const char *const commands[] = {"validate", "simulate", "train",
	                                       "serve --listen tcp://127.0.0.1:0"};
	cli_write("e.json", rules);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		cli_expect(2, "found n = 9 messages and f = 4, expected 2 f + 2 < n", "%s %s/e.json --strict",
		           commands[i], cli_folder);
	cr_assert_eq(cli("validate %s/e.json --strict --set 'sweep.except=[{\"adversaries.count\":4}]'",
	                 cli_folder),
	             0, "%s", cli_err);
	cli_expect(2, "expected 2 f + 2 < n", "validate %s/e.json --set aggregator=krum --adversaries 4",
	           cli_folder);
}

static double of(const struct json *line, const char *group, const char *key)
{
	const struct json *g = json_member(line, group);
	cr_assert_not_null(g, "no %s", group);
	return cli_number(g, key);
}

/* What files are said to take is what they take, for few rows and many. */
Test(grid, the_disk_is_as_announced)
{
	static const char *const options[] = {"--steps 5", "--steps 5000",
	                                      "--steps 40 --set record.every=2 --set "
	                                      "eval.every=1 --set record.norms=1"};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		size_t bytes = 0;
		char path[200];
		cli_write("e.json", HEAD "\"aggregator\":[\"vote\",\"mean\"]}}");
		cr_assert_eq(cli("validate %s/e.json --json --no-time %s", cli_folder, options[i]), 0, "%s",
		             cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 2);
		double announced = of(lines[0], "grid", "file_bytes");
		cr_expect_eq(announced,
		             of(lines[0], "forecast", "file_bytes") + of(lines[1], "forecast", "file_bytes"));
		cr_assert_eq(cli("simulate %s/e.json --json --overwrite %s --out %s/runs/", cli_folder,
		                 options[i], cli_folder),
		             0, "%s", cli_err);
		size_t n = cli_json_lines(&a, lines);
		for (size_t k = 0; k < n; k++) {
			size_t one;
			snprintf(path, sizeof path, "%s", member(lines[k], "file"));
			mem_free(file_bytes(path, &one));
			bytes += one;
		}
		cr_expect(announced > 0.8 * (double)bytes && announced < 1.2 * (double)bytes,
		          "%s: %g announced, %zu found", options[i], announced, bytes);
		arena_clear(&a);
	}
}

/* Kinds of steps are timed once each; what decides no time makes no kind. */
Test(grid, kinds_of_steps_are_timed)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cli_write("e.json",
	          "{\"name\":\"g\",\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":700,"
	          "\"test\":50},\"steps\":30,\"workers\":3,\"sweep\":{\"aggregator\":[\"vote\",\"mean\"],"
	          "\"lr\":[0.1,0.2]},\"seeds\":[1,2]}");
	cr_assert_eq(cli("validate %s/e.json --json --lanes 1", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 8);
	cr_expect_eq(of(lines[7], "grid", "runs"), 8);
	cr_expect_eq(of(lines[7], "grid", "step_kinds"), 2);
	cr_expect_eq(of(lines[7], "grid", "timed"), 2);
	cr_expect_gt(of(lines[7], "grid", "time_s"), 0);
	double step = of(lines[0], "forecast", "step_s"), eval = of(lines[0], "forecast", "eval_s");
	cr_expect_float_eq(of(lines[0], "forecast", "time_s"), 30 * step + 2 * eval,
	                   1e-9); /* at the start and the end */
	cr_assert_eq(cli("validate %s/e.json --json --no-time", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 8);
	const struct json *grid = json_member(lines[0], "grid");
	cr_expect_eq(json_member(grid, "time_s")->type, JSON_NULL);
	cr_expect_eq(cli_number(grid, "timed"), 0);
	arena_clear(&a);
}

/* What is announced is as `simulate` does it: one at a time, in all lanes, where they share a device. */
Test(grid, runs_at_once_are_announced_as_they_are_run)
{
	const char *const backends[] = {"cpu", "cuda"};
	double lanes[2];
	for (int device = 0; device < 2; device++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cli_write("e.json", HEAD "\"aggregator\":[\"vote\",\"mean\"]}}");
		cr_assert_eq(cli("validate %s/e.json --json --no-time --set backend=%s", cli_folder,
		                 backends[device]),
		             0, "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 2);
		double jobs = of(lines[0], "grid", "jobs");
		lanes[device] = jobs * of(lines[0], "grid", "lanes");
		cr_expect_eq(jobs, device || pool_cores() == 1 ? 1 : 2, "%s", backends[device]);
		arena_clear(&a);
	}
	cr_expect_eq(lanes[1], pool_cores(), "all cores");
	cr_expect_geq(lanes[0], pool_cores() - 1, "all but what cannot be shared evenly");
}

Test(grid, validate_says_what_a_grid_takes)
{
	cli_write("e.json", rules);
	cr_assert_eq(cli("validate %s/e.json --set "
	                 "'sweep.except=[{\"aggregator\":\"median\",\"adversaries.count\":1}]'",
	                 cli_folder),
	             0, "%s", cli_err);
	cli_unbroken();
	static const char *const said[] = {
	        "runs 4", "left out 1, which sweep.except lists",
	        "left out 1, for whose numbers of workers a rule is not made; of the first: ",
	        "kinds of steps that were timed here", "disk about "};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		cr_expect_not_null(strstr(cli_out, said[i]), "%s is not in %s", said[i], cli_out);
	cr_assert_eq(cli("validate %s/e.json --run 1 --set 'sweep={}'", cli_folder), 2);
	cr_assert_eq(cli("validate %s/e.json --set 'sweep={}'", cli_folder), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "an evaluation"));
	cr_assert_eq(cli("validate %s/e.json --set 'sweep={}' --time", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "an evaluation"));
	cli_expect(2, "contradict", "validate %s/e.json --time --no-time", cli_folder);
}

/* As many at once as `simulate` would do: one where a device computes, in all lanes. */
Test(grid, runs_on_a_device_are_announced_one_at_a_time)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cli_write("e.json", HEAD "\"lr\":[0.1,0.2]}}");
	cr_assert_eq(cli("validate %s/e.json --json --no-time --set backend=cuda", cli_folder), 0, "%s",
	             cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 2);
	cr_expect_eq(of(lines[0], "grid", "jobs"), 1);
	cr_assert_eq(cli("validate %s/e.json --json --no-time --lanes 3 --set backend=cuda", cli_folder), 0);
	cr_assert_eq(cli_json_lines(&a, lines), 2);
	cr_expect_eq(of(lines[0], "grid", "lanes"), 3);
	arena_clear(&a);
}
