/*
 * `qsgd` and `top-k` in every way to run: same bits, whether the answer is compressed too or not, also where
 * the run is continued in another way or repeated, and on a machine that is not the host; bytes on the wire
 * by arithmetic, and where lengths vary those of the messages.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "tests/support/ways.h"

TestSuite(code_ways, .init = cli_open, .fini = cli_close, .timeout = 900);

/* Four layers: weights and biases. */
enum { N = 784 * 30 + 30 + 30 * 10 + 10, LAYERS = 4, WORKERS = 5 };

static const char experiment[] =
        "{\"name\":\"e\",\"seed\":5,\"workers\":5,\"steps\":8,\"batch\":4,\"momentum\":0.5,\"model\":{"
        "\"kind\":\"mlp\",\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},"
        "\"lr\":0.1,\"weight_decay\":0.01,\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"stale\","
        "\"delay\":2}},\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}}";

/* Nine values of a coordinate: log2(9) bits; 23,520 weights are 45 blocks of 512 and one of 480. */
enum { NINE = 4 + 4 * LAYERS + (45 * 203 + 191) + 12 + 119 + 4 };
/* Of 100 one: 235 of 23,520 weights, 1 of 30, 3 of 300, 1 of 10. */
enum { ONE_PERCENT = 235 + 1 + 3 + 1 };
/* Of all: 2,386 of 23,860. */
enum { TENTH = 2386 };

static const struct way {
	const char *compressor;
	int push, pull; /* bytes of a message, and of the answer; 0: they vary */
} ways[] = {
        {"\"qsgd\"", NINE, 4 * N},
        {"{\"kind\":\"qsgd\",\"norm\":\"max\",\"coding\":\"elias\",\"scope\":\"whole\"}", 0, 4 * N},
        {"\"top-k\"", 4 + 8 * ONE_PERCENT, 4 * N},
        {"{\"kind\":\"top-k\",\"error_feedback\":false}", 4 + 8 * ONE_PERCENT, 4 * N},
        {"{\"kind\":\"qsgd\",\"two_way\":true}", NINE, NINE},
        {"{\"kind\":\"top-k\",\"share\":0.1,\"sends\":\"signs\",\"scope\":\"whole\",\"two_way\":true}",
         4 + 4 * TENTH + (TENTH + 7) / 8, 4 + 4 * TENTH + (TENTH + 7) / 8},
        {"{\"kind\":\"qsgd\",\"levels\":1,\"coding\":\"elias\",\"two_way\":true}", 0, 0},
};

enum { WAYS = sizeof ways / sizeof *ways };

static void expect_bytes(const char *file, const char *column, int each, int times, const char *what)
{
	double bytes = ways_last(file, column);
	if (each > 0)
		cr_expect_eq(bytes, (double)each * times, "%s, %s: %g", what, column, bytes);
	else /* most coordinates are 0; a message has at least its length, norms and ends */
		cr_expect(bytes > times * 24 && bytes < times * 0.4 * N, "%s, %s: %g", what, column, bytes);
}

/* Write the experiment and simulate it: e.json and simulate.h5. */
static void prepare(const struct way *w)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json --set 'compressor=%s' --out %s/simulate.h5 --overwrite --quiet "
	                 "--lanes 2",
	                 cli_folder, w->compressor, cli_folder),
	             0, "%s: %s", w->compressor, cli_err);
	expect_bytes("simulate", "/steps/bytes_up", w->push, WORKERS, w->compressor);
	expect_bytes("simulate", "/steps/bytes_down", w->pull, WORKERS, w->compressor);
}

static void simulate_as(const struct way *w, const char *option)
{
	cr_expect_eq(cli("simulate %s/e.json --set 'compressor=%s' --out %s/other.h5 --overwrite --quiet %s",
	                 cli_folder, w->compressor, cli_folder, option),
	             0, "%s: %s", w->compressor, cli_err);
}

static void expect_most(const char *what, bool up, bool down, const char *compressor)
{
	const char *line = strstr(cli_out, "\n  a step "), *end = line ? strstr(line, "a worker") : NULL;
	cr_assert(end, "%s, %s: no bytes of a step", what, compressor);
	const char *first = strstr(line, "at most "), *middle = strstr(line, " up and ");
	cr_assert(middle && middle < end, "%s, %s: %s", what, compressor, line);
	cr_expect_eq(first && first < middle, up, "%s, %s: %s", what, compressor, line);
	const char *second = strstr(middle, "at most ");
	cr_expect_eq(second && second < end, down, "%s, %s: %s", what, compressor, line);
}

Test(code_ways, lengths_that_vary_are_said_as_the_most)
{
	for (int k = 0; k < WAYS; k++) {
		const struct way *w = &ways[k];
		prepare(w);
		cr_expect_eq(cli("show %s/simulate.h5", cli_folder), 0, "%s", cli_err);
		expect_most("show", w->push == 0, w->pull == 0, w->compressor);
		cr_expect_eq(cli("validate %s/e.json --set 'compressor=%s'", cli_folder, w->compressor), 0,
		             "%s", cli_err);
		expect_most("validate", w->push == 0, w->pull == 0, w->compressor);
	}
}

Test(code_ways, lanes_do_not_show)
{
	for (int k = 0; k < WAYS; k++) {
		prepare(&ways[k]);
		simulate_as(&ways[k], "--lanes 1");
		ways_expect_same("other", "simulate", ways[k].compressor);
	}
}

/* A code is made on the host: of what `ref` computed where nothing but kernels can touch it, the same. */
Test(code_ways, a_machine_of_its_own_does_not_show)
{
	for (int k = 0; k < WAYS; k++) {
		cli_write("e.json", experiment);
		cr_assert_eq(cli("simulate %s/e.json --set 'compressor=%s' --out %s/ref.h5 --overwrite "
		                 "--quiet --set backend=ref",
		                 cli_folder, ways[k].compressor, cli_folder),
		             0, "%s", cli_err);
		simulate_as(&ways[k], "--set backend=guarded --lanes 2");
		ways_expect_same("other", "ref", ways[k].compressor);
	}
}

/* At this rate vectors grow by half a step, so that the sum of five overflows before one does: workers would
 * refuse the code of it, and wait. */
Test(code_ways, an_answer_that_no_code_says_is_withheld)
{
	static const char *const codes[] = {"{\"kind\":\"qsgd\",\"levels\":100,\"two_way\":true}",
	                                    "{\"kind\":\"terngrad\",\"two_way\":true}",
	                                    "{\"kind\":\"top-k\",\"share\":1,\"two_way\":true}"};
	cli_write("e.json", "{\"name\":\"o\",\"workers\":5,\"steps\":240,\"model\":{\"kind\":\"quadratic\","
	                    "\"dimensions\":100},\"lr\":2.5,\"momentum\":0,\"eval\":{\"every\":0}}");
	for (size_t k = 0; k < sizeof codes / sizeof *codes; k++) {
		const struct way w = {.compressor = codes[k]};
		simulate_as(&w, "");
		cr_expect_not_null(strstr(cli_err, "the answer is not finite, which no code says"), "%s: %s",
		                   codes[k], cli_err);
		cr_expect_eq(cli("train %s/e.json --processes 2 --set 'compressor=%s' --out %s/train.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, codes[k], cli_folder),
		             0, "%s: %s", codes[k], cli_err);
		ways_expect_same("train", "other", codes[k]);
	}
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

Test(code_ways, every_way_gives_the_same_bits)
{
	for (int k = 0; k < WAYS; k++) {
		prepare(&ways[k]);
		cr_expect_eq(cli("train %s/e.json --set 'compressor=%s' --processes 2 --out %s/own.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, ways[k].compressor, cli_folder),
		             0, "%s", cli_err);
		ways_expect_same("own", "simulate", ways[k].compressor);
		if (!mpirun_here())
			continue;
		train_mpi(&ways[k], "star");
		expect_bytes("star", "/steps/bytes_down", ways[k].pull, 2, ways[k].compressor);
		if (k < 4)
			train_mpi(&ways[k], "sharded");
	}
	if (!mpirun_here())
		printf("skipped: no mpirun, or built without MPI\n");
}

/* What workers and the server remember goes from one way to the next. */
Test(code_ways, a_run_is_continued_in_another_way)
{
	for (int k = 1; k < WAYS; k++) {
		prepare(&ways[k]);
		cr_assert_eq(cli("simulate %s/e.json --set 'compressor=%s' --steps 3 --out %s/moved.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, ways[k].compressor, cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(
		        cli("train --resume %s/moved.h5 --steps 6 --set transport=zmq --processes 2 --quiet",
		            cli_folder),
		        0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		ways_expect_same("moved", "simulate", ways[k].compressor);
	}
}

/* With keys, and again without what made the rounds. */
static void check_served(const struct way *w)
{
	int port = served_free_port();
	prepare(w);
	pid_t server = served_start("serve.log",
	                            "serve %s/e.json --set 'compressor=%s' --listen tcp://127.0.0.1:%d "
	                            "--keys %s/keys --out %s/served.h5 --overwrite --quiet --set "
	                            "transport.deadline_s=60",
	                            cli_folder, w->compressor, port, cli_folder, cli_folder);
	pid_t work = served_start("work.log",
	                          "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
	                          port, cli_folder);
	cr_expect_eq(process_wait(work), 0);
	cr_expect_eq(process_wait(server), 0);
	ways_expect_same("served", "simulate", w->compressor);
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/replay.h5 --overwrite --quiet", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	ways_expect_same("replay", "served", w->compressor);
}

Test(code_ways, a_server_s_run_is_repeated)
{
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	check_served(&ways[2]);
	check_served(&ways[6]);
}
