/* `signsgd bench step` from outside. */
#include <criterion/criterion.h>
#include <string.h>
#include "tests/support/cli.h"

TestSuite(bench_step, .init = cli_open, .fini = cli_close, .timeout = 120);

Test(bench_step, a_line_says_what_was_measured)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli("bench step -n 1000 --workers 3 --lanes 2 --seconds 0.01 --json"), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	cr_expect_eq(cli_number(lines[0], "n"), 1000);
	cr_expect_eq(cli_number(lines[0], "workers"), 3);
	cr_expect_eq(cli_number(lines[0], "lanes"), 2);
	cr_expect_geq(cli_number(lines[0], "steps"), 5);
	/* planes of 16 words; every worker's gradient, momentum twice and push twice; answer and x twice */
	cr_expect_eq(cli_number(lines[0], "bytes"), 3 * (12000 + 2 * 128) + 2 * 128 + 8000);
	double low = cli_number(lines[0], "ratio_low"), high = cli_number(lines[0], "ratio_high");
	cr_expect(low > 0 && low <= cli_number(lines[0], "ratio") && cli_number(lines[0], "ratio") <= high);
	arena_clear(&a);
}

Test(bench_step, wrong_words_get_a_sentence)
{
	cli_expect(2, "bench step takes options alone", "bench step resnet20");
	cli_expect(2, "--aggregator is not for `bench step`", "bench step --aggregator mean");
	cli_expect(2, "--check is not for `bench step`", "bench step --check");
	cli_expect(2, "--workers: found '0'", "bench step --workers 0");
	cli_expect(2, "-n: found '0'", "bench step -n 0");
}
