/*
 * `fuse`: so many workers of a process share the passes of a gradient, and nothing in a result tells how many
 * they were: models, attacks, unequal batches, workers without data, ways to run, checkpoints.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "record/record.h"
#include "registry.h"
#include "tests/support/guarded.h"
#include "tests/support/image_folder.h"
#include "tests/support/mpirun.h"
#include "tests/support/small_experiments.h"
#include "tests/support/train.h"
#include "tests/support/ways.h"
#include "train/group.h"

TestSuite(fuse, .init = cli_open, .fini = cli_close, .timeout = 300);

#define GLYPHS "\"data\":{\"kind\":\"glyphs\",\"train\":90,\"test\":10},"

static void run(const char *command, const char *options, const char *name)
{
	cr_assert_eq(cli("%s %s/e.json %s --out %s/%s.h5 --overwrite --quiet", command, cli_folder, options,
	                 cli_folder, name),
	             0, "%s %s: %s", command, options, cli_err);
}

/* Losses, probes and the end are those of one worker at a time, on one lane and on several. */
static void expect_any(const char *experiment, const char *options)
{
	static const char *const ways[] = {"--set fuse=2 --lanes 1", "--set fuse=3 --lanes 2",
	                                   "--set fuse=99 --lanes 1"};
	char all[512];
	cli_write("e.json", experiment);
	snprintf(all, sizeof all, "--lanes 2 %s", options);
	run("simulate", all, "one");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		snprintf(all, sizeof all, "%s %s", ways[i], options);
		run("simulate", all, "many");
		guarded_expect_same("one", "many");
	}
}

Test(fuse, models)
{
	static const char cnn[] = "{\"name\":\"c\",\"workers\":4,\"steps\":3,\"batch\":4,\"lr\":0.01,"
	                          "\"model\":\"cnn\"," GLYPHS "\"eval\":{\"every\":1}}";
	static const char resnet[] = "{\"name\":\"r\",\"workers\":3,\"steps\":2,\"batch\":3,\"lr\":0.01,"
	                             "\"model\":\"resnet20\"," GLYPHS "\"eval\":{\"every\":1}}";
	char qrnn[SMALL_TEXT];
	expect_any(small_mlp, "");
	expect_any(small_mlp, "--set model=softmax --set batch=16 --set data.train=90 --set backend=ref");
	expect_any(cnn, "");
	expect_any(resnet, "");
	expect_any(small_layers, "--set workers=5");
	expect_any(small_layers, "--set workers=3 --set backend=ref");
	small_text(qrnn);
	expect_any(qrnn, "--set workers=5");
	expect_any(qrnn, "--set workers=3 --set backend=ref");
}

Test(fuse, attacks)
{
	static const char *const attacks[] = {"gaussian", "label-flip", "stale", "bit-flip", "alie"};
	char options[256];
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		snprintf(options, sizeof options, "--set 'adversaries={\"ids\":[1,3],\"attack\":\"%s\"}'",
		         attacks[i]);
		expect_any(small_mlp, options);
		expect_any(small_layers, "--set workers=5 --set adversaries.count=2 --set "
		                         "adversaries.attack=gaussian");
	}
	expect_any(small_mlp,
	           "--set 'adversaries={\"ids\":[1,3],\"data\":\"none\",\"attack\":\"gaussian\"}'");
	expect_any(small_mlp, "--set 'adversaries={\"count\":2,\"attack\":{\"kind\":\"sleeper\",\"after\":2,"
	                      "\"then\":\"label-flip\"}}'");
}

/* Workers of one size are joined, wherever they stand; adversaries without data with nobody. */
Test(fuse, unequal_batches)
{
	static const char norms[] =
	        "{\"name\":\"u\",\"seed\":7,\"data_seed\":3,\"workers\":6,\"steps\":5,\"batch\":[4,9,4,4,9,2]"
	        ","
	        "\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,"
	        "\"kernel\":5,\"stride\":2},\"norm\",\"relu\"]},\"data\":{\"kind\":\"glyphs\",\"train\":300,"
	        "\"test\":50},\"lr\":0.01,\"partition\":{\"kind\":\"dirichlet\",\"alpha\":0.5},"
	        "\"eval\":{\"train\":50}}";
	char qrnn[SMALL_TEXT];
	expect_any(norms, "");
	expect_any(norms, "--set 'adversaries={\"ids\":[2],\"data\":\"none\",\"attack\":\"ones\"}'");
	small_text(qrnn);
	expect_any(qrnn, "--set workers=4 --set 'batch=[2,1,2,1]'");
}

Test(fuse, probes_and_methods)
{
	expect_any(small_mlp, "--set record.agreement=1 --set record.norms=1 --set record.sign_failure=1");
	expect_any(small_mlp, "--set record.snr=2 --set 'record.gradient_noise={\"at\":[0,2],\"random\":3}'");
	expect_any(small_mlp, "--set aggregator=krum --set aggregator.f=1");
	expect_any(small_mlp, "--set aggregator=median --set compressor=ef-sign");
}

/* --- ways to run ---------------------------------------------------------------------------------------- */

/* small_layers of five workers, two of whom forge. */
#define FIVE "--set workers=5 --set adversaries.count=2 --set adversaries.attack=gaussian "

Test(fuse, own_processes_and_buckets)
{
	static const char *const ways[] = {
	        FIVE "--set fuse=2 --processes 2", FIVE "--set fuse=3 --processes 2 --lanes 2",
	        FIVE "--set fuse=2 --processes 2 --set transport.buckets=3",
	        FIVE "--set fuse=5 --processes 1 --set transport.buckets=5 --lanes 2"};
	cli_write("e.json", small_layers);
	run("simulate", FIVE, "one");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		run("train", ways[i], "many");
		ways_expect_same("many", "one", ways[i]);
	}
	cli_write("e.json", small_mlp);
	run("simulate", "", "one");
	run("train", "--set fuse=2 --processes 2 --set transport.buckets=4", "many");
	ways_expect_same("many", "one", "mlp in buckets");
}

/* Workers' processes know it, although no server sends it. */
Test(fuse, processes_are_told)
{
	char args[2 * FOLDER_SIZE + 100], log[FOLDER_SIZE + 8];
	cli_write("e.json", small_mlp);
	snprintf(args, sizeof args,
	         "train %s/e.json --steps 1000000 --set fuse=2 --processes 1 --lanes 1 --out %s/r.h5",
	         cli_folder, cli_folder);
	snprintf(log, sizeof log, "%s/log", cli_folder);
	pid_t pid = process_start(args, log, 0);
	while (!process_shell("pgrep -P %d -f '^signsgd work ' >/dev/null", (int)pid))
		process_sleep_ms(2);
	bool told = process_shell("pgrep -P %d -f '^signsgd work .*--set fuse=2( |$)' >/dev/null", (int)pid);
	kill(pid, SIGTERM);
	process_wait(pid);
	cr_expect(told);
}

Test(fuse, mpi, .init = mpirun_open)
{
	cli_write("e.json", small_layers);
	run("simulate", FIVE, "one");
	cr_expect_eq(mpirun(2,
	                    "train %s/e.json " FIVE "--set fuse=3 --set transport.kind=mpi --set "
	                    "transport.topology=sharded --out %s/many.h5 --overwrite --quiet",
	                    cli_folder, cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("many", "one", "MPI");
}

/* A run of one identity, whatever the number: it goes on with another one. */
Test(fuse, a_run_goes_on_with_another_number)
{
	const char *more = FIVE "--set checkpoint.keep=true --set lr=0.01 --steps";
	char options[256];
	cli_write("e.json", small_layers);
	snprintf(options, sizeof options, "%s 5", more);
	run("simulate", options, "one");
	snprintf(options, sizeof options, "%s 3 --set fuse=2", more);
	run("simulate", options, "many");
	cr_assert_eq(cli("simulate --resume %s/many.h5 --set fuse=3 --steps 5 --quiet", cli_folder), 0, "%s",
	             cli_err);
	ways_expect_same("many", "one", "continued");
}

Test(fuse, guarded)
{
	char qrnn[SMALL_TEXT];
	guarded_expect_as_ref(small_mlp, "--set fuse=3 --lanes 2 --adversaries 2 --attack gaussian");
	guarded_expect_as_ref(small_mlp, "--set fuse=2 --adversaries 2 --attack label-flip");
	guarded_expect_as_ref(small_layers, "--set workers=3 --set fuse=2");
	guarded_expect_as_ref(small_layers,
	                      "--set workers=3 --set fuse=3 --set batch=16 --set data.train=60");
	small_text(qrnn);
	guarded_expect_as_ref(qrnn, "--set workers=3 --set fuse=2 --lanes 2");
}

/* --- images that are read on the way ---------------------------------------------------------------------
 */

Test(fuse, images_that_are_read_on_the_way, .init = data_help_enter, .fini = data_help_leave)
{
	static const int numbers[][2] = {{1, 1}, {2, 1}, {3, 3}, {5, 2}}; /* fuse, lanes */
	float *first = NULL;
	image_folder_make();
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		size_t n;
		float *x = train_x(
		        arena_format(
		                &data_help_arena,
		                "{\"workers\":5,\"steps\":6,\"batch\":[2,2,1,2,2],\"lr\":0.01,\"model\":"
		                "\"softmax\",\"data\":{\"kind\":\"imagefolder\",\"size\":12,\"resize\":16},"
		                "\"data_dir\":\"%s/set\",\"fuse\":%d}",
		                data_help_folder, numbers[i][0]),
		        numbers[i][1], &n);
		if (first)
			cr_expect_eq(memcmp(x, first, n * sizeof *x), 0, "fuse %d", numbers[i][0]);
		else
			first = x;
		if (x != first)
			mem_free(x);
	}
	mem_free(first);
}

/* --- who is joined ---------------------------------------------------------------------------------------
 */

static void expect_groups(const int64_t *sizes, int count, int64_t fuse, bool reader, const char *expected)
{
	struct worker workers[8] = {{0}};
	struct feed feed = {.batch_of = sizes, .reader = reader ? (struct reader *)workers : NULL};
	struct groups g = {0};
	char found[64] = "";
	for (int i = 0; i < count; i++)
		workers[i] = (struct worker){.id = (uint32_t)i, .idle = sizes[i] == 0};
	groups_open(&g, workers, count, &feed, fuse);
	for (int i = 0; i < g.count; i++)
		for (int w = 0; w < g.group[i].count; w++)
			snprintf(found + strlen(found), sizeof found - strlen(found), "%s%u",
			         w == 0 && i > 0 ? " " : "", g.group[i].workers[w]->id);
	cr_expect_str_eq(found, expected, "fuse %d", (int)fuse);
	groups_close(&g);
}

Test(fuse, groups_are_workers_of_one_size)
{
	const int64_t equal[] = {4, 4, 4, 4, 4}, mixed[] = {4, 9, 4, 0, 4, 9, 4};
	expect_groups(equal, 5, 1, false, "0 1 2 3 4");
	expect_groups(equal, 5, 2, false, "01 23 4");
	expect_groups(equal, 5, 4096, true, "01234");
	expect_groups(mixed, 7, 3, false, "024 15 3 6");
	expect_groups(mixed, 7, 3, true, "0 1 24 3 5 6");
}

/* --- settings ---------------------------------------------------------------------------------------------
 */

static size_t lane_of(const char *more, int hosted)
{
	char text[512];
	struct runs runs;
	struct plan plan;
	snprintf(text, sizeof text,
	         "{\"workers\":4,\"steps\":2,\"batch\":16,\"lr\":0.01,\"model\":\"cnn\"," GLYPHS "%s}", more);
	const struct settings *s = train_settings(&runs, text);
	const struct plan_share share = {.hosted = hosted, .root = true, .meets = true};
	trainer_plan_share(s, 1, &share, &plan);
	runs_clear(&runs);
	return plan.lane;
}

/* A gradient and the activations of each, of as many as there are. */
Test(fuse, the_plan_counts_gradients_and_activations)
{
	size_t one = lane_of("\"seed\":1", 4), two = lane_of("\"fuse\":2", 4),
	       four = lane_of("\"fuse\":4", 4);
	cr_expect_eq(lane_of("\"fuse\":1", 4), one);
	cr_expect(two > one && two < 2 * one + 100, "%zu, %zu", one, two);
	cr_expect(four > two && four < 4 * one + 300, "%zu, %zu", two, four);
	cr_expect_eq(lane_of("\"fuse\":9", 4), four);
	cr_expect_eq(lane_of("\"fuse\":4", 2), two);
	cr_expect_eq(lane_of("\"fuse\":4", 1), one);
}

Test(fuse, changes_no_identity_and_is_refused_where_it_means_nothing)
{
	char id[16];
	struct runs runs;
	static const char text[] =
	        "{\"workers\":2,\"steps\":2,\"lr\":0.01,\"model\":\"mlp\"," GLYPHS "\"fuse\":%d}";
	for (int fuse = 1; fuse <= 2; fuse++) {
		char all[256];
		snprintf(all, sizeof all, text, fuse);
		const struct settings *s = train_settings(&runs, all);
		if (fuse > 1)
			cr_expect_str_eq(s->id, id);
		snprintf(id, sizeof id, "%s", s->id);
		runs_clear(&runs);
	}
	cli_write("e.json", small_quadratic);
	cli_expect(2, "fuse: found 2, and model \"quadratic\" has no batches",
	           "validate %s/e.json --set fuse=2", cli_folder);
	cli_write("e.json", small_mlp);
	cli_expect(2, "fuse", "validate %s/e.json --set fuse=0", cli_folder);
	cli_expect(2, "samples at once",
	           "validate %s/e.json --set fuse=4096 --set workers=1 --set batch=600000 --set "
	           "data.train=600000",
	           cli_folder);
}
