/*
 * Every call of CUDA's runtime, of cuBLAS and of cuDNN fails once, in turn: the run ends with a sentence and
 * exit code 1, what it had written can be read, and it neither crashes nor hangs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/cli.h"

TestSuite(failing_calls, .init = cli_open, .fini = cli_close, .timeout = 600);

/* Of a file of SIGNSGD_EMULATED_COUNT. */
static long counted(const char *path, const char *what)
{
	char text[512];
	file_text(path, text, sizeof text);
	const char *at = strstr(text, what);
	cr_assert(at, "no '%s' in \"%s\"", what, text);
	return strtol(at + strlen(what), NULL, 10);
}

/* Two steps of a network with all kinds of layers, that begins from what it finds. */
static int run(void)
{
	return cli("simulate %s/e.json --out %s/run.h5 --overwrite --quiet --lanes 1", cli_folder,
	           cli_folder);
}

static void fail_each(const char *experiment)
{
	char path[FOLDER_SIZE + 16], number[32];
	snprintf(path, sizeof path, "%s/count", cli_folder);
	cli_write("e.json", experiment);
	setenv("SIGNSGD_EMULATED_COUNT", path, 1);
	cr_assert_eq(run(), 0, "%s", cli_err);
	long calls = counted(path, "calls ");
	cr_expect_gt(calls, 50);
	cr_expect_eq(counted(path, "streams "), 0);
	cr_expect_eq(counted(path, "events "), 0);
	cr_expect_eq(counted(path, "allocations "), 0);
	cr_expect_eq(counted(path, "handles "), 0);
	unsetenv("SIGNSGD_EMULATED_COUNT");
	for (long i = 1; i <= calls; i++) {
		snprintf(number, sizeof number, "%ld", i);
		setenv("SIGNSGD_EMULATED_FAIL", number, 1);
		char result[FOLDER_SIZE + 16];
		snprintf(result, sizeof result, "%s/run.h5", cli_folder);
		remove(result);
		int code = run();
		cr_expect(code == 1 && strstr(cli_err, "cu"), "call %ld of %ld: exit code %d, \"%s\"", i,
		          calls, code, cli_err);
		unsetenv("SIGNSGD_EMULATED_FAIL");
		if (file_there(result))
			cr_expect_eq(cli("show %s", result), 0, "call %ld: %s", i, cli_err);
	}
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
	          "\"glyphs\",\"train\":4,\"test\":2},\"eval\":{\"every\":0,\"test\":false}}");
}
