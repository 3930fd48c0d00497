/*
 * Weighted votes in every way to run: same parameters and weights, bit for bit, resumed, repeated, and with
 * their memory handed from one way to the next. There are more coordinates than a block has.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "record/record.h"
#include "tests/support/h5_door.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"

TestSuite(weighted_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { STEPS = 12, WORKERS = 7 };

static const char experiment[] =
        "{\"name\":\"w\",\"seed\":5,\"workers\":7,\"steps\":12,\"batch\":1,\"momentum\":0.25,\"model\":{"
        "\"kind\":\"quadratic\",\"dimensions\":70000,\"noise\":3},\"lr\":{\"kind\":\"constant\",\"rate\":"
        "1e-3},\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"},\"aggregator\":\"signsgd-fd\","
        "\"adversaries\":{\"count\":3,\"attack\":\"flip\"},\"record\":{\"weights\":1},\"eval\":{\"every\":0},"
        "\"checkpoint\":{\"keep\":true}}";

/* One of each kind of memory. */
static const char *const rows[] = {
        "{\"kind\":\"signsgd-fd\"}",
        "{\"kind\":\"signsgd-fv\",\"weights\":\"layer\",\"initial_rounds\":2,\"tie\":\"abstain\"}",
        "{\"kind\":\"signsgd-fd\",\"weights\":\"coordinate\",\"initial_rounds\":3,\"rho\":0.9}",
};

enum { ROWS = sizeof rows / sizeof *rows };

static void prepare(const char *row)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json --set 'aggregator=%s' --out %s/simulate.h5 --overwrite --quiet "
	                 "--lanes 2",
	                 cli_folder, row, cli_folder),
	             0, "%s: %s", row, cli_err);
}

static double *weights_of(const char *file)
{
	char path[128];
	size_t count;
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	double *w = h5_door_numbers(path, "/probes/weights/weight", &count);
	cr_assert_eq(count, STEPS * WORKERS, "%s: %zu", file, count);
	return w;
}

/* NAME.h5 ends like simulate.h5, by the same weights. */
static void expect_same(const char *name, const char *row)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	double *here = weights_of("simulate"), *there = weights_of(name);
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, name);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s, %s: %s%s", row, name, same < 0 ? e.text : "other bits: ", different);
	cr_expect_eq(memcmp(here, there, sizeof(double) * STEPS * WORKERS), 0, "%s, %s: weights", row, name);
	mem_free(here);
	mem_free(there);
}

static void train_mpi(const char *row, int processes, const char *topology, int buckets)
{
	cr_expect_eq(mpirun(processes,
	                    "train %s/e.json --set 'aggregator=%s' --set transport.kind=mpi --set "
	                    "transport.topology=%s --set transport.buckets=%d --out %s/mpi.h5 --overwrite "
	                    "--quiet",
	                    cli_folder, row, topology, buckets, cli_folder),
	             0, "%s: %s", topology, cli_err);
	expect_same("mpi", row);
}

Test(weighted_ways, every_way_has_the_same_bits)
{
	for (int k = 0; k < ROWS; k++) {
		prepare(rows[k]);
		cr_expect_eq(cli("train %s/e.json --set 'aggregator=%s' --processes 2 --set "
		                 "transport.buckets=3 --out %s/own.h5 --overwrite --quiet",
		                 cli_folder, rows[k], cli_folder),
		             0, "%s", cli_err);
		expect_same("own", rows[k]);
		if (!mpirun_here())
			continue;
		train_mpi(rows[k], 2, "star", 1);
		train_mpi(rows[k], 3, "sharded", 2);
	}
	if (!mpirun_here())
		printf("skipped: no mpirun, or built without MPI\n");
}

/* The memory goes from one way to the next: local, shares on three ranks, a server and its processes, local.
 */
Test(weighted_ways, a_memory_is_continued_in_another_way)
{
	for (int k = 0; k < ROWS; k++) {
		prepare(rows[k]);
		cr_assert_eq(cli("simulate %s/e.json --set 'aggregator=%s' --steps 3 --out %s/moved.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, rows[k], cli_folder),
		             0, "%s", cli_err);
		if (mpirun_here())
			cr_expect_eq(mpirun(3,
			                    "train --resume %s/moved.h5 --steps 6 --set "
			                    "'transport={\"kind\":\"mpi\",\"topology\":\"sharded\"}' --quiet",
			                    cli_folder),
			             0, "%s", cli_err);
		cr_expect_eq(cli("train --resume %s/moved.h5 --steps 9 --set transport=zmq --processes 2 "
		                 "--quiet",
		                 cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 12 --quiet", cli_folder), 0, "%s",
		             cli_err);
		expect_same("moved", rows[k]);
	}
}

/* With keys, stopped and resumed; then repeated. */
Test(weighted_ways, a_server_has_the_same_bits_and_so_has_a_replay)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 w5 w6 -o %s/keys", cli_folder), 0, "%s", cli_err);
	for (int part = 0; part < 2; part++) {
		int port = served_free_port();
		char what[400];
		if (part == 0)
			snprintf(what, sizeof what,
			         "%s/e.json --steps 5 --set 'aggregator=%s' --out %s/served.h5", cli_folder,
			         rows[1], cli_folder);
		else
			snprintf(what, sizeof what, "--resume %s/served.h5 --steps 12", cli_folder);
		pid_t server = served_start("serve.log",
		                            "serve %s --listen tcp://127.0.0.1:%d --keys %s/keys --set "
		                            "transport.deadline_s=60",
		                            what, port, cli_folder);
		pid_t work = served_start(
		        "work.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 7 --quiet",
		        port, cli_folder);
		cr_expect_eq(process_wait(work), 0);
		cr_expect_eq(process_wait(server), 0);
	}
	cr_assert_eq(
	        cli("simulate --replay %s/served.h5 --out %s/simulate.h5 --quiet", cli_folder, cli_folder), 0,
	        "%s", cli_err);
	expect_same("served", rows[1]);
}

/* What the server remembers is in the plan. */
Test(weighted_ways, memory_is_planned)
{
	static const char *const all[] = {"{\"kind\":\"signsgd-fd\"}",
	                                  "{\"kind\":\"signsgd-fd\",\"weights\":\"layer\"}",
	                                  "{\"kind\":\"signsgd-fd\",\"weights\":\"coordinate\"}",
	                                  "{\"kind\":\"signsgd-fv\",\"weights\":\"coordinate\",\"rho\":0.9}"};
	static const double bytes[] = {7 * 2 * 8, 7 * 3 * 8, 7 * (4 * 70000.0 + 2 * 8),
	                               7 * (8 * 70000.0 + 2 * 8)};
	for (int k = 0; k < 4; k++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cli_write("e.json", experiment);
		cr_assert_eq(cli("validate %s/e.json --json --set 'aggregator=%s'", cli_folder, all[k]), 0,
		             "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 1);
		cr_expect_eq(cli_number(json_member(lines[0], "memory"), "optimiser"), bytes[k], "%s",
		             all[k]);
		arena_clear(&a);
	}
}

Test(weighted_ways, what_cannot_hold_it_is_refused_before_anything_runs)
{
	static const char shards[] = "aggregator \"signsgd-fd\" does not treat every coordinate by itself";
	cli_write("e.json", experiment);
	cli_expect(2, shards, "validate %s/e.json --set transport.kind=zmq --set transport.shards=2",
	           cli_folder);
	cli_expect(2, shards, "train %s/e.json --processes 2 --set transport.shards=2", cli_folder);
	cli_expect(2, "\"signsgd-fd\" needs 'sharded' or 'star'",
	           "validate %s/e.json --set transport.kind=mpi --set transport.topology=allreduce",
	           cli_folder);
	cli_expect(2, "aggregator \"signsgd-fd\" counts signs", "validate %s/e.json --set compressor=none",
	           cli_folder);
	cli_expect(2, "certificate: it says how many voters could turn a majority",
	           "validate %s/e.json --set record.certificate=1", cli_folder);
}

/* Colluders who try the server's answer ask the vote that the run has, with a copy of its memory. */
Test(weighted_ways, colluders_try_it_and_change_nothing)
{
	double *w;
	cli_write("e.json", experiment);
	for (int k = 0; k < ROWS; k++) {
		cr_assert_eq(cli("simulate %s/e.json --set 'aggregator=%s' --set adversaries.attack=opt-ipm "
		                 "--set model.dimensions=3000 --out %s/asked.h5 --overwrite --quiet",
		                 cli_folder, rows[k], cli_folder),
		             0, "%s", cli_err);
		w = weights_of("asked");
		/* a memory that their questions had changed would weigh in the first round */
		for (int m = 0; m < WORKERS; m++)
			cr_expect_eq(w[m], 1, "%s", rows[k]);
		cr_expect_neq(w[2 * WORKERS], 1, "%s", rows[k]);
		mem_free(w);
	}
}

/* Those who vote against all others soon count as if they voted with them. */
Test(weighted_ways, inverters_are_turned_round)
{
	prepare("{\"kind\":\"signsgd-fd\"}");
	cr_assert_eq(cli("simulate %s/e.json --set adversaries.attack=invert --set model.noise=0.01 --out "
	                 "%s/inverted.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	double *w = weights_of("inverted");
	for (int m = 0; m < WORKERS; m++)
		cr_expect(m < 3 ? w[(STEPS - 1) * WORKERS + m] < -3 : w[(STEPS - 1) * WORKERS + m] > 3,
		          "worker %d: %g", m, w[(STEPS - 1) * WORKERS + m]);
	mem_free(w);
}
