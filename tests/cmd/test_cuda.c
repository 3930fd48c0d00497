/* The backend cuda where there is no GPU: its experiments are read and checked, and to compute them is a
 * sentence. */
#include <string.h>
#include "tests/support/cli.h"

TestSuite(cuda, .init = cli_open, .fini = cli_close, .timeout = 120);

/* The tests of the stand-in for a GPU, and whoever has one, compute. */
static bool gpu_is_there(void)
{
	cr_assert_eq(cli("version --devices"), 0, "%s", cli_err);
	return strstr(cli_out, "GPU 0");
}

#define QUADRATIC "{\"model\":\"quadratic\",\"steps\":3,\"workers\":3,\"backend\":"

Test(cuda, an_experiment_can_be_read_and_checked_anywhere)
{
	cli_write("x.json", QUADRATIC "{\"kind\":\"cuda\",\"device\":0,\"precision\":\"bf16\"}}");
	cr_expect_eq(cli("validate %s/x.json", cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli("validate experiments/demo.json --set backend=cuda"), 0, "%s", cli_err);
	cr_expect_eq(cli("list backends cuda"), 0);
	cr_expect(strstr(cli_out, "precision (") && strstr(cli_out, "one of fp32, tf32, bf16"), "%s",
	          cli_out);
	cr_expect(strstr(cli_out, "device (") && strstr(cli_out, "local-rank"), "%s", cli_out);
}

Test(cuda, wrong_settings_are_refused_anywhere)
{
	cli_expect(2, "expected an integer in [0, 1023], or \"local-rank\"",
	           "validate experiments/demo.json --set backend=cuda --set backend.device=-2");
	cli_expect(2, "one of \"fp32\", \"tf32\", \"bf16\"",
	           "validate experiments/demo.json --set backend=cuda --set backend.precision=fp16");
}

Test(cuda, without_its_module_it_says_so)
{
	cr_assert_eq(cli_raw("--version >/dev/null"), 0);
	cr_assert_eq(setenv("SIGNSGD_MODULES", cli_folder, 1), 0);
	cli_expect(1, "cuda: ", "simulate experiments/demo.json --steps 2 --set backend=cuda --out %s/runs",
	           cli_folder);
	cr_expect(strstr(cli_err, "the module signsgd-cuda.so is not in "), "%s", cli_err);
	cr_expect_eq(cli("version"), 0);
	cr_expect(strstr(cli_out, "backend cuda"), "%s", cli_out);
	cr_expect_eq(cli("version --devices"), 0);
	cli_unbroken();
	cr_expect(strstr(cli_out, "the module signsgd-cuda.so is not in"), "%s", cli_out);
	cli_write("signsgd-cuda.so", "no module");
	cli_expect(1, "could not be opened",
	           "simulate experiments/demo.json --steps 2 --set backend=cuda --out %s/runs", cli_folder);
	/* opening a FIFO would wait for a writer */
	cr_assert(
	        process_shell("rm %s/signsgd-cuda.so && mkfifo %s/signsgd-cuda.so", cli_folder, cli_folder));
	cli_expect(1, "the module signsgd-cuda.so is not in ",
	           "simulate experiments/demo.json --steps 2 --set backend=cuda --out %s/runs", cli_folder);
}

Test(cuda, without_a_gpu_it_says_so)
{
	if (gpu_is_there())
		cr_skip_test("skipped: there is a GPU");
	cr_expect(strstr(cli_out, "cuBLAS") || strstr(cli_out, "without CUDA"), "%s", cli_out);
	cli_expect(1, "cuda: ", "simulate experiments/demo.json --steps 2 --set backend=cuda --out %s/runs",
	           cli_folder);
	cr_expect(!strstr(cli_err, "cpu"), "%s", cli_err);
	cli_expect(1, "cuda: ", "bench --backend cuda --kernel majority --seconds 0.01");
	cli_expect(1, "cuda: ", "bench model mlp --backend cuda --seconds 0.01");
	/* before it asks a server, of which there is none */
	cli_expect(1, "cuda: ", "work --connect tcp://127.0.0.1:9 --insecure --backend cuda --patience 1s");
	cr_expect_eq(cli("validate experiments/demo.json --adversaries 1 --set backend=cuda"), 0, "%s",
	             cli_err);
	cr_expect(strstr(cli_out, "its backend cannot be opened here (cuda: "), "%s", cli_out);
}
