/*
 * A server believes no number of a single worker: a false loss or false running statistics neither end a run
 * nor change what it repeats. What ends it is its own x, and it keeps its last checkpoint then.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "compressor/code.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/served.h"
#include "tests/support/zmq_byzantine.h"
#include "train/state.h"

TestSuite(untrusted, .init = cli_open, .fini = cli_close, .timeout = 240);

enum { STEPS = 30, LONG = 170, WORKERS = 3, RUNNING = 12, NORMS = 16 };

#define START "{\"name\":\"e\",\"seed\":5,\"workers\":3,\"batch\":4,"
#define DATA  "\"data\":{\"kind\":\"glyphs\",\"train\":120,\"test\":30},\"lr\":0.001,"

static const char plain[] = START DATA "\"steps\":30,\"model\":\"softmax\",\"eval\":{\"train\":30}}";
static const char norms[] = START DATA
        "\"steps\":30,\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,"
        "\"kernel\":5,\"stride\":2},\"norm\",\"relu\"]},\"eval\":{\"train\":30}}";
/* Without variances to speak of, each of the NORMS makes what it gets 316 times as large (epsilon is 1e-5).
 */
#define FOUR "\"norm\",\"norm\",\"norm\",\"norm\","
static const char deep[] =
        START DATA "\"steps\":170,\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\","
                   "\"channels\":1,\"kernel\":5,\"stride\":2}," FOUR FOUR FOUR FOUR "\"relu\"]},"
                   "\"eval\":{\"train\":30,\"every\":170}}";
static const char unstable[] =
        START "\"steps\":4000,\"model\":\"quadratic\",\"aggregator\":\"mean\",\"lr\":1000,"
              "\"checkpoint\":{\"every\":5}}";

/* A server, two honest workers, and a Byzantine one, which is worker `id` and speaks from this process. */
struct scene {
	struct toy toy;
	struct byzantine b;
	pid_t server, work;
	int steps, port;
	size_t running; /* floats of running statistics that go with its votes */
};

/* honest: workers of the one process that is started. */
static void scene_open(struct scene *s, const char *text, int steps, int id, int honest)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	struct frame f;
	char address[64];
	s->steps = steps;
	s->running = RUNNING;
	s->port = served_free_port();
	cli_write("e.json", text);
	cr_assert_eq(cli("validate %s/e.json --json", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	toy_open(&s->toy, WORKERS, steps, (size_t)cli_number(lines[0], "parameters"), "vote");
	arena_clear(&a);
	s->server = served_start(
	        "serve.log",
	        "serve %s/e.json --listen tcp://127.0.0.1:%d --insecure --out %s/own.h5 --overwrite",
	        cli_folder, s->port, cli_folder);
	snprintf(address, sizeof address, "tcp://127.0.0.1:%d", s->port);
	byzantine_open(&s->b, &s->toy, id, address, NULL, NULL);
	s->b.run = 0; /* WELCOME tells it */
	byzantine_say(&s->b, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "", 0, -1);
	cr_assert(byzantine_await(&s->b, FRAME_WELCOME, FRAME_NOWHERE, &f));
	s->b.run = f.run;
	s->work = served_start("work.log", "work --connect tcp://127.0.0.1:%d --insecure --workers %d",
	                       s->port, honest);
}

/* The run has ended as one that is finished. */
static void scene_close(struct scene *s, struct run_info *info)
{
	char path[128];
	struct err e = {0};
	byzantine_close(&s->b);
	cr_expect_eq(process_wait(s->work), 0);
	cr_expect_eq(process_wait(s->server), 0);
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	cr_assert_eq(record_info(path, info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info->state, "finished", "%s: %s", info->state, info->why);
	cr_expect_eq(info->steps_done, s->steps);
	toy_close(&s->toy);
}

/* A column of doubles or a table of int64 of own.h5. */
static void read_column(const char *name, enum h5_type type, size_t count, void *out)
{
	char path[128];
	struct err e = {0};
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	struct h5 *file = h5_open(path, &e);
	cr_assert_not_null(file, "%s", e.text);
	cr_assert_eq(h5_read(file, name, type, count, out, &e), 0, "%s", e.text);
	h5_close(file);
}

/* A vote, which is all zeros, and what else comes with it. False: the run is over. */
static bool say(struct scene *s, uint64_t step, double loss, const float *running, struct frame *answer)
{
	size_t push = s->toy.shape.push_bytes;
	size_t more = running ? s->running * sizeof *running : 0;
	unsigned char *body = mem_array(push + more, 1);
	struct frame f = {.type = FRAME_PUSH, .step = step, .born = (int64_t)step, .value = loss};
	if (running) {
		f.flags = FRAME_HAS_RUNNING;
		memcpy(body + push, running, more);
	}
	byzantine_say(&s->b, f, body, push + more, -1);
	mem_free(body);
	return byzantine_await(&s->b, FRAME_ANSWER, step, answer);
}

Test(untrusted, a_false_loss_is_dropped_and_its_vote_counts)
{
	static const double losses[] = {NAN, INFINITY, -INFINITY, 1e300, -2e6, 1e6};
	static struct scene s;
	struct run_info info;
	struct frame f;
	double recorded[STEPS];
	int64_t faults[WORKERS + 1];
	scene_open(&s, plain, STEPS, 2, 2);
	for (uint64_t k = 0; k < STEPS; k++) {
		cr_assert(say(&s, k, losses[k % 6], NULL, &f), "no answer of step %d", (int)k);
		cr_expect(f.flags & FRAME_COUNTED, "the vote of step %d was not counted", (int)k);
	}
	scene_close(&s, &info);
	read_column("/faults/wrong_loss", H5_I64, WORKERS + 1, faults);
	cr_expect(faults[0] == 0 && faults[1] == 0 && faults[2] == STEPS - STEPS / 6, "%d", (int)faults[2]);
	read_column("/steps/loss", H5_F64, STEPS, recorded);
	for (int k = 0; k < STEPS; k++)
		cr_expect(recorded[k] > 0 && recorded[k] < 10, "step %d: loss %g", k, recorded[k]);
}

#define MESSAGES(compressor)                                                                                 \
	START DATA "\"steps\":30,\"model\":\"softmax\",\"aggregator\":\"mean\",\"compressor\":" compressor   \
	           ","                                                                                       \
	           "\"eval\":{\"train\":30}}"

/* Two layers, 784 weights of ten classes and their biases. */
enum { COORDINATES = 7850, DIGITS = (COORDINATES + 3) / 4, SCALES = 2, PLANE = (COORDINATES + 63) / 64 * 8 };

static void put_float(unsigned char *at, float value)
{
	memcpy(at, &value, sizeof value);
}

/* A code of zeros, and then what is wrong with it in this step. Returns whether a compressor can have made
 * it. */
static bool make_code(unsigned char *code, uint64_t step)
{
	static const float scales[] = {NAN, -1, INFINITY};
	size_t bytes = CODE_LENGTH_BYTES + SCALES * sizeof(float) + DIGITS;
	memset(code, 0, bytes);
	code_set_length(code, bytes);
	put_float(code + CODE_LENGTH_BYTES, 1e30F);
	if (step % 6 < 3)
		put_float(code + CODE_LENGTH_BYTES + step % 2 * sizeof(float), scales[step % 6]);
	else if (step % 6 == 3)
		code[CODE_LENGTH_BYTES + SCALES * sizeof(float) + step] = 0x0c; /* a digit 3 */
	else if (step % 6 == 4)
		code[bytes - 1] = 0x10; /* a digit behind the last */
	return step % 6 == 5;
}

/* A plane of zeros, and two scales a layer. */
static bool make_scaled(unsigned char *message, uint64_t step)
{
	static const float scales[] = {NAN, -1, 1, INFINITY, -INFINITY};
	memset(message, 0, PLANE + 2 * SCALES * sizeof(float));
	if (step % 6 < 5)
		put_float(message + PLANE + (step % 6 == 2 ? 3 : 0) * sizeof(float), scales[step % 6]);
	return step % 6 == 5;
}

/* What no compressor can have made is left out and counted, and its worker is not; what has another length
 * than it says is no vote. */
Test(untrusted, messages_that_no_compressor_makes_are_left_out)
{
	static const struct {
		const char *text;
		bool (*make)(unsigned char *message, uint64_t step);
		size_t bytes;
	} kinds[] = {
	        {MESSAGES("\"terngrad\""), make_code, CODE_LENGTH_BYTES + SCALES * sizeof(float) + DIGITS},
	        {MESSAGES("\"one-bit\""), make_scaled, PLANE + 2 * SCALES * sizeof(float)}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		static struct scene s;
		struct run_info info;
		struct frame f;
		unsigned char *message = mem_array(kinds[i].bytes, 1);
		int64_t faults[WORKERS + 1], false_ones = 0, lies = 0;
		scene_open(&s, kinds[i].text, STEPS, 2, 2);
		cr_assert_eq(s.toy.n, COORDINATES);
		for (uint64_t k = 0; k < STEPS; k++) {
			const struct frame push = {
			        .type = FRAME_PUSH, .step = k, .born = (int64_t)k, .value = 1};
			false_ones += !kinds[i].make(message, k);
			if (k % 5 == 0) { /* one byte less than it says, or than there are */
				byzantine_say(&s.b, push, message, kinds[i].bytes - 1, -1);
				lies++;
			}
			byzantine_say(&s.b, push, message, kinds[i].bytes, -1);
			cr_assert(byzantine_await(&s.b, FRAME_ANSWER, k, &f), "no answer of step %d", (int)k);
			cr_expect(f.flags & FRAME_COUNTED, "step %d: it was not counted", (int)k);
		}
		scene_close(&s, &info);
		read_column("/faults/wrong_message", H5_I64, WORKERS + 1, faults);
		cr_expect(faults[0] == 0 && faults[1] == 0 && faults[2] == false_ones, "%d, not %d",
		          (int)faults[2], (int)false_ones);
		read_column("/faults/wrong_length", H5_I64, WORKERS + 1, faults);
		cr_expect(faults[0] == 0 && faults[1] == 0 && faults[2] == lies);
		cr_expect(isfinite(info.final_test_loss));
		mem_free(message);
	}
}

/* They are dropped with their vote; the next worker owns them, and the voters are enough to repeat the run.
 */
Test(untrusted, false_running_statistics_are_dropped_and_pass_to_the_next)
{
	static const float worst[] = {NAN, INFINITY, 1e30F};
	for (size_t i = 0; i < sizeof worst / sizeof *worst; i++) {
		static struct scene s;
		struct run_info info;
		struct frame f;
		float running[RUNNING];
		int64_t faults[WORKERS + 1];
		scene_open(&s, norms, STEPS, 0, 2);
		for (size_t j = 0; j < RUNNING; j++)
			running[j] = worst[i];
		cr_assert(say(&s, 0, 1, running, &f));
		cr_expect_eq(f.flags & FRAME_COUNTED, 0);
		cr_expect_eq(f.worker, 1, "worker %u owns them", f.worker);
		byzantine_say(&s.b, (struct frame){.type = FRAME_BYE}, "", 0, -1);
		usleep(100000);
		scene_close(&s, &info);
		read_column("/faults/wrong_running", H5_I64, WORKERS + 1, faults);
		cr_expect(faults[0] == 1 && faults[1] == 0 && faults[2] == 0);
		cr_expect(isfinite(info.final_test_loss));
		cr_expect_eq(cli("simulate --replay %s/own.h5 --out %s/replay.h5 --overwrite", cli_folder,
		                 cli_folder),
		             0, "%s", cli_err);
	}
}

/* The worst that fits: means as far out as they may be, and variances that go to nothing. */
static void grow(float running[2 * NORMS])
{
	for (size_t i = 0; i < NORMS; i++) {
		float *mean = running + 2 * i, *variance = mean + 1;
		double batch = -fmin(900 * sqrt(1 + (double)*mean * *mean), 9e11);
		*mean = 0.9F * *mean + (float)(0.1 * batch);
		*variance = 0.9F * *variance + 1e-9F;
	}
}

/*
 * The evaluation is not finite by the statistics that the worker sends, one of two honest workers is late,
 * and of the two losses that come, one cannot be believed. That is still the word of one worker.
 */
Test(untrusted, false_statistics_and_a_false_loss_end_no_run_when_an_honest_worker_is_late)
{
	static struct scene s;
	struct run_info info;
	struct frame f;
	float running[2 * NORMS];
	int64_t faults[WORKERS + 1], steps[2];
	double losses[2];
	scene_open(&s, deep, LONG, 0, 1);
	s.running = 2 * NORMS;
	pid_t late =
	        served_start("late.log", "work --connect tcp://127.0.0.1:%d --insecure --workers 1", s.port);
	for (size_t i = 0; i < NORMS; i++) {
		running[2 * i] = 0;
		running[2 * i + 1] = 1;
	}
	for (int k = 0; k < LONG; k++) {
		grow(running);
		if (k == LONG - 20)
			kill(late, SIGSTOP);
		cr_assert(say(&s, (uint64_t)k, k < LONG - 20 ? 1 : (double)NAN, running, &f), "step %d", k);
		cr_assert(f.flags & FRAME_COUNTED, "the vote of step %d was not counted", k);
	}
	kill(late, SIGKILL);
	process_wait(late);
	scene_close(&s, &info);
	read_column("/faults/wrong_running", H5_I64, WORKERS + 1, faults);
	cr_expect(faults[0] == 0 && faults[1] == 0 && faults[2] == 0);
	read_column("/evals/step", H5_I64, 2, steps); /* and no others: nobody had doubts */
	cr_expect(steps[0] == 0 && steps[1] == LONG);
	read_column("/evals/test_loss", H5_F64, 2, losses);
	cr_expect(isfinite(losses[0]) && !isfinite(losses[1]), "%g", losses[1]);
}

/* What ends a run is its own x. The last checkpoint stays, and resuming says why there is nothing to go on
 * with.
 */
Test(untrusted, a_run_that_diverged_says_so_and_keeps_its_last_checkpoint)
{
	int port = served_free_port();
	char path[128];
	struct run_info info;
	struct err e = {0};
	cli_write("e.json", unstable);
	pid_t server = served_start("serve.log",
	                            "serve %s/e.json --listen tcp://127.0.0.1:%d --insecure --out %s/own.h5",
	                            cli_folder, port, cli_folder);
	pid_t work =
	        served_start("work.log", "work --connect tcp://127.0.0.1:%d --insecure --workers 3", port);
	cr_expect_eq(process_wait(work), 0);
	cr_expect_eq(process_wait(server), 1);
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "diverged", "%s", info.why);
	cr_expect_not_null(strstr(info.why, "no longer finite"), "%s", info.why);
	cr_expect_eq(cli("simulate %s/e.json --out %s/simulated.h5 --quiet", cli_folder, cli_folder), 1);
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "own" : "simulated";
		snprintf(path, sizeof path, "%s/%s.checkpoint.h5", cli_folder, name);
		cr_expect(file_there(path), "%s is gone", path);
		if (i == 0)
			cr_expect_eq(
			        cli("serve --resume %s/own.h5 --listen tcp://127.0.0.1:%d --insecure --quiet",
			            cli_folder, port),
			        1);
		else
			cr_expect_eq(cli("simulate --resume %s/simulated.h5 --quiet", cli_folder), 1);
		cr_expect_not_null(strstr(cli_err, "no longer finite after step"), "%s", cli_err);
		cr_expect_not_null(strstr(cli_err, "a smaller lr"), "%s", cli_err);
		cr_expect_not_null(strstr(cli_err, path), "%s", cli_err);
	}
}

/* --- what an honest batch can make ---------------------------------------------------------------------- */

/* Running statistics of one channel, and the next ones. */
static bool fits(float mean, float variance, float next_mean, float next_variance)
{
	float now[2] = {mean, variance}, next[2] = {next_mean, next_variance};
	struct running_norm norm = {0, 1, 1};
	struct state st = {.running_seen = now, .running_floats = 2, .norms = &norm, .n_norms = 1};
	return state_running_fits(&st, next);
}

/* As models/graph/net_image.c moves them. */
static float moved(float from, float batch)
{
	return (1 - 0.1F) * from + 0.1F * batch;
}

Test(untrusted, what_an_honest_batch_makes_of_running_statistics_fits)
{
	static const float sizes[] = {0, 1e-30F, 1e-6F, 0.3F, 1, 50, 600};
	enum { SIZES = sizeof sizes / sizeof *sizes };
	for (int i = 0; i < SIZES * SIZES * SIZES * SIZES; i++) {
		float mean = -sizes[i % SIZES], variance = sizes[i / SIZES % SIZES],
		      m = sizes[i / SIZES / SIZES % SIZES], v = sizes[i / SIZES / SIZES / SIZES];
		cr_expect(fits(mean, variance, moved(mean, m), moved(variance, v * v)),
		          "(%g, %g) to (%g, %g)", (double)mean, (double)variance, (double)m, (double)v);
	}
	cr_expect(fits(9e11F, 9e23F, moved(9e11F, 9e11F), moved(9e23F, 1e23F)));
	cr_expect(fits(3e6F, 2e12F, moved(3e6F, 4e6F), moved(2e12F, 0)));
}

Test(untrusted, what_no_batch_can_make_does_not_fit)
{
	cr_expect_not(fits(0, 1, NAN, 1));
	cr_expect_not(fits(0, 1, 0, NAN));
	cr_expect_not(fits(0, 1, INFINITY, 1));
	cr_expect_not(fits(0, 1, 0, INFINITY));
	cr_expect_not(fits(0, 0, 0, -1e-30F));
	cr_expect_not(fits(0, 1, 0, 0.89F)); /* the batch's variance would be below 0 */
	cr_expect_not(fits(0, 1, 200, 1));
	cr_expect_not(fits(0, 1, -200, 1));
	cr_expect_not(fits(0, 1, 0, 3e5F));
	cr_expect_not(fits(1e30F, 1, -1e36F, 1));
	cr_expect_not(fits(9e11F, 1, moved(9e11F, 2e12F), 1));
	cr_expect_not(fits(0, 9e23F, 0, moved(9e23F, 2e24F)));
}
