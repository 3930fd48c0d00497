/* Batches and shards that differ from worker to worker: epochs in exact arithmetic, an unweighted mean, the
 * same bits on any number of lanes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "adversary/attack.h"
#include "optimizer/schedule.h"
#include "registry.h"
#include "tests/support/h5_files.h"
#include "tests/support/image_folder.h"
#include "tests/support/train.h"
#include "train/lane.h"

#define GLYPHS "\"data\":{\"kind\":\"glyphs\",\"train\":600,\"test\":40},"
#define NORMS                                                                                                \
	"\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,\"kernel\":5,"     \
	"\"stride\":2},\"norm\",\"relu\",{\"kind\":\"linear\",\"width\":20},\"relu\"]},"

/* --- epochs --------------------------------------------------------------------------------------------- */

static void expect_epoch(const char *more, int64_t over, int64_t under, int64_t steps)
{
	char text[600];
	struct runs runs;
	snprintf(text, sizeof text,
	         "{\"workers\":3,\"epochs\":7,\"lr\":0.01,\"model\":\"softmax\"," GLYPHS "%s}", more);
	const struct settings *s = train_settings(&runs, text);
	cr_expect_eq(s->steps_per_epoch.over * under, s->steps_per_epoch.under * over, "%s: %lld/%lld steps",
	             more, (long long)s->steps_per_epoch.over, (long long)s->steps_per_epoch.under);
	cr_expect_eq(s->steps, steps, "%s: %lld steps", more, (long long)s->steps);
	runs_clear(&runs);
}

Test(unequal, an_epoch_is_what_is_in_use_over_the_batches_of_a_step)
{
	expect_epoch("\"batch\":10", 600, 30, 140);
	expect_epoch("\"batch\":[4,8,16]", 600, 28, 150);
	expect_epoch("\"batch\":[1,1,5]", 600, 7, 600);
	expect_epoch("\"batch\":[1,1,11],\"partition\":{\"kind\":\"sizes\",\"zipf\":1}", 600, 13, 324);
	expect_epoch("\"batch\":[8,4,1],\"partition\":{\"kind\":\"sizes\",\"list\":[250,100,51]}", 401, 13,
	             216);
	expect_epoch("\"batch\":[8,4,1],\"partition\":{\"kind\":\"dirichlet\",\"alpha\":1}", 600, 13, 324);
}

Test(unequal, the_column_of_epochs_counts_them)
{
	struct runs runs;
	struct step_row row;
	struct err e = {0};
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(
	        &runs, "{\"workers\":3,\"steps\":5,\"batch\":[1,2,4],\"lr\":0.01,\"model\":"
	               "\"softmax\"," GLYPHS "\"partition\":{\"kind\":\"sizes\",\"list\":[300,200,100]}}");
	struct trainer *t = train_open(s, pool);
	for (int step = 1; step <= 5; step++) {
		cr_assert_eq(trainer_step(t, &row, NULL, &e), 0, "%s", e.text);
		cr_expect_float_eq(row.epoch, step * 7.0 / 600, 1e-15);
	}
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

/* 600 samples, 13 a step: an epoch is over after 46.15 steps, so that the rate falls before step 47, 93 and
 * 139. */
Test(unequal, schedules_count_such_epochs)
{
	struct runs runs;
	const struct settings *s = train_settings(
	        &runs, "{\"workers\":3,\"steps\":150,\"batch\":[8,4,1],\"model\":\"softmax\"," GLYPHS
	               "\"lr\":{\"kind\":\"step\",\"rate\":1,\"factor\":0.5,\"every\":1,\"per\":\"epoch\"}}");
	const struct schedule_env env = {.steps = 150, .steps_per_epoch = s->steps_per_epoch};
	for (int64_t step = 0; step < 150; step++)
		cr_expect_eq(schedule_rate((const struct schedule *)s->lr.row, s->lr.state, &env, step),
		             step < 47    ? 1
		             : step < 93  ? 0.5
		             : step < 139 ? 0.25
		                          : 0.125,
		             "step %d", (int)step);
	runs_clear(&runs);
}

/* --- each worker's own batch ---------------------------------------------------------------------------- */

/* The mean of the workers' gradients has the same weight for each, whatever its batch. */
Test(unequal, the_mean_is_unweighted)
{
	enum { N = 70, M = 3 };
	static const double batch[M] = {1, 4, 25};
	struct runs runs;
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(
	        &runs, "{\"seed\":9,\"workers\":3,\"steps\":1,\"batch\":[1,4,25],\"momentum\":0,\"lr\":0.5,"
	               "\"aggregator\":\"mean\",\"model\":{\"kind\":\"quadratic\",\"dimensions\":70}}");
	struct trainer *t = train_open(s, pool);
	double mean[N] = {0};
	size_t n;
	float x[N];
	memcpy(x, trainer_x(t, &n), sizeof x);
	for (uint32_t m = 0; m < M; m++) {
		struct stream noise = stream_of(9, RNG_NOISE, m, 0);
		for (size_t i = 0; i < N; i++) {
			float normal[4];
			stream_normal4(&noise, i / 4, normal);
			mean[i] += (x[i] + normal[i % 4] / sqrt(batch[m])) / M;
		}
	}
	train_steps(t, 1);
	for (size_t i = 0; i < N; i++)
		cr_expect_float_eq(trainer_x(t, &n)[i], x[i] - 0.5 * mean[i], 1e-5, "coordinate %zu", i);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

/* A lane's batch has the worker's size, and in one epoch a worker sees each sample of its shard once. */
Test(unequal, workers_pass_over_their_own_shards)
{
	enum { M = 3, N = 600 };
	struct runs runs;
	struct err e = {0};
	struct backend be;
	struct feed feed;
	struct lane l;
	const int ids[M] = {0, 1, 2};
	const struct settings *s = train_settings(
	        &runs,
	        "{\"workers\":3,\"steps\":1,\"batch\":[5,10,4],\"lr\":0.01,\"backend\":\"ref\","
	        "\"model\":\"softmax\"," GLYPHS "\"partition\":{\"kind\":\"sizes\",\"list\":[100,250,80]}}");
	struct pool *pool = pool_open(1);
	cr_assert_eq(((const struct backend_row *)s->backend.row)->open(&be, s->backend.state, &e), 0, "%s",
	             e.text);
	cr_assert_eq(feed_open(&feed, s, pool, ids, M, true, &e), 0, "%s", e.text);
	struct model_env env = settings_model_env(s, &be);
	lane_open(&l, &env, s->model.state, &feed, 10000, false, 0, NULL);
	cr_expect_eq(l.n_others, 2);
	int times[N] = {0}, seen = 0;
	for (uint32_t m = 0; m < M; m++) {
		struct batch batch = {0};
		int64_t size = s->batch.of[m];
		for (uint64_t step = 0; step * (uint64_t)size < partition_size(&feed.partition, (int)m);
		     step++) {
			lane_images(&l, m, step, 0, &batch);
			cr_assert_eq(batch.count, size);
			for (int i = 0; i < batch.count; i++)
				times[l.index[i]]++;
		}
	}
	for (int i = 0; i < N; i++) {
		cr_assert_leq(times[i], 1);
		seen += times[i];
	}
	cr_expect_eq(seen, 430);
	lane_close(&l);
	feed_close(&feed);
	pool_close(pool);
	runs_clear(&runs);
}

/* --- memory --------------------------------------------------------------------------------------------- */

static size_t lane_of(const char *batch, int hosted)
{
	char text[700];
	struct runs runs;
	struct plan plan;
	snprintf(text, sizeof text, "{\"workers\":3,\"steps\":2,\"lr\":0.01," NORMS GLYPHS "\"batch\":%s}",
	         batch);
	const struct settings *s = train_settings(&runs, text);
	if (hosted == 3)
		trainer_plan(s, 1, &plan);
	else
		trainer_plan_hosted(s, 1, hosted, &plan);
	runs_clear(&runs);
	return plan.lane;
}

/* An instance for each size that is there; a process with one worker has one, at most for the largest. */
Test(unequal, the_plan_counts_instances)
{
	size_t one = lane_of("40", 3), two = lane_of("[40,20,40]", 3), three = lane_of("[40,20,30]", 3);
	cr_expect(one < two && two < three && three < 3 * one, "%zu, %zu, %zu", one, two, three);
	cr_expect_eq(lane_of("[40,40,40]", 3), one);
	cr_expect_eq(lane_of("[40,20,30]", 1), lane_of("40", 1));
	cr_expect_eq(lane_of("[40,20,30]", 2), lane_of("[40,30,40]", 2));
}

/* A process that makes no passes has no more than its own workers' batches. */
Test(unequal, a_worker_alone_has_its_own_batch)
{
	static const int ids[] = {2};
	struct runs runs;
	struct err e = {0};
	struct feed feed;
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(
	        &runs, "{\"workers\":3,\"steps\":2,\"lr\":0.01," NORMS GLYPHS "\"batch\":[40,20,5]}");
	cr_assert_eq(feed_open(&feed, s, pool, ids, 1, false, &e), 0, "%s", e.text);
	cr_expect_eq(feed.batch, 5);
	feed_close(&feed);
	cr_assert_eq(feed_open(&feed, s, pool, ids, 1, true, &e), 0, "%s", e.text);
	cr_expect_eq(feed.batch, 40);
	feed_close(&feed);
	pool_close(pool);
	runs_clear(&runs);
}

/* --- the same bits -------------------------------------------------------------------------------------- */

static void expect_same_bits(const char *text, int lanes, const char *other, int other_lanes, bool same)
{
	size_t n, m;
	float *x = train_x(text, lanes, &n), *y = train_x(other, other_lanes, &m);
	cr_assert_eq(n, m);
	cr_expect_eq(memcmp(x, y, n * sizeof *x) == 0, same, "%s", text);
	mem_free(x);
	mem_free(y);
}

Test(unequal, lanes_do_not_change_bits)
{
	static const char *const texts[] = {
	        "{\"workers\":5,\"steps\":6,\"batch\":[4,9,6,4,2],\"lr\":0.01," NORMS GLYPHS
	        "\"partition\":{\"kind\":\"dirichlet\",\"alpha\":0.5},\"record\":{\"sign_failure\":2}}",
	        "{\"workers\":3,\"steps\":20,\"batch\":[2,5,3],\"lr\":0.01,\"data\":{\"kind\":\"text\","
	        "\"train\":"
	        "\"LICENSE\",\"bptt\":30},\"model\":{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":6,"
	        "\"window\":2}}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (int lanes = 2; lanes <= 4; lanes++)
			expect_same_bits(texts[i], 1, texts[i], lanes, true);
}

#define UNEQUAL                                                                                              \
	"{\"workers\":4,\"steps\":12,\"batch\":[3,5,7,2],\"lr\":0.01,\"data_seed\":5," NORMS GLYPHS          \
	"\"partition\":{\"kind\":\"dirichlet\",\"alpha\":0.5},\"adversaries\":{\"count\":1,\"data\":"        \
	"\"none\","                                                                                          \
	"\"attack\":\"gaussian\"}}"

/* Saved after 5 steps and continued on other lanes. */
Test(unequal, a_run_goes_on_from_its_checkpoint, .init = h5_files_begin, .fini = h5_files_end)
{
	const char *path = h5_files_path("a.checkpoint.h5");
	struct runs runs;
	struct err e = {0};
	size_t n;
	float *whole = train_x(UNEQUAL, 1, &n);
	const struct settings *s = train_settings(&runs, UNEQUAL);
	struct pool *pool = pool_open(3);
	struct trainer *t = train_open(s, pool);
	train_steps(t, 5);
	cr_assert_eq(trainer_save(t, path, &e), 0, "%s", e.text);
	trainer_close(t);
	t = train_open(s, pool);
	cr_assert_eq(trainer_restore(t, path, &e), 0, "%s", e.text);
	train_steps(t, 7);
	cr_expect_eq(memcmp(trainer_x(t, &n), whole, n * sizeof *whole), 0);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	mem_free(whole);
}

Test(unequal, a_list_of_one_batch_is_that_batch)
{
	static const char one[] =
	        "{\"workers\":3,\"steps\":6,\"batch\":8,\"lr\":0.01," GLYPHS NORMS "\"seed\":3}",
	                  list[] = "{\"workers\":3,\"steps\":6,\"batch\":[8,8,8],\"lr\":0.01," GLYPHS NORMS
	                           "\"seed\":3}";
	expect_same_bits(one, 1, list, 2, true);
}

/* --- Byzantine workers without data ------------------------------------------------------------------------
 */

#define ATTACKED(attack) ",\"adversaries\":{\"ids\":[2],\"data\":\"none\",\"attack\":" attack "}}"

/* The honest workers share everything: with zeros from a third, the mean is 2/3 of that of the two alone. */
Test(unequal, without_data_of_byzantine_workers_the_others_share_everything)
{
	static const char
	        alone[] = "{\"workers\":2,\"steps\":20,\"batch\":8,\"lr\":0.2,\"model\":\"softmax\"," GLYPHS
	                  "\"aggregator\":\"mean\"}",
	        among[] = "{\"workers\":3,\"steps\":20,\"batch\":8,\"lr\":0.3,\"model\":\"softmax\"," GLYPHS
	                  "\"aggregator\":\"mean\"" ATTACKED("\"zero\"");
	struct runs runs;
	size_t n, m;
	float *x = train_x(alone, 1, &n), *y = train_x(among, 2, &m);
	cr_assert_eq(n, m);
	for (size_t i = 0; i < n; i++)
		cr_assert_float_eq(x[i], y[i], 1e-5, "coordinate %zu", i);
	const struct settings *s = train_settings(&runs, among);
	cr_expect_eq(s->batch.of[2], 0);
	cr_expect_eq(s->steps_per_epoch.over * 16, s->steps_per_epoch.under * 600);
	runs_clear(&runs);
	mem_free(x);
	mem_free(y);
}

Test(unequal, attacks_without_data_give_the_same_bits_on_any_lanes)
{
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		char text[900];
		if (!((const struct attack *)*r)->without_data)
			continue;
		snprintf(text, sizeof text,
		         "{\"workers\":7,\"steps\":4,\"batch\":[3,5,7,2,4,3,5],\"lr\":0.01," NORMS GLYPHS
		         "\"adversaries\":{\"ids\":[0,2,5],\"data\":\"none\",\"attack\":\"%s\"},\"record\":{"
		         "\"sign_failure\":1,\"norms\":1}}",
		         (*r)->name);
		expect_same_bits(text, 1, text, 3, true);
	}
}

/* --- images that are read on the way -------------------------------------------------------------------- */

Test(unequal, the_reader_reads_for_those_who_have_data, .init = data_help_enter, .fini = data_help_leave)
{
	image_folder_make();
	const char *set = arena_format(&data_help_arena, "%s/set", data_help_folder);
	const char *texts[] = {
	        arena_format(&data_help_arena,
	                     "{\"workers\":3,\"steps\":9,\"batch\":[2,4,1],\"lr\":0.01,\"model\":\"softmax\","
	                     "\"data\":{"
	                     "\"kind\":\"imagefolder\",\"size\":12,\"resize\":16},\"data_dir\":\"%s\"}",
	                     set),
	        arena_format(
	                &data_help_arena,
	                "{\"workers\":3,\"steps\":9,\"batch\":[2,3,5],\"lr\":0.01,\"model\":\"softmax\","
	                "\"data\":{"
	                "\"kind\":\"imagefolder\",\"size\":12,\"resize\":16},\"data_dir\":\"%s\"" ATTACKED(
	                        "\"ones\""),
	                set)};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect_same_bits(texts[i], 1, texts[i], 3, true);
}

/* --- data_seed ------------------------------------------------------------------------------------------ */

#define SEEDED "{\"workers\":3,\"steps\":2,\"batch\":8,\"lr\":0.01,\"model\":\"softmax\"," GLYPHS

static void open_shares(const char *text, struct feed *feed)
{
	static const int ids[] = {0, 1, 2};
	struct runs runs;
	struct err e = {0};
	struct pool *pool = pool_open(1);
	const struct settings *s = train_settings(&runs, text);
	cr_assert_eq(feed_open(feed, s, pool, ids, 3, true, &e), 0, "%s", e.text);
	pool_close(pool);
	runs_clear(&runs);
}

static void expect_shares(const char *text, const char *other, bool owned, bool order)
{
	struct feed a, b;
	open_shares(text, &a);
	open_shares(other, &b);
	bool same_owned = memcmp(a.partition.owned, b.partition.owned, 600 * sizeof(uint32_t)) == 0,
	     same_order = true;
	for (uint64_t i = 0; i < 200; i++)
		same_order = same_order &&
		             partition_sample(&a.partition, 1, i) == partition_sample(&b.partition, 1, i);
	cr_expect_eq(same_owned, owned, "%s, %s: shards", text, other);
	cr_expect_eq(same_order, order, "%s, %s: orders", text, other);
	feed_close(&a);
	feed_close(&b);
}

Test(unequal, data_seed_draws_the_partition_alone)
{
	expect_shares(SEEDED "\"seed\":1}", SEEDED "\"seed\":1,\"data_seed\":1}", true, true);
	expect_shares(SEEDED "\"seed\":1}", SEEDED "\"seed\":2}", false, false);
	expect_shares(SEEDED "\"seed\":1}", SEEDED "\"seed\":2,\"data_seed\":1}", true, false);
	expect_shares(SEEDED "\"seed\":2}", SEEDED "\"seed\":2,\"data_seed\":1}", false, false);
	expect_same_bits(SEEDED "\"seed\":2}", 1, SEEDED "\"seed\":2,\"data_seed\":2}", 1, true);
	expect_same_bits(SEEDED "\"seed\":2}", 1, SEEDED "\"seed\":2,\"data_seed\":1}", 1, false);
}

static void expect_id(const char *text, const char *other, bool same)
{
	struct runs a, b;
	const struct settings *s = train_settings(&a, text), *t = train_settings(&b, other);
	cr_expect_eq(strcmp(s->id, t->id) == 0, same, "%s, %s", text, other);
	cr_expect_str_eq(s->group, t->group);
	runs_clear(&a);
	runs_clear(&b);
}

Test(unequal, a_data_seed_that_is_the_seed_is_no_other_run)
{
	expect_id(SEEDED "\"seed\":2}", SEEDED "\"seed\":2,\"data_seed\":2}", true);
	expect_id(SEEDED "\"seed\":2}", SEEDED "\"seed\":2,\"data_seed\":null}", true);
	expect_id(SEEDED "\"seed\":2}", SEEDED "\"seed\":2,\"data_seed\":1}", false);
	expect_id(SEEDED "\"seed\":2}", SEEDED "\"seed\":2,\"adversaries\":{\"data\":\"own\"}}", true);
	expect_id(SEEDED "\"partition\":\"iid\"}", SEEDED "\"partition\":{\"kind\":\"iid\"}}", true);
}

/* --- refusals ------------------------------------------------------------------------------------------- */

static void expect_refused(const char *more, const char *expected)
{
	char text[600];
	struct runs runs;
	struct err e = {0};
	snprintf(text, sizeof text,
	         "{\"workers\":3,\"steps\":2,\"lr\":0.01,\"model\":\"softmax\"," GLYPHS "%s}", more);
	cr_assert_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), -1, "%s was accepted",
	             more);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", more, e.text,
	          expected);
}

Test(unequal, what_cannot_be_shared_is_refused)
{
	expect_refused("\"batch\":[8,8]",
	               "batch: found 2 batches, expected one number, or one for each of 3 workers");
	expect_refused("\"batch\":[8]", "found 1 batches, expected one number");
	expect_refused("\"batch\":[8,0,8]", "batch[1]: found the number 0, expected an integer in [1, ");
	expect_refused("\"batch\":\"big\"", "expected an integer or an array of integers, each in [1, ");
	expect_refused("\"batch\":201",
	               "a batch of 201 is more than a worker's shard of 200 samples (600 over 3 workers)");
	expect_refused("\"batch\":[1,201,1]",
	               "a batch of 201 is more than the shard of worker 1, which partition \"iid\" "
	               "gives 200 samples");
	expect_refused("\"batch\":50,\"partition\":{\"kind\":\"sizes\",\"zipf\":3}",
	               "a batch of 50 is more than the shard of worker 2, which partition \"sizes\" gives 19 "
	               "samples");
	expect_refused("\"batch\":201,\"partition\":{\"kind\":\"dirichlet\",\"alpha\":1}",
	               "the batches of a step are 603 samples, more than the 600 of the training set");
	expect_refused("\"partition\":{\"kind\":\"classes\",\"k\":2}",
	               "partition: k: 3 workers with 2 classes each");
	expect_refused("\"partition\":{\"kind\":\"sizes\",\"list\":[1,2]}", "list: found 2 sizes");
	expect_refused("\"partition\":\"dirichlet\"", "found no key \"alpha\"");
	expect_refused("\"partition\":{\"kind\":\"dirichlet\",\"alpha\":0}", "alpha: found the number 0");
	expect_refused("\"partition\":{\"kind\":\"dirichlet\",\"as\":\"hsu\",\"alpha\":1e-320}",
	               "expected a number in [1e-06, 1000000]");
	expect_refused("\"partition\":{\"kind\":\"gamma\",\"g\":1.5}", "g: found the number 1.5");
	expect_refused(
	        "\"adversaries\":{\"count\":1,\"data\":\"none\"}",
	        "adversaries.data: attack \"invert\" needs the worker's own gradient, and with "
	        "\"none\" there are no data to make it of; expected \"own\", or one of the attacks that need "
	        "none: \"gaussian\", ");
	expect_refused("\"adversaries\":{\"count\":1,\"data\":\"no\"}", "expected one of \"own\", \"none\"");
	expect_refused("\"data_seed\":0", "data_seed: found the number 0, expected a seed above 0");
}
