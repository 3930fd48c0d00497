/* Experiment files: what is accepted, what is refused and with which words, sweeps, identity. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/experiment.h"
#include "experiment/schema.h"

#define QUADRATIC "\"model\":\"quadratic\",\"steps\":5"
#define GLYPHS    "\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":700,\"test\":50}"

static int parse(struct runs *r, const char *text, struct err *e)
{
	*e = (struct err){0};
	return experiment_parse(r, "x.json", text, strlen(text), NULL, 0, e);
}

static void accepts(const char *text, size_t count)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, text, &e), 0, "%s\n%s", text, e.text);
	cr_expect_eq(r.count, count, "%zu runs of %s", r.count, text);
	runs_clear(&r);
}

/* Refused as the user's input, with every one of the phrases (separated by '|') in the sentence. */
static void refuses(const char *text, const char *phrases)
{
	struct runs r;
	struct err e;
	char copy[512], *save = NULL;
	cr_assert_eq(parse(&r, text, &e), -1, "accepted: %s", text);
	cr_expect_eq(e.code, EXIT_USER);
	snprintf(copy, sizeof copy, "%s", phrases);
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save))
		cr_expect_not_null(strstr(e.text, p), "\"%s\" is not in: %s", p, e.text);
}

Test(experiment, accepts_what_it_should)
{
	accepts("{" QUADRATIC "}", 1);
	accepts("{" QUADRATIC ",\"workers\":7,\"adversaries\":{\"count\":3,\"attack\":{\"kind\":\"scale\","
	        "\"factor\":-10}}}",
	        1);
	accepts("{" QUADRATIC ",\"workers\":3,\"adversaries\":{\"ids\":[2,0]}}", 1);
	accepts("{" QUADRATIC ",\"lr\":0.5,\"seed\":\"18446744073709551615\"}", 1);
	accepts("{" GLYPHS ",\"epochs\":1.5,\"workers\":7,\"batch\":100}", 1);
}

Test(experiment, strictness_has_a_place)
{
	refuses("{" QUADRATIC ",\n \"momentun\":0.9}", "x.json:2:|momentun|momentum");
	refuses("{" QUADRATIC ",\"steps\":6}", "x.json:1:|steps");
	refuses("{" QUADRATIC ",\"momentum\":\"much\"}", "x.json:1:|momentum|\"much\"|number");
	refuses("{" QUADRATIC ",\"momentum\":1}", "x.json:1:|momentum|found|1");
	refuses("{" QUADRATIC ",\"batch\":0}", "batch|0|1");
	refuses("{" QUADRATIC "} x", "x.json:1:");
	refuses("{" QUADRATIC "/* no */}", "x.json:1:");
	refuses("{" QUADRATIC ",\"momentum\":NaN}", "x.json:1:");
	refuses("{" QUADRATIC ",\"momentum\":1e999}", "x.json:1:|1e999");
	refuses("{" QUADRATIC ",\"seed\":9007199254740993}", "x.json:1:|seed|string");
	refuses("[]", "x.json:1:1|object");
	refuses("", "x.json");
	refuses("{" QUADRATIC ",\"lr\":{\"kind\":\"constnat\"}}", "lr|constnat|constant");
	refuses("{" QUADRATIC ",\"adversaries\":{\"attack\":{\"kind\":\"gaussian\",\"sigm\":1}}}",
	        "adversaries.attack|sigm|sigma");
}

Test(experiment, impossible_combinations)
{
	refuses("{" QUADRATIC ",\"workers\":3,\"adversaries\":{\"count\":3}}",
	        "adversaries.count|3 adversaries of 3 workers");
	refuses("{" QUADRATIC ",\"workers\":3,\"adversaries\":{\"count\":1,\"ids\":[0,1]}}",
	        "adversaries.ids|2 workers|count = 1");
	refuses("{" QUADRATIC ",\"workers\":3,\"adversaries\":{\"ids\":[3]}}",
	        "adversaries.ids|worker 3 does not exist");
	refuses("{" QUADRATIC ",\"workers\":3,\"adversaries\":{\"ids\":[1,1]}}", "worker 1 is named twice");
	refuses("{" GLYPHS ",\"steps\":5,\"workers\":7,\"batch\":101}", "batch|101|shard of 100");
	refuses("{" GLYPHS ",\"steps\":5,\"epochs\":1}", "steps|epochs");
	refuses("{" GLYPHS "}", "steps|epochs");
	refuses("{\"model\":\"quadratic\",\"epochs\":1}", "epochs|none|steps");
	refuses("{\"model\":\"softmax\",\"steps\":5}", "softmax|samples|none");
	refuses("{" QUADRATIC ",\"data\":\"glyphs\"}", "quadratic|none");
	refuses("{" QUADRATIC ",\"aggregator\":\"adam\",\"momentum\":0.9}", "momentum|adam");
	refuses("{" QUADRATIC ",\"workers\":7,\"adversaries\":{\"count\":3},\"aggregator\":\"krum\"}",
	        "aggregator|krum|n = 7|f = 3|2 f + 2 < n");
	refuses("{" QUADRATIC
	        ",\"workers\":7,\"aggregator\":{\"kind\":\"median\",\"f\":4,\"before\":[\"nnm\"]}}",
	        "aggregator|nnm|n = 7|f = 4|2 f < n");
	refuses("{" QUADRATIC
	        ",\"workers\":7,\"adversaries\":{\"ids\":[2,5]},\"aggregator\":{\"kind\":\"monna\","
	        "\"pivot\":5}}",
	        "aggregator|monna|pivot = 5|a worker that is Byzantine here|adversaries.ids");
	refuses("{" QUADRATIC ",\"workers\":7,\"aggregator\":{\"kind\":\"monna\",\"pivot\":7}}",
	        "aggregator|monna|pivot = 7|one of the workers 0 to 6");
	refuses("{" QUADRATIC ",\"workers\":7,\"aggregator\":\"monna\"}", "pivot");
	refuses("{" QUADRATIC ",\"workers\":30,\"adversaries\":{\"count\":12},\"aggregator\":\"smea\"}",
	        "aggregator|smea|n = 30|f = 12|86493225 subsets|at most 1000000");
	refuses("{" QUADRATIC ",\"name\":\"a/b\"}", "name|a/b|letters");
	refuses("{" QUADRATIC ",\"name\":\"\"}", "name");
	refuses("{\"model\":\"median-toy\",\"steps\":5,\"workers\":2}", "model|3|2");
	refuses("{" GLYPHS ",\"steps\":5,\"lr\":\"theory\"}", "lr|theory|quadratic");
	refuses("{\"steps\":5}", "model");
}

Test(experiment, sweeps_and_seeds_make_a_grid)
{
	struct runs r;
	struct err e;
	const char *text =
	        "{" QUADRATIC ",\"workers\":7,\"seeds\":[1,2],\"sweep\":{\"adversaries.count\":[0,1,2],"
	        "\"aggregator,lr\":[[\"vote\",0.5],[{\"kind\":\"mean\"},2]]}}";
	cr_assert_eq(parse(&r, text, &e), 0, "%s", e.text);
	cr_assert_eq(r.count, 12);
	for (size_t i = 0; i < 12; i++) { /* the last axis, seeds, turns fastest */
		cr_expect_eq(r.at[i].seed, 1 + i % 2);
		cr_expect_str_eq(r.at[i].aggregator.row->name, i / 2 % 2 ? "mean" : "vote");
		cr_expect_eq(r.at[i].adversaries.count, (int64_t)(i / 4));
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(r.at[i].id, r.at[k].id);
	}
	runs_clear(&r);
}

Test(experiment, bad_sweeps_are_refused)
{
	refuses("{" QUADRATIC ",\"sweep\":{\"momentun\":[0.1]}}", "momentun|momentum");
	refuses("{" QUADRATIC ",\"sweep\":{\"momentum\":0.1}}", "sweep|list");
	refuses("{" QUADRATIC ",\"sweep\":{\"momentum\":[]}}", "sweep|list");
	refuses("{" QUADRATIC ",\"sweep\":{\"momentum,batch\":[[0.1]]}}", "sweep|2 values");
	refuses("{" QUADRATIC ",\"seed\":1,\"seeds\":[1]}", "seed|seeds");
	refuses("{" QUADRATIC ",\"seeds\":[1,1.5]}", "seed|1.5");
	refuses("{" QUADRATIC ",\"sweep\":7}", "sweep|object");
}

/* A run that is there twice would count twice wherever runs are averaged. */
Test(experiment, runs_that_repeat_are_refused)
{
	refuses("{" QUADRATIC ",\n\"seeds\":[1,1]}", "x.json:2:12: seeds[1]: found the number 1|as the "
	                                             "number 1 at seeds[0], expected each value once");
	refuses("{" QUADRATIC ",\"seeds\":[\"0x1\",1]}",
	        "seeds[1]: found the number 1|as the string \"0x1\" at seeds[0], expected each value once");
	refuses("{" QUADRATIC ",\"sweep\":{\"lr\":[0.1,0.2,0.1]},\"seeds\":[1,2]}",
	        "x.json:|sweep.lr[2]: found the number 0.1|sweep.lr[0], expected each value once");
	refuses("{" QUADRATIC ",\"sweep\":{\"weight_decay\":[0,-0]}}",
	        "sweep.weight_decay[1]: found the number -0|sweep.weight_decay[0]");
	refuses("{" QUADRATIC ",\"sweep\":{\"lr\":[0.1,{\"kind\":\"constant\",\"rate\":1e-1}]}}",
	        "sweep.lr[1]: found an object|the number 0.1 at sweep.lr[0]");
	refuses("{" QUADRATIC ",\"sweep\":{\"momentum,batch\":[[0.5,1],[0,1],[0.5,1]]}}",
	        "sweep.momentum,batch[2]: found an array|expected each value once");
	refuses("{" QUADRATIC ",\"workers\":3,\"sweep\":{\"adversaries.ids\":[[],[0]]},"
	        "\"adversaries\":{\"count\":1}}",
	        "sweep.adversaries.ids[1]: found an array");
	/* what is set later hides what was set before */
	refuses("{" QUADRATIC ",\"sweep\":{\"lr\":[1,2],\"lr.rate\":[3,4]}}",
	        "sweep.lr.rate: found the key \"lr.rate\", which the values of sweep.\"lr\" would "
	        "replace|expected it before that one");
	refuses("{" QUADRATIC ",\"sweep\":{\"lr\":[1],\"lr.rate\":[3]}}", "would replace");
	refuses("{" QUADRATIC ",\"sweep\":{\"lr.rate,lr\":[[3,\"cosine\"]]}}",
	        "which the values of \"lr\" would replace; expected it behind that one");
	refuses("{" QUADRATIC
	        ",\"sweep\":{\"lr.rate\":[1,2],\"lr\":[\"cosine\",{\"kind\":\"constant\",\"rate\":3}]}}",
	        "sweep.lr.rate: found the key \"lr.rate\" a second time (a value of sweep.\"lr\" has it "
	        "too)");
	accepts("{" QUADRATIC ",\"sweep\":{\"lr,lr.rate\":[[\"cosine\",3],[\"constant\",3]]}}", 2);
	refuses("{" QUADRATIC ",\"sweep\":{\"out\":[\"a.h5\",\"b.h5\"]}}",
	        "sweep.out[1]: found the string \"b.h5\"");
	accepts("{" QUADRATIC ",\"sweep\":{\"out,seed\":[[\"a.h5\",1],[\"b.h5\",2]]}}", 2);
	accepts("{" QUADRATIC
	        ",\"seeds\":[1,2,\"0x3\"],\"sweep\":{\"lr.rate\":[1,2],\"lr\":[\"constant\",\"cosine\"]}}",
	        12);
}

/* A key that is no part of the identity gives each of its values the same id, and so the same path. */
Test(experiment, sweeps_over_what_changes_no_result_are_refused)
{
	static const char *const swept[] = {"\"data_dir\":[\"A\",\"B\"]", "\"checkpoint.keep\":[false,true]",
	                                    "\"transport\":[\"local\",\"zmq\"]"};
	char text[300];
	for (size_t i = 0; i < sizeof swept / sizeof *swept; i++) {
		snprintf(text, sizeof text, "{" QUADRATIC ",\"sweep\":{%s}}", swept[i]);
		refuses(text, "which makes the same run (id |[0], because `|` is no part of a run's "
		              "identity|`name`");
	}
	refuses("{" GLYPHS ",\"steps\":5,\"seeds\":[1,2],\"sweep\":{\"data_dir\":[\"A\",\"B\"]}}",
	        "sweep.data_dir[1]: found the string \"B\"|the string \"A\" at sweep.data_dir[0]|`data_dir`");
	accepts("{" QUADRATIC ",\"sweep\":{\"name,data_dir\":[[\"a\",\"A\"],[\"b\",\"B\"]]}}", 2);
}

Test(experiment, byzantine_workers_in_another_order_are_the_same)
{
	refuses("{" QUADRATIC ",\"workers\":3,\"sweep\":{\"adversaries.ids\":[[0,1],[1,0]]}}",
	        "sweep.adversaries.ids[1]: found an array|as an array at sweep.adversaries.ids[0]");
	accepts("{" QUADRATIC ",\"workers\":3,\"sweep\":{\"adversaries.ids\":[[1,0],[0,2],[1,2]]}}", 3);
}

/* Three runs of nobody's attacks are one; that of another seed is another. */
Test(experiment, attacks_of_nobody_count_once)
{
	static const char *const text =
	        "{" QUADRATIC ",\"workers\":3,\"seeds\":[1,2],\"sweep\":{\"adversaries.attack\":[\"flip\","
	        "\"random-sign\",\"zero\"],\"adversaries.count\":[0,1]}}";
	struct runs r;
	struct err e;
	size_t honest = 0;
	cr_assert_eq(parse(&r, text, &e), 0, "%s", e.text);
	cr_expect_eq(r.count, 2 + 3 * 2, "%zu runs", r.count);
	for (size_t i = 0; i < r.count; i++)
		honest += r.at[i].adversaries.count == 0;
	cr_expect_eq(honest, 2);
	cr_expect_str_eq(r.at[0].adversaries.attack.row->name, "flip");
	cr_expect_eq(r.at[1].seed, 2);
	runs_clear(&r);
	accepts("{" QUADRATIC ",\"sweep\":{\"name,adversaries.attack\":[[\"a\",\"flip\"],[\"b\",\"zero\"]]}}",
	        2);
}

Test(experiment, keys_that_repeat_are_refused)
{
	refuses("{" QUADRATIC ",\n\"sweep\":{\"lr,lr\":[[1,2]]}}",
	        "x.json:2:10: sweep.lr,lr: found the key \"lr\" a second time|expected each key once");
	refuses("{" QUADRATIC ",\"seeds\":[1,2],\"sweep\":{\"seed\":[3,4]}}",
	        "seeds: found the key \"seed\" a second time (sweep.\"seed\" sets it too)|expected each key "
	        "once");
	refuses("{" QUADRATIC ",\"seeds\":[1,2],\"sweep\":{\"lr,seed\":[[1,3],[2,4]]}}",
	        "seeds: found the key \"seed\"|sweep.\"lr,seed\"");
	refuses("{" QUADRATIC ",\"sweep\":{\"lr\":[1,2],\"batch,lr\":[[1,3]]}}",
	        "sweep.batch,lr: found the key \"lr\"|sweep.\"lr\" sets it too");
	refuses("{" GLYPHS ",\"steps\":5,\"sweep\":{\"record.sign_failure,record.sign-failure\":[[1,2]]}}",
	        "found the key \"record.sign_failure\" a second time");
}

static void identity(const char *text, char id[13])
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, text, &e), 0, "%s", e.text);
	memcpy(id, r.at[0].id, 13);
	runs_clear(&r);
}

Test(experiment, identity_is_what_is_run_not_how_it_is_written)
{
	char a[13], b[13];
	identity("{" QUADRATIC ",\"workers\":7,\"adversaries\":{\"count\":2}}", a);
	identity("{\"adversaries\":{\"ids\":[0,1],\"attack\":{\"kind\":\"invert\"}},\"workers\":7,"
	         "\n\"momentum\":9e-1,"
	         "\"model\":{\"kind\":\"quadratic\"},\"steps\":5,\"out\":\"elsewhere.h5\",\"data_dir\":\"/"
	         "somewhere\"}",
	         b);
	cr_expect_str_eq(a, b);
	identity("{" QUADRATIC ",\"workers\":7,\"adversaries\":{\"count\":2},\"momentum\":0.91}", b);
	cr_expect_str_neq(a, b);
	identity("{" QUADRATIC ",\"weight_decay\":0,\"lr\":{\"kind\":\"cosine\",\"lowest\":0}}", a);
	identity("{" QUADRATIC ",\"weight_decay\":-0.0,\"lr\":{\"kind\":\"cosine\",\"lowest\":-0}}", b);
	cr_expect_str_eq(a, b);
	identity("{" QUADRATIC ",\"backend\":\"cuda\"}", a);
	identity("{" QUADRATIC ",\"backend\":{\"kind\":\"cuda\",\"device\":3,\"precision\":\"fp32\"}}", b);
	cr_expect_str_eq(a, b);
	identity("{" QUADRATIC ",\"backend\":{\"kind\":\"cuda\",\"precision\":\"tf32\"}}", b);
	cr_expect_str_neq(a, b);
	identity("{" GLYPHS ",\"epochs\":2,\"batch\":70}", a);
	identity("{" GLYPHS ",\"steps\":20,\"batch\":70}", b);
	cr_expect_str_eq(a, b);
}

/* Steps of a run of so many epochs over so many samples. */
static void expect_steps(const char *epochs, int samples, int batch, int64_t steps)
{
	struct runs r;
	struct err e;
	char text[300];
	snprintf(text, sizeof text,
	         "{\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":%d,\"test\":50},"
	         "\"epochs\":%s,\"batch\":%d}",
	         samples, epochs, batch);
	cr_assert_eq(parse(&r, text, &e), 0, "%s", e.text);
	cr_expect_eq(r.at[0].steps, steps, "%s epochs of %d by %d: %lld steps, expected %lld", epochs,
	             samples, batch, (long long)r.at[0].steps, (long long)steps);
	runs_clear(&r);
}

/* Products that rounding makes larger than the whole number which they are. */
Test(experiment, epochs_become_steps_by_exact_arithmetic)
{
	expect_steps("0.07", 100, 1, 7);
	expect_steps("7e-2", 100, 1, 7);
	expect_steps("1.1", 1600, 32, 55);
	expect_steps("15", 50000, 24, 31250);
	expect_steps("0.0701", 100, 1, 8);
	expect_steps("1e-300", 100, 1, 1);
}

Test(experiment, epochs_of_probes_become_steps_by_exact_arithmetic)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r,
	                   "{\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":100,\"test\":50},"
	                   "\"steps\":14,\"batch\":1,"
	                   "\"record\":{\"gradient_noise\":{\"epochs\":[0,0.07,0.14],\"random\":1}}}",
	                   &e),
	             0, "%s", e.text);
	const struct ints *at = &r.at[0].record.noise.at;
	cr_assert_eq(at->count, 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(at->at[i], 7 * i, "%lld", (long long)at->at[i]);
	runs_clear(&r);
}

#define ONE_BY_ONE                                                                                           \
	"\"steps\":5,\"model\":{\"kind\":\"sequential\",\"layers\":[\"global-mean\",\"norm\"]},\"data\":{"   \
	"\"kind\":\"glyphs\",\"train\":101,\"test\":51}"

/* Training and the full gradient need a variance; evaluation has running statistics. */
Test(experiment, normalisation_over_one_value_a_channel_is_refused)
{
	refuses("{" ONE_BY_ONE ",\"batch\":1}",
	        "x.json:|model: layer \"1\"|found one value a channel|expected");
	accepts("{" ONE_BY_ONE ",\"batch\":2}", 1);
	refuses("{" ONE_BY_ONE ",\"batch\":2,\"record\":{\"sign_failure\":1}}",
	        "record: sign_failure: the full gradient of 101 samples by 2 ends with a batch of 1|layer "
	        "\"1\"");
	accepts("{" ONE_BY_ONE ",\"batch\":3,\"record\":{\"sign_failure\":1}}", 1);
	accepts("{" ONE_BY_ONE ",\"batch\":2,\"record\":{\"snr\":1}}", 1);
	accepts("{" QUADRATIC ",\"record\":{\"sign_failure\":1}}", 1);
}

static void changed_identity(const char *text, const char *key, const char *value, char id[13])
{
	struct change c = {.key = key, .value = value, .option = "--set"};
	struct runs r;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&r, "x.json", text, strlen(text), &c, 1, &e), 0, "%s", e.text);
	cr_assert_eq(r.count, 1);
	memcpy(id, r.at[0].id, 13);
	runs_clear(&r);
}

#define HUGE_NET(LAYERS)                                                                                     \
	"{\"steps\":5,\"lr\":0.1,\"data\":{\"kind\":\"imagenet\",\"size\":256},\"model\":{\"kind\":"         \
	"\"sequential\",\"layers\":[" LAYERS "]}}"
#define WIDE(KERNEL) "{\"kind\":\"conv\",\"channels\":16777216,\"kernel\":" KERNEL ",\"bias\":false}"

/* 2^64 weights are not 0, nor is a batch of 2^45 numbers a small one. */
Test(experiment, networks_beyond_what_can_be_counted_are_refused)
{
	refuses(HUGE_NET(WIDE("1") "," WIDE("256")),
	        "the network has |parameters, expected at most 1099511627776");
	refuses(HUGE_NET("{\"kind\":\"conv\",\"channels\":2097152,\"kernel\":1},\"global-mean\""),
	        "a layer gives 4.398e+12 numbers a batch, expected at most");
}

/* The id is 0.1.0's: it found results under it. */
Test(experiment, earlier_names_of_keys_make_the_same_run)
{
	static const char *const same[] = {
	        "{" GLYPHS ",\"steps\":5,\"record\":{\"sign_failure\":2}}",
	        "{" GLYPHS ",\"steps\":5,\"record\":{\"sign-failure\":2}}",
	        "{" GLYPHS ",\"steps\":5,\"sweep\":{\"record.sign-failure\":[2]}}",
	        "{" GLYPHS ",\"steps\":5,\"sweep\":{\"workers,record.sign-failure\":[[1,2]]}}",
	        "{" GLYPHS ",\"steps\":5,\"sweep\":{\"record\":[{\"sign-failure\":2}]}}",
	        "{" GLYPHS
	        ",\"steps\":5,\"record\":{\"sign_failure\":7},\"sweep\":{\"record.sign-failure\":[2]}}",
	};
	char first[] = "df177ed9caee", id[13];
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		identity(same[i], id);
		cr_expect_str_eq(id, first, "%s", same[i]);
	}
	identity("{" GLYPHS ",\"steps\":5,\"record\":{\"sign-failure\":3}}", id);
	cr_expect_str_neq(id, first);
	changed_identity("{" GLYPHS ",\"steps\":5}", "record.sign-failure", "2", id);
	cr_expect_str_eq(id, first);
	changed_identity("{" GLYPHS ",\"steps\":5}", "record", "{\"sign-failure\":2}", id);
	cr_expect_str_eq(id, first);
	for (size_t i = 0; i < 2; i++) { /* over what the file says, under either name */
		const char *key = i ? "record.sign-failure" : "record.sign_failure";
		changed_identity("{" GLYPHS ",\"steps\":5,\"record\":{\"sign-failure\":9}}", key, "2", id);
		cr_expect_str_eq(id, first);
		changed_identity("{" GLYPHS ",\"steps\":5,\"record\":{\"sign_failure\":9}}", key, "2", id);
		cr_expect_str_eq(id, first);
		changed_identity("{" GLYPHS ",\"steps\":5,\"sweep\":{\"record.sign-failure\":[9,8]}}", key,
		                 "2", id);
		cr_expect_str_eq(id, first);
	}
}

Test(experiment, both_names_of_a_key_are_refused)
{
	refuses("{" GLYPHS ",\"steps\":5,\"record\":{\"sign_failure\":2,\"sign-failure\":2}}",
	        "record.sign-failure|earlier name of \"sign_failure\"");
	refuses("{" GLYPHS
	        ",\"steps\":5,\"sweep\":{\"record.sign_failure\":[1],\"record.sign-failure\":[2]}}",
	        "record.sign-failure|earlier name of \"record.sign_failure\"");
	refuses("{" GLYPHS ",\"steps\":5,\"sweep\":{\"record\":[{\"sign_failure\":2,\"sign-failure\":2}]}}",
	        "record.sign-failure|earlier name of \"sign_failure\"");
}

/* What is written as resolved is an experiment again, the same one. */
Test(experiment, resolved_settings_are_an_experiment)
{
	struct runs r, again;
	struct err e;
	cr_assert_eq(parse(&r,
	                   "{" GLYPHS
	                   ",\"epochs\":2,\"batch\":70,\"workers\":3,\"seed\":\"0xffffffffffffffff\","
	                   "\"adversaries\":{\"ids\":[2]},\"lr\":{\"kind\":\"multi-step\",\"at\":[3,5]}}",
	                   &e),
	             0, "%s", e.text);
	cr_assert_eq(parse(&again, r.at[0].resolved, &e), 0, "%s\n%s", r.at[0].resolved, e.text);
	cr_expect_str_eq(r.at[0].id, again.at[0].id);
	cr_expect_str_eq(r.at[0].resolved, again.at[0].resolved);
	runs_clear(&r);
	runs_clear(&again);
}

Test(experiment, a_byzantine_majority_is_allowed)
{
	accepts("{" QUADRATIC ",\"workers\":2,\"adversaries\":{\"count\":1}}", 1);
	accepts("{" QUADRATIC ",\"workers\":7,\"adversaries\":{\"count\":6}}", 1);
}

Test(experiment, schema_is_json_and_names_every_key)
{
	struct buf b = {0};
	struct arena a = {0};
	struct err e = {0};
	experiment_schema(&b);
	struct json *root = json_read_text(&a, "schema", b.text, b.length, &e);
	cr_assert_not_null(root, "%s", e.text);
	const struct json *properties = json_member(root, "properties");
	cr_assert_not_null(properties);
	for (const struct key *k = experiment_keys; k->name; k++)
		cr_expect_not_null(json_member(properties, k->name), "%s", k->name);
	cr_expect_not_null(json_member(properties, "sweep"));
	cr_expect_not_null(json_member(properties, "seeds"));
	const char *const ways[] = {
	        "{\"kind\":{\"const\":\"adam\"},\"beta1\"", "{\"kind\":{\"const\":\"sign-mean\"},\"zero\"",
	        "{\"kind\":{\"const\":\"vote\"},\"tie\"",
	        "{\"enum\":[\"vote\",\"mean\",\"median\",\"trimmed-mean\",\"krum\",\"multi-krum\","
	        "\"geometric-median\",\"meamed\",\"bulyan\",\"mda\",\"smea\",\"caf\",\"signsgd-fd\","
	        "\"signsgd-fv\","
	        "\"sign-mean\",\"adam\"]}"};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		cr_expect_not_null(strstr(b.text, ways[i]), "%s", ways[i]);
	/* just one of two keys, and neither of them by a name alone */
	cr_expect_not_null(strstr(b.text,
	                          "\"oneOf\":[{\"required\":[\"zipf\"],\"properties\":{\"zipf\":{\"not\":{"
	                          "\"enum\":[null,[]]}}}},{\"required\":[\"list\"]"));
	cr_expect_null(strstr(b.text, "\"sizes\",\""));
	arena_clear(&a);
	buf_clear(&b);
}
