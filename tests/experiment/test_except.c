/* What a grid leaves out: combinations of sweep.except, and points that no rule is made for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/experiment.h"
#include "experiment/schema.h"
#include "tests/support/file.h"

#define HEAD  "{\"model\":\"quadratic\",\"steps\":5,\"workers\":9,"
#define RULES "\"aggregator\":[\"median\",{\"kind\":\"krum\",\"f\":1},\"mean\"]"
#define GRID  HEAD "\"sweep\":{" RULES ",\"adversaries.count\":[1,2]"

static int parse(struct runs *r, const char *text, struct err *e)
{
	*e = (struct err){0};
	return experiment_parse(r, "x.json", text, strlen(text), NULL, 0, e);
}

/* "median 1, krum 2": the runs that are left. */
static char *runs_of(const char *text)
{
	struct runs r;
	struct err e;
	struct buf b = {0};
	cr_assert_eq(parse(&r, text, &e), 0, "%s\n%s", text, e.text);
	for (size_t i = 0; i < r.count; i++)
		buf_format(&b, "%s%s %d", i ? ", " : "", r.at[i].aggregator.row->name,
		           (int)r.at[i].adversaries.count);
	runs_clear(&r);
	return b.text;
}

static void leaves(const char *except, const char *runs)
{
	char *text = mem_format("%s,\"except\":%s}}", GRID, except), *left = runs_of(text);
	cr_expect_str_eq(left, runs, "%s leaves %s", except, left);
	mem_free(left);
	mem_free(text);
}

static void refuses(const char *except, const char *phrases)
{
	char *text = mem_format("%s,\"except\":%s}}", GRID, except);
	char copy[512], *save = NULL;
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, text, &e), -1, "accepted: %s", except);
	cr_expect_eq(e.code, EXIT_USER);
	snprintf(copy, sizeof copy, "%s", phrases);
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save))
		cr_expect_not_null(strstr(e.text, p), "\"%s\" is not in: %s", p, e.text);
	mem_free(text);
}

Test(except, leaves_out_what_has_all_members_of_an_entry)
{
	leaves("[]", "median 1, median 2, krum 1, krum 2, mean 1, mean 2");
	leaves("[{\"aggregator\":\"krum\",\"adversaries.count\":2}]",
	       "median 1, median 2, krum 1, mean 1, mean 2");
	leaves("[{\"aggregator\":[\"median\",\"krum\"],\"adversaries.count\":2},{\"aggregator\":\"mean\"}]",
	       "median 1, krum 1");
	leaves("[{\"adversaries.count\":[1]},{\"aggregator\":{\"kind\":\"krum\"}}]", "median 2, mean 2");
}

Test(except, names_what_stands_below_a_swept_key)
{
	leaves("[{\"aggregator.kind\":[\"krum\",\"mean\"]}]", "median 1, median 2");
	leaves("[{\"aggregator.f\":1}]", "median 1, median 2, mean 1, mean 2");
	leaves("[{\"aggregator.f\":-1}]", "krum 1, krum 2, mean 1, mean 2"); /* by default */
}

Test(except, compares_values_as_settings)
{
	char *left = runs_of(
	        HEAD "\"aggregator\":\"mean\",\"sweep\":{\"lr\":[0.1,{\"kind\":\"constant\",\"rate\":0.2}],"
	             "\"adversaries.count\":[1,2],\"except\":[{\"lr\":{\"rate\":0.1},"
	             "\"adversaries.count\":2.0},{\"lr\":0.2,\"seed\":\"0x3\"}]},\"seeds\":[3,4]}");
	cr_expect_str_eq(left, "mean 1, mean 1, mean 1, mean 2");
	mem_free(left);
	left = runs_of(HEAD "\"sweep\":{\"aggregator,adversaries.count\":[[\"krum\",1],[\"median\",2]],"
	                    "\"batch\":[4,8],\"except\":[{\"adversaries.count\":2,\"batch\":8}]}}");
	cr_expect_str_eq(left, "krum 1, krum 1, median 2");
	mem_free(left);
	left = runs_of(
	        HEAD
	        "\"aggregator\":\"median\",\"sweep\":{\"aggregator.before\":[[],[\"nnm\"],[\"nnm\",\"arc\"]],"
	        "\"adversaries.count\":[1,2],\"except\":[{\"aggregator.before\":\"nnm\","
	        "\"adversaries.count\":1},{\"aggregator.before\":[]}]}}");
	cr_expect_str_eq(left, "median 2, median 1, median 2");
	mem_free(left);
}

Test(except, refuses_what_would_leave_nothing_out)
{
	refuses("{\"aggregator\":\"krum\"}", "sweep.except|list of combinations");
	refuses("[\"krum\"]", "sweep.except[0]|object of swept keys");
	refuses("[{}]", "sweep.except[0]|found an object without keys, expected swept keys");
	refuses("[{\"agregator\":\"krum\"}]",
	        "x.json:1|\"agregator\"|\"aggregator\", \"adversaries.count\"|did you "
	        "mean \"aggregator\"?");
	refuses("[{\"seed\":1}]", "\"seed\"|expected one that is swept");
	refuses("[{\"aggregator\":\"krumm\"}]",
	        "\"krumm\"|\"median\", \"krum\", \"mean\"|did you mean \"krum\"?");
	refuses("[{\"aggregator\":[\"krum\",\"vote\"]}]", "\"vote\"|\"median\"");
	refuses("[{\"adversaries.count\":[]}]", "adversaries.count|\"1\", \"2\"");
	refuses("[{\"aggregator.pivot\":1}]", "aggregator.pivot|no value of sweep.\"aggregator\" has it");
	refuses("[{\"aggregator\":\"krum\",\"aggregator.f\":-1}]", "sweep.except[0]|no point of the sweep");
	refuses("[{\"aggregator\":[\"krum\",\"mean\",\"median\"]}]", "sweep.except|all of the 6 runs");
}

static int change(struct runs *r, const char *key, const char *value, struct err *e)
{
	const char *text = GRID ",\"except\":[{\"aggregator\":\"krum\",\"adversaries.count\":2}]}}";
	struct change c = {.key = key, .value = value, .option = "--set"};
	*e = (struct err){0};
	return experiment_parse(r, "x.json", text, strlen(text), &c, 1, e);
}

static void changes_to(const char *key, const char *value, size_t count)
{
	struct runs r;
	struct err e;
	cr_assert_eq(change(&r, key, value, &e), 0, "%s=%s: %s", key, value, e.text);
	cr_expect_eq(r.count, count, "%s=%s leaves %zu runs", key, value, r.count);
	runs_clear(&r);
}

Test(except, follows_the_command_line)
{
	struct runs r;
	struct err e;
	changes_to("sweep.except", "[]", 6);
	changes_to("sweep.except", "[{\"adversaries.count\":1}]", 3);
	changes_to("adversaries.count", "2", 2); /* the entry's value: krum is out */
	changes_to("adversaries.count", "1", 3); /* another one: the entry is for nobody */
	changes_to("aggregator", "{\"kind\":\"krum\",\"f\":2}", 1);
	cr_assert_eq(change(&r, "sweep.except", "[{\"adversaries.count\":1},{\"aggregator\":\"vote\"}]", &e),
	             -1);
	cr_expect(strstr(e.text, "--set") && strstr(e.text, "\"vote\""), "%s", e.text);
	const char *text =
	        HEAD "\"sweep\":{\"adversaries.count\":[1,2],\"except\":[{\"adversaries.count\":2}]}}";
	struct change c = {.key = "adversaries.count", .value = "2", .option = "--adversaries 2"};
	e = (struct err){0};
	cr_assert_eq(experiment_parse(&r, "x.json", text, strlen(text), &c, 1, &e), -1);
	cr_expect(strstr(e.text, "--adversaries 2") && strstr(e.text, "every run"), "%s", e.text);
}

/* What is left has the ids that it has in the whole grid. */
Test(except, ids_do_not_move)
{
	struct runs all, some;
	struct err e;
	cr_assert_eq(parse(&all, GRID "}}", &e), 0, "%s", e.text);
	cr_assert_eq(parse(&some, GRID ",\"except\":[{\"aggregator\":\"krum\"}]}}", &e), 0, "%s", e.text);
	cr_assert_eq(some.count, 4);
	const size_t same[] = {0, 1, 4, 5};
	for (size_t i = 0; i < 4; i++) {
		cr_expect_str_eq(some.at[i].id, all.at[same[i]].id);
		cr_expect_str_eq(some.at[i].given, all.at[same[i]].given);
	}
	cr_expect_eq(some.left_out.by_except, 2);
	runs_clear(&all);
	runs_clear(&some);
}

Test(except, stands_in_the_schema)
{
	struct buf b = {0};
	experiment_schema(&b);
	cr_expect_not_null(strstr(b.text, "\"except\":{\"type\":\"array\""));
	buf_clear(&b);
}

#define IMPOSSIBLE HEAD "\"sweep\":{\"aggregator\":[\"krum\",\"bulyan\"],\"adversaries.count\":[1,2,4]}}"

Test(impossible, points_that_no_rule_is_made_for_are_left_out)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, IMPOSSIBLE, &e), 0, "%s", e.text);
	cr_expect_eq(r.count, 3); /* krum takes 2 f + 2 < 9, bulyan 4 f + 3 <= 9 */
	cr_expect_eq(r.left_out.impossible, 3);
	cr_expect(strstr(r.left_out.why_impossible, "krum") &&
	                  strstr(r.left_out.why_impossible, "2 f + 2 < n"),
	          "%s", r.left_out.why_impossible);
	cr_expect_str_eq(r.at[2].aggregator.row->name, "bulyan");
	runs_clear(&r);
	char *left =
	        runs_of(HEAD "\"adversaries\":{\"count\":3},\"sweep\":{\"aggregator\":[{\"kind\":\"median\","
	                     "\"before\":[\"nnm\"]},{\"kind\":\"median\",\"before\":[{\"kind\":\"bucketing\","
	                     "\"s\":3}]}]}}");
	cr_expect_str_eq(left, "median 3"); /* three buckets hide no three Byzantine ones */
	mem_free(left);
}

static void impossible(const char *text, const char *phrase)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, text, &e), -1, "accepted: %s", text);
	cr_expect_not_null(strstr(e.text, phrase), "\"%s\" is not in: %s", phrase, e.text);
}

Test(impossible, other_mistakes_and_single_runs_are_refused)
{
	impossible(HEAD "\"adversaries\":{\"count\":4},\"aggregator\":\"krum\"}", "expected 2 f + 2 < n");
	impossible(HEAD "\"aggregator\":\"krum\",\"sweep\":{\"adversaries.count\":[4,5,6]}}",
	           "n = 9 messages and f = 4, expected 2 f + 2 < n");
	impossible(HEAD "\"aggregator\":\"krum\",\"sweep\":{\"adversaries.count\":[1,9]}}",
	           "no worker honest");
	impossible(
	        HEAD
	        "\"adversaries\":{\"count\":2},\"sweep\":{\"aggregator\":[{\"kind\":\"multi-krum\",\"m\":2},"
	        "{\"kind\":\"multi-krum\",\"m\":8}]}}",
	        "expected m <= n - f");
}

Test(impossible, strict_refuses_them)
{
	char folder[FOLDER_SIZE];
	struct runs r;
	struct err e = {0};
	folder_make(folder);
	char *path = mem_format("%s/e.json", folder);
	file_put_text(path, IMPOSSIBLE);
	cr_expect_eq(experiment_read(&r, path, NULL, 0, &e), 0, "%s", e.text);
	runs_clear(&r);
	cr_expect_eq(experiment_read_strict(&r, path, NULL, 0, &e), -1);
	cr_expect_not_null(strstr(e.text, "n = 9 messages and f = 4, expected 2 f + 2 < n"), "%s", e.text);
	mem_free(path);
	folder_remove(folder);
}
