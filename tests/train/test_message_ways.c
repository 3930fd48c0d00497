/*
 * Messages with scales and codes in every way to run: same bits, whether the answer is compressed too or not,
 * also where the run is continued in another way or repeated; bytes on the wire by arithmetic.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "tests/support/ways.h"

TestSuite(message_ways, .init = cli_open, .fini = cli_close, .timeout = 900);

/* Four layers: weights and biases. */
enum { N = 784 * 30 + 30 + 30 * 10 + 10, PLANE = (N + 63) / 64 * 8, LAYERS = 4, WORKERS = 5 };

static const char experiment[] =
        "{\"name\":\"e\",\"seed\":5,\"workers\":5,\"steps\":8,\"batch\":4,\"momentum\":0.5,\"model\":{"
        "\"kind\":\"mlp\",\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},"
        "\"lr\":0.1,\"weight_decay\":0.01,\"aggregator\":\"mean\",\"adversaries\":{\"count\":1,\"attack\":{"
        "\"kind\":\"stale\",\"delay\":2}},\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}}";

static const struct way {
	const char *compressor;
	int push, pull; /* bytes of a message, and of the answer */
	bool two_way;
} ways[] = {
        {"{\"kind\":\"ef-sign\",\"scope\":\"layer\"}", PLANE + 4 * LAYERS, 4 * N, false},
        {"\"scaled-sign\"", PLANE + 4 * LAYERS, 4 * N, false},
        {"\"one-bit\"", PLANE + 8 * LAYERS, 4 * N, false},
        {"{\"kind\":\"terngrad\",\"packing\":\"trits\"}", 4 + 4 * LAYERS + (N + 4) / 5, 4 * N, false},
        {"{\"kind\":\"ef-sign\",\"two_way\":true}", PLANE + 4, PLANE + 4, true},
        {"{\"kind\":\"scaled-sign\",\"two_way\":true}", PLANE + 4 * LAYERS, PLANE + 4 * LAYERS, true},
        {"{\"kind\":\"one-bit\",\"two_way\":true}", PLANE + 8 * LAYERS, PLANE + 8 * LAYERS, true},
        {"{\"kind\":\"terngrad\",\"two_way\":true}", 4 + 4 * LAYERS + (N + 3) / 4,
         4 + 4 * LAYERS + (N + 3) / 4, true},
};

enum { WAYS = sizeof ways / sizeof *ways };

/* Write the experiment and simulate it: e.json and simulate.h5. */
static void prepare(const struct way *w)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json --set 'compressor=%s' --out %s/simulate.h5 --overwrite --quiet "
	                 "--lanes 2",
	                 cli_folder, w->compressor, cli_folder),
	             0, "%s: %s", w->compressor, cli_err);
	cr_expect_eq(ways_last("simulate", "/steps/bytes_up"), (double)WORKERS * w->push, "%s",
	             w->compressor);
	cr_expect_eq(ways_last("simulate", "/steps/bytes_down"), (double)WORKERS * w->pull, "%s",
	             w->compressor);
}

static void train_mpi(const struct way *w, const char *topology)
{
	cr_expect_eq(mpirun(3,
	                    "train %s/e.json --set 'compressor=%s' --set transport.kind=mpi --set "
	                    "transport.topology=%s --out %s/%s.h5 --overwrite --quiet",
	                    cli_folder, w->compressor, topology, cli_folder, topology),
	             0, "%s: %s", topology, cli_err);
	ways_expect_same(topology, "simulate", w->compressor);
}

/* Of five workers the root has one, and two other processes get the answer, or have a share. */
static void check_mpi(const struct way *w)
{
	train_mpi(w, "star");
	cr_expect_eq(ways_last("star", "/steps/bytes_down"), 2.0 * w->pull, "%s", w->compressor);
	if (w->two_way) {
		cr_expect_eq(cli("validate %s/e.json --set 'compressor=%s' --set transport.kind=mpi",
		                 cli_folder, w->compressor),
		             2);
		cr_expect_not_null(strstr(cli_err, "with two_way makes the answer too"), "%s", cli_err);
		return;
	}
	train_mpi(w, "sharded");
}

Test(message_ways, every_way_gives_the_same_bits)
{
	bool mpi = mpirun_here();
	for (int k = 0; k < WAYS; k++) {
		prepare(&ways[k]);
		cr_expect_eq(cli("train %s/e.json --set 'compressor=%s' --processes 2 --out %s/own.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, ways[k].compressor, cli_folder),
		             0, "%s", cli_err);
		ways_expect_same("own", "simulate", ways[k].compressor);
		if (mpi)
			check_mpi(&ways[k]);
	}
	if (!mpi)
		printf("skipped: no mpirun, or built without MPI\n");
}

/* N are one share, of one process; of six, the first has neither that nor a worker, and is sent no message.
 * Nor does one that has a worker decide by that worker's message, which may be refused. */
Test(message_ways, processes_without_a_share_decide_nothing)
{
	static const char *const of[] = {
	        "--set compressor=qsgd", "--set 'compressor={\"kind\":\"top-k\",\"share\":0.1}'",
	        "--set compressor=one-bit --set adversaries.count=2 --set adversaries.attack=nan",
	        "--set compressor=qsgd --set adversaries.count=2 --set adversaries.attack=nan"};
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		return;
	}
	cli_write("e.json", experiment);
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		cr_assert_eq(cli("simulate %s/e.json %s --out %s/simulate.h5 --overwrite --quiet", cli_folder,
		                 of[i], cli_folder),
		             0, "%s: %s", of[i], cli_err);
		cr_expect_eq(mpirun(6,
		                    "train %s/e.json %s --set transport=mpi --out %s/sharded.h5 --overwrite "
		                    "--quiet",
		                    cli_folder, of[i], cli_folder),
		             0, "%s: %s", of[i], cli_err);
		ways_expect_same("sharded", "simulate", of[i]);
	}
}

/* What workers and the server remember goes from one way to the next. */
Test(message_ways, a_run_is_continued_in_another_way)
{
	for (int k = 2; k < WAYS; k++) {
		const char *compressor = ways[k].compressor;
		prepare(&ways[k]);
		cr_assert_eq(cli("simulate %s/e.json --set 'compressor=%s' --steps 3 --out %s/moved.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, compressor, cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(
		        cli("train --resume %s/moved.h5 --steps 6 --set transport=zmq --processes 2 --quiet",
		            cli_folder),
		        0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		ways_expect_same("moved", "simulate", compressor);
	}
}

/* With keys, and again without what made the rounds. */
Test(message_ways, a_server_s_run_is_repeated)
{
	prepare(&ways[7]);
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	int port = served_free_port();
	pid_t server = served_start("serve.log",
	                            "serve %s/e.json --set 'compressor=%s' --listen tcp://127.0.0.1:%d "
	                            "--keys %s/keys --out %s/served.h5 --quiet --set transport.deadline_s=60",
	                            cli_folder, ways[7].compressor, port, cli_folder, cli_folder);
	pid_t work = served_start("work.log",
	                          "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
	                          port, cli_folder);
	cr_expect_eq(process_wait(work), 0);
	cr_expect_eq(process_wait(server), 0);
	ways_expect_same("served", "simulate", "served");
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/replay.h5 --quiet", cli_folder, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("replay", "served", "replay");
}

/* A rule reads codes as floats; in each way the same. */
Test(message_ways, a_rule_on_codes)
{
	static const char set[] = "--set compressor=terngrad --set aggregator=krum";
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json %s --out %s/simulate.h5 --quiet", cli_folder, set, cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(
	        cli("train %s/e.json %s --processes 2 --out %s/own.h5 --quiet", cli_folder, set, cli_folder),
	        0, "%s", cli_err);
	ways_expect_same("own", "simulate", "krum");
	if (!mpirun_here())
		return;
	cr_assert_eq(mpirun(3, "train %s/e.json %s --set transport.kind=mpi --out %s/mpi.h5 --quiet",
	                    cli_folder, set, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("mpi", "simulate", "krum");
}

/* Scales are clipped where messages meet. */
Test(message_ways, clipped_scales)
{
	static const char set[] = "--set compressor=scaled-sign --set "
	                          "'aggregator={\"kind\":\"mean\",\"clip_scale\":1}' --set "
	                          "'adversaries.attack={\"kind\":\"scale\",\"factor\":-1e6}'";
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json %s --out %s/simulate.h5 --quiet", cli_folder, set, cli_folder),
	             0, "%s", cli_err);
	cr_expect_lt(ways_last("simulate", "/steps/loss"), 4);
	cr_assert_eq(
	        cli("train %s/e.json %s --processes 2 --out %s/own.h5 --quiet", cli_folder, set, cli_folder),
	        0, "%s", cli_err);
	ways_expect_same("own", "simulate", "clip_scale");
	if (!mpirun_here())
		return;
	cr_assert_eq(mpirun(3, "train %s/e.json %s --set transport.kind=mpi --out %s/mpi.h5 --quiet",
	                    cli_folder, set, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("mpi", "simulate", "clip_scale");
}

/* Beside messages and answer: the floats of all messages, and for each its place among those that count, its
 * row, scratch and a verdict. */
Test(message_ways, what_codes_say_is_announced)
{
	char says[64];
	int judged = 4 * N + 2 * (int)sizeof(void *) + (int)sizeof(double) + 1;
	snprintf(says, sizeof says, "\"messages\":%d,", WORKERS * ways[3].push + 4 * N + WORKERS * judged);
	cli_write("e.json", experiment);
	cr_assert_eq(cli("validate %s/e.json --set 'compressor=%s' --json", cli_folder, ways[3].compressor),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, says), "no %s in %s", says, cli_out);
}

Test(message_ways, of_no_fixed_length_say_so)
{
	cli_write("e.json", experiment);
	cr_assert_eq(
	        cli("validate %s/e.json --set 'compressor={\"kind\":\"qsgd\",\"coding\":\"elias\"}' --json",
	            cli_folder),
	        0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, ",\"varies\":true,"), "%s", cli_out);
	cr_assert_eq(
	        cli("simulate %s/e.json --set 'compressor={\"kind\":\"qsgd\",\"coding\":\"elias\"}' --json "
	            "--out %s/varies.h5",
	            cli_folder, cli_folder),
	        0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, ",\"varies\":true,"), "%s", cli_out);
	cr_assert_eq(cli("validate %s/e.json --set compressor=qsgd --json", cli_folder), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "\"varies\""), "%s", cli_out);
}

Test(message_ways, what_cannot_be_is_refused_by_name)
{
	static const struct {
		const char *set, *says;
	} cases[] = {
	        {"--set compressor=none --set 'aggregator={\"kind\":\"mean\",\"clip_scale\":1}'",
	         "found clip_scale, which clips the scales of messages, and compressor \"none\" sends "
	         "floats"},
	        {"--set compressor=terngrad --set adversaries.attack=bit-flip",
	         "attack \"bit-flip\" flips bits of messages, and those of compressor \"terngrad\" are a "
	         "code"},
	        {"--set compressor=terngrad --set aggregator=vote",
	         "aggregator \"vote\" counts signs, and compressor \"terngrad\" sends a code of floats"},
	        {"--set data=none --set 'model={\"kind\":\"quadratic\",\"dimensions\":600000000}' --set "
	         "'compressor={\"kind\":\"top-k\",\"share\":1}'",
	         "compressor \"top-k\": a message of 600000000 coordinates has 4800000004 bytes, and a code "
	         "says its length and coordinates in 32 bits; expected at most 4294967295 of both"},
	};
	cli_write("e.json", experiment);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		cr_expect_eq(cli("validate %s/e.json %s", cli_folder, cases[k].set), 2, "%s", cases[k].set);
		cr_expect_not_null(strstr(cli_err, cases[k].says), "%s", cli_err);
	}
	cr_expect_eq(cli("train %s/e.json --set compressor=terngrad --processes 2 --set transport.shards=2",
	                 cli_folder),
	             2);
	cr_expect_not_null(strstr(cli_err, "a message of compressor \"terngrad\" is one piece"), "%s",
	                   cli_err);
}
