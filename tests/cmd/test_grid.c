/* Grids on the command line: which points are runs, and what `validate` says of them before. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/cli.h"

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
