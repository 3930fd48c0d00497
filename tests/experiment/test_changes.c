/* What options change in an experiment file, and in its sweep. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/experiment.h"

#define QUADRATIC "\"model\":\"quadratic\",\"steps\":5"

static int change(struct runs *r, const char *text, const char *key, const char *value, struct err *e)
{
	struct change c = {.key = key, .value = value, .option = "--set"};
	*e = (struct err){0};
	return experiment_parse(r, "x.json", text, strlen(text), &c, 1, e);
}

Test(changes, changes_from_the_command_line)
{
	struct runs r;
	struct err e;
	const char *swept = "{" QUADRATIC ",\"workers\":7,\"sweep\":{\"adversaries.count\":[0,1,2]}}";
	cr_assert_eq(change(&r, swept, "adversaries.count", "3", &e), 0, "%s", e.text);
	cr_expect_eq(r.count, 1); /* what is set is no longer swept */
	cr_expect_eq(r.at[0].adversaries.count, 3);
	runs_clear(&r);
	cr_assert_eq(change(&r, swept, "adversaries.attack", "zero", &e), 0, "%s", e.text);
	cr_expect_str_eq(r.at[0].adversaries.attack.row->name, "zero");
	cr_expect_eq(r.count, 3);
	runs_clear(&r);
	cr_assert_eq(change(&r, "{" QUADRATIC ",\"seeds\":[1,2]}", "seed", "7", &e), 0, "%s", e.text);
	cr_expect_eq(r.count, 1);
	runs_clear(&r);
	cr_assert_eq(change(&r, "{" QUADRATIC "}", "aggregator.tie", "abstain", &e), 0, "%s", e.text);
	runs_clear(&r);
	cr_assert_eq(change(&r, "{" QUADRATIC "}", "momentun", "0.5", &e), -1);
	cr_expect(strstr(e.text, "momentun") && strstr(e.text, "\"momentum\""), "%s", e.text);
	cr_assert_eq(change(&r, "{" QUADRATIC "}", "momentum", "2", &e), -1);
	cr_expect(strstr(e.text, "--set") && strstr(e.text, "momentum"), "%s", e.text);
	cr_assert_eq(change(&r, "{" QUADRATIC "}", "momentum", "{1}", &e), -1);
	cr_assert_eq(change(&r, "{" QUADRATIC "}", "steps.deep", "1", &e), -1);
}

Test(changes, a_dotted_key_is_swept_by_an_option)
{
	struct runs r;
	struct err e = {0};
	cr_assert_eq(change(&r, "{" QUADRATIC ",\"workers\":5,\"sweep\":{\"lr\":[1,2]}}",
	                    "sweep.adversaries.count", "[0,1,2]", &e),
	             0, "%s", e.text);
	cr_expect_eq(r.count, 6);
	cr_expect_eq(r.at[1].adversaries.count, 1);
	runs_clear(&r);
	cr_assert_eq(change(&r, "{" QUADRATIC ",\"workers\":5,\"sweep\":{\"adversaries.count\":[0,1]}}",
	                    "sweep.adversaries.count", "[2]", &e),
	             0, "%s", e.text);
	cr_expect_eq(r.count, 1);
	cr_expect_eq(r.at[0].adversaries.count, 2);
	runs_clear(&r);
	cr_expect_eq(change(&r, "{" QUADRATIC "}", "sweep.adversaries.count", "3", &e), -1);
	cr_expect_not_null(strstr(e.text, "expected a list"), "%s", e.text);
}

/* The user's input, with every one of the phrases (separated by '|') in the sentence. */
static void refuses(const char *sweep, const char *key, const char *value, const char *phrases)
{
	struct runs r;
	struct err e;
	char text[500], copy[300], *save = NULL;
	snprintf(text, sizeof text, "{" QUADRATIC ",\"workers\":5,\"sweep\":%s}", sweep);
	cr_assert_eq(change(&r, text, key, value, &e), -1, "%s %s=%s", sweep, key, value);
	cr_expect_eq(e.code, EXIT_USER);
	snprintf(copy, sizeof copy, "%s", phrases);
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save))
		cr_expect_not_null(strstr(e.text, p), "\"%s\" is not in: %s", p, e.text);
}

Test(changes, of_a_key_below_a_swept_one_are_refused)
{
	refuses("{\"compressor\":[\"qsgd\",\"terngrad\"]}", "compressor.levels", "3",
	        "--set: \"compressor\" is swept (sweep.\"compressor\")|give the whole of it");
	refuses("{\"adversaries\":[{\"count\":1}]}", "adversaries.count", "2", "\"adversaries\" is swept");
	refuses("{\"aggregator,lr\":[[\"vote\",0.1]]}", "lr.rate", "2",
	        "\"lr\" is swept (sweep.\"aggregator,lr\")|change the values in the file instead");
	refuses("{\"adversaries.attack\":[\"flip\"]}", "adversaries.attack.then.factor", "2",
	        "\"adversaries.attack\" is swept");
}

Test(changes, that_say_what_is_swept_below_them_are_refused)
{
	struct runs r;
	struct err e;
	const char *rates = "{" QUADRATIC ",\"sweep\":{\"momentum\":[0.5],\"lr.rate\":[1,2]}}";
	refuses("{\"lr.rate\":[1,2]}", "lr", "{\"kind\":\"cosine\",\"rate\":3}",
	        "\"lr.rate\" is swept (sweep.\"lr.rate\")|leave it out here, or set it alone");
	refuses("{\"momentum,lr.rate\":[[0,2]]}", "lr", "{\"kind\":\"cosine\",\"rate\":3}",
	        "\"lr.rate\" is swept (sweep.\"momentum,lr.rate\")|change the file instead");
	cr_assert_eq(change(&r, rates, "lr", "{\"kind\":\"cosine\",\"warmup\":2}", &e), 0, "%s", e.text);
	cr_expect_eq(r.count, 2);
	cr_expect_str_eq(r.at[1].lr.row->name, "cosine");
	runs_clear(&r);
	cr_assert_eq(change(&r, rates, "lr.warmup", "2", &e), 0, "%s",
	             e.text); /* a sibling of what is swept */
	cr_expect_eq(r.count, 2);
	runs_clear(&r);
}

Test(changes, of_the_whole_of_a_swept_key_take_its_place)
{
	struct runs r;
	struct err e;
	cr_assert_eq(change(&r, "{" QUADRATIC ",\"sweep\":{\"compressor\":[\"sign\"],\"momentum\":[0,0.5]}}",
	                    "compressor", "{\"kind\":\"sign\",\"zero\":\"positive\"}", &e),
	             0, "%s", e.text);
	cr_expect_eq(r.count, 2);
	runs_clear(&r);
}
