/*
 * The transport `nccl` between four processes, each with a GPU of its own, on the stand-ins for both: the
 * bits of `simulate` in every topology that has the law, whatever order work is done in; what ends when a
 * process is killed or NCCL fails; what is said where something is missing.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record/record.h"
#include "tests/support/mpirun.h"
#include "tests/support/process.h"
#include "tests/support/small_experiments.h"
#include "tests/support/ways.h"

static void open_devices(void)
{
	mpirun_open();
	setenv("SIGNSGD_EMULATED_DEVICES", "4", 1);
}

TestSuite(nccl, .init = open_devices, .fini = cli_close, .timeout = 600);

static void simulate(const char *options)
{
	cr_assert_eq(cli("simulate %s/e.json --out %s/s.h5 --overwrite --quiet --set backend=cuda %s",
	                 cli_folder, cli_folder, options),
	             0, "%s: %s", options, cli_err);
}

static int train(int processes, const char *options)
{
	return mpirun(processes,
	              "train %s/e.json --out %s/n.h5 --overwrite --quiet --lanes 2 --set backend=cuda "
	              "--transport nccl %s",
	              cli_folder, cli_folder, options);
}

static void expect_same(int processes, const char *options)
{
	cr_assert_eq(train(processes, options), 0, "%d processes, %s: %s", processes, options, cli_err);
	ways_expect_same("n", "s", options);
}

static const char *const topologies[] = {"star", "sharded"};

/* Of each topology, with several orders of work; `options` of the experiment. */
static void expect_law(const char *options)
{
	char line[512];
	simulate(options);
	for (int t = 0; t < 2; t++) {
		setenv("SIGNSGD_EMULATED_SEED", t ? "7" : "3", 1);
		snprintf(line, sizeof line, "%s --set transport.topology=%s", options, topologies[t]);
		expect_same(4, line);
	}
}

/* Seven workers on four processes, one or two planes. */
Test(nccl, votes)
{
	cli_write("e.json", small_mlp);
	expect_law("--workers 7 --adversaries 2 --attack random-sign");
	expect_law("--workers 7 --adversaries 0 --set 'aggregator={\"kind\":\"vote\",\"zero\":\"abstain\","
	           "\"tie\":\"abstain\"}'");
}

Test(nccl, means)
{
	cli_write("e.json", small_mlp);
	expect_law("--workers 5 --adversaries 0 --set aggregator=mean");
	expect_law("--workers 3 --adversaries 0 --set aggregator=mean --set compressor=ef-sign --set "
	           "momentum=0");
	expect_law("--workers 3 --adversaries 0 --set aggregator=mean --set compressor=one-bit");
	expect_law("--workers 5 --adversaries 1 --attack gaussian --set aggregator=median --set "
	           "'compressor={\"kind\":\"scaled-sign\",\"scope\":\"layer\"}'");
}

/* Normalisation: running statistics of a worker of another process than the root's. */
Test(nccl, layers_on_images)
{
	cli_write("e.json", small_layers);
	simulate("--workers 2 --adversaries 0");
	expect_same(3, "--workers 2 --adversaries 0");
}

Test(nccl, rules_that_see_all_messages)
{
	cli_write("e.json", small_mlp);
	expect_law("--workers 7 --adversaries 2 --attack invert --set aggregator=multi-krum");
	expect_law(
	        "--workers 5 --adversaries 1 --attack nan --set 'aggregator={\"kind\":\"multi-krum\",\"f\":1,"
	        "\"before\":[\"nnm\"]}'");
	expect_law(
	        "--workers 5 --adversaries 0 --set 'aggregator={\"kind\":\"centered-clipping\",\"tau\":1}'");
}

/* Several blocks of coordinates: each process has some of them. */
Test(nccl, rules_over_several_blocks)
{
	for (int t = 0; t < 2; t++) {
		cr_expect_eq(mpirun(4,
		                    "bench round --transport nccl --topology %s --aggregator multi-krum "
		                    "--workers 6 -n 150000 --rounds 2 --lanes 2 --check",
		                    topologies[t]),
		             0, "%s: %s", topologies[t], cli_err);
		cr_expect_not_null(strstr(cli_out, "every answer is that of a plain combine"), "%s", cli_out);
	}
}

/* As if it had not been interrupted, with another number of processes. */
Test(nccl, continues_from_a_checkpoint)
{
	cli_write("e.json", small_mlp);
	static const char options[] = "--workers 5 --adversaries 1 --attack stale --set "
	                              "'aggregator={\"kind\":\"centered-clipping\",\"tau\":1}'";
	char line[512];
	snprintf(line, sizeof line, "%s --steps 5", options);
	simulate(line);
	snprintf(line, sizeof line, "%s --steps 3 --set checkpoint.keep=true", options);
	cr_assert_eq(train(4, line), 0, "%s", cli_err);
	cr_assert_eq(mpirun(3, "train --resume %s/n.h5 --steps 5 --quiet", cli_folder), 0, "%s", cli_err);
	ways_expect_same("n", "s", "resumed");
}

/* One, two and no share; one coordinate; a process without a worker. */
Test(nccl, shares_that_are_short_or_empty)
{
	static const int sizes[] = {1, 64, 130, 192, 100003};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		cr_expect_eq(mpirun(3,
		                    "bench round --transport nccl --aggregator '{\"kind\":\"vote\",\"tie\":"
		                    "\"abstain\"}' --workers %d -n %d --rounds 2 --lanes 2 --check",
		                    i == 0 ? 2 : 5, sizes[i]),
		             0, "n = %d: %s", sizes[i], cli_err);
}

Test(nccl, all_reduce_gives_the_mean_up_to_rounding)
{
	cr_expect_eq(mpirun(4,
	                    "bench round --transport nccl --topology allreduce --aggregator mean --workers 6 "
	                    "-n 40001 --rounds 3 --check"),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "nccl allreduce, mean, 6 workers"), "%s", cli_out);
	cr_expect_eq(mpirun(2, "bench round --transport nccl --topology allreduce -n 100 --rounds 2"), 2);
	cr_expect_not_null(strstr(cli_err, "nccl: topology 'allreduce' needs an aggregator whose answer is"),
	                   "%s", cli_err);
	cli_write("e.json", small_mlp);
	cr_assert_eq(cli("validate %s/e.json --set aggregator=mean --set backend=cuda --set "
	                 "'transport={\"kind\":\"nccl\",\"topology\":\"allreduce\"}'",
	                 cli_folder),
	             0, "%s", cli_err);
	cr_expect(strstr(cli_out, "its bits are not those of `simulate`") ||
	                  strstr(cli_err, "its bits are not those of `simulate`"),
	          "%s%s", cli_out, cli_err);
}

/* --- what goes wrong ---------------------------------------------------------------------------------- */

/* A job in which something happens to a process in the middle of a round ("2:5": to process 2, in its fifth
 * group of calls). Its exit code. */
static int train_with(const char *variable, const char *whom, const char *topology, const char *words)
{
	char line[512];
	cli_write("e.json", small_mlp);
	setenv(variable, whom, 1);
	snprintf(line, sizeof line, "--workers 7 --steps 50 --set transport.topology=%s", topology);
	int code = train(4, line);
	unsetenv(variable);
	cr_expect_neq(code, 124, "%s: it hangs: %s", topology, cli_err);
	if (words)
		cr_expect_not_null(strstr(cli_err, words), "%s: \"%s\", not \"%s\"", topology, words,
		                   cli_err);
	return code;
}

/* A launcher that leaves the others alone, so that they have to notice by themselves; and one that does not.
 */
Test(nccl, a_process_that_is_killed_in_a_round_ends_all)
{
	for (int t = 0; t < 2; t++) {
		setenv("OMPI_MCA_orte_enable_recovery", "1", 1);
		train_with("SIGNSGD_EMULATED_NCCL_DIE", "2:5", topologies[t],
		           "process 2 is gone: it died, or its machine cannot be reached any more");
		train_with("SIGNSGD_EMULATED_NCCL_DIE", "0:9", topologies[t],
		           "process 0 is gone: it died, or its machine cannot be reached any more");
		unsetenv("OMPI_MCA_orte_enable_recovery");
		cr_expect_neq(train_with("SIGNSGD_EMULATED_NCCL_DIE", "2:5", topologies[t], NULL), 0);
	}
}

Test(nccl, an_asynchronous_error_ends_all)
{
	for (int t = 0; t < 2; t++)
		cr_expect_eq(
		        train_with("SIGNSGD_EMULATED_NCCL_FAIL", "2:5", topologies[t],
		                   "remote process exited or there was a network error: the stand-in was "
		                   "told to fail"),
		        1, "%s", cli_err);
}

Test(nccl, two_processes_on_one_device_are_refused)
{
	setenv("SIGNSGD_EMULATED_DEVICES", "1", 1);
	cr_expect_eq(mpirun(2, "bench round --transport nccl -n 100 --rounds 1"), 2);
	cr_expect_not_null(strstr(cli_err,
	                          "nccl: processes 0 and 1 are on the same GPU; expected one process a "
	                          "GPU"),
	                   "%s", cli_err);
}

/* --- what is missing ---------------------------------------------------------------------------------- */

TestSuite(nccl_alone, .init = cli_open, .fini = cli_close, .timeout = 120);

Test(nccl_alone, is_refused_where_something_is_missing)
{
	static const char round[] = "bench round --transport nccl -n 1000 --rounds 2 --check";
	cli_write("e.json", small_mlp);
	cr_expect_eq(cli("%s", round), 0, "one process needs no launcher: %s", cli_err);
	cli_expect(2, "transport \"nccl\" needs MPI's launcher, as in 'mpirun -n 4 signsgd train FILE.json'",
	           "train %s/e.json --set backend=cuda --transport nccl --out %s/o.h5", cli_folder,
	           cli_folder);
	cli_expect(2, "transport \"nccl\" moves the memory of backend \"cuda\"; found backend \"ref\"",
	           "validate %s/e.json --set transport=nccl --set backend=ref", cli_folder);
	static const char *const on_host[] = {
	        "qsgd", "'{\"kind\":\"ef-sign\",\"two_way\":true}' --set transport.topology=star"};
	for (int i = 0; i < 2; i++)
		cli_expect(2, "says is made on the host; expected transport \"mpi\"",
		           "validate %s/e.json --set transport=nccl --set backend=cuda --set aggregator=mean "
		           "--set compressor=%s",
		           cli_folder, on_host[i]);
	cr_assert(process_shell("ln -s ${SIGNSGD_CUDA_PATH%%%%:*}/libcu* %s/", cli_folder));
	setenv("SIGNSGD_CUDA_PATH", cli_folder, 1);
	if (!dlopen("libnccl.so.2", RTLD_LAZY)) /* else the loader finds one */
		cli_expect(1,
		           "nccl: NCCL was not found: libnccl.so.2 is neither where the loader looks nor in "
		           "a folder "
		           "that SIGNSGD_CUDA_PATH names",
		           "%s", round);
	cli_write("old.c", "int ncclGetVersion(int *v) { *v = 2708; return 0; }\n");
	cr_assert(process_shell("cd %s && cc -shared -fPIC -o libnccl.so.2 old.c", cli_folder));
	cli_expect(1, "has no function ncclGetUniqueId", "%s", round);
	setenv("SIGNSGD_MODULES", cli_folder, 1);
	cli_expect(1, "the module signsgd-cuda.so is not in ", "%s", round);
}
