/* The command line from outside: what it says of what was left out, misplaced or meant otherwise. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/cli.h"

static void begin(void)
{
	cli_open();
	cli_write("alone.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\"}");
	cli_write("all.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":3}");
}

TestSuite(cli_words, .init = begin, .fini = cli_close, .timeout = 120);

Test(cli_words, what_a_file_leaves_out_is_told)
{
	cli_expect(0, "no `workers` given: one worker trains alone", "validate %s/alone.json", cli_folder);
	cr_expect_eq(cli("validate %s/alone.json --workers 1", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "`workers`"), "%s", cli_err);
	cli_expect(0, "no `adversaries.attack` given: Byzantine workers do \"invert\"",
	           "validate %s/all.json --adversaries 1", cli_folder);
	cr_expect_eq(cli("validate %s/all.json --adversaries 1 --attack zero", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "attack"), "%s", cli_err);
	cr_expect_eq(cli("validate %s/all.json", cli_folder), 0);
	cr_expect_str_eq(cli_err, "");
}
