/*
 * The ways to run one experiment (law 1): in one process on any number of lanes, in worker processes of our
 * own, as a server and workers with keys, under MPI's launcher with each topology. All end with the same
 * bits; and a run that was interrupted in one of them and continued in another ends with them too.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record/record.h"
#include "registry.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"

TestSuite(ways, .init = cli_open, .fini = cli_close, .timeout = 240);

static const char *const experiments[] = {
        "{\"name\":\"plain\",\"seed\":5,\"workers\":7,\"steps\":30,\"batch\":16,\"model\":{\"kind\":\"mlp\","
        "\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":700,\"test\":50},\"lr\":0.001,"
        "\"adversaries\":{"
        "\"count\":2},\"eval\":{\"every\":10,\"train\":50}}",
        /* running statistics, an attack with a memory, two planes, messages in buckets */
        "{\"name\":\"norms\",\"seed\":6,\"workers\":5,\"steps\":8,\"batch\":4,\"model\":{\"kind\":"
        "\"sequential\","
        "\"layers\":[{\"kind\":\"conv\",\"channels\":6,\"kernel\":5,\"stride\":2},\"norm\",\"relu\",{"
        "\"kind\":"
        "\"linear\",\"width\":20},\"relu\"]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},\"lr\":"
        "0.01,"
        "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"},\"adversaries\":{"
        "\"count\":1,"
        "\"attack\":\"stale\"},\"eval\":{\"train\":50}}",
        /* shards and batches that differ, and a worker without data */
        "{\"name\":\"unequal\",\"seed\":7,\"data_seed\":3,\"workers\":5,\"steps\":8,\"batch\":[4,9,6,4,2],"
        "\"model\":{"
        "\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,\"kernel\":5,\"stride\":2},"
        "\"norm\","
        "\"relu\"]},\"data\":{\"kind\":\"glyphs\",\"train\":300,\"test\":50},\"lr\":0.01,\"partition\":{"
        "\"kind\":"
        "\"dirichlet\",\"alpha\":0.5},\"eval\":{\"train\":50},\"adversaries\":{\"ids\":[1],\"data\":\"none\","
        "\"attack\":\"ones\"}}",
};

enum { EXPERIMENTS = sizeof experiments / sizeof *experiments };

/* Write experiment i to the folder and simulate it; returns nothing, the files are e.json and simulate.h5. */
static void prepare(int i)
{
	cli_write("e.json", experiments[i]);
	cr_assert_eq(cli("simulate %s/e.json --out %s/simulate.h5 --overwrite --quiet --lanes 2", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
}

/* NAME.h5 ends like simulate.h5. */
static void expect_same(const char *name)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, name);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s: %s%s", name, same < 0 ? e.text : "other bits: ", different);
}

Test(ways, own_processes_give_the_same_bits)
{
	for (int i = 0; i < EXPERIMENTS; i++) {
		prepare(i);
		for (int processes = 1; processes <= 3; processes++) {
			cr_expect_eq(cli("train %s/e.json --processes %d --out %s/own.h5 --overwrite --quiet",
			                 cli_folder, processes, cli_folder),
			             0, "%s", cli_err);
			expect_same("own");
		}
		for (int shards = 2; shards <= 3; shards++) {
			cr_expect_eq(cli("train %s/e.json --processes 2 --set transport.shards=%d --out "
			                 "%s/own.h5 --overwrite --quiet",
			                 cli_folder, shards, cli_folder),
			             0, "%s", cli_err);
			expect_same("own");
		}
		cr_expect_eq(cli("train %s/e.json --processes 2 --set transport.buckets=5 --out %s/own.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, cli_folder),
		             0, "%s", cli_err);
		expect_same("own");
	}
}

static bool mpi_here(void)
{
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		return false;
	}
	return true;
}

Test(ways, mpi_gives_the_same_bits_with_each_topology)
{
	static const char *const topologies[] = {"star", "sharded"};
	for (int i = 0; i < EXPERIMENTS && mpi_here(); i++) {
		prepare(i);
		for (int t = 0; t < 2; t++) {
			cr_expect_eq(
			        mpirun(3,
			               "train %s/e.json --set transport.kind=mpi --set transport.topology=%s "
			               "--out %s/mpi.h5 --overwrite --quiet",
			               cli_folder, topologies[t], cli_folder),
			        0, "%s: %s", topologies[t], cli_err);
			expect_same("mpi");
		}
	}
}

Test(ways, a_server_and_workers_with_keys_give_the_same_bits)
{
	for (int i = 0; i < EXPERIMENTS; i++) {
		int port = served_free_port(), workers = i == 0 ? 7 : 5;
		prepare(i);
		cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 %s -o %s/keys%d", i == 0 ? "w5 w6" : "",
		                 cli_folder, i),
		             0, "%s", cli_err);
		/* The second one with a server for a half of the coordinates. */
		char shards[64] = "";
		pid_t shard = -1;
		if (i == 1) {
			int other = served_free_port();
			snprintf(shards, sizeof shards, "--shards tcp://127.0.0.1:%d", other);
			shard = served_start("shard.log",
			                     "shard --listen tcp://127.0.0.1:%d --keys %s/keys%d", other,
			                     cli_folder, i);
		}
		pid_t server =
		        served_start("serve.log",
		                     "serve %s/e.json --listen tcp://127.0.0.1:%d --keys %s/keys%d --out "
		                     "%s/served.h5 --overwrite --set transport.deadline_s=60 %s",
		                     cli_folder, port, cli_folder, i, cli_folder, shards);
		pid_t some = served_start(
		        "some.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys%d --workers 2 --quiet",
		        port, cli_folder, i);
		pid_t others = served_start(
		        "others.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys%d --name w2,w3,w4%s",
		        port, cli_folder, i, workers == 7 ? ",w5,w6" : "");
		cr_expect_eq(process_wait(some), 0);
		cr_expect_eq(process_wait(others), 0);
		cr_expect_eq(process_wait(server), 0);
		cr_expect(shard < 0 || process_wait(shard) == 0);
		expect_same("served");
	}
}

static void write_long(void)
{
	cli_write(
	        "e.json",
	        "{\"name\":\"long\",\"workers\":3,\"steps\":4000,\"batch\":8,\"model\":\"softmax\",\"data\":{"
	        "\"kind\":"
	        "\"glyphs\",\"train\":300,\"test\":30},\"lr\":0.001,\"momentum\":0.9,\"checkpoint\":{"
	        "\"every\":"
	        "50},\"eval\":{"
	        "\"every\":50,"
	        "\"train\":30}}");
}

/* A signal to the process alone, or to its workers too, as from a terminal: their states come along. */
Test(ways, an_interrupted_run_is_continued_in_another_way)
{
	static const int signals[] = {SIGINT, SIGHUP};
	process_adopt_orphans();
	write_long();
	cr_assert_eq(cli("simulate %s/e.json --out %s/simulate.h5 --quiet", cli_folder, cli_folder), 0);
	for (int group = 0; group < 2; group++) {
		pid_t pid = served_start(
		        "log", "train %s/e.json --processes 2 --set transport.shards=%d --out %s/own%d.h5",
		        cli_folder, 1 + group, cli_folder, group);
		char name[8], line[64];
		snprintf(name, sizeof name, "own%d", group);
		served_wait_for_steps(name, 0);
		snprintf(line, sizeof line, "kill -%s $(pgrep -P %d)", group ? "HUP" : "TERM", (int)pid);
		if (group)
			cr_assert_eq(system(line), 0);
		kill(pid, signals[group]);
		cr_expect_eq(process_wait(pid), 128 + signals[group]);
		cr_expect(process_none_left(), "processes are left");
		cr_expect_eq(cli(group ? "simulate --resume %s/own1.h5 --quiet"
		                       : "train --resume %s/own0.h5 --processes 3 --quiet",
		                 cli_folder),
		             0, "%s", cli_err);
		expect_same(name);
	}
}

/* Whatever this process dies of, the kernel takes its workers down; what was saved can be continued. */
Test(ways, a_killed_run_leaves_no_process_and_can_be_continued)
{
	process_adopt_orphans();
	write_long();
	pid_t pid =
	        served_start("log", "train %s/e.json --processes 2 --out %s/own.h5", cli_folder, cli_folder);
	served_wait_for_steps("own", 0);
	kill(pid, SIGKILL);
	cr_expect_eq(process_wait(pid), 256 + SIGKILL);
	cr_expect(process_none_left(), "processes are left");
	cr_expect_eq(cli("simulate --resume %s/own.h5 --quiet", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli("simulate %s/e.json --out %s/simulate.h5 --quiet", cli_folder, cli_folder), 0);
	expect_same("own");
}

/* Workers of `serve` keep their momenta: a run that goes on without them resets them, and so does a replay.
 */
Test(ways, a_served_run_is_continued_without_its_workers_and_repeated)
{
	int port = served_free_port();
	write_long();
	cr_assert_eq(cli("keys new server w0 w1 w2 -o %s/keys", cli_folder), 0, "%s", cli_err);
	pid_t server = served_start(
	        "serve.log", "serve %s/e.json --listen tcp://127.0.0.1:%d --keys %s/keys --out %s/own.h5",
	        cli_folder, port, cli_folder, cli_folder);
	pid_t work = served_start("work.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 3",
	                          port, cli_folder);
	served_wait_for_steps("own", 0);
	kill(server, SIGINT);
	cr_expect_eq(process_wait(server), 130);
	kill(work, SIGTERM);
	cr_expect_eq(process_wait(work), 143);
	cr_expect_eq(cli("simulate --resume %s/own.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "3 workers kept their states to themselves and start again"), "%s",
	                   cli_err);
	cr_expect_eq(cli("simulate --replay %s/own.h5 --out %s/replay.h5", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}
