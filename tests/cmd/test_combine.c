/* `signsgd combine` end to end: what it reads, prints and writes, and what it refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "tests/support/cli.h"

TestSuite(combine, .init = cli_open, .fini = cli_close, .timeout = 120);

#define X5                                                                                                   \
	"[[0.25,-0.5,-2.5,0.25],[2.5,0,1.5,1.75],[-2.5,-0.5,-2.75,2.25],[-3,2,-2,2.75],[2.75,-1,0.75,1.75]]"

static const float rows[5][4] = {{0.25F, -0.5F, -2.5F, 0.25F},
                                 {2.5F, 0, 1.5F, 1.75F},
                                 {-2.5F, -0.5F, -2.75F, 2.25F},
                                 {-3, 2, -2, 2.75F},
                                 {2.75F, -1, 0.75F, 1.75F}};

static const char *path(const char *name)
{
	static char out[4][FOLDER_SIZE + 32];
	static int next;
	next = (next + 1) % 4;
	snprintf(out[next], sizeof out[next], "%s/%s", cli_folder, name);
	return out[next];
}

/* The one line of JSON for a rule and vectors. */
static struct json *answer_of(struct arena *a, const char *rule, const char *vectors)
{
	struct json *lines[CLI_LINES];
	cli_write("r.json", rule);
	cr_assert_eq(cli("combine %s/r.json %s/%s --json", cli_folder, cli_folder, vectors), 0, "%s: %s",
	             rule, cli_err);
	cr_assert_eq(cli_json_lines(a, lines), 1);
	return lines[0];
}

static void expect_numbers(const struct json *line, const char *key, const double *want, size_t count)
{
	const struct json *list = json_member(line, key);
	cr_assert(list && list->type == JSON_ARRAY && list->count == count, "%s of %s", key, cli_out);
	const struct json *x = list->child;
	for (size_t i = 0; i < count; i++, x = x->next)
		cr_expect_float_eq(x->number, want[i], 1e-6, "%s[%zu] of %s", key, i, cli_out);
}

static void expect_null(const struct json *line, const char *key)
{
	cr_expect(json_member(line, key) && json_member(line, key)->type == JSON_NULL, "%s of %s", key,
	          cli_out);
}

static void write_vectors(const char *name, enum h5_type type, int rank, const size_t *dims,
                          const void *values)
{
	struct err e = {0};
	struct h5 *f = h5_create(path(name));
	h5_write(f, "/vectors", type, rank, dims, values);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(combine, a_rule_on_json_and_on_hdf5)
{
	static const size_t dims[2] = {5, 4};
	static const double krum[] = {-2.5, -0.5, -2.75, 2.25}, chosen[] = {2}, weights[] = {0, 0, 1, 0, 0},
	                    scores[] = {30.9375, 25.1875, 18.9375, 30.625, 20.9375};
	double wide[5][4];
	struct arena a = {0};
	for (int i = 0; i < 20; i++)
		wide[i / 4][i % 4] = (double)rows[i / 4][i % 4];
	cli_write("v.json", X5);
	write_vectors("v32.h5", H5_F32, 2, dims, rows);
	write_vectors("v64.h5", H5_F64, 2, dims, wide);
	static const char *const files[] = {"v.json", "v32.h5", "v64.h5"};
	static const char *const rules[] = {
	        "{\"kind\":\"krum\",\"f\":1}",
	        "{\"aggregator\":{\"kind\":\"krum\",\"f\":1},\"seed\":1,\"step\":0}"};
	for (int i = 0; i < 6; i++) {
		struct json *line = answer_of(&a, rules[i % 2], files[i / 2]);
		expect_numbers(line, "answer", krum, 4);
		expect_numbers(line, "weights", weights, 5);
		expect_numbers(line, "scores", scores, 5);
		expect_numbers(line, "chosen", chosen, 1);
		expect_numbers(line, "removed", NULL, 0);
		cr_expect_eq(cli_number(line, "f"), 1);
	}
	arena_clear(&a);
}

Test(combine, aggregators_that_are_no_rules)
{
	static const double mean[] = {0, 0, -1, 1.75}, fifth[] = {0.2, 0.2, 0.2, 0.2, 0.2},
	                    vote[] = {1, -1, -1, 1}, shares[] = {0.2, -0.4, -0.2, 1};
	struct arena a = {0};
	cli_write("v.json", X5);
	struct json *line = answer_of(&a, "\"mean\"", "v.json");
	expect_numbers(line, "answer", mean, 4);
	expect_numbers(line, "weights", fifth, 5);
	expect_null(line, "scores");
	line = answer_of(&a, "{\"kind\":\"vote\",\"zero\":\"abstain\"}", "v.json");
	expect_numbers(line, "answer", vote, 4);
	expect_null(line, "weights");
	expect_null(line, "removed");
	line = answer_of(&a, "{\"kind\":\"sign-mean\",\"zero\":\"abstain\"}", "v.json");
	expect_numbers(line, "answer", shares, 4);
	line = answer_of(&a, "\"adam\"", "v.json");
	expect_numbers(line, "answer", mean, 4);
	arena_clear(&a);
}

/* Rules that choose a set say which; one that weighs, how much. */
Test(combine, rules_that_choose_a_set)
{
	static const struct {
		const char *rule;
		double answer[4];
		const char *chosen;
	} cases[] = {
	        {"{\"kind\":\"mda\",\"f\":1}", {0.75, -0.5, -0.75, 1.5}, "[0,1,2,4]"},
	        {"{\"kind\":\"smea\",\"f\":1}", {-0.6875, 0.25, -1.4375, 1.75}, "[0,1,2,3]"},
	        {"{\"kind\":\"monna\",\"f\":1,\"pivot\":3}", {-0.6875, 0.25, -1.4375, 1.75}, "[0,1,2,3]"},
	        {"{\"kind\":\"caf\",\"f\":1}", {0, 0, -1, 1.75}, "null"},
	        {"{\"kind\":\"bulyan\"}", {0, 0, -1, 1.75}, "[0,1,2,3,4]"},
	};
	struct arena a = {0};
	cli_write("v.json", X5);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf chosen = {0};
		struct json *line = answer_of(&a, cases[i].rule, "v.json");
		expect_numbers(line, "answer", cases[i].answer, 4);
		json_write(&chosen, json_member(line, "chosen"));
		cr_expect_str_eq(chosen.text, cases[i].chosen, "%s", cases[i].rule);
		cr_expect_eq(json_member(line, "weights")->type == JSON_NULL, i == 4);
		buf_clear(&chosen);
	}
	arena_clear(&a);
}

/* A weighted vote outside of any run is in its first round, where all weights are 1. */
Test(combine, signs_that_are_added_with_weights)
{
	static const double answer[] = {1, -1, -1, 1}, weights[] = {1, 1, 1, 1, 1};
	struct arena a = {0};
	cli_write("v.json", X5);
	struct json *line = answer_of(&a, "{\"kind\":\"signsgd-fd\",\"tie\":\"positive\"}", "v.json");
	expect_numbers(line, "answer", answer, 4);
	expect_numbers(line, "weights", weights, 5);
	arena_clear(&a);
}

/* A tie is a coin of seed and step: other seeds, other answers, and the same one again. */
Test(combine, seed_and_step_decide_coins)
{
	char first[CLI_SIZE / 64], rule[120];
	struct arena a = {0};
	bool differs[2] = {false, false};
	struct buf b = {0};
	buf_add(&b, "[[1");
	for (int i = 1; i < 100; i++)
		buf_add(&b, ",1");
	buf_add(&b, "],[-1");
	for (int i = 1; i < 100; i++)
		buf_add(&b, ",-1");
	buf_add(&b, "]]");
	cli_write("v.json", b.text);
	for (int i = 0; i < 6; i++) {
		snprintf(rule, sizeof rule, "{\"aggregator\":\"vote\",\"seed\":%d,\"step\":%d}",
		         i % 3 == 1 ? 2 : 1, i % 3 == 2 ? 9 : 0);
		struct json *line = answer_of(&a, rule, "v.json");
		struct buf text = {0};
		json_write(&text, json_member(line, "answer"));
		if (i == 0)
			snprintf(first, sizeof first, "%s", text.text);
		if (i % 3 == 0)
			cr_expect_str_eq(first, text.text);
		else
			differs[i % 3 - 1] = strcmp(first, text.text) != 0;
		buf_clear(&text);
	}
	cr_expect(differs[0] && differs[1]);
	buf_clear(&b);
	arena_clear(&a);
}

Test(combine, the_answer_as_a_file)
{
	struct err e = {0};
	float answer[4];
	double weights[5], scores[5];
	int64_t chosen[2], removed;
	cli_write("v.json", X5);
	cli_write("r.json", "{\"kind\":\"multi-krum\",\"f\":1}");
	for (int again = 0; again < 2; again++) /* its own file is replaced */
		cr_assert_eq(
		        cli("combine %s/r.json %s/v.json -o %s/new/a.h5", cli_folder, cli_folder, cli_folder),
		        0, "%s", cli_err);
	cr_expect(strstr(cli_out, "multi-krum of 5 vectors of 4 coordinates, f = 1"), "%s", cli_out);
	cr_expect(strstr(cli_out, "answer: 0.125 -0.75 -1 2\n"), "%s", cli_out);
	cr_expect(strstr(cli_out, "chosen"), "%s", cli_out);
	struct h5 *f = h5_open_sealed(path("new/a.h5"), &e);
	cr_assert(f, "%s", e.text);
	cr_assert_eq(h5_read(f, "/answer", H5_F32, 4, answer, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/weights", H5_F64, 5, weights, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/scores", H5_F64, 5, scores, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/chosen", H5_I64, 2, chosen, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/removed", H5_I64, 0, &removed, &e), 0, "%s", e.text);
	cr_expect(answer[0] == 0.125F && answer[3] == 2 && weights[2] == 0.5 && weights[4] == 0.5);
	cr_expect(chosen[0] == 2 && chosen[1] == 4 && fabs(scores[2] - 18.9375) < 1e-9);
	char *keys = h5_get_text(f, "/", "keys", &e);
	cr_expect(keys && strstr(keys, "\"f\":1") && strstr(keys, "\"as\":\"blanchard\""), "%s", keys);
	mem_free(keys);
	h5_close(f);
}

/* Without weights there is no dataset of them. */
Test(combine, what_a_rule_has_not_is_not_written)
{
	struct err e = {0};
	cli_write("v.json", X5);
	cli_write("r.json", "\"median\"");
	cr_assert_eq(cli("combine %s/r.json %s/v.json --out %s/a.h5", cli_folder, cli_folder, cli_folder), 0,
	             "%s", cli_err);
	cr_expect(strstr(cli_out, "f = 0 (it does not say f"), "%s", cli_out);
	cr_expect_null(strstr(cli_err, "does not say f"), "%s", cli_err);
	static const char *const unsaid[] = {"\"median\"", "{\"kind\":\"median\",\"f\":-1}"};
	for (int i = 0; i < 2; i++) {
		cli_write("m.json", unsaid[i]);
		cli_expect(0, "m.json: it does not say f: none of the vectors is taken to be Byzantine",
		           "combine %s/m.json %s/v.json --json", cli_folder, cli_folder);
	}
	cli_write("m.json", "{\"kind\":\"median\",\"f\":0}");
	cr_expect_eq(cli("combine %s/m.json %s/v.json --json", cli_folder, cli_folder), 0);
	cr_expect_str_empty(cli_err);
	struct h5 *f = h5_open(path("a.h5"), &e);
	cr_assert(f, "%s", e.text);
	cr_expect(h5_has(f, "/answer") && !h5_has(f, "/weights") && !h5_has(f, "/scores") &&
	          !h5_has(f, "/chosen"));
	h5_close(f);
}

Test(combine, a_vector_that_is_not_finite)
{
	static const size_t dims[2] = {6, 4};
	static const double krum[] = {0.25, -0.5, -2.5, 0.25}, removed[] = {5};
	float odd[6][4];
	struct arena a = {0};
	memcpy(odd, rows, sizeof rows);
	memcpy(odd[5], rows[0], sizeof odd[5]);
	odd[5][3] = INFINITY;
	write_vectors("v.h5", H5_F32, 2, dims, odd);
	struct json *line = answer_of(&a, "{\"kind\":\"krum\",\"as\":\"byzfl\",\"f\":2}", "v.h5");
	expect_numbers(line, "removed", removed, 1);
	expect_numbers(line, "answer", krum, 4);
	cr_expect_eq(cli_number(line, "f"), 2, "as it was told");
	cli_write("r.json", "\"median\"");
	cli_expect(2, "v.h5: 1 message is not finite, and f = 0", "combine %s/r.json %s/v.h5", cli_folder,
	           cli_folder);
	arena_clear(&a);
}

static void refuses(const char *rule, const char *vectors, const char *why)
{
	cli_write("r.json", rule);
	if (vectors)
		cli_write("v.json", vectors);
	cli_expect(2, why, "combine %s/r.json %s/v.json", cli_folder, cli_folder);
}

Test(combine, bad_input_gets_a_sentence)
{
	static const size_t flat[1] = {4}, none[2] = {0, 4};
	refuses("{\"kind\":\"krum\",\"f\":2}", X5,
	        "v.json: krum: found n = 5 messages and f = 2, expected 2 f + 2 < n");
	refuses("{\"kind\":\"median\",\"f\":3}", X5,
	        "median: found n = 5 messages and f = 3, expected 2 f < n");
	refuses("{\"kind\":\"median\",\"f\":1,\"before\":[\"nnn\"]}", X5, "did you mean \"nnm\"");
	refuses("{\"kind\":\"rfa\"}", X5, "\"rfa\" is \"geometric-median\" here");
	refuses("{\"kind\":\"centered-clipping\"}", X5, "tau");
	refuses("{\"kind\":\"monna\"}", X5, "pivot");
	refuses("{\"kind\":\"monna\",\"pivot\":5}", X5,
	        "v.json: monna: found pivot = 5, expected one of the workers 0 to 4");
	refuses("{\"kind\":\"bulyan\",\"f\":1}", X5, "expected 4 f + 3 <= n");
	refuses("{\"aggregator\":\"median\",\"sed\":1}", X5, "did you mean \"seed\"");
	refuses("{\"aggregator\":\"median\",\"compressor\":\"sign\"}", X5,
	        "r.json: aggregator \"median\" takes floats, and compressor \"sign\" sends signs");
	refuses("[1]", X5, "r.json:1:1: found an array, expected an object with \"aggregator\"");
	refuses("{\"seed\":1}", X5, "aggregator");
	refuses("\"median\"", "{\"a\":1}", "v.json:1:1: found an object, expected an array of vectors");
	refuses("\"median\"", "[]", "an array of vectors");
	refuses("\"median\"", "[[]]", "found 1 vectors of 0 coordinates, expected at least one of each");
	refuses("\"median\"", "[[1,2],[1]]",
	        "v.json:1:8: [1]: found an array, expected an array of 2 numbers");
	refuses("\"median\"", "[[1,\"x\"]]", "v.json:1:5: [0][1]: found the string \"x\"");
	refuses("\"median\"", "[[1,1e39]]", "a number that a float of 32 bits holds");
	refuses("\"median\"", "[[1,2]", "v.json:1");
	cli_expect(2, "combine takes a rule and vectors", "combine %s/r.json", cli_folder);
	cli_expect(2, "no.h5: cannot be opened", "combine %s/r.json %s/no.h5", cli_folder, cli_folder);
	write_vectors("flat.h5", H5_F32, 1, flat, rows);
	cli_expect(2, "flat.h5: /vectors: found 1 dimensions, expected 2", "combine %s/r.json %s/flat.h5",
	           cli_folder, cli_folder);
	write_vectors("none.h5", H5_F32, 2, none, rows);
	cli_expect(2, "none.h5: found 0 vectors of 4 coordinates", "combine %s/r.json %s/none.h5", cli_folder,
	           cli_folder);
	cli_write("text.h5", "words");
	cli_expect(2, "text.h5", "combine %s/r.json %s/text.h5", cli_folder, cli_folder);
}

/* Nothing that is not an answer is written over, and nothing is written where there is no answer. */
Test(combine, files_of_others_stay)
{
	char text[64];
	cli_write("v.json", X5);
	cli_write("r.json", "\"median\"");
	cli_write("mine.h5", "my notes");
	cli_expect(2, "mine.h5: is a text file, expected an answer of signsgd combine or nothing",
	           "combine %s/r.json %s/v.json -o %s/mine.h5", cli_folder, cli_folder, cli_folder);
	cr_expect_str_eq(file_text(path("mine.h5"), text, sizeof text), "my notes");
	cli_expect(2, "v.json: is a JSON file", "combine %s/r.json %s/v.json -o %s/v.json", cli_folder,
	           cli_folder, cli_folder);
	cr_assert_eq(cli("combine %s/r.json %s/v.json -o %s/b.h5", cli_folder, cli_folder, cli_folder), 0);
	cli_expect(2, "b.h5: that is the file which is read", "combine %s/r.json %s/b.h5 -o %s/b.h5",
	           cli_folder, cli_folder, cli_folder);
	cli_expect(2, "found both -o and --out", "combine %s/r.json %s/v.json -o %s/c.h5 --out %s/d.h5",
	           cli_folder, cli_folder, cli_folder, cli_folder);
	cli_write("r.json", "{\"kind\":\"krum\",\"f\":4}");
	cli_expect(2, "expected 2 f + 2 < n", "combine %s/r.json %s/v.json -o %s/a.h5", cli_folder,
	           cli_folder, cli_folder);
	cr_expect_not(file_there(path("a.h5")));
}

/* `bench rule` takes what `combine` takes, and times it again and again beside a reading. */
Test(combine, bench_rule_times_the_answer)
{
	static const char *const rules[] = {"{\"kind\": \"krum\", \"f\": 1}", "\"vote\"", "\"mean\""};
	struct arena a = {0};
	struct json *line[CLI_LINES];
	cli_write("vectors.json", X5);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		cli_write("rule.json", rules[i]);
		cr_assert_eq(cli("bench rule %s %s --json --seconds 0.01 --lanes 2", path("rule.json"),
		                 path("vectors.json")),
		             0, "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, line), 1);
		cr_expect_eq(json_member(line[0], "vectors")->number, 5);
		cr_expect_eq(json_member(line[0], "lanes")->number, 2);
		cr_expect_eq(json_member(line[0], "input_bytes")->number, 5 * 4 * sizeof(float));
		cr_expect_geq(json_member(line[0], "times")->number, 5);
		cr_expect_gt(json_member(line[0], "seconds")->number, 0);
		cr_expect_gt(json_member(line[0], "peak_bytes")->number, 5 * 4 * sizeof(float));
	}
	cli_write("rule.json", "{\"kind\": \"krum\", \"f\": 2}");
	cli_expect(2, "2 f + 2 < n", "bench rule %s %s", path("rule.json"), path("vectors.json"));
	cli_expect(2, "bench rule takes a rule and vectors", "bench rule");
	cli_expect(2, "--workers is not for `bench rule`", "bench rule %s %s --workers 3", path("rule.json"),
	           path("vectors.json"));
	arena_clear(&a);
}
