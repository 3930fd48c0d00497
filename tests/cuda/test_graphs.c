/*
 * Gradients that are captured as CUDA graphs and replayed, on the stand-in for a GPU: a replay there gives
 * the stream what was captured with the addresses and numbers of then, so that what a graph freezes and
 * should not gives other bits than a run without graphs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/cli.h"
#include "tests/support/emulated_count.h"
#include "tests/support/guarded.h"
#include "tests/support/small_experiments.h"

TestSuite(graphs, .init = cli_open, .fini = cli_close, .timeout = 300);

#define WITH    "cuda"
#define WITHOUT "'{\"kind\":\"cuda\",\"graphs\":false}'"

static void run(const char *command, const char *experiment, const char *options, const char *backend,
                const char *name)
{
	char count[32];
	snprintf(count, sizeof count, "%s.count", name);
	emulated_count_to(count);
	guarded_run(command, experiment, options, backend, name);
}

/* The same bits without graphs and with them, which are launched at least so often, and all given back. */
static void expect_same(const char *experiment, const char *options, long launches)
{
	run("simulate", experiment, options, WITHOUT, "without");
	run("simulate", experiment, options, WITH, "with");
	guarded_expect_same("without", "with");
	cr_expect_eq(emulated_counted("without.count", "launches "), 0, "%s", options);
	cr_expect_geq(emulated_counted("with.count", "launches "), launches, "%s", options);
	cr_expect_eq(emulated_counted("with.count", "graphs "), 0, "%s", options);
}

/* Five workers, the first gradient of all without a graph. */
Test(graphs, dense_layers)
{
	expect_same(small_mlp, "--lanes 1", 19);
	expect_same(small_mlp, "--lanes 1 --set 'lr={\"kind\":\"cosine\",\"rate\":0.02}'", 19);
	expect_same(small_mlp, "--lanes 2 --adversaries 2 --attack label-flip --seed 6", 10);
	expect_same(small_mlp, "--lanes 2 --set batch='[4,4,2,4,2]'", 8);
}

/* Normalisation with statistics of one worker's batches, dropout, convolutions. */
Test(graphs, layers_on_images)
{
	expect_same(small_layers, "--lanes 1 --steps 4 --set workers=3", 6);
	expect_same(small_layers, "--lanes 2 --steps 4 --set workers=3 --adversaries 1 --attack gaussian", 4);
	expect_same(small_layers, "--lanes 1 --set momentum=0 --set compressor=none --set aggregator=mean",
	            1);
}

/* Each worker carries its own state from step to step; windows of other lengths are other graphs. */
Test(graphs, text)
{
	char qrnn[SMALL_TEXT];
	small_text(qrnn);
	expect_same(qrnn, "--lanes 1 --set workers=3", 3);
	expect_same(qrnn, "--lanes 2 --set workers=3 --set data.random_length=false", 3);
}

Test(graphs, workers_at_once)
{
	char qrnn[SMALL_TEXT];
	small_text(qrnn);
	expect_same(small_mlp, "--lanes 1 --set fuse=2", 8);
	expect_same(small_layers, "--lanes 1 --steps 4 --set workers=3 --set fuse=2", 4);
	expect_same(qrnn, "--lanes 1 --set workers=3 --set fuse=3 --set data.random_length=false", 3);
}

static void expect_pieces(const char *experiment, const char *more, long launches)
{
	char options[256];
	snprintf(options, sizeof options, "--processes 2 --lanes 1 --set transport.buckets=60 --steps 5 %s",
	         more);
	run("train", experiment, options, WITHOUT, "without");
	run("train", experiment, options, WITH, "with");
	guarded_expect_same("without", "with");
	cr_expect_eq(emulated_counted("without.count", "launches "), 0, "%s", options);
	cr_expect_geq(emulated_counted("with.count", "launches "), launches, "%s", options);
}

/*
 * Buckets are made and sent between graphs: at least two for each gradient but the first. The gradient of
 * whom attacks its message is whole, in the same lane.
 */
Test(graphs, buckets)
{
	expect_pieces(small_layers, "", 8);
	expect_pieces(small_mlp, "--adversaries 1 --attack invert", 28);
}

Test(graphs, gradients_of_probes_and_codings)
{
	expect_same(small_mlp,
	            "--lanes 2 --set record.snr=2 --set record.l1_l2=1 --set "
	            "'record.gradient_noise={\"at\":[0,2],\"random\":3}'",
	            10);
	expect_same(small_mlp,
	            "--set 'coding={\"kind\":\"bernoulli\",\"redundancy\":2.5}' --set momentum=0 "
	            "--set compressor.zero=positive --lanes 1",
	            10);
}

/* As if it had not been interrupted, whether what goes on has graphs or not. */
Test(graphs, continues_from_a_checkpoint)
{
	char qrnn[SMALL_TEXT];
	small_text(qrnn);
	const char *const experiments[] = {small_layers, qrnn};
	for (size_t i = 0; i < 2; i++) {
		run("simulate", experiments[i], "--steps 7", WITHOUT, "without");
		run("simulate", experiments[i], "--set checkpoint.keep=true --steps 4", WITH, "with");
		cr_assert_eq(cli("simulate --resume %s/with.h5 --steps 7 --quiet", cli_folder), 0, "%s",
		             cli_err);
		guarded_expect_same("without", "with");
	}
}

/* One sentence, and the same results. */
static void expect_without(const char *experiment, const char *call, const char *why)
{
	static const char said[] = "gradients are computed without CUDA graphs, because work cannot be "
	                           "captured: ";
	run("simulate", experiment, "--lanes 2 --steps 4", WITHOUT, "without");
	setenv("SIGNSGD_EMULATED_NO_CAPTURE", call, 1);
	cr_assert_eq(cli("simulate %s/e.json --lanes 2 --steps 4 --set backend=cuda --out %s/with.h5 "
	                 "--overwrite",
	                 cli_folder, cli_folder),
	             0, "%s: %s", call, cli_err);
	unsetenv("SIGNSGD_EMULATED_NO_CAPTURE");
	const char *at = strstr(cli_err, said);
	cr_assert(at && strstr(at, why), "%s: \"%s\"", call, cli_err);
	cr_expect_not(strstr(at + 1, said), "%s: said twice: \"%s\"", call, cli_err);
	guarded_expect_same("without", "with");
}

Test(graphs, what_cannot_be_captured_is_said_and_done_without)
{
	expect_without(small_mlp, "cublasGemmEx", "cuBLAS cannot multiply two matrices");
	expect_without(small_mlp, "cudaStreamBeginCapture", "operation not supported");
	expect_without(small_mlp, "cudaGraphInstantiateWithFlags", "out of memory");
	expect_without(small_layers, "cudnnBatchNormalizationForwardTraining", "cuDNN cannot normalise");
}

/* The default is to have them, and the key changes no run's identity. */
Test(graphs, are_no_part_of_a_runs_identity)
{
	char id[2][64];
	for (int way = 0; way < 2; way++) {
		cli_write("e.json", small_mlp);
		cr_assert_eq(
		        cli("validate %s/e.json --set backend=%s --json", cli_folder, way ? WITH : WITHOUT),
		        0, "%s", cli_err);
		const char *at = strstr(cli_out, "\"id\"");
		cr_assert(at, "%s", cli_out);
		snprintf(id[way], sizeof id[way], "%.24s", at);
	}
	cr_expect_str_eq(id[0], id[1]);
}
