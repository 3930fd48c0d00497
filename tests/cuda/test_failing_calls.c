/*
 * Every call of CUDA's runtime, of cuBLAS and of cuDNN fails once, in turn: the run ends with a sentence and
 * exit code 1, what it had written can be read, and it neither crashes nor hangs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/cli.h"
#include "tests/support/emulated_count.h"

TestSuite(failing_calls, .init = cli_open, .fini = cli_close, .timeout = 600);

static int run(void)
{
	return cli("simulate %s/e.json --out %s/run.h5 --overwrite --quiet --lanes 1", cli_folder,
	           cli_folder);
}

static void expect_all_given_back(void)
{
	static const char *const what[] = {"streams ", "events ", "allocations ", "handles ", "graphs "};
	emulated_count_to("count");
	cr_assert_eq(run(), 0, "%s", cli_err);
	emulated_count_to(NULL);
	for (size_t i = 0; i < sizeof what / sizeof *what; i++)
		cr_expect_eq(emulated_counted("count", what[i]), 0, "%s", what[i]);
}

static void expect_failure(long call)
{
	char number[32], result[FOLDER_SIZE + 16];
	snprintf(number, sizeof number, "%ld", call);
	snprintf(result, sizeof result, "%s/run.h5", cli_folder);
	remove(result);
	setenv("SIGNSGD_EMULATED_FAIL", number, 1);
	int code = run();
	unsetenv("SIGNSGD_EMULATED_FAIL");
	cr_expect_eq(code, 1, "call %ld: exit code %d, \"%s\"", call, code, cli_err);
	cr_expect(strstr(cli_err, "signsgd: ") && strstr(cli_err, "cu"), "call %ld: \"%s\"", call, cli_err);
	if (file_there(result))
		cr_expect_eq(cli("show %s", result), 0, "call %ld: %s", call, cli_err);
}

static void fail_each(const char *experiment)
{
	cli_write("e.json", experiment);
	expect_all_given_back();
	long calls = emulated_counted("count", "calls ");
	cr_assert_gt(calls, 0);
	for (long i = 1; i <= calls; i++)
		expect_failure(i);
}

Test(failing_calls, of_products)
{
	fail_each("{\"name\":\"m\",\"workers\":2,\"steps\":1,\"batch\":2,\"lr\":0.01,\"backend\":\"cuda\","
	          "\"model\":{\"kind\":\"mlp\",\"hidden\":[5]},\"data\":{\"kind\":\"glyphs\",\"train\":8,"
	          "\"test\":4},\"eval\":{\"every\":1}}");
}

Test(failing_calls, of_layers)
{
	fail_each("{\"name\":\"s\",\"workers\":1,\"steps\":1,\"batch\":2,\"lr\":0.01,\"backend\":\"cuda\","
	          "\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":2,"
	          "\"kernel\":3},"
	          "\"norm\",\"relu\",{\"kind\":\"max-pool\",\"kernel\":2},\"flatten\"]},\"data\":{\"kind\":"
	          "\"glyphs\",\"train\":4,\"test\":2},\"eval\":{\"every\":0}}");
}

/* A gradient that is only computed, one that is captured, and one that is replayed: from the beginning of the
 * capture to the replay, and where the graph is let go. */
Test(failing_calls, of_graphs)
{
	cli_write("e.json", "{\"name\":\"g\",\"workers\":1,\"steps\":3,\"batch\":2,\"lr\":0.01,\"backend\":"
	                    "\"cuda\",\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":4,"
	                    "\"test\":2},\"eval\":{\"every\":0}}");
	expect_all_given_back();
	cr_expect_eq(emulated_counted("count", "launches "), 2);
	long first = emulated_counted("count", "first capture "),
	     last = emulated_counted("count", "last launch ");
	cr_assert(first > 0 && last > first);
	for (long i = first; i <= last; i++)
		expect_failure(i);
	expect_failure(emulated_counted("count", "last graph "));
}
