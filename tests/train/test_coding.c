/*
 * Election coding: who has which parts, the majority of their gradients' signs, what it needs of a run, and
 * the same bits in every way to run.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "backend/sign.h"
#include "base/mem.h"
#include "record/record.h"
#include "registry.h"
#include "tests/support/h5_door.h"
#include "tests/support/json_help.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"
#include "train/coded.h"

TestSuite(coding, .init = cli_open, .fini = cli_close, .timeout = 600);

enum { WORKERS = 5, STEPS = 6 };

/* With dropout and running statistics. */
static const char experiment[] =
        "{\"name\":\"c\",\"seed\":3,\"workers\":5,\"steps\":6,\"batch\":8,\"momentum\":0,\"lr\":0.01,"
        "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":20},\"model\":{\"kind\":\"sequential\","
        "\"layers\":[{\"kind\":\"conv\",\"channels\":4,\"kernel\":5,\"stride\":3},\"norm\",\"relu\","
        "{\"kind\":\"dropout\",\"rate\":0.3},\"flatten\",{\"kind\":\"linear\",\"width\":10}]},"
        "\"coding\":{\"kind\":\"bernoulli\",\"redundancy\":2.5},\"compressor\":{\"kind\":\"sign\",\"zero\":"
        "\"random\"},\"eval\":{\"every\":0},\"checkpoint\":{\"keep\":true}}";

/* --- who has what ------------------------------------------------------------------------------------- */

static const struct parts *parts_read(struct arena *a, const char *json, uint64_t seed, int workers)
{
	struct choice c = {0};
	struct err e = {0};
	cr_assert_eq(choice_parse(&family_codings, &c, NULL, json, a, &e), 0, "%s", e.text);
	return parts_make(a, &c, seed, workers);
}

Test(coding, parts_are_as_many_as_told)
{
	double sum = 0;
	struct arena a = {0};
	for (uint64_t seed = 0; seed < 200; seed++) {
		const struct parts *p =
		        parts_read(&a, "{\"kind\":\"bernoulli\",\"redundancy\":3.8}", seed, 9);
		sum += p->first[9];
		for (int w = 0; w < 9; w++) {
			cr_assert(parts_count(p, w) >= 1);
			for (int i = p->first[w] + 1; i < p->first[w + 1]; i++)
				cr_assert(p->at[i - 1] < p->at[i] && p->at[i] < 9);
		}
	}
	/* 16,200 draws of 3.8 / 9, and (1 - 3.8 / 9)^9 = 0.7 % of the workers who get one part more */
	cr_expect_float_eq(sum / (200 * 9), 3.8 + 0.0072, 5 * sqrt(3.8 / 9 * (1 - 3.8 / 9) * 9 / 1800));
	const struct parts *all = parts_read(&a, "\"perfect\"", 1, 4);
	for (int i = 0; i < 16; i++)
		cr_expect_eq(all->at[i], i % 4);
	const struct parts *few = parts_read(&a, "{\"kind\":\"bernoulli\",\"redundancy\":1e-9}", 1, 4);
	for (int w = 0; w < 4; w++)
		cr_expect(parts_count(few, w) == 1 && few->at[few->first[w]] == w, "a worker's own");
	arena_clear(&a);
}

/* --- the majority ------------------------------------------------------------------------------------- */

Test(coding, the_vector_is_the_sum_of_signs)
{
	enum { N = 130 };
	static const char *const backends[] = {"ref", "cpu", "guarded"};
	for (int k = 0; k < 3; k++) {
		struct backend be;
		struct err e = {0};
		struct coded c = {0};
		float g[3][N], sum[N];
		const struct row *row = family_find(&family_backends, backends[k]);
		cr_assert_eq(((const struct backend_row *)row)->open(&be, NULL, &e), 0, "%s", e.text);
		struct queue *q = be.memory->queue_open();
		float *at = be.memory->alloc(N * sizeof *at, "gradient");
		coded_open(&c, &be, N);
		for (int p = 0; p < 3; p++) {
			for (size_t i = 0; i < N; i++)
				g[p][i] = (float)((i * (size_t)(7 + p) + (size_t)p) % 5) - 2;
			g[p][5] = p == 1 ? NAN : INFINITY;
			be.memory->upload(q, at, g[p], N * sizeof *at);
			coded_add(&c, &be, q, N, p == 0, at);
		}
		be.memory->download(q, sum, c.sum, sizeof sum);
		for (size_t i = 0; i < N; i++) {
			int want = 0;
			for (int p = 0; p < 3; p++)
				want += (g[p][i] > 0) - (g[p][i] < 0);
			cr_expect_eq((double)sum[i], want, "%s: coordinate %zu", backends[k], i);
		}
		coded_close(&c, &be);
		be.memory->release(at);
		be.memory->queue_close(q);
	}
}

/* --- a run -------------------------------------------------------------------------------------------- */

static void simulate(const char *file, const char *options)
{
	cli_write("c.json", experiment);
	cr_assert_eq(cli("simulate %s/c.json --out %s/%s.h5 --overwrite --quiet %s", cli_folder, cli_folder,
	                 file, options),
	             0, "%s", cli_err);
}

static void expect_same(const char *one, const char *two)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, one);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, two);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s, %s: %s%s", one, two, same < 0 ? e.text : "other bits: ", different);
}

static size_t column(const char *file, const char *name, double **values)
{
	char path[128];
	size_t count;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	if (record_column(path, name, values, &count, &e))
		return 0;
	return count;
}

Test(coding, every_way_has_the_same_bits)
{
	simulate("simulate", "--lanes 1");
	simulate("lanes", "--lanes 3");
	expect_same("simulate", "lanes");
	for (int buckets = 1; buckets <= 3; buckets += 2) {
		cr_expect_eq(cli("train %s/c.json --processes 2 --set transport.buckets=%d --out %s/own.h5 "
		                 "--overwrite --quiet",
		                 cli_folder, buckets, cli_folder),
		             0, "%s", cli_err);
		expect_same("simulate", "own");
	}
	cr_expect_eq(cli("train %s/c.json --processes 2 --set transport.shards=2 --out %s/own.h5 --overwrite "
	                 "--quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	expect_same("simulate", "own");
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		return;
	}
	static const char *const topologies[] = {"star", "sharded"};
	for (int t = 0; t < 2; t++) {
		cr_expect_eq(mpirun(3,
		                    "train %s/c.json --set transport.kind=mpi --set transport.topology=%s "
		                    "--out %s/mpi.h5 --overwrite --quiet",
		                    cli_folder, topologies[t], cli_folder),
		             0, "%s: %s", topologies[t], cli_err);
		expect_same("simulate", "mpi");
	}
}

Test(coding, it_continues_as_if_it_had_not_stopped)
{
	simulate("simulate", "");
	simulate("moved", "--steps 2");
	cr_expect_eq(cli("train --resume %s/moved.h5 --steps 4 --set transport=zmq --processes 2 --quiet",
	                 cli_folder),
	             0, "%s", cli_err);
	cr_expect_eq(cli("simulate --resume %s/moved.h5 --steps 6 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same("simulate", "moved");
}

Test(coding, a_server_has_the_same_bits_and_so_has_a_replay)
{
	int port = served_free_port();
	cli_write("c.json", experiment);
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	pid_t server = served_start("serve.log",
	                            "serve %s/c.json --listen tcp://127.0.0.1:%d --keys %s/keys --set "
	                            "transport.deadline_s=60 --out %s/served.h5",
	                            cli_folder, port, cli_folder, cli_folder);
	pid_t work = served_start("work.log",
	                          "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
	                          port, cli_folder);
	cr_expect_eq(process_wait(work), 0);
	cr_expect_eq(process_wait(server), 0);
	cr_assert_eq(cli("simulate --replay %s/served.h5 --out %s/again.h5 --quiet", cli_folder, cli_folder),
	             0, "%s", cli_err);
	simulate("simulate", "");
	expect_same("served", "again");
	expect_same("served", "simulate");
}

#define PERFECT "--set coding=perfect --set compressor.zero=positive"

/* With every part a worker's vote is the same as all others', whose majority no minority turns. */
Test(coding, with_the_perfect_code_liars_change_nothing)
{
	simulate("honest", PERFECT);
	simulate("inverted", PERFECT " --adversaries 2 --attack invert");
	simulate("without", "--set coding=null --adversaries 2 --attack invert");
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	/* ties of a worker, which coins of its own decide, need an even number of signs: 5 have none but
	 * zeros */
	expect_same("honest", "inverted");
	snprintf(path, sizeof path, "%s/honest.h5", cli_folder);
	snprintf(other, sizeof other, "%s/without.h5", cli_folder);
	cr_expect_eq(record_same_final(path, other, different, sizeof different, &e), 0);
}

/* The share of coordinates that one voter of the five could turn, in the last step. */
static double turned_by_one(const char *options)
{
	size_t count;
	char all[200], path[128];
	snprintf(all, sizeof all, "--set coding=perfect --set record.certificate=1 %s", options);
	simulate("votes", all);
	snprintf(path, sizeof path, "%s/votes.h5", cli_folder);
	double *turned = h5_door_numbers(path, "/probes/certificate/turned", &count);
	cr_assert_eq(count, WORKERS / 2 * STEPS);
	double last = turned[count - WORKERS / 2];
	mem_free(turned);
	return last;
}

/* Gradients that are 0 have no majority: there each worker has a coin, unless `zero` says what they vote. */
Test(coding, honest_votes_of_the_perfect_code_differ_by_coins_alone)
{
	cr_expect_eq(turned_by_one("--set compressor.zero=positive"), 0);
	cr_expect_gt(turned_by_one(""), 0);
	cr_assert_eq(cli("list codings perfect"), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "but for coins"), "%s", cli_out);
}

Test(coding, gradients_are_counted)
{
	double *gradients;
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	simulate("simulate", "");
	cr_assert_eq(column("simulate", "/steps/gradients", &gradients), STEPS);
	cr_assert_eq(cli("validate %s/c.json --json", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	double told = cli_number(lines[0], "gradients");
	cr_expect(told >= WORKERS && told <= WORKERS * WORKERS, "%g", told);
	for (int k = 0; k < STEPS; k++)
		cr_expect_eq(gradients[k], told);
	mem_free(gradients);
	cr_assert_eq(cli("validate %s/c.json --set coding=perfect", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "perfect: 25 gradients a step, of 5 to 5 of 5 parts a worker"),
	                   "%s", cli_out);
	simulate("plain", "--set coding=null");
	cr_expect_eq(column("plain", "/steps/gradients", &gradients), 0, "no such column without a coding");
	arena_clear(&a);
}

Test(coding, what_it_cannot_have_is_refused)
{
	static const struct {
		const char *set, *says;
	} cases[] = {
	        {"--set momentum=0.9", "momentum: with `coding` a worker sends the majority of the signs"},
	        {"--set momentum_at=[2] --set momentum_then=[0.5]", "momentum_at: with `coding`"},
	        {"--set coding.redundancy=6",
	         "redundancy: found 6, expected at most the number of workers, 5"},
	        {"--set compressor=none --set aggregator=mean", "expected compressor \"sign\""},
	        {"--set record.norms=1", "record.norms: with `coding` a worker has gradients of several"},
	        {"--adversaries 1 --attack zero --set adversaries.data=none",
	         "each worker's shard is a part that others compute too, and worker 0 has none"},
	        {"--set direction=lion", "direction: with `coding` a worker sends the majority of the signs"},
	        {"--set fuse=2", "fuse: found 2, and by `coding` a worker's gradients"},
	        {"--set coding=cyclic", "expected one of \"bernoulli\", \"perfect\""},
	};
	cli_write("c.json", experiment);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cli_expect(2, cases[i].says, "validate %s/c.json %s", cli_folder, cases[i].set);
}

/* Attacks of every kind have what they act on; one that relabels has its own gradients of every part. */
Test(coding, attacks_run)
{
	static const char *const attacks[] = {"label-flip", "gaussian", "bit-flip", "opt-ipm", "min-max"};
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		char options[128];
		snprintf(options, sizeof options, "--adversaries 1 --attack %s --lanes 2", attacks[i]);
		simulate("attacked", options);
	}
}
