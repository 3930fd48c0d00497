/*
 * A compressor with a memory for each worker, in every way to run: same bits, also where the run is continued
 * in another way or repeated. One worker's attack has a memory too. There are more coordinates than a block
 * of a rule has.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "tests/support/ways.h"

TestSuite(ef_sign_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { STEPS = 12, PUSH_BYTES = 8 * 1094 + 4 /* 70,001 signs and a scale */ };

static const char experiment[] =
        "{\"name\":\"e\",\"seed\":5,\"workers\":5,\"steps\":12,\"batch\":1,\"momentum\":0.5,\"model\":{"
        "\"kind\":\"quadratic\",\"dimensions\":70001,\"noise\":1},\"lr\":0.01,\"weight_decay\":0.1,"
        "\"compressor\":\"ef-sign\",\"aggregator\":\"mean\",\"adversaries\":{\"count\":1,\"attack\":{"
        "\"kind\":\"stale\",\"delay\":2}},\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}}";

static const char *const rules[] = {"mean", "{\"kind\":\"trimmed-mean\",\"before\":[\"nnm\"]}"};

/* Write the experiment and simulate it: e.json and simulate.h5. */
static void prepare(const char *rule)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json --set 'aggregator=%s' --out %s/simulate.h5 --overwrite --quiet "
	                 "--lanes 2",
	                 cli_folder, rule, cli_folder),
	             0, "%s: %s", rule, cli_err);
}

static void expect_same(const char *name, const char *rule)
{
	ways_expect_same(name, "simulate", rule);
}

static double bytes_up(const char *name)
{
	return ways_last(name, "/steps/bytes_up");
}

static void train_mpi(const char *rule, const char *topology)
{
	cr_expect_eq(mpirun(3,
	                    "train %s/e.json --set 'aggregator=%s' --set transport.kind=mpi --set "
	                    "transport.topology=%s --set transport.buckets=2 --out %s/%s.h5 --overwrite "
	                    "--quiet",
	                    cli_folder, rule, topology, cli_folder, topology),
	             0, "%s: %s", topology, cli_err);
	expect_same(topology, rule);
}

Test(ef_sign_ways, every_way_gives_the_same_bits)
{
	bool mpi = mpirun_here();
	for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
		prepare(rules[k]);
		cr_expect_eq(bytes_up("simulate"), 5.0 * PUSH_BYTES);
		cr_expect_eq(cli("train %s/e.json --set 'aggregator=%s' --processes 2 --set "
		                 "transport.buckets=3 --out %s/own.h5 --overwrite --quiet",
		                 cli_folder, rules[k], cli_folder),
		             0, "%s", cli_err);
		expect_same("own", rules[k]);
		if (!mpi)
			continue;
		train_mpi(rules[k], "star");
		train_mpi(rules[k], "sharded");
	}
	if (!mpi)
		printf("skipped: no mpirun, or built without MPI\n");
}

/* Shares of a message that is one piece are the whole of it: it goes to each other rank that has a block. Of
 * two blocks the root of three has none. */
Test(ef_sign_ways, shares_of_one_piece_are_counted)
{
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		return;
	}
	prepare("mean");
	train_mpi("mean", "star");
	train_mpi("mean", "sharded");
	/* of five workers the root has one */
	cr_expect_eq(bytes_up("sharded") - bytes_up("star"), (1 * 2 + 4 * 1 - 4) * PUSH_BYTES);
}

/* What workers remember goes from one way to the next with their momenta. */
Test(ef_sign_ways, a_memory_is_continued_in_another_way)
{
	prepare("mean");
	cr_assert_eq(cli("simulate %s/e.json --steps 3 --out %s/moved.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	if (mpirun_here())
		cr_expect_eq(mpirun(3,
		                    "train --resume %s/moved.h5 --steps 6 --set "
		                    "'transport={\"kind\":\"mpi\",\"topology\":\"sharded\"}' --quiet",
		                    cli_folder),
		             0, "%s", cli_err);
	cr_expect_eq(cli("train --resume %s/moved.h5 --steps 9 --set transport=zmq --processes 2 --quiet",
	                 cli_folder),
	             0, "%s", cli_err);
	cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 12 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same("moved", "mean");
}

/* With keys. Workers that come anew to a server begin without a memory, and a replay begins there too. */
Test(ef_sign_ways, a_server_s_run_is_continued_and_repeated)
{
	prepare("mean");
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	for (int part = 0; part < 2; part++) {
		char what[160];
		int port = served_free_port();
		snprintf(what, sizeof what,
		         part ? "--resume %s/served.h5 --steps 12" : "%s/e.json --steps 6 --out %s/served.h5",
		         cli_folder, cli_folder);
		pid_t server = served_start("serve.log",
		                            "serve %s --listen tcp://127.0.0.1:%d --keys %s/keys --quiet "
		                            "--set transport.deadline_s=60",
		                            what, port, cli_folder);
		pid_t work = served_start(
		        "work.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
		        port, cli_folder);
		cr_expect_eq(process_wait(work), 0);
		cr_expect_eq(process_wait(server), 0);
	}
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/replay.h5 --quiet", cli_folder, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("replay", "served", "mean");
}

/* Files of a version that withheld no step of a mean have no column for it: its rows are zeros. */
Test(ef_sign_ways, a_file_without_the_column_is_continued)
{
	char path[128];
	double *values;
	size_t count;
	struct err e = {0};
	prepare("mean");
	cr_assert_eq(cli("simulate %s/e.json --steps 3 --out %s/moved.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	snprintf(path, sizeof path, "%s/moved.h5", cli_folder);
	struct h5 *file = h5_edit(path, &e);
	cr_assert_not_null(file, "%s", e.text);
	h5_remove(file, "/steps/withheld");
	cr_assert_eq(h5_flush(file, false, &e), 0, "%s", e.text);
	h5_close(file);
	cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 12 --quiet", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(record_column(path, "/steps/withheld", &values, &count, &e), 0, "%s", e.text);
	cr_expect_eq(count, STEPS);
	mem_free(values);
	expect_same("moved", "mean");
}

/* A scale that is no number takes its message out of a rule's hands, in this process and behind sockets; the
 * step has an answer all the same. */
Test(ef_sign_ways, a_rule_goes_on_without_a_nan)
{
	static const char set[] = "--set aggregator=median --set adversaries.attack=nan";
	char path[128];
	double *values;
	size_t count;
	struct err e = {0};
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json %s --out %s/simulate.h5 --quiet", cli_folder, set, cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(
	        cli("train %s/e.json %s --processes 2 --out %s/own.h5 --quiet", cli_folder, set, cli_folder),
	        0, "%s", cli_err);
	expect_same("own", "median");
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	cr_assert_eq(record_column(path, "/steps/withheld", &values, &count, &e), 0, "%s", e.text);
	for (size_t k = 0; k < count; k++)
		cr_expect_eq(values[k], 0, "step %zu is withheld", k + 1);
	mem_free(values);
	cr_assert_eq(record_column(path, "/steps/loss", &values, &count, &e), 0, "%s", e.text);
	cr_assert_eq(count, STEPS);
	cr_expect(isfinite(values[STEPS - 1]) && values[STEPS - 1] < values[0], "%g, %g", values[0],
	          values[STEPS - 1]);
	mem_free(values);
}

/* One piece cannot be shared out, nor added up by MPI; `combine` has neither a rate nor a memory. */
Test(ef_sign_ways, what_cannot_be_is_refused_by_name)
{
	cli_write("e.json", experiment);
	cr_expect_eq(cli("train %s/e.json --processes 2 --set transport.shards=2", cli_folder), 2);
	cr_expect_not_null(strstr(cli_err, "transport.shards: found 2, expected 1: a message of compressor "
	                                   "\"ef-sign\" is one piece"),
	                   "%s", cli_err);
	if (mpirun_here()) {
		cr_expect_eq(cli("validate %s/e.json --set "
		                 "'transport={\"kind\":\"mpi\",\"topology\":\"allreduce\"}'",
		                 cli_folder),
		             2);
		cr_expect_not_null(strstr(cli_err, "adds up floats, which are not what compressor "
		                                   "\"ef-sign\" sends"),
		                   "%s", cli_err);
	}
	cli_write("rule.json", "{\"aggregator\":\"mean\",\"compressor\":\"ef-sign\"}");
	cli_write("v.json", "[[1,2],[3,4]]");
	cr_expect_eq(cli("combine %s/rule.json %s/v.json", cli_folder, cli_folder), 2);
	cr_expect_not_null(strstr(cli_err, "compressor \"ef-sign\" says what it remembers"), "%s", cli_err);
}
