/*
 * A run whose length is changed has the bits, rows and id of a run that was planned so from the start: beyond
 * its end or before it, again and again, killed meanwhile, in every way to run. What would not have those
 * bits is refused.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/rng.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/h5_door.h"
#include "tests/support/mpirun.h"
#include "tests/support/process.h"
#include "tests/support/served.h"

TestSuite(extend, .init = cli_open, .fini = cli_close, .timeout = 600);

/* Momentum, an attack with a memory, rows that only an end makes: neither 4, 7 nor 9 divides 30 or 61. */
static const char toy[] =
        "{\"name\":\"toy\",\"workers\":4,\"steps\":30,\"batch\":4,\"model\":{\"kind\":\"quadratic\","
        "\"dimensions\":300},\"lr\":{\"kind\":\"constant\",\"rate\":0.01},\"adversaries\":{\"count\":1,"
        "\"attack\":\"stale\"},"
        "\"momentum\":0.9,\"eval\":{\"every\":7},\"record\":{\"every\":4,\"norms\":9,\"snapshots\":9},"
        "\"checkpoint\":{\"keep\":true}}";

/* 25 samples of a worker in batches of 4 are 6.25 steps; running statistics, and measurements of full passes.
 */
static const char net[] =
        "{\"name\":\"net\",\"workers\":2,\"epochs\":1.5,\"batch\":4,\"model\":{\"kind\":\"sequential\","
        "\"layers\":[{\"kind\":\"conv\",\"channels\":3,\"kernel\":5,\"stride\":2},\"norm\",\"relu\"]},"
        "\"data\":{\"kind\":\"glyphs\",\"train\":50,\"test\":20},\"aggregator\":\"adam\",\"momentum\":0,"
        "\"record\":{\"snr\":5,\"gradient_noise\":{\"epochs\":[0,1],\"random\":2}},"
        "\"eval\":{\"every\":0,\"train\":20},\"checkpoint\":{\"keep\":true}}";

/* About a second's work, checkpoints often. */
static const char busy[] =
        "{\"name\":\"busy\",\"workers\":5,\"steps\":3000,\"batch\":4,\"model\":{\"kind\":\"quadratic\","
        "\"dimensions\":3000},\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"flip\",\"probability\":0.3}"
        "},"
        "\"record\":{\"every\":7},\"checkpoint\":{\"every\":50,\"keep\":true},\"eval\":{\"every\":100}}";

static const char *at(const char *name)
{
	static char paths[4][128];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", cli_folder, name);
	return paths[turn];
}

/* The results a.h5 and b.h5 and their checkpoints are gone. */
static void clear(void)
{
	static const char *const names[] = {"a.h5", "b.h5", "a.checkpoint.h5", "b.checkpoint.h5"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(at(names[i]));
}

/* `signsgd simulate e.json` must do. */
static void simulate(const char *name, const char *options)
{
	cr_assert_eq(cli("simulate %s --out %s --quiet %s", at("e.json"), at(name), options), 0, "%s",
	             cli_err);
}

static bool is_time(const char *name)
{
	size_t length = strlen(name);
	return length > 2 && strcmp(name + length - 2, "_s") == 0;
}

static void same_column(const char *a, const char *b, const char *column)
{
	size_t n, m;
	double *u = h5_door_numbers(a, column, &n), *v = h5_door_numbers(b, column, &m);
	cr_expect_eq(n, m, "%s: %zu and %zu values", column, n, m);
	for (size_t i = 0; i < n && i < m; i++)
		cr_assert(u[i] == v[i] || (isnan(u[i]) && isnan(v[i])), "%s, value %zu", column, i);
	mem_free(u);
	mem_free(v);
}

/* All columns of a group, but for times. */
static void same_group(const char *a, const char *b, const char *group)
{
	size_t n, m;
	struct h5 *f = h5_door_open(a), *g = h5_door_open(b);
	char **names = h5_names(f, group, &n), **others = h5_names(g, group, &m);
	h5_close(f);
	h5_close(g);
	cr_assert(names && others && n == m, "%s: %zu and %zu", group, n, m);
	for (size_t i = 0; i < n; i++) {
		char *column = mem_format("%s/%s", group, names[i]);
		cr_assert_str_eq(names[i], others[i]);
		if (!is_time(names[i]))
			same_column(a, b, column);
		mem_free(column);
	}
	mem_free(names);
	mem_free(others);
}

static void same_probes(const char *a, const char *b)
{
	size_t count;
	struct h5 *f = h5_door_open(a);
	char **names = h5_names(f, "/probes", &count);
	h5_close(f);
	for (size_t i = 0; i < count; i++) {
		char *group = mem_format("/probes/%s", names[i]);
		same_group(a, b, group);
		mem_free(group);
	}
	mem_free(names);
}

static struct run_info info_of(const char *path)
{
	struct run_info info;
	struct err e = {0};
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	return info;
}

/* Are these two files of one run, whatever happened on the way? */
static void same_run(const char *name, const char *other)
{
	const char *a = at(name), *b = at(other);
	struct run_info left = info_of(a), right = info_of(b);
	cr_expect_str_eq(left.id, right.id, "%s and %s", name, other);
	cr_expect_str_eq(left.state, "finished");
	cr_expect_eq(left.steps, right.steps);
	cr_expect_eq(left.steps_done, right.steps_done);
	same_group(a, b, "/final");
	same_group(a, b, "/steps");
	same_group(a, b, "/evals");
	same_probes(a, b);
}

/* A file of `text`, extended by `options`, is that of a run planned so. */
static void extended(const char *text, const char *schedule, const char *options)
{
	cli_write("e.json", text);
	clear();
	simulate("a.h5", schedule);
	cr_assert_eq(cli("simulate --resume %s --quiet %s", at("a.h5"), options), 0, "%s: %s", schedule,
	             cli_err);
	char both[512];
	snprintf(both, sizeof both, "%s %s %s", schedule,
	         strstr(text, "\"epochs\":1.5") && strstr(options, "steps") ? "--set epochs=0" : "", options);
	simulate("b.h5", both);
	same_run("a.h5", "b.h5");
}

Test(extend, gives_the_bits_of_a_run_that_was_planned_so)
{
	extended(toy, "", "--set steps=61");
	extended(toy, "", "--steps 31");
	extended(toy, "--set lr.warmup=40 --set lr.warmup_from=0.1", "--steps 61");
	extended(toy, "--set lr.kind=step --set lr.every=11", "--steps 61");
	extended(toy, "--set lr.kind=multi-step --set lr.at=[5,33]", "--steps 61");
	extended(toy, "--set lr.kind=inverse-sqrt --set lr.warmup=3", "--steps 61");
	extended(toy, "--set lr.kind=cosine --set lr.length=20 --set lr.lowest=0.001", "--steps 61");
}

Test(extend, counts_epochs_in_exact_arithmetic)
{
	extended(net, "", "--set epochs=2.24");
	cr_expect_eq(info_of(at("a.h5")).steps, 14);
	extended(net, "--set lr.kind=multi-step --set lr.per=epoch --set lr.at=[1,2]", "--set epochs=3");
	cr_expect_eq(info_of(at("a.h5")).steps, 19);
	extended(net, "--set lr.kind=step --set lr.per=epoch --set lr.every=1", "--set steps=21");
}

/* Where the schedule takes the whole run, the length that it had can be named; other lengths say what
 * differs. */
Test(extend, a_descent_over_the_whole_run_needs_its_length)
{
	static const char *const kinds[] = {"cosine", "linear"};
	for (int k = 0; k < 2; k++) {
		char given[128];
		cli_write("e.json", toy);
		snprintf(given, sizeof given, "--overwrite --set lr.kind=%s --set lr.warmup=4", kinds[k]);
		simulate("a.h5", given);
		cli_expect(2, "would have given other rates to the 30 steps that are done",
		           "simulate --resume %s --steps 61", at("a.h5"));
		cr_expect_not_null(strstr(cli_err, "--set lr.length=30"), "%s", cli_err);
		cli_expect(2, "and would have had", "simulate --resume %s --steps 61 --set lr.length=40",
		           at("a.h5"));
		cr_assert_eq(cli("simulate --resume %s --steps 61 --set lr.length=30 --quiet", at("a.h5")), 0,
		             "%s", cli_err);
		snprintf(given, sizeof given,
		         "--overwrite --set lr.kind=%s --set lr.warmup=4 --set lr.length=30 --steps 61",
		         kinds[k]);
		simulate("b.h5", given);
		same_run("a.h5", "b.h5");
	}
	simulate("c.h5", "--set lr=theory --set momentum=0");
	cli_expect(2, "a run of its own", "simulate --resume %s --steps 61", at("c.h5"));
}

/* 24 samples in batches of 4 are 6 steps an epoch: the length that a descent of 12 steps had is 2 epochs. */
Test(extend, a_descent_in_epochs_has_its_length_in_epochs)
{
	const char *even =
	        "--overwrite --set data.train=48 --set epochs=2 --set lr.kind=cosine --set lr.per=epoch";
	char both[256];
	cli_write("e.json", net);
	simulate("a.h5", even);
	cli_expect(2, "--set lr.length=2 ", "simulate --resume %s --set epochs=3", at("a.h5"));
	cr_assert_eq(cli("simulate --resume %s --set epochs=3 --set lr.length=2 --quiet", at("a.h5")), 0,
	             "%s", cli_err);
	snprintf(both, sizeof both, "%s --set epochs=3 --set lr.length=2", even);
	simulate("b.h5", both);
	same_run("a.h5", "b.h5");
	simulate("c.h5", "--overwrite --set lr.kind=cosine --set lr.per=epoch");
	cli_expect(2, "a run of its own", "simulate --resume %s --set epochs=3", at("c.h5"));
}

/* What changes no rate of the steps done may change too; what does not, and any other key, is another run. */
Test(extend, only_the_length_and_later_rates_may_change)
{
	cli_write("e.json", toy);
	simulate("a.h5", "--set lr.kind=multi-step --set lr.at=[10]");
	cli_expect(2, "holds another run", "simulate --resume %s --set lr.at=[10,40]", at("a.h5"));
	cli_expect(2, "holds another run", "simulate --resume %s --steps 61 --seed 2", at("a.h5"));
	cli_expect(2, "only its length may change", "simulate --resume %s --steps 61 --set momentum=0.5",
	           at("a.h5"));
	cli_expect(2, "other rates", "simulate --resume %s --steps 61 --set lr.at=[9]", at("a.h5"));
	cli_expect(2, "holds another run",
	           "simulate %s --set lr.kind=multi-step --set lr.at=[10] --steps 61 --out %s", at("e.json"),
	           at("a.h5"));
	cr_expect_eq(cli("simulate --resume %s --steps 61 --set lr.at=[10,30] --quiet", at("a.h5")), 0, "%s",
	             cli_err);
	simulate("b.h5", "--set lr.kind=multi-step --set lr.at=[10,30] --steps 61");
	same_run("a.h5", "b.h5");
}

static void expect_unchanged(const char *name, const unsigned char *bytes, size_t count)
{
	size_t now;
	unsigned char *read = file_bytes(at(name), &now);
	cr_expect(now == count && memcmp(read, bytes, count) == 0, "%s has changed", name);
	mem_free(read);
}

Test(extend, what_cannot_be_extended_says_why_and_stays)
{
	size_t count;
	cli_write("e.json", toy);
	simulate("a.h5", "--set checkpoint.keep=false");
	unsigned char *bytes = file_bytes(at("a.h5"), &count);
	cli_expect(2, "`checkpoint.keep`", "simulate --resume %s --steps 61", at("a.h5"));
	cli_expect(2, "steps: found 29, expected more than the 30 that are done",
	           "simulate --resume %s --steps 29", at("a.h5"));
	expect_unchanged("a.h5", bytes, count);
	mem_free(bytes);
	cr_expect_eq(cli("simulate %s --out %s --set aggregator=mean --attack nan", at("e.json"), at("d.h5")),
	             1);
	cli_expect(2, "the run diverged, and more steps would not mend that",
	           "simulate --resume %s --steps 61", at("d.h5"));
	simulate("k.h5", "");
	cr_expect_str_eq(info_of(at("k.h5")).id, info_of(at("a.h5")).id, "keep is part of the identity");
	cr_assert_eq(cli("simulate %s --seed 5 --out %s --quiet", at("e.json"), at("o.h5")), 0);
	cr_assert_eq(rename(at("o.checkpoint.h5"), at("k.checkpoint.h5")), 0);
	cli_expect(2, "is a checkpoint of another run", "simulate --resume %s --steps 61", at("k.h5"));
}

/* Sequences carry a state; and data may lie elsewhere by now, as paths are no part of an identity. */
Test(extend, a_text_that_has_moved_trains_on)
{
	char options[256];
	cr_assert(process_shell("mkdir %s && cp LICENSE %s/t", at("old"), at("old")));
	cli_write("e.json",
	          "{\"name\":\"text\",\"workers\":2,\"steps\":33,\"batch\":4,\"lr\":0.001,\"data\":{\"kind\":"
	          "\"text\",\"train\":\"t\",\"bptt\":12},\"model\":{\"kind\":\"qrnn\",\"layers\":2,"
	          "\"embedding\":6,\"hidden\":10,\"window\":2},\"eval\":{\"every\":0,\"train\":700},"
	          "\"checkpoint\":{\"keep\":true}}");
	snprintf(options, sizeof options, "--data %s", at("old"));
	simulate("a.h5", options);
	cr_assert_eq(rename(at("old"), at("new")), 0);
	cr_assert_eq(cli("simulate --resume %s --steps 70 --data %s --quiet", at("a.h5"), at("new")), 0, "%s",
	             cli_err);
	snprintf(options, sizeof options, "--steps 70 --data %s", at("new"));
	simulate("b.h5", options);
	same_run("a.h5", "b.h5");
}

/* Once more and once more; every id that the run had is listed, shown, and leads to it. */
Test(extend, a_run_is_found_by_its_new_settings_at_the_old_place)
{
	struct record_extended *rows;
	struct err e = {0};
	size_t count;
	char path[128], first[65], line[256];
	cli_write("e.json", toy);
	simulate("runs/", "");
	cr_assert_eq(cli("show --json %s/runs/toy-????????????.h5", cli_folder), 0, "%s", cli_err);
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	snprintf(path, sizeof path, "%s", json_member(lines[0], "file")->string);
	snprintf(first, sizeof first, "%s", json_member(lines[0], "id")->string);
	arena_clear(&a);
	for (int steps = 61; steps <= 91; steps += 30) {
		cr_assert_eq(cli("simulate --resume %s --steps %d", path, steps), 0, "%s", cli_err);
		cli_expect(0, "done already, skipped", "simulate --resume %s --steps %d", path, steps);
		cli_expect(0, "done already, skipped", "simulate %s --out %s --steps %d", at("e.json"),
		           at("runs/"), steps);
	}
	cli_expect(2, "holds this run, but its length was changed to 91 steps", "simulate %s --out %s",
	           at("e.json"), at("runs/"));
	cli_expect(2, "holds this run, but its length was changed to 91 steps",
	           "simulate %s --out %s --steps 61", at("e.json"), at("runs/"));
	cr_assert_eq(record_extensions(path, &rows, &count, &e), 0, "%s", e.text);
	cr_assert_eq(count, 2);
	cr_expect(rows[0].step == 30 && rows[1].step == 61 && strcmp(rows[0].id, first) == 0);
	cr_assert_eq(cli("show %s", path), 0);
	snprintf(line, sizeof line, "after step 30 (was %s), after step 61 (was", rows[0].id);
	cr_expect_not_null(strstr(cli_out, line), "%s", cli_out);
	cr_assert_eq(cli("show --json %s", path), 0);
	snprintf(line, sizeof line, "\"extended\":[{\"step\":30,\"id\":\"%s\"},{\"step\":61,\"id\":\"%s\"}]",
	         rows[0].id, rows[1].id);
	cr_expect_not_null(strstr(cli_out, line), "%s", cli_out);
	mem_free(rows);
	simulate("whole.h5", "--steps 91");
	cr_assert_eq(symlink(path, at("a.h5")), 0);
	same_run("a.h5", "whole.h5");
}

/* Interrupted on the way, a run may get an end that is later or nearer. */
Test(extend, an_interrupted_run_gets_another_end)
{
	static const char *const lengths[] = {"--steps 4001", "--steps 2998"};
	cli_write("e.json", busy);
	for (int i = 0; i < 2; i++) {
		clear();
		pid_t pid = served_start("log", "simulate %s --out %s", at("e.json"), at("a.h5"));
		while (!file_there(at("a.h5")))
			process_sleep_ms(5);
		kill(pid, SIGTERM);
		cr_assert_eq(process_wait(pid), 143);
		long long done = (long long)info_of(at("a.h5")).steps_done;
		cr_assert_lt(done, 2998);
		if (done > 1)
			cli_expect(2, "expected more than the", "simulate --resume %s --steps 1", at("a.h5"));
		cr_assert_eq(cli("simulate --resume %s --quiet %s", at("a.h5"), lengths[i]), 0, "%s",
		             cli_err);
		simulate("b.h5", lengths[i]);
		same_run("a.h5", "b.h5");
	}
}

/* kill -9 at any moment: the file is the old run's or the new one's, whole, and the same command goes on. */
Test(extend, killed_meanwhile_it_is_the_old_run_or_the_new_one)
{
	struct stream pick = stream_of(7, RNG_TEST, 0, 0);
	int killed = 0;
	cli_write("e.json", busy);
	simulate("a.h5", "--steps 300");
	simulate("b.h5", "");
	struct run_info was = info_of(at("a.h5")), is = info_of(at("b.h5"));
	for (uint64_t i = 0; i < 12; i++) {
		pid_t pid = served_start("log", "simulate --resume %s --steps 3000", at("a.h5"));
		process_sleep_ms(5 + (int)stream_below(&pick, i, 120));
		kill(pid, SIGKILL);
		killed += process_wait(pid) == 256 + SIGKILL;
		struct run_info now = info_of(at("a.h5"));
		bool old = strcmp(now.id, was.id) == 0;
		cr_expect(old ? now.steps == 300 && strcmp(now.state, "finished") == 0
		              : now.steps == 3000 && strcmp(now.id, is.id) == 0,
		          "id %s, %lld steps, %s", now.id, (long long)now.steps, now.state);
	}
	cr_expect_gt(killed, 0);
	cr_assert_eq(cli("simulate --resume %s --steps 3000 --quiet", at("a.h5")), 0, "%s", cli_err);
	same_run("a.h5", "b.h5");
}

/* Killed right after the file changed hands: the checkpoint is still that of the run as it was. */
Test(extend, goes_on_from_the_checkpoint_of_its_earlier_id)
{
	struct err e = {0};
	cli_write("e.json",
	          "{\"name\":\"quick\",\"workers\":3,\"steps\":40,\"batch\":4,\"model\":\"quadratic\","
	          "\"checkpoint\":{\"minutes\":0,\"keep\":true},\"record\":{\"every\":100}}");
	simulate("a.h5", "");
	struct run_info was = info_of(at("a.h5"));
	pid_t pid = served_start("log", "simulate --resume %s --steps 200000", at("a.h5"));
	while (strcmp(info_of(at("a.h5")).id, was.id) == 0)
		process_sleep_ms(1);
	kill(pid, SIGKILL);
	cr_assert_eq(process_wait(pid), 256 + SIGKILL);
	struct h5 *f = h5_door_open(at("a.checkpoint.h5"));
	char *id = h5_get_text(f, "/", "run_id", &e);
	cr_assert(id && strcmp(id, was.id) == 0, "it ended before it was killed");
	mem_free(id);
	h5_close(f);
	cli_expect(0, "resumed after step 40", "simulate --resume %s", at("a.h5"));
	simulate("b.h5", "--steps 200000");
	same_run("a.h5", "b.h5");
}

/* --- in every way to run -------------------------------------------------------------------------------- */

static void same_final(const char *name, const char *other)
{
	char different[256] = "";
	struct err e = {0};
	cr_expect_eq(record_same_final(at(name), at(other), different, sizeof different, &e), 1,
	             "%s and %s: %s %s", name, other, different, e.text);
	cr_expect_str_eq(info_of(at(name)).id, info_of(at(other)).id);
}

Test(extend, processes_train_on_and_keep_their_states)
{
	cli_write("e.json", toy);
	simulate("b.h5", "--steps 61");
	cr_assert_eq(cli("train %s --processes 2 --out %s --quiet", at("e.json"), at("a.h5")), 0, "%s",
	             cli_err);
	cr_assert_eq(cli("train --resume %s --processes 3 --steps 45 --quiet", at("a.h5")), 0, "%s", cli_err);
	cr_assert_eq(cli("simulate --resume %s --steps 61 --quiet", at("a.h5")), 0, "%s", cli_err);
	same_final("a.h5", "b.h5");
}

Test(extend, mpi_trains_on_and_keeps_its_states, .init = mpirun_open)
{
	cli_write("e.json", toy);
	simulate("b.h5", "--steps 61");
	cr_assert_eq(mpirun(2, "train %s --out %s --quiet", at("e.json"), at("a.h5")), 0, "%s", cli_err);
	cr_assert_eq(mpirun(3, "train --resume %s --steps 61 --quiet", at("a.h5")), 0, "%s", cli_err);
	same_final("a.h5", "b.h5");
	cr_expect_eq(mpirun(2, "train --resume %s --steps 61", at("a.h5")), 0, "%s", cli_err);
	cr_expect_neq(mpirun(2, "train --resume %s --steps 60", at("a.h5")), 0);
	cr_expect_not_null(strstr(cli_err, "expected more than the 61 that are done"), "%s", cli_err);
}

static void serve(const char *what, const char *options)
{
	int port = served_free_port();
	pid_t server = served_start("serve.log", "serve %s --listen tcp://127.0.0.1:%d --insecure --quiet %s",
	                            what, port, options);
	pid_t work =
	        served_start("work.log", "work --connect tcp://127.0.0.1:%d --insecure --workers 4", port);
	char said[4096];
	cr_expect_eq(process_wait(work), 0, "%s", file_text(at("work.log"), said, sizeof said));
	cr_expect_eq(process_wait(server), 0, "%s", file_text(at("serve.log"), said, sizeof said));
}

/* Workers of `serve` keep their momenta and begin anew; what is counted then is enough to repeat the run. */
Test(extend, a_served_run_trains_on_and_is_repeated)
{
	char options[512];
	cli_write("e.json", toy);
	snprintf(options, sizeof options, "--out %s --set record.norms=0", at("a.h5"));
	serve(at("e.json"), options);
	snprintf(options, sizeof options, "--resume %s --steps 61", at("a.h5"));
	serve("", options);
	cr_expect_eq(info_of(at("a.h5")).steps_done, 61);
	cli_expect(0, "ends with the same bits", "simulate --replay %s --out %s", at("a.h5"), at("r.h5"));
	cr_expect_str_eq(info_of(at("a.h5")).id, info_of(at("r.h5")).id);
}

/* Nothing changes hands before there is a step more: a server that nobody came to leaves what it found. */
Test(extend, without_a_step_more_the_file_stays_as_it_was)
{
	size_t count, saved;
	char said[4096] = "";
	cli_write("e.json", toy);
	simulate("a.h5", "");
	unsigned char *result = file_bytes(at("a.h5"), &count),
	              *state = file_bytes(at("a.checkpoint.h5"), &saved);
	pid_t server =
	        served_start("log", "serve --resume %s --steps 61 --listen tcp://127.0.0.1:%d --insecure",
	                     at("a.h5"), served_free_port());
	while (!strstr(file_text(at("log"), said, sizeof said), "goes on to 61 steps"))
		process_sleep_ms(SERVED_POLL_MS);
	kill(server, SIGINT);
	cr_expect_eq(process_wait(server), 130);
	expect_unchanged("a.h5", result, count);
	expect_unchanged("a.checkpoint.h5", state, saved);
	mem_free(result);
	mem_free(state);
}
