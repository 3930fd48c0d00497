/*
 * Directions in whole runs: same bits in every way to run, also where the run is continued in another way or
 * repeated, under attacks and probes; and what attacks, crowds and probes see is what is compressed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "adversary/attack.h"
#include "registry.h"
#include "tests/support/guarded.h"
#include "tests/support/methods.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "tests/support/small_experiments.h"
#include "tests/support/ways.h"

TestSuite(direction_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { COORDINATES = 784 * 30 + 30 + 30 * 10 + 10, PUSH_BYTES = (COORDINATES + 63) / 64 * 8 };

static const char experiment[] =
        "{\"name\":\"d\",\"seed\":5,\"workers\":5,\"steps\":8,\"batch\":4,\"model\":{\"kind\":\"mlp\","
        "\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},\"lr\":0.01,"
        "\"weight_decay\":0.01,\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"stale\",\"delay\":2}},"
        "\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}}";

/* The last one's messages are floats, and its Byzantine worker acts on gradients. */
static const char *const methods[] = {
        "--set direction=lion",
        "--set direction=muon --set momentum=0.8",
        "--set direction=lion --set aggregator=sign-mean",
        "--set direction=muon --set aggregator=median --set adversaries.attack=gaussian",
};

enum { METHODS = sizeof methods / sizeof *methods, OF_SIGNS = 3 };

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
	                    "train %s/e.json %s --set transport.kind=mpi --set transport.topology=%s --set "
	                    "transport.buckets=2 --out %s/mpi.h5 --overwrite --quiet",
	                    cli_folder, method, topology, cli_folder),
	             0, "%s: %s", topology, cli_err);
	ways_expect_same("mpi", "simulate", method);
}

Test(direction_ways, every_way_gives_the_same_bits)
{
	for (size_t k = 0; k < METHODS; k++) {
		prepare(methods[k]);
		if (k < OF_SIGNS)
			cr_expect_eq(ways_last("simulate", "/steps/bytes_up"), 5.0 * PUSH_BYTES, "%s",
			             methods[k]);
		cr_expect_eq(cli("simulate %s/e.json %s --out %s/one.h5 --overwrite --quiet --lanes 1",
		                 cli_folder, methods[k], cli_folder),
		             0, "%s", cli_err);
		ways_expect_same("one", "simulate", methods[k]);
		train_own(methods[k], "--set transport.buckets=3");
		train_own(methods[k], "--set transport.buckets=4 --set fuse=3");
		if (k < OF_SIGNS)
			train_own(methods[k], "--set transport.shards=2");
		if (!mpirun_here()) {
			printf("skipped: no mpirun, or built without MPI\n");
			continue;
		}
		train_mpi(methods[k], "star");
		train_mpi(methods[k], "sharded");
	}
}

/* What workers remember goes from one way to the next. */
Test(direction_ways, a_run_is_continued_in_another_way)
{
	for (size_t k = 0; k < METHODS; k++) {
		prepare(methods[k]);
		cr_assert_eq(cli("simulate %s/e.json %s --steps 3 --out %s/moved.h5 --overwrite --quiet",
		                 cli_folder, methods[k], cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(cli("train --resume %s/moved.h5 --steps 6 --set transport=zmq --processes 2 "
		                 "--quiet",
		                 cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		ways_expect_same("moved", "simulate", methods[k]);
	}
}

/* With keys. Workers that come anew to a server begin without a memory, and a replay begins there too. */
static void serve_and_repeat(const char *method)
{
	prepare(method);
	for (int part = 0; part < 2; part++) {
		char what[256];
		int port = served_free_port();
		if (part)
			snprintf(what, sizeof what, "--resume %s/served.h5 --steps 8", cli_folder);
		else
			snprintf(what, sizeof what, "%s/e.json %s --steps 4 --out %s/served.h5 --overwrite",
			         cli_folder, method, cli_folder);
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
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/replay.h5 --overwrite --quiet", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("replay", "served", method);
}

Test(direction_ways, a_server_s_run_is_continued_and_repeated)
{
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	for (size_t k = 0; k < 2; k++)
		serve_and_repeat(methods[k]);
}

/* --- what the others see ------------------------------------------------------------------------------- */

/* With beta1 = 0 lion's vector is the gradient, whatever it remembers: all that a run measures and makes is
 * what it is without momentum. */
static void expect_as_gradients(const char *options)
{
	char other[400];
	snprintf(other, sizeof other,
	         "--set momentum=0 --set 'direction={\"kind\":\"lion\",\"beta1\":0,\"beta2\":0.5}' %s",
	         options);
	guarded_run("simulate", small_mlp, other, "cpu", "lion");
	snprintf(other, sizeof other, "--set momentum=0 %s", options);
	guarded_run("simulate", small_mlp, other, "cpu", "plain");
	guarded_expect_same("lion", "plain");
}

Test(direction_ways, every_attack_sees_what_is_compressed)
{
	char options[200];
	for (const struct row *const *row = family_attacks.rows; *row; row++) {
		snprintf(options, sizeof options, "--adversaries 2 --attack %s --lanes 2", (*row)->name);
		expect_as_gradients(options);
	}
	expect_as_gradients("--adversaries 2 --set 'adversaries.attack={\"kind\":\"sleeper\",\"after\":2,"
	                    "\"then\":\"alie\"}'");
	expect_as_gradients("--adversaries 2 --set adversaries.data=none --attack ones");
	expect_as_gradients("--adversaries 2 --set adversaries.data=none --attack gaussian");
	expect_as_gradients("--adversaries 2 --set aggregator=median --attack opt-alie");
}

Test(direction_ways, compressors_and_probes_see_what_is_compressed)
{
	expect_as_gradients("--set aggregator=mean --set record.kappa=1 --lanes 2");
	expect_as_gradients("--set 'aggregator={\"kind\":\"krum\",\"f\":1}' --set record.kappa=1 --set "
	                    "record.weights=1 --adversaries 1");
	for (const struct method_text *t = methods_all(); t->json[0]; t++)
		if (!t->rule)
			expect_as_gradients(t->options);
	expect_as_gradients("--set record.agreement=1 --set record.norms=1 --set record.sign_failure=2");
}

/* With equal betas lion's vector is its memory, the momentum. */
Test(direction_ways, lion_with_equal_betas_is_momentum)
{
	guarded_run("simulate", small_mlp,
	            "--set momentum=0 --set 'direction={\"kind\":\"lion\",\"beta1\":0.9,\"beta2\":0.9}'",
	            "cpu", "lion");
	guarded_run("simulate", small_mlp, "--set momentum=0.9", "cpu", "momentum");
	guarded_expect_same("lion", "momentum");
}

/* Without matrices muon is momentum; with them it is not. */
Test(direction_ways, muon_of_vectors_is_momentum)
{
	guarded_run("simulate", small_quadratic, "--set direction=muon", "cpu", "muon");
	guarded_run("simulate", small_quadratic, "", "cpu", "momentum");
	guarded_expect_same("muon", "momentum");
	guarded_run("simulate", small_mlp, "--set direction=muon", "cpu", "muon");
	guarded_run("simulate", small_mlp, "", "cpu", "momentum");
	cr_expect_neq(ways_last("muon", "/steps/loss"), ways_last("momentum", "/steps/loss"));
}

Test(direction_ways, only_kernels_touch_what_is_the_machine_s)
{
	static const char *const directions[] = {"--set direction=lion --set momentum=0",
	                                         "--set direction=muon --lanes 2"};
	for (size_t k = 0; k < 2; k++) {
		char options[200];
		guarded_expect_as_ref(small_layers, directions[k]);
		snprintf(options, sizeof options, "%s --adversaries 2 --attack stale", directions[k]);
		guarded_expect_as_ref(small_mlp, options);
		snprintf(options, sizeof options, "%s --adversaries 2 --attack alie --set aggregator=median",
		         directions[k]);
		guarded_expect_as_ref(small_mlp, options);
		snprintf(options, sizeof options, "%s --set aggregator=mean --set record.kappa=1",
		         directions[k]);
		guarded_expect_as_ref(small_mlp, options);
	}
}

/* --- what is said of it -------------------------------------------------------------------------------- */

static double memory_of(const char *options, const char *part)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cli_write("e.json", experiment);
	cr_assert_eq(cli("validate %s/e.json --json --lanes 2 %s", cli_folder, options), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	double bytes = cli_number(json_member(lines[0], "memory"), part);
	arena_clear(&a);
	return bytes;
}

/* A vector in each lane, with the scratch of the largest matrix, 30 x 784; and one of each worker that is
 * asked for it later. */
Test(direction_ways, memory_is_planned)
{
	enum { PADDED = (COORDINATES + 15) / 16 * 16, SQUARE = (30 * 30 + 15) / 16 * 16 };
	const double plain = memory_of("--attack bit-flip", "lanes"), vector = 4.0 * COORDINATES,
	             lent = 2 * 4.0 * PADDED, scratch = 2 * 4.0 * (30 * 784 + 2 * SQUARE);
	cr_expect_eq(memory_of("--attack bit-flip --set direction=lion", "lanes") - plain, lent);
	cr_expect_eq(memory_of("--set direction=lion", "lanes") - plain, lent + vector);
	cr_expect_eq(memory_of("--set direction=muon", "lanes") - plain, lent + scratch + vector);
	cr_expect_eq(memory_of("--set direction=lion --attack bit-flip --set aggregator=median --set "
	                       "record.kappa=1",
	                       "lanes") -
	                     plain,
	             lent + 5 * vector);
	cr_expect_eq(memory_of("--set direction=lion", "momentum"), memory_of("", "momentum"));
}

Test(direction_ways, it_is_part_of_the_method)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("validate %s/e.json --set direction=lion", cli_folder), 0, "%s", cli_err);
	cr_expect(strstr(cli_out, "vote, lion"), "%s", cli_out);
	cr_assert_eq(cli("validate %s/e.json --set direction.kind=muon", cli_folder), 0, "%s", cli_err);
	cr_expect(strstr(cli_out, "vote, muon"), "%s", cli_out);
	cr_assert_eq(cli("validate %s/e.json --set direction=lion --set direction.beta2=0.98", cli_folder), 0,
	             "%s", cli_err);
	cli_expect(2,
	           "momentum: direction \"lion\" keeps its own momentum; leave `momentum` out or set it to 0",
	           "validate %s/e.json --set direction=lion --set momentum=0.5", cli_folder);
	cli_expect(2, "momentum_at: direction \"lion\" keeps its own momentum; leave `momentum_at` out",
	           "validate %s/e.json --set direction=lion --set 'momentum_at=[2]' --set "
	           "'momentum_then=[0.5]'",
	           cli_folder);
	cli_expect(2, "expected one of \"momentum\", \"lion\", \"muon\"",
	           "validate %s/e.json --set direction=lyon", cli_folder);
	cli_expect(2, "direction.beta1", "validate %s/e.json --set direction.beta1=0.5", cli_folder);
}

/* The default is no part of an id, whether it is said or not; the others are. */
Test(direction_ways, ids_of_runs_with_momentum_stay)
{
	static const char *const set[] = {"", "--set direction=momentum", "--set direction=null",
	                                  "--set direction=lion", "--set direction=muon"};
	char ids[5][16];
	cli_write("e.json", experiment);
	for (size_t k = 0; k < 5; k++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cr_assert_eq(cli("validate %s/e.json --json %s", cli_folder, set[k]), 0, "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 1);
		snprintf(ids[k], sizeof ids[k], "%s", json_member(lines[0], "id")->string);
		arena_clear(&a);
	}
	cr_expect_str_eq(ids[0], ids[1]);
	cr_expect_str_eq(ids[0], ids[2]);
	for (size_t k = 3; k < 5; k++)
		cr_expect_str_neq(ids[0], ids[k]);
	cr_expect_str_neq(ids[3], ids[4]);
}
