/*
 * The probes of a rule: weights against what the rule reported, kappa against its definition written out on
 * the workers' own vectors; the same bits on any lanes, and when a run is resumed.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/rule_run.h"
#include "base/mem.h"
#include "h5/h5.h"
#include "probe/probe_internal.h"
#include "tests/support/cli.h"
#include "tests/support/h5_door.h"
#include "tests/support/train.h"
#include "train/trainer_internal.h"

TestSuite(probe_rule, .init = cli_open, .fini = cli_close, .timeout = 240);

enum { N = 70000, STEPS = 6, M = 9 };

/* More coordinates than a block; two Byzantine workers, whose vectors are ten times as long. */
#define RUN                                                                                                  \
	"\"name\":\"r\",\"seed\":5,\"workers\":9,\"steps\":6,\"batch\":1,\"momentum\":0.25,\"lr\":0.01,"     \
	"\"model\":{"                                                                                        \
	"\"kind\":\"quadratic\",\"dimensions\":70000,\"noise\":1},\"eval\":{\"every\":0}"
#define TWO "\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"scale\",\"factor\":-10},\"ids\":[1,4]}"

static double *column(const char *file, const char *name, size_t *count)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	return h5_door_numbers(path, name, count);
}

static void simulate(const char *file, const char *text, const char *options)
{
	cli_write("e.json", text);
	cr_assert_eq(cli("simulate %s/e.json --out %s/%s.h5 --quiet --overwrite %s", cli_folder, cli_folder,
	                 file, options),
	             0, "%s", cli_err);
}

static bool has(const char *file, const char *name)
{
	char path[200];
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	struct h5 *f = h5_open(path, &e);
	cr_assert(f, "%s", e.text);
	bool there = h5_has(f, name);
	h5_close(f);
	return there;
}

/* Both files have the same numbers in the group, bit for bit. */
static void expect_same_group(const char *group, const char *a, const char *b)
{
	static const char *const names[] = {"step",  "weight", "chosen", "bucket",
	                                    "kappa", "bound",  "error",  "spread"};
	int seen = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[100];
		size_t count, other;
		snprintf(path, sizeof path, "/probes/%s/%s", group, names[i]);
		cr_assert_eq(has(a, path), has(b, path), "%s", path);
		if (!has(a, path))
			continue;
		double *left = column(a, path, &count), *right = column(b, path, &other);
		cr_assert_eq(count, other, "%s: %zu and %zu", path, count, other);
		cr_expect_eq(memcmp(left, right, count * sizeof *left), 0, "%s of %s and %s", path, a, b);
		seen++;
		mem_free(left);
		mem_free(right);
	}
	cr_expect_geq(seen, 2, "%s", group);
}

/* --- kappa ---------------------------------------------------------------------------------------------- */

struct measured {
	double kappa, error, spread;
};

/* Of the step that t has just done, in two plain passes. */
static struct measured by_definition(const struct trainer *t)
{
	const float *answer = t->uplink.pull;
	double error = 0, spread = 0;
	int h = 0;
	for (int m = 0; m < M; m++)
		h += t->uplink.honest[m];
	for (size_t j = 0; j < N; j++) {
		double mean = 0;
		for (int m = 0; m < M; m++)
			mean += t->uplink.honest[m] ? (double)t->workforce.workers[m].v[j] / h : 0;
		for (int m = 0; m < M; m++)
			spread += t->uplink.honest[m]
			                  ? pow((double)t->workforce.workers[m].v[j] - mean, 2) / h
			                  : 0;
		error += pow((double)answer[j] - mean, 2);
	}
	return (struct measured){error / spread, error, spread};
}

static void expect_near(double got, double want, const char *what, int64_t step)
{
	cr_expect(fabs(got - want) <= 1e-9 * fabs(want), "%s of step %lld: %.17g, expected %.17g", what,
	          (long long)step, got, want);
}

/* The run of `text`, recorded to r.h5, has these kappas in every `every`-th step. */
static void check_kappa(const char *text, int64_t every, double bound)
{
	struct runs runs;
	size_t rows, count;
	simulate("r", text, "--lanes 3");
	double *step = column("r", "/probes/kappa/step", &rows),
	       *kappa = column("r", "/probes/kappa/kappa", &count),
	       *error = column("r", "/probes/kappa/error", &count),
	       *spread = column("r", "/probes/kappa/spread", &count),
	       *bounds = column("r", "/probes/kappa/bound", &count);
	cr_assert_eq(rows, STEPS / every);
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	for (size_t i = 0; i < rows; i++) {
		train_steps(t, every);
		struct measured want = by_definition(t);
		cr_expect_eq(step[i], (double)every * (double)(i + 1));
		expect_near(error[i], want.error, "error", (int64_t)step[i]);
		expect_near(spread[i], want.spread, "spread", (int64_t)step[i]);
		expect_near(kappa[i], want.kappa, "kappa", (int64_t)step[i]);
		cr_expect(isnan(bound) ? isnan(bounds[i]) : fabs(bounds[i] - bound) < 1e-12,
		          "%.17g, expected %.17g", bounds[i], bound);
		cr_expect(isnan(bound) || (kappa[i] > 0 && kappa[i] < bound));
	}
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	double *const all[] = {step, kappa, error, spread, bounds};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		mem_free(all[i]);
}

/* r = f / (n - 2 f) = 2 / 5; nnm before F: 8 f / (n - f) (kappa_F + 1). */
Test(probe_rule, kappa_is_its_definition_beside_its_bound)
{
	const double r = 0.4, krum = 6 * (1 + r), median = 4 * (1 + r) * (1 + r), trimmed = 6 * r * (1 + r);
	static const char text[] = "{" RUN "," TWO ",\"aggregator\":%s,\"record\":{\"kappa\":%d}}";
	const struct {
		const char *aggregator;
		double bound;
	} cases[] = {
	        {"\"krum\"", krum},
	        {"{\"kind\":\"krum\",\"as\":\"byzfl\"}", NAN},
	        {"\"median\"", median},
	        {"\"geometric-median\"", median},
	        {"\"trimmed-mean\"", trimmed},
	        {"{\"kind\":\"trimmed-mean\",\"before\":\"nnm\"}", 16.0 / 7 * (trimmed + 1)},
	        {"{\"kind\":\"krum\",\"before\":\"nnm\"}", 16.0 / 7 * (krum + 1)},
	        {"{\"kind\":\"median\",\"before\":[\"nnm\",\"nnm\"]}",
	         16.0 / 7 * (16.0 / 7 * (median + 1) + 1)},
	        {"{\"kind\":\"median\",\"before\":[\"arc\",\"nnm\"]}", NAN},
	        {"{\"kind\":\"median\",\"before\":\"arc\"}", NAN},
	        {"\"meamed\"", NAN},
	        {"\"mean\"", NAN},
	        {"{\"kind\":\"median\",\"f\":1}", NAN}, /* fewer than there are: nothing is promised */
	        {"{\"kind\":\"median\",\"f\":3}", 4 * 4 * 1.0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char json[1000];
		snprintf(json, sizeof json, text, cases[i].aggregator, i % 2 ? 2 : 1);
		check_kappa(json, i % 2 ? 2 : 1, cases[i].bound);
	}
}

/* Nobody is Byzantine, and the answer is the mean: what is left is the answer's rounding to floats. */
Test(probe_rule, kappa_of_the_mean_of_the_honest_is_nothing)
{
	size_t count;
	simulate("r", "{" RUN ",\"aggregator\":\"mean\",\"record\":{\"kappa\":1}}", "");
	double *kappa = column("r", "/probes/kappa/kappa", &count);
	cr_assert_eq(count, STEPS);
	for (size_t i = 0; i < count; i++)
		cr_expect(kappa[i] >= 0 && kappa[i] < 1e-13, "%g", kappa[i]);
	mem_free(kappa);
}

/* Honest workers without noise say the same: there is no spread to measure an error by. */
Test(probe_rule, kappa_of_equal_vectors_is_no_finite_number)
{
	size_t count;
	simulate("r",
	         "{\"workers\":5,\"steps\":4,\"batch\":1,\"lr\":0.01,\"model\":{\"kind\":\"quadratic\","
	         "\"dimensions\":8,"
	         "\"noise\":0},\"adversaries\":{\"count\":1,\"attack\":\"invert\"},\"aggregator\":\"mean\","
	         "\"record\":{"
	         "\"kappa\":1}}",
	         "");
	double *kappa = column("r", "/probes/kappa/kappa", &count),
	       *spread = column("r", "/probes/kappa/spread", &count);
	cr_assert_eq(count, 4);
	for (size_t i = 0; i < count; i++)
		cr_expect(!isfinite(kappa[i]) && spread[i] == 0, "%g of %g", kappa[i], spread[i]);
	mem_free(kappa);
	mem_free(spread);
}

/* Both Byzantine messages overflow, which is more than f: such a step has no answer, and no kappa. */
Test(probe_rule, withheld_steps_have_rows_without_numbers)
{
	size_t count, rows;
	simulate("r",
	         "{" RUN
	         ",\"adversaries\":{\"count\":2,\"attack\":\"nan\"},\"aggregator\":{\"kind\":\"krum\","
	         "\"f\":1},\"record\":{\"kappa\":1,\"weights\":1}}",
	         "");
	double *kappa = column("r", "/probes/kappa/kappa", &rows),
	       *bound = column("r", "/probes/kappa/bound", &rows),
	       *weight = column("r", "/probes/weights/weight", &count),
	       *chosen = column("r", "/probes/weights/chosen", &count);
	cr_assert_eq(rows, STEPS);
	cr_assert_eq(count, STEPS * M);
	for (size_t i = 0; i < rows; i++)
		cr_expect(isnan(kappa[i]) && isnan(bound[i]));
	for (size_t i = 0; i < count; i++)
		cr_expect(isnan(weight[i]) && chosen[i] == -1);
	mem_free(kappa);
	mem_free(bound);
	mem_free(weight);
	mem_free(chosen);
}

/* --- weights -------------------------------------------------------------------------------------------- */

/* As the rule reported them, worker by worker. */
static void check_weights(const char *text)
{
	struct runs runs;
	size_t rows, count;
	simulate("r", text, "");
	double *step = column("r", "/probes/weights/step", &rows),
	       *weight = column("r", "/probes/weights/weight", &count);
	cr_assert_eq(rows, STEPS / 2);
	cr_assert_eq(count, rows * M);
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	struct rule_says says = rule_says((const struct aggregator *)t->settings->aggregator.row,
	                                  t->settings->aggregator.state);
	double *chosen = says.chosen ? column("r", "/probes/weights/chosen", &count) : NULL,
	       *bucket = says.buckets ? column("r", "/probes/weights/bucket", &count) : NULL;
	cr_expect_eq(has("r", "/probes/weights/chosen"), says.chosen);
	cr_expect_eq(has("r", "/probes/weights/bucket"), says.buckets);
	for (size_t i = 0; i < rows; i++) {
		const struct rule_report *r = &t->uplink.run.report;
		train_steps(t, 2);
		cr_expect_eq(step[i], 2 * (double)(i + 1));
		for (size_t m = 0; m < M; m++) {
			cr_expect_eq(weight[i * M + m], r->weights[m], "step %g, worker %zu: %g, expected %g",
			             step[i], m, weight[i * M + m], r->weights[m]);
			cr_expect(!chosen || chosen[i * M + m] == r->chosen[m]);
			cr_expect(!bucket || bucket[i * M + m] == r->bucket[m]);
		}
	}
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	double *const all[] = {step, weight, chosen, bucket};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		mem_free(all[i]);
}

Test(probe_rule, weights_are_what_the_rule_reported)
{
	static const char *const aggregators[] = {
	        "\"krum\"",
	        "{\"kind\":\"multi-krum\",\"before\":[{\"kind\":\"clipping\",\"limit\":100},\"nnm\"]}",
	        "{\"kind\":\"krum\",\"f\":1,\"before\":\"bucketing\"}", "\"geometric-median\"",
	        "{\"kind\":\"centered-clipping\",\"tau\":50,\"before\":\"arc\"}"};
	for (size_t i = 0; i < sizeof aggregators / sizeof *aggregators; i++) {
		char json[1000];
		snprintf(json, sizeof json, "{" RUN "," TWO ",\"aggregator\":%s,\"record\":{\"weights\":2}}",
		         aggregators[i]);
		check_weights(json);
	}
}

/* A mean without a rule weighs all that were counted alike; buckets before a median are all that there is. */
Test(probe_rule, weights_without_a_rule_and_buckets_without_weights)
{
	size_t count;
	simulate("r", "{" RUN ",\"aggregator\":\"mean\",\"record\":{\"weights\":3}}", "");
	double *weight = column("r", "/probes/weights/weight", &count);
	cr_assert_eq(count, 2 * M);
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(weight[i], 1.0 / M);
	mem_free(weight);
	simulate("r",
	         "{" RUN
	         ",\"aggregator\":{\"kind\":\"median\",\"before\":\"bucketing\"},\"record\":{\"weights\":3}}",
	         "");
	cr_expect(has("r", "/probes/weights/bucket") && !has("r", "/probes/weights/weight"));
}

/* One message of nine is no number: it has no weight, but its worker is there. */
Test(probe_rule, a_message_that_is_removed_weighs_nothing)
{
	size_t count;
	simulate("r",
	         "{" RUN ",\"adversaries\":{\"count\":1,\"attack\":\"nan\",\"ids\":[3]},\"aggregator\":"
	         "\"geometric-median\",\"record\":{\"weights\":1}}",
	         "");
	double *weight = column("r", "/probes/weights/weight", &count);
	for (size_t i = 0; i < count; i++)
		cr_expect(i % M == 3 ? weight[i] == 0 : weight[i] > 0 && weight[i] < 1, "%zu: %g", i,
		          weight[i]);
	mem_free(weight);
}

/* Who was not counted has no message in the report: its neighbours keep their own numbers. */
Test(probe_rule, a_worker_that_is_late_has_no_weight)
{
	static const double reported[] = {0.5, 0.25, 0.25};
	static const bool chosen[] = {true, false, true};
	static const int bucket[] = {1, 0, 1};
	static const int64_t born[] = {0, -1, 3, -1, 0};
	static const float pull[1];
	const struct rule_report report = {.weights = reported, .chosen = chosen, .bucket = bucket};
	const struct probe_view view = {.pull = pull, .born = born, .report = &report};
	struct runs runs;
	char path[200];
	size_t count;
	snprintf(path, sizeof path, "%s/late.h5", cli_folder);
	struct h5 *f = h5_create(path);
	struct weights *p = weights_open(
	        train_settings(
	                &runs,
	                "{\"workers\":5,\"steps\":1,\"batch\":1,\"model\":\"quadratic\",\"aggregator\":"
	                "\"krum\",\"record\":{\"weights\":1}}"),
	        f);
	weights_step(p, &view, 1);
	weights_close(p);
	h5_door_save(f);
	h5_close(f);
	double *weight = column("late", "/probes/weights/weight", &count),
	       *taken = column("late", "/probes/weights/chosen", &count);
	cr_assert_eq(count, 5);
	cr_expect(weight[0] == 0.5 && isnan(weight[1]) && weight[2] == 0.25 && isnan(weight[3]) &&
	          weight[4] == 0.25);
	cr_expect(taken[0] == 1 && taken[1] == -1 && taken[2] == 0 && taken[3] == -1 && taken[4] == 1);
	mem_free(weight);
	mem_free(taken);
	runs_clear(&runs);
}

/* --- laws ----------------------------------------------------------------------------------------------- */

Test(probe_rule, the_same_bits_on_any_lanes_and_resumed)
{
	static const char text[] = "{" RUN "," TWO ",\"aggregator\":{\"kind\":\"krum\",\"f\":1,\"before\":"
	                           "[\"arc\",\"bucketing\"]},\"record\":{\"weights\":1,\"kappa\":2}}";
	simulate("one", text, "--lanes 1");
	for (int lanes = 2; lanes <= 3; lanes++) {
		char option[32];
		snprintf(option, sizeof option, "--lanes %d", lanes);
		simulate("more", text, option);
		expect_same_group("weights", "one", "more");
		expect_same_group("kappa", "one", "more");
	}
	simulate("more", text, "--steps 3 --set checkpoint.keep=true");
	cr_assert_eq(cli("simulate --resume %s/more.h5 --steps 6 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same_group("weights", "one", "more");
	expect_same_group("kappa", "one", "more");
}

/* On memory that only kernels can touch. */
Test(probe_rule, the_same_bits_on_guarded_memory)
{
	static const char text[] =
	        "{" RUN "," TWO ",\"aggregator\":\"krum\",\"record\":{\"weights\":1,\"kappa\":1},"
	        "\"backend\":\"ref\"}";
	simulate("one", text, "");
	simulate("more", text, "--set backend=guarded --lanes 2");
	expect_same_group("weights", "one", "more");
	expect_same_group("kappa", "one", "more");
}

Test(probe_rule, what_cannot_be_recorded_is_refused_by_name)
{
	cli_write("e.json", "{" RUN "," TWO ",\"aggregator\":\"krum\"}");
	cli_expect(2, "record: weights: aggregator \"median\" makes each coordinate by itself",
	           "validate %s/e.json --set aggregator=median --set record.weights=1", cli_folder);
	cli_expect(2, "record: weights: aggregator \"vote\" makes each coordinate by itself",
	           "validate %s/e.json --set aggregator=vote --set record.weights=1", cli_folder);
	cli_expect(2, "record: kappa: compressor \"sign\" sends signs",
	           "validate %s/e.json --set aggregator=vote --set record.kappa=1", cli_folder);
	cli_expect(2, "record: kappa: compressor \"sign\" sends signs",
	           "validate %s/e.json --set aggregator=mean --set compressor=sign --set record.kappa=1",
	           cli_folder);
	cli_expect(2, "record: kappa: compressor \"ef-sign\" sends what has the learning rate in it",
	           "validate %s/e.json --set aggregator=mean --set compressor=ef-sign --set record.kappa=1",
	           cli_folder);
	cli_expect(2,
	           "expected one of the compressors \"none\", \"scaled-sign\", \"one-bit\", \"terngrad\", "
	           "\"qsgd\", \"top-k\", and an aggregator that takes floats",
	           "validate %s/e.json --set aggregator=mean --set compressor=ssdm --set record.kappa=1",
	           cli_folder);
	static const char elsewhere[] = "record.kappa: it looks at the vectors of all honest workers";
	cli_expect(2, elsewhere, "validate %s/e.json --set transport=zmq --set record.kappa=1", cli_folder);
	cli_expect(2, elsewhere, "train %s/e.json --processes 2 --set record.kappa=1 --out %s/t.h5",
	           cli_folder, cli_folder);
	cli_expect(2, elsewhere,
	           "serve %s/e.json --listen tcp://127.0.0.1:1 --insecure --set record.kappa=1 --out %s/t.h5",
	           cli_folder, cli_folder);
}

/* What was there before these keys keeps its id. */
Test(probe_rule, zero_is_the_same_as_nothing)
{
	cli_write("e.json", "{" RUN ",\"aggregator\":\"krum\"}");
	cr_assert_eq(cli("validate %s/e.json", cli_folder), 0, "%s", cli_err);
	char *plain = mem_string(cli_out);
	cr_assert_eq(cli("validate %s/e.json --set record.weights=0 --set record.kappa=0", cli_folder), 0);
	cr_expect_str_eq(cli_out, plain);
	mem_free(plain);
}
