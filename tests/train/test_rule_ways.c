/*
 * Aggregators that must see all messages at once, in every way to run: same bits, same withheld steps,
 * resumed and repeated too. Two workers of seven multiply messages whose largest numbers are about where
 * floats end: in some steps one message is not finite and left out, in some both are, which is more than f =
 * 1 and withholds the step. There are more coordinates than a block has.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/aggregator.h"
#include "base/mem.h"
#include "record/record.h"
#include "registry.h"
#include "tests/support/h5_door.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"

TestSuite(rule_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { STEPS = 16 };

static const char experiment[] =
        "{\"name\":\"r\",\"seed\":5,\"workers\":7,\"steps\":16,\"batch\":1,\"momentum\":0.25,\"model\":{"
        "\"kind\":\"quadratic\",\"dimensions\":70000,\"noise\":1e8},\"lr\":{\"kind\":\"constant\",\"rate\":"
        "1e-9},"
        "\"aggregator\":{\"kind\":\"krum\",\"f\":1},\"adversaries\":{\"count\":2,\"attack\":{\"kind\":"
        "\"scale\","
        "\"factor\":1e30}},\"record\":{\"agreement\":1},\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}"
        "}";

/* What a row needs besides its kind and f. */
static const char *keys_of(const char *name)
{
	static const char *const keys[][2] = {
	        {"centered-clipping", ",\"tau\":1e10,\"before\":\"bucketing\""},
	        {"trimmed-mean", ",\"before\":[{\"kind\":\"clipping\",\"limit\":2e10},\"nnm\"]"},
	        {"geometric-median", ",\"before\":[\"arc\",\"bucketing\"]"},
	        {"monna", ",\"pivot\":4,\"before\":\"arc\""},
	        {"mda", ",\"before\":\"nnm\""},
	        {"meamed", ",\"before\":[\"arc\",\"nnm\"]"},
	};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(name, keys[i][0]) == 0)
			return keys[i][1];
	return "";
}

/* Weights, where the row's chain has them to say. */
static const char *record_of(const char *name)
{
	static const char *const none[] = {"median", "trimmed-mean", "meamed"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (strcmp(name, none[i]) == 0)
			return "";
	return "--set record.weights=1 ";
}

/* Write the experiment of that row, and simulate it: e.json and simulate.h5. */
static void prepare(const char *name)
{
	cli_write("e.json", experiment);
	cr_assert_eq(
	        cli("simulate %s/e.json --set 'aggregator={\"kind\":\"%s\",\"f\":1%s}' --out %s/simulate.h5 "
	            "--overwrite --quiet --lanes 2 %s",
	            cli_folder, name, keys_of(name), cli_folder, record_of(name)),
	        0, "%s: %s", name, cli_err);
}

/* A data set, whole; 0 where it is not there. */
static size_t numbers(const char *file, const char *name, double **values)
{
	char path[128];
	size_t count = 0;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	struct h5 *f = h5_open(path, &e);
	cr_assert(f, "%s", e.text);
	bool there = h5_has(f, name);
	h5_close(f);
	if (there)
		*values = h5_door_numbers(path, name, &count);
	return count;
}

static size_t column(const char *file, const char *name, double **values)
{
	char path[128];
	size_t count;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	cr_assert_eq(record_column(path, name, values, &count, &e), 0, "%s", e.text);
	return count;
}

/* What was recorded of the rule's weights is the same, bit for bit. */
static void expect_same_weights(const char *name, const char *row)
{
	static const char *const columns[] = {"step", "weight", "chosen", "bucket"};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		char path[64];
		double *here = NULL, *there = NULL;
		snprintf(path, sizeof path, "/probes/weights/%s", columns[i]);
		size_t count = numbers("simulate", path, &here), other = numbers(name, path, &there);
		cr_assert_eq(count, other, "%s, %s: %s has %zu and %zu", row, name, path, count, other);
		cr_expect(count > 0 || i > 0 || !*record_of(row), "%s: no weights", row);
		if (count > 0)
			cr_expect_eq(memcmp(here, there, count * sizeof *here), 0, "%s, %s: %s", row, name,
			             path);
		mem_free(here);
		mem_free(there);
	}
}

/* NAME.h5 ends like simulate.h5, and has the same withheld steps and weights. */
static void expect_same(const char *name, const char *row)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	double *here, *there;
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, name);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s, %s: %s%s", row, name, same < 0 ? e.text : "other bits: ", different);
	size_t count = column("simulate", "/steps/withheld", &here);
	cr_assert_eq(count, STEPS);
	cr_assert_eq(column(name, "/steps/withheld", &there), STEPS);
	for (size_t k = 0; k < STEPS; k++)
		cr_expect_eq(here[k], there[k], "%s, %s: step %zu", row, name, k + 1);
	mem_free(here);
	mem_free(there);
	expect_same_weights(name, row);
}

/* `signsgd train` with its own processes, to own.h5. */
static void train_own(const char *row, int processes, int buckets)
{
	cr_expect_eq(
	        cli("train %s/e.json --set 'aggregator={\"kind\":\"%s\",\"f\":1%s}' --processes %d --set "
	            "transport.buckets=%d --out %s/own.h5 --overwrite --quiet %s",
	            cli_folder, row, keys_of(row), processes, buckets, cli_folder, record_of(row)),
	        0, "%s", cli_err);
	expect_same("own", row);
}

static void train_mpi(const char *row, int processes, const char *topology, int buckets)
{
	cr_expect_eq(mpirun(processes,
	                    "train %s/e.json --set 'aggregator={\"kind\":\"%s\",\"f\":1%s}' --set "
	                    "transport.kind=mpi --set transport.topology=%s --set transport.buckets=%d --out "
	                    "%s/mpi.h5 --overwrite --quiet %s",
	                    cli_folder, row, keys_of(row), topology, buckets, cli_folder, record_of(row)),
	             0, "%s: %s", topology, cli_err);
	expect_same("mpi", row);
}

Test(rule_ways, every_row_has_the_same_bits_in_every_way)
{
	bool mpi = mpirun_here();
	for (const struct row *const *r = family_aggregators.rows; *r; r++) {
		const char *name = (*r)->name;
		if (!((const struct aggregator *)(const void *)*r)->rule)
			continue;
		prepare(name);
		train_own(name, 2, 3);
		if (mpi)
			train_mpi(name, 2, "star", 1);
		if (mpi)
			train_mpi(name, 3, "sharded", 2);
	}
	if (!mpi)
		printf("skipped: no mpirun, or built without MPI\n");
}

/* In rows and words; agreement with an answer that is not there is no number. */
Test(rule_ways, a_withheld_step_is_said)
{
	double *withheld, *down;
	char path[128];
	struct run_info info;
	struct err e = {0};
	int steps = 0;
	prepare("median");
	cr_expect_not_null(strstr(cli_err, "step 1 is withheld: 2 messages are not finite, and f = 1"), "%s",
	                   cli_err);
	cr_assert_eq(column("simulate", "/steps/withheld", &withheld), STEPS);
	cr_assert_eq(column("simulate", "/steps/bytes_down", &down), STEPS);
	for (size_t k = 0; k < STEPS; k++) {
		cr_expect_eq(down[k], withheld[k] ? 0 : 7 * 4 * 70000.0);
		steps += withheld[k] > 0;
	}
	cr_expect(steps > 2 && steps < STEPS - 2, "%d", steps);
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_eq(info.withheld, steps);
	cr_assert_eq(cli("show %s/simulate.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "of them were withheld"), "%s", cli_out);
	mem_free(withheld);
	mem_free(down);
	/* rows of several steps each say how many were */
	cr_assert_eq(cli("simulate %s/e.json --set aggregator.kind=median --set aggregator.f=1 --set "
	                 "record.every=5 --out %s/sparse.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(column("sparse", "/steps/withheld", &withheld), 4);
	cr_expect_eq(withheld[0] + withheld[1] + withheld[2] + withheld[3], steps);
	mem_free(withheld);
	/* what always answers has no such column */
	cr_assert_eq(cli("simulate %s/e.json --set aggregator=mean --set adversaries.count=0 --out "
	                 "%s/mean.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	snprintf(path, sizeof path, "%s/mean.h5", cli_folder);
	size_t count;
	cr_expect_eq(record_column(path, "/steps/withheld", &withheld, &count, &e), -1);
}

/* Where workers were not there, nobody is at fault, and yet steps were withheld: one does not belie the
 * other. */
Test(rule_ways, withheld_steps_are_said_beside_no_faults)
{
	static const uint64_t late[8];
	char path[128];
	size_t rows = 8;
	prepare("median");
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	struct h5 *f = h5_door_edit(path);
	h5_write(f, "/faults/late", H5_U64, 1, &rows, late);
	h5_door_save(f);
	cr_assert_eq(cli("show %s", path), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "nothing; too few messages were there in withheld steps"), "%s",
	                   cli_out);
}

/* The rule's memory goes from one way to the next: local, shares on three ranks, a server and its processes,
 * two ranks of which one has the memory, local. */
Test(rule_ways, a_memory_is_continued_in_another_way)
{
	static const char row[] = "centered-clipping";
	prepare(row);
	cr_assert_eq(cli("simulate %s/e.json --set 'aggregator={\"kind\":\"%s\",\"f\":1%s}' --steps 3 --out "
	                 "%s/moved.h5 --quiet %s",
	                 cli_folder, row, keys_of(row), cli_folder, record_of(row)),
	             0, "%s", cli_err);
	if (mpirun_here())
		cr_expect_eq(mpirun(3,
		                    "train --resume %s/moved.h5 --steps 6 --set "
		                    "'transport={\"kind\":\"mpi\",\"topology\":\"sharded\"}' --quiet",
		                    cli_folder),
		             0, "%s", cli_err);
	cr_expect_eq(cli("train --resume %s/moved.h5 --steps 9 --set transport=zmq --processes 2 --quiet",
	                 cli_folder),
	             0, "%s", cli_err);
	if (mpirun_here())
		cr_expect_eq(mpirun(2,
		                    "train --resume %s/moved.h5 --steps 12 --set "
		                    "'transport={\"kind\":\"mpi\",\"topology\":\"star\"}' --quiet",
		                    cli_folder),
		             0, "%s", cli_err);
	cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 16 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same("moved", row);
}

/* With keys, and with its workers anew after the server was resumed; then repeated. */
Test(rule_ways, a_server_withholds_the_same_steps_and_so_does_a_replay)
{
	static const char row[] = "centered-clipping";
	double *faults;
	cli_write("e.json", experiment);
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 w5 w6 -o %s/keys", cli_folder), 0, "%s", cli_err);
	for (int part = 0; part < 2; part++) {
		int port = served_free_port();
		char what[400];
		if (part == 0)
			snprintf(what, sizeof what,
			         "%s/e.json --steps 7 --set 'aggregator={\"kind\":\"%s\",\"f\":1%s}' --out "
			         "%s/served.h5 %s",
			         cli_folder, row, keys_of(row), cli_folder, record_of(row));
		else
			snprintf(what, sizeof what, "--resume %s/served.h5 --steps 16", cli_folder);
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
	expect_same("served", row);
	cr_assert_eq(column("served", "/faults/not_finite", &faults), 8);
	cr_expect_gt(faults[0] + faults[1], STEPS / 2);
	cr_expect_eq(faults[2] + faults[3] + faults[4] + faults[5] + faults[6] + faults[7], 0);
	mem_free(faults);
}

/* What a rule takes is in the plan: its memory, and scratch that grows with pairs of workers. */
Test(rule_ways, memory_is_planned)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	double messages[2];
	static const char *const rules[] = {"median", "{\"kind\":\"centered-clipping\",\"tau\":1}"};
	cli_write("e.json", experiment);
	for (int r = 0; r < 2; r++) {
		cr_assert_eq(cli("validate %s/e.json --json --set workers=100 --set 'aggregator=%s'",
		                 cli_folder, rules[r]),
		             0, "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 1);
		const struct json *memory = json_member(lines[0], "memory");
		cr_expect_eq(cli_number(memory, "optimiser"), r == 1 ? 4 * 70000 : 0);
		messages[r] = cli_number(memory, "messages");
	}
	cr_expect_gt(messages[0], 101 * 4 * 70000.0 + 2 * 8 * 100 * 100 / 2.0);
	cr_expect_eq(messages[0], messages[1]);
	arena_clear(&a);
}

Test(rule_ways, what_cannot_hold_it_is_refused_before_anything_runs)
{
	static const char shards[] = "aggregator \"krum\" does not treat every coordinate by itself";
	cli_write("e.json", experiment);
	cli_expect(2, shards, "validate %s/e.json --set transport.kind=zmq --set transport.shards=2",
	           cli_folder);
	cli_expect(2, shards, "train %s/e.json --processes 2 --set transport.shards=2", cli_folder);
	cli_expect(2, shards,
	           "serve %s/e.json --listen tcp://127.0.0.1:1 --shards tcp://127.0.0.1:2 --insecure",
	           cli_folder);
	cli_expect(2, "\"krum\" needs 'sharded' or 'star'",
	           "validate %s/e.json --set transport.kind=mpi --set transport.topology=allreduce",
	           cli_folder);
}

/* Once an epoch has passed without any clipping, and not again: neither while that goes on, nor when it
 * comes back. */
Test(rule_ways, a_length_that_clips_nothing_is_said)
{
	static const char said[] = "has clipped no message for an epoch";
	cli_write("c.json",
	          "{\"workers\":3,\"steps\":40,\"batch\":8,\"model\":\"softmax\",\"data\":{\"kind\":"
	          "\"glyphs\",\"train\":240,\"test\":30},\"lr\":0.01,\"aggregator\":{\"kind\":"
	          "\"centered-clipping\",\"tau\":100}}");
	cr_assert_eq(cli("simulate %s/c.json --out %s/c.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	const char *first = strstr(cli_err, said);
	cr_assert(first && strstr(cli_err, "step 10: aggregator \"centered-clipping\""), "%s", cli_err);
	cr_expect_null(strstr(first + 1, said), "%s", cli_err);
	cr_assert_eq(
	        cli("simulate %s/c.json --set aggregator.tau=1e-3 --out %s/d.h5", cli_folder, cli_folder), 0,
	        "%s", cli_err);
	cr_expect_null(strstr(cli_err, said), "%s", cli_err);
	/* and so of what stands before a rule */
	cr_assert_eq(cli("simulate %s/c.json --set 'aggregator={\"kind\":\"median\",\"before\":{\"kind\":"
	                 "\"clipping\",\"limit\":100}}' --out %s/e.h5",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err,
	                          "step 10: pre-aggregator \"clipping\" has clipped no message for an epoch, "
	                          "so that it does nothing; expected a smaller `limit`"),
	                   "%s", cli_err);
	cr_assert_eq(cli("simulate %s/c.json --set 'aggregator={\"kind\":\"median\",\"before\":{\"kind\":"
	                 "\"clipping\",\"limit\":1e-3}}' --out %s/f.h5",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, said), "%s", cli_err);
	/* an epoch is two samples; the gradient of one is as long as 22.1, of the other as 25.2 */
	cr_assert_eq(
	        cli("simulate %s/c.json --workers 1 --set batch=1 --set momentum=0 "
	            "--set lr=1e-9 --set 'partition={\"kind\":\"sizes\",\"list\":[2]}' --set "
	            "'aggregator={\"kind\":\"median\",\"before\":{\"kind\":\"clipping\",\"limit\":23.5}}' "
	            "--out %s/g.h5",
	            cli_folder, cli_folder),
	        0, "%s", cli_err);
	first = strstr(cli_err, said);
	cr_assert_not_null(first, "%s", cli_err);
	cr_expect_null(strstr(first + 1, said), "%s", cli_err);
}
