/*
 * The command line from outside, without runs: exit codes, sentences, help, schema, validate, and that
 * the manual page and the completion know what the program knows. Lists are in
 * test_cli_list.c, runs in test_cli_runs.c.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/commands.h"
#include "experiment/experiment.h"
#include "registry.h"
#include "tests/support/cli.h"

TestSuite(cli, .init = cli_open, .fini = cli_close, .timeout = 120);

Test(cli, no_arguments_print_the_usage_on_stderr)
{
	cr_expect_eq(cli("%s", ""), 2);
	cr_expect_str_empty(cli_out);
	cr_expect_not_null(strstr(cli_err, "usage: signsgd COMMAND"));
	for (int i = 0; commands[i]; i++)
		cr_expect_not_null(strstr(cli_err, commands[i]->about), "%s is missing", commands[i]->name);
}

Test(cli, help_names_every_command)
{
	static const char *const forms[] = {"help", "-h", "--help"};
	for (size_t f = 0; f < 3; f++) {
		cr_expect_eq(cli("%s", forms[f]), 0);
		cr_expect_str_empty(cli_err);
		for (int i = 0; commands[i]; i++)
			cr_expect_not_null(strstr(cli_out, commands[i]->about));
		cli_expect_narrow(forms[f]);
	}
}

Test(cli, help_of_every_command_in_three_ways)
{
	for (int i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		static char first[CLI_SIZE];
		cr_expect_eq(cli("help %s", c->name), 0);
		cli_expect_narrow(c->name);
		snprintf(first, sizeof first, "%s", cli_out);
		cr_expect_not_null(strstr(first, c->about));
		cr_expect_not_null(strstr(first, "usage:"));
		cr_expect_not_null(strstr(first, "example:"), "%s has no example", c->name);
		for (const struct option *o = c->options; o && o->name; o++)
			cr_expect_not_null(strstr(first, o->name), "%s: --%s", c->name, o->name);
		cr_expect_eq(cli("%s --help", c->name), 0);
		cr_expect_str_eq(cli_out, first);
		cr_expect_eq(cli("%s -h", c->name), 0);
		cr_expect_str_eq(cli_out, first);
	}
}

Test(cli, unknown_commands_are_answered_with_the_nearest)
{
	static const char *const wrong[][2] = {{"simulat", "'simulate'"}, {"benhc", "'bench'"},
	                                       {"hlep", "'help'"},        {"--verison", "'--version'"},
	                                       {"--hepl", "'--help'"},    {"Show", "'show'"}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		cli_expect(2, wrong[i][1], "%s", wrong[i][0]);
		cr_expect_str_empty(cli_out);
		if (wrong[i][0][0] != '-')
			cli_expect(2, wrong[i][1], "help %s", wrong[i][0]);
	}
	cli_expect(2, "there is no command 'xyzzy'; 'signsgd help'", "xyzzy");
}

Test(cli, unknown_options_are_refused_by_every_command)
{
	for (int i = 0; commands[i]; i++) {
		cli_expect(2, "has no option '--no-such-thing'", "%s --no-such-thing", commands[i]->name);
		cr_expect_str_empty(cli_out);
	}
	cli_expect(2, "did you mean '--workers'?", "simulate --worker 3");
	cli_expect(2, "--lanes: found 'many', expected a whole number from 1 to 1024",
	           "simulate x.json --lanes many");
	cli_expect(2, "--lanes: found '0'", "validate experiments/demo.json --lanes 0");
}

Test(cli, control_characters_never_reach_the_terminal)
{
	static const char *const args[] = {"",
	                                   "simulate",
	                                   "list",
	                                   "list attacks",
	                                   "show",
	                                   "plot -o a.png",
	                                   "plot curves a.h5 -o",
	                                   "help",
	                                   "simulate experiments/demo.json --set",
	                                   "simulate experiments/demo.json --attack",
	                                   "simulate experiments/demo.json --lanes",
	                                   "bench --seconds",
	                                   "validate",
	                                   "data fetch",
	                                   "simulate --resume"};
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		char line[256];
		snprintf(line, sizeof line, "%s '\033[31mred\033[0m'", args[i]);
		cr_expect_neq(cli("%s", line), 0, "%s", args[i]);
		cr_expect_null(strchr(cli_err, '\033'), "%s let an escape through", args[i]);
		cr_expect_null(strchr(cli_out, '\033'), "%s let an escape through", args[i]);
	}
}

Test(cli, version_names_libraries_and_backends)
{
	static const char *const forms[] = {"version", "--version"};
	for (size_t f = 0; f < 2; f++) {
		cr_expect_eq(cli("%s", forms[f]), 0);
		cr_expect_not_null(strstr(cli_out, "HDF5"));
		cr_expect_not_null(strstr(cli_out, "commit"));
		cr_expect_not_null(strstr(cli_out, "cores"));
		for (size_t i = 0; family_backends.rows[i]; i++)
			cr_expect_not_null(strstr(cli_out, family_backends.rows[i]->name));
	}
}

Test(cli, output_that_cannot_be_written_is_no_success)
{
	cr_expect_eq(cli_raw("schema >/dev/full"), 1);
	cr_expect_not_null(strstr(cli_err, "standard output could not be written: No space left on device"));
	cr_expect_eq(cli_raw("list >&-"), 1);
	cr_expect_not_null(strstr(cli_err, "standard output could not be written"));
	cr_expect_eq(cli_raw("help simulate >&- 2>&-"), 1);
}

Test(cli, schema_is_json_and_has_every_key)
{
	struct arena a = {0};
	struct err e = {0};
	cr_expect_eq(cli("schema"), 0);
	struct json *schema = json_read_text(&a, "schema", cli_out, strlen(cli_out), &e);
	cr_assert_not_null(schema, "%s", e.text);
	const struct json *properties = json_member(schema, "properties");
	cr_assert_not_null(properties);
	for (const struct key *k = experiment_keys; k->name; k++)
		cr_expect_not_null(json_member(properties, k->name), "%s", k->name);
	cr_expect_not_null(json_member(schema, "$schema"));
	arena_clear(&a);
	cli_expect(2, "takes no file", "schema x");
}

Test(cli, validate_says_what_every_shipped_experiment_would_run)
{
	glob_t files;
	cr_assert_eq(glob("experiments/*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct arena a = {0};
		struct err e = {0};
		struct runs runs;
		struct json *lines[CLI_LINES];
		cr_assert_eq(experiment_read(&runs, files.gl_pathv[i], NULL, 0, &e), 0, "%s", e.text);
		cr_expect_eq(cli("validate %s --json --no-time", files.gl_pathv[i]), 0);
		cr_expect_null(strstr(cli_err, "left out"), "a sweep with points that repeat others: %s",
		               cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), runs.count);
		for (size_t r = 0; r < runs.count; r++) {
			cr_expect_str_eq(json_member(lines[r], "id")->string, runs.at[r].id);
			cr_expect_eq(json_member(lines[r], "steps")->number, (double)runs.at[r].steps);
			cr_expect_gt(json_member(lines[r], "parameters")->number, 0);
			cr_expect_gt(json_member(json_member(lines[r], "memory"), "total")->number, 0);
			cr_expect_not_null(strstr(json_member(lines[r], "file")->string, runs.at[r].id));
			cr_expect_eq(json_member(lines[r], "bytes_up")->number,
			             json_member(lines[r], "push_bytes")->number *
			                     (double)runs.at[r].workers);
		}
		cr_expect_eq(cli("validate %s --no-time", files.gl_pathv[i]), 0);
		cr_expect_not_null(strstr(cli_out, "parameters"));
		cr_expect_not_null(strstr(cli_out, "memory"));
		runs_clear(&runs);
		arena_clear(&a);
	}
	globfree(&files);
}

Test(cli, validate_takes_the_changes_of_simulate)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_expect_eq(cli("validate experiments/demo.json --json --workers 9 --adversaries 4 --attack "
	                 "random-sign --steps 12 "
	                 "--seed 18446744073709551615 --data 7 --out there.h5 --set momentum=0.5 --set "
	                 "eval.every=3"),
	             0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1, "--adversaries ends the sweep over adversaries.count");
	const struct json *s = json_member(lines[0], "settings"), *byzantine = json_member(s, "adversaries");
	cr_expect_eq(json_member(s, "workers")->number, 9);
	cr_expect_eq(json_member(byzantine, "count")->number, 4);
	cr_expect_str_eq(json_member(json_member(byzantine, "attack"), "kind")->string, "random-sign");
	cr_expect_eq(json_member(s, "steps")->number, 12);
	cr_expect_str_eq(json_member(s, "seed")->string, "18446744073709551615");
	cr_expect_str_eq(json_member(s, "data_dir")->string, "7", "a folder's name is text");
	cr_expect_str_eq(json_member(lines[0], "file")->string, "there.h5");
	cr_expect_eq(json_member(s, "momentum")->number, 0.5);
	cr_expect_eq(json_member(json_member(s, "eval"), "every")->number, 3);
	cr_expect_eq(cli("validate experiments/fashion-7.json --json --steps 5"), 0,
	             "--steps replaces epochs: %s", cli_err);
	arena_clear(&a);
}

/* Where labels decide, the data are read; where they are not here, it says so. */
Test(cli, validate_says_what_each_worker_gets)
{
	cr_expect_eq(cli("validate experiments/demo.json --workers 7 --set "
	                 "partition={\\\"kind\\\":\\\"sizes\\\",\\\"zipf\\\":1}"),
	             0, "%s", cli_err);
	cr_expect_not_null(
	        strstr(cli_out, "sizes: from 2204 samples (worker 6) to 15427 (worker 0); a step takes 448"),
	        "%s", cli_out);
	cr_expect_eq(cli("validate experiments/demo.json --workers 7 --set "
	                 "partition={\\\"kind\\\":\\\"dirichlet\\\",\\\"alpha\\\":1}"),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "dirichlet: from "), "%s", cli_out);
	cr_expect_eq(cli("validate experiments/demo.json --workers 7 --json"), 0);
	cr_expect_not_null(
	        strstr(cli_out, "\"shards\":{\"known\":true,\"smallest\":5714,\"smallest_of\":0,\"largest\":"
	                        "5714,\"largest_of\":0,\"batches\":448}"),
	        "%s", cli_out);
	cli_expect(2, "in each of 100 draws",
	           "validate experiments/demo.json --workers 7 --set batch=5600 --set "
	           "partition={\\\"kind\\\":\\\"dirichlet\\\",\\\"alpha\\\":0.1}");
}

/* Allowed, but one of the two settings makes the other one useless: it says which. */
Test(cli, validate_says_where_deadline_and_patience_fight)
{
	static const char words[] = "ends at its deadline, but one without a quorum ends the run before that";
	for (int json = 0; json < 2; json++) {
		cr_expect_eq(cli("validate experiments/demo.json %s --set transport=zmq --set "
		                 "transport.deadline_s=8 --set transport.patience_s=3",
		                 json ? "--json" : ""),
		             0);
		cr_expect_not_null(strstr(cli_out, words), "%s", cli_out);
	}
	cr_expect_eq(cli("validate experiments/demo.json --set transport=zmq --set transport.deadline_s=8"),
	             0);
	cr_expect_null(strstr(cli_out, words), "%s", cli_out);
}

Test(cli, validate_refuses_with_file_line_and_column)
{
	cli_write("bad.json",
	          "{\n  \"workers\": 3,\n  \"wrokers\": 4,\n  \"model\": \"quadratic\", \"steps\": 5}");
	cli_expect(2, "bad.json:3:", "validate %s/bad.json", cli_folder);
	cr_expect_not_null(strstr(cli_err, "workers"));
	cli_write("cut.json", "{\"workers\": 3");
	cli_expect(2, "cut.json:1:", "simulate %s/cut.json", cli_folder);
	cli_expect(2, "no-such.json", "validate experiments/no-such.json");
	cli_expect(2, "needs an experiment file", "validate");
	cli_expect(2, "expected KEY=VALUE", "validate experiments/demo.json --set momentum");
	cli_expect(2, "momentum", "validate experiments/demo.json --set momentum=2");
	cr_expect_eq(cli("validate %s/bad.json experiments/demo.json", cli_folder), 2);
	cr_expect_not_null(strstr(cli_out, "experiments/demo.json: 4 runs"), "a bad file hides the good one");
}

/* "--out" as roff writes it. */
static void roff_option(const char *name, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "\\-\\-");
	for (; *name && used + 3 < size; name++)
		used += (size_t)snprintf(out + used, size - used, "%s%c", *name == '-' ? "\\" : "", *name);
}

/* Is the option described where `simulate` is? */
static bool roff_simulates(const char *page, const char *word)
{
	const char *section = strstr(page, ".SS \"simulate"), *at = section ? strstr(section, word) : NULL;
	return at && at < strstr(section + 1, "\n.S");
}

Test(cli, the_manual_page_knows_every_command_and_option)
{
	static char page[CLI_SIZE];
	file_text("docs/signsgd.1", page, sizeof page);
	for (int i = 0; commands[i]; i++) {
		char head[64];
		snprintf(head, sizeof head, "%s", commands[i]->name);
		const char *section = strstr(page, ".SH COMMANDS");
		while (section && (section = strstr(section + 1, ".SS ")))
			if (!strncmp(section + 4 + (section[4] == '"'), head, strlen(head)))
				break;
		cr_assert_not_null(section, "no section of %s", head);
		const char *end = strstr(section + 1, "\n.S");
		for (const struct option *o = commands[i]->options; o && o->name; o++) {
			char word[64];
			roff_option(o->name, word, sizeof word);
			const char *at = strstr(section, word);
			const char *takes = strstr(section, "Takes the options of");
			bool inherited = takes && takes < end && roff_simulates(page, word);
			cr_expect((at && at < end) || inherited, "%s: %s is missing", head, word);
		}
	}
}

/* Is the word somewhere in a section of the page? */
static void expect_in_section(const char *page, const char *head, const char *word)
{
	char begin[64];
	snprintf(begin, sizeof begin, ".SS \"%s", head);
	const char *section = strstr(page, begin);
	cr_assert_not_null(section, "no section of %s", head);
	const char *at = strstr(section, word), *end = strstr(section + 1, "\n.S");
	cr_expect(at && at < end, "%s: %s is missing", head, word);
}

static void expect_completion(const char *words, int position, const char *offered)
{
	char command[1024];
	snprintf(command, sizeof command,
	         "bash -c 'source docs/completion.bash; COMP_WORDS=(%s %s); COMP_CWORD=%d; _signsgd; echo \" "
	         "${COMPREPLY[*]} \"' >%s/completion 2>/dev/null",
	         process_program(), words, position, cli_folder);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof command, "%s/completion", cli_folder);
	file_text(command, cli_out, CLI_SIZE);
	cr_expect_not_null(strstr(cli_out, offered), "'%s' offers%s", words, cli_out);
}

/* In whatever form `list` shows a family to people. */
Test(cli, the_completion_offers_the_rows_of_every_family_and_nothing_else)
{
	for (size_t f = 0; registry_families[f]; f++) {
		const struct family *family = registry_families[f];
		char words[80], rows[1024] = " ";
		size_t used = 1;
		for (size_t r = 0; family->rows[r]; r++)
			used += (size_t)snprintf(rows + used, sizeof rows - used, "%s ",
			                         family->rows[r]->name);
		cr_assert_lt(used, sizeof rows);
		snprintf(words, sizeof words, "list %s \"\"", family->plural);
		expect_completion(words, 3, rows);
		cr_expect_str_eq(strtok(cli_out, "\n"), rows);
	}
}

Test(cli, the_completion_offers_what_there_is)
{
	expect_completion("sim", 1, " simulate ");
	expect_completion("simulate --adv", 2, " --adversaries ");
	expect_completion("plot -", 2, " --title ");
	expect_completion("simulate x.json --attack inv", 4, " invert ");
	expect_completion("list att", 2, " attacks ");
	expect_completion("list attacks fl", 3, " flip ");
	expect_completion("bench round --aggregator kr", 4, " krum ");
	expect_completion("plot adv", 2, " adversaries ");
	expect_completion("validate experiments/dem", 2, " experiments/demo.json ");
	expect_completion("claims experiments/papers/park", 2, " experiments/papers/park-fd.json ");
	expect_completion("help ben", 2, " bench ");
	expect_completion("data fetch fash", 3, " fashion-mnist ");
	expect_completion("keys n", 2, " new ");
	expect_completion("bench --seconds 1 mo", 4, " model ");
	expect_completion("bench --kernel mo", 3, "  ");
	expect_completion("data fetch \"\"", 3, " mnist ");
	cr_expect_null(strstr(cli_out, "glyphs"), "what cannot be fetched is offered:%s", cli_out);
}

/* A sentence of `plot` lists the scripts that there are. */
Test(cli, manual_page_help_and_completion_know_every_figure)
{
	static char page[CLI_SIZE], all[CLI_SIZE], help[CLI_SIZE];
	file_text("docs/signsgd.1", page, sizeof page);
	cr_assert_eq(cli("help plot"), 0);
	snprintf(help, sizeof help, "%s", cli_out);
	cli_expect(2, "here are: ", "plot nothing x.h5 -o x.png");
	snprintf(all, sizeof all, "%s", strstr(cli_err, "here are: ") + strlen("here are: "));
	size_t count = 0;
	for (char *name = strtok(all, ", \n"); name; name = strtok(NULL, ", \n"), count++) {
		char words[80], offered[80], roff[80] = "\n.B ";
		size_t used = strlen(roff);
		for (const char *at = name; *at; at++)
			used += (size_t)snprintf(roff + used, sizeof roff - used, "%s%c",
			                         *at == '-' ? "\\" : "", *at);
		expect_in_section(page, "plot", roff);
		cr_expect_not_null(strstr(help, name), "help plot: %s is missing", name);
		snprintf(words, sizeof words, "plot %s", name);
		snprintf(offered, sizeof offered, " %s ", name);
		expect_completion(words, 2, offered);
	}
	cr_expect_geq(count, 8);
}

Test(cli, check_passes_and_names_every_kernel_once_a_backend)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_expect_eq(cli("check --json"), 0, "%s", cli_err);
	size_t count = cli_json_lines(&a, lines);
	cr_expect_gt(count, 0);
	for (size_t i = 0; i < count; i++) {
		const char *kernel = json_member(lines[i], "kernel")->string;
		cr_expect(json_member(lines[i], "passed")->boolean, "%s", kernel);
		cr_expect_gt(json_member(lines[i], "cases")->number, 0);
		for (size_t j = 0; j < i; j++)
			cr_expect(strcmp(json_member(lines[j], "kernel")->string, kernel) ||
			                  strcmp(json_member(lines[j], "backend")->string,
			                         json_member(lines[i], "backend")->string),
			          "%s twice", kernel);
	}
	cli_expect(2, "check takes no file", "check x");
	arena_clear(&a);
}

Test(cli, bench_prints_a_line_a_row)
{
	static const char *const numbers[] = {"lanes", "n", "workers", "ms", "gbps"};
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_expect_eq(cli("bench --kernel majority --n 1000 --seconds 0.01 --json"), 0, "%s", cli_err);
	size_t count = cli_json_lines(&a, lines);
	cr_expect_gt(count, 0);
	for (size_t i = 0; i < count; i++) {
		cr_expect_not_null(strstr(json_member(lines[i], "kernel")->string, "majority"));
		cr_expect_eq(json_member(lines[i], "n")->number, 1000);
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
			cr_expect_eq(json_member(lines[i], numbers[k])->type, JSON_NUMBER, "%s", numbers[k]);
		cr_expect_not_null(json_member(lines[i], "limit_gbps"));
		cr_expect_not_null(json_member(lines[i], "ratio"));
	}
	cli_expect(2, "-n: found '0'", "bench --n 0");
	cli_expect(2, "--seconds: found 'nan'", "bench --seconds nan");
	cli_expect(2, "no kernel's name contains 'majestic'", "bench --kernel majestic --seconds 0.01");
	cli_expect(2, "bench takes no file", "bench x");
	cli_expect(2, "found the string \"nope\"", "bench --backend nope");
	cr_expect_eq(cli("bench --backend ref --kernel majority --n 1000 --seconds 0.01 --json"), 0, "%s",
	             cli_err);
	cr_expect(strstr(cli_out, "\"ref\"") && !strstr(cli_out, "\"cpu\""), "%s", cli_out);
	cli_expect(2, "`make bench-net`", "bench net --rate 5mbit");
	cli_expect(2, "bench has no option '--rate'", "bench round --rate 5mbit");
	cli_expect(2, "or 'verify PATH', found 'pak'", "data pak --rate 5");
	cli_expect(2, "'new NAME...' or 'list', found 'nw'", "keys nw --rate 5");
	arena_clear(&a);
}
