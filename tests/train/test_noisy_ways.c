/*
 * Compressors that draw their signs, in every way to run: same bits, whether a message can be made bucket by
 * bucket or must see the whole vector first, also where the run is continued in another way or repeated.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "tests/support/ways.h"

TestSuite(noisy_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { COORDINATES = 784 * 30 + 30 + 30 * 10 + 10, PUSH_BYTES = (COORDINATES + 63) / 64 * 8 };

static const char experiment[] =
        "{\"name\":\"e\",\"seed\":5,\"workers\":5,\"steps\":8,\"batch\":4,\"momentum\":0.5,\"model\":{"
        "\"kind\":"
        "\"mlp\",\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},\"lr\":0.01,"
        "\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"stale\",\"delay\":2}},\"eval\":{\"every\":0},"
        "\"checkpoint\":{\"keep\":true}}";

static const char *const methods[] = {
        "--set 'compressor={\"kind\":\"noisy-sign\",\"b\":0.01,\"noise\":\"laplace\"}'",
        "--set compressor=sto-sign --set aggregator=mean",
        "--set compressor=ssdm",
        "--set 'compressor={\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":0.5}'",
};

enum { STO_SIGN = 1, DP_SIGN = 3, METHODS = sizeof methods / sizeof *methods };

/* Write the experiment and simulate it: e.json and simulate.h5. */
static void prepare(const char *method)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json %s --out %s/simulate.h5 --overwrite --quiet --lanes 2",
	                 cli_folder, method, cli_folder),
	             0, "%s: %s", method, cli_err);
}

static void train_own(const char *method, const char *options)
{
	cr_expect_eq(cli("train %s/e.json %s --processes 2 %s --out %s/own.h5 --overwrite --quiet",
	                 cli_folder, method, options, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("own", "simulate", method);
}

static void train_mpi(const char *method, const char *topology)
{
	cr_expect_eq(mpirun(3,
	                    "train %s/e.json %s --set transport.kind=mpi --set transport.topology=%s --out "
	                    "%s/mpi.h5 --overwrite --quiet",
	                    cli_folder, method, topology, cli_folder),
	             0, "%s: %s", topology, cli_err);
	ways_expect_same("mpi", "simulate", method);
}

Test(noisy_ways, every_way_gives_the_same_bits)
{
	for (size_t k = 0; k < METHODS; k++) {
		prepare(methods[k]);
		cr_expect_eq(ways_last("simulate", "/steps/bytes_up"), 5.0 * PUSH_BYTES, "%s", methods[k]);
		train_own(methods[k], "--set transport.buckets=3");
		train_own(methods[k], "--set transport.shards=2");
		if (!mpirun_here()) {
			printf("skipped: no mpirun, or built without MPI\n");
			continue;
		}
		train_mpi(methods[k], "star");
		train_mpi(methods[k], "sharded");
	}
}

Test(noisy_ways, a_run_is_continued_in_another_way)
{
	for (size_t k = 0; k < METHODS; k++) {
		prepare(methods[k]);
		cr_assert_eq(cli("simulate %s/e.json %s --steps 3 --out %s/moved.h5 --overwrite --quiet",
		                 cli_folder, methods[k], cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(
		        cli("train --resume %s/moved.h5 --steps 6 --set transport=zmq --processes 2 --quiet",
		            cli_folder),
		        0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		ways_expect_same("moved", "simulate", methods[k]);
	}
}

/* With keys, and again without what made the rounds: the noise follows from the seed. */
Test(noisy_ways, a_server_s_run_is_repeated)
{
	prepare(methods[DP_SIGN]);
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	int port = served_free_port();
	pid_t server = served_start("serve.log",
	                            "serve %s/e.json %s --listen tcp://127.0.0.1:%d --keys %s/keys --out "
	                            "%s/served.h5 --quiet --set transport.deadline_s=60",
	                            cli_folder, methods[DP_SIGN], port, cli_folder, cli_folder);
	pid_t work = served_start("work.log",
	                          "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
	                          port, cli_folder);
	cr_expect_eq(process_wait(work), 0);
	cr_expect_eq(process_wait(server), 0);
	ways_expect_same("served", "simulate", "served");
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/replay.h5 --quiet", cli_folder, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("replay", "served", "replay");
	cr_expect_eq(ways_last("replay", "/steps/privacy_epsilon"), 4);
}

/* Spent in the steps so far, in a file that is continued too; foretold by validate, and said by show. */
Test(noisy_ways, privacy_is_recorded_and_said)
{
	prepare(methods[DP_SIGN]);
	cr_assert_eq(cli("simulate %s/e.json %s --steps 3 --out %s/moved.h5 --quiet", cli_folder,
	                 methods[DP_SIGN], cli_folder),
	             0, "%s", cli_err);
	cr_expect_eq(ways_last("moved", "/steps/privacy_epsilon"), 1.5);
	cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 8 --quiet", cli_folder), 0, "%s", cli_err);
	cr_expect_eq(ways_last("moved", "/steps/privacy_epsilon"), 4);
	cr_expect_float_eq(ways_last("moved", "/steps/privacy_delta"), 8e-5, 1e-18);
	cr_expect_float_eq(ways_last("moved", "/steps/privacy_renyi_epsilon"), 1.443308, 1e-5);
	cr_expect_eq(ways_last("moved", "/steps/privacy_renyi_delta"), 1e-5);
	static const char said[] = "epsilon 4, delta 8e-05 by adding up all steps; epsilon 1.44";
	cr_assert_eq(cli("validate %s/e.json %s", cli_folder, methods[DP_SIGN]), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, said), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "were its noise a secret"), "%s", cli_out);
	cr_assert_eq(cli("show %s/moved.h5 --json", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "\"privacy\":{\"epsilon\":4,\"delta\":8e-05,"), "%s", cli_out);
	cr_assert_eq(cli("show %s/moved.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "privacy  "), "%s", cli_out);
	cr_expect_null(strstr(cli_out, "no guarantee"), "%s", cli_out);
	cr_assert_eq(cli("validate %s/e.json %s --set compressor.epsilon=1", cli_folder, methods[DP_SIGN]), 0,
	             "%s", cli_err);
	cr_expect_not_null(strstr(cli_out,
	                          "all steps (no guarantee: sigma's formula is proven for an epsilon "
	                          "below 1)"),
	                   "%s", cli_out);
	prepare(methods[STO_SIGN]);
	cr_assert_eq(cli("show %s/simulate.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "privacy"), "%s", cli_out);
}

/* Who tries answers beforehand makes messages of the whole vector too, on any lanes. What is drawn decides no
 * vote as an attack on votes needs it. */
Test(noisy_ways, colluders)
{
	static const char crowd[] = "--set aggregator=mean --set adversaries.attack=opt-ipm";
	cli_write("e.json", experiment);
	for (size_t k = 1; k < METHODS; k++) {
		for (int lanes = 1; lanes <= 2; lanes++)
			cr_assert_eq(cli("simulate %s/e.json %s %s --lanes %d --out %s/lanes%d.h5 "
			                 "--overwrite --quiet",
			                 cli_folder, methods[k], crowd, lanes, cli_folder, lanes),
			             0, "%s", cli_err);
		ways_expect_same("lanes1", "lanes2", methods[k]);
	}
	cr_expect_eq(cli("validate %s/e.json %s --set adversaries.attack=min-margin", cli_folder, methods[0]),
	             2);
	cr_expect_not_null(strstr(cli_err, "messages of compressor \"noisy-sign\" are no plain signs"), "%s",
	                   cli_err);
}
