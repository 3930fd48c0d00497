/* `claims` of an experiment file: what is refused, and that they belong to no run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "config/json.h"
#include "experiment/experiment.h"
#include "experiment/schema.h"

#define START "{\"model\":\"softmax\",\"data\":\"glyphs\",\"steps\":5,\"workers\":3"
#define SAY   "\"say\":\"s\","

/* A file with these claims, a text of JSON; its first run's id into id. */
static int parse(const char *claims, char id[64], struct err *e)
{
	char text[1024];
	struct runs r;
	*e = (struct err){0};
	snprintf(text, sizeof text, START "%s%s}", *claims ? ",\"claims\":" : "", claims);
	if (experiment_parse(&r, "x.json", text, strlen(text), NULL, 0, e))
		return -1;
	snprintf(id, 64, "%s", r.at[0].id);
	cr_expect_null(strstr(r.at[0].resolved, "claims"));
	runs_clear(&r);
	return 0;
}

static void refuses(const char *claims, const char *phrase)
{
	struct err e;
	char id[64];
	cr_assert_eq(parse(claims, id, &e), -1, "accepted: %s", claims);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, phrase), "\"%s\" is not in: %s", phrase, e.text);
}

Test(claims, are_part_of_no_identity)
{
	char without[64], with[64];
	struct err e;
	cr_assert_eq(parse("", without, &e), 0, "%s", e.text);
	cr_assert_eq(
	        parse("[{" SAY
	              "\"source\":\"p\",\"of\":{\"adversaries.attack.tau\":1,\"aggregator\":\"krum\",\"lr."
	              "kind\":\"constant\"},\"than\":0.5,\"measure\":\"test_loss\",\"by\":-1,"
	              "\"tolerance\":0}]",
	              with, &e),
	        0, "%s", e.text);
	cr_expect_str_eq(with, without);
	cr_expect_eq(parse("[]", with, &e), 0);
}

Test(claims, are_refused_with_a_sentence)
{
	refuses("{}", "claims: found an object, expected a list of claims");
	refuses("[3]", "claims[0]: found the number 3, expected an object, a claim");
	refuses("[{\"of\":{\"lr\":1},\"than\":1,\"by\":0}]",
	        "found no `say`, expected the claim as a sentence");
	refuses("[{" SAY "\"than\":1,\"by\":0}]", "found no `of`");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"by\":0}]", "found no `than`");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":1}]", "found neither `by` nor `tolerance`");
	refuses("[{" SAY "\"of\":{},\"than\":1,\"by\":0}]", "found no settings");
	refuses("[{" SAY "\"of\":3,\"than\":1,\"by\":0}]", "claims[0].of: found the number 3");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":\"x\",\"by\":0}]",
	        "expected an object {\"dotted.key\": value}, or a number");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":1,\"by\":\"x\"}]", "claims[0].by: found the string");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":1,\"tolerance\":-1}]", "expected a number, at least 0");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":1,\"by\":0,\"measure\":\"test_acuracy\"}]",
	        "did you mean \"test_accuracy\"?");
	refuses("[{\"say\":\"\",\"of\":{\"lr\":1},\"than\":1,\"by\":0}]", "expected a sentence");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":1,\"by\":0,\"tolerence\":1}]",
	        "did you mean \"tolerance\"?");
}

Test(claims, name_keys_that_exist)
{
#define OF(key) "[{" SAY "\"of\":{\"" key "\":1},\"than\":1,\"by\":0}]"
	refuses(OF("adversaries.cuont"), "found \"cuont\" behind \"adversaries\", expected one of \"count\", "
	                                 "\"attack\", \"ids\", \"data\"; did you mean \"count\"?");
	refuses(OF("momentm"), "did you mean \"momentum\"?");
	refuses(OF("adversaries.attack.taau"), "did you mean \"tau\"?");
	refuses(OF("momentum.x"), "found \"x\" behind \"momentum\", which has no keys below it");
	refuses(OF("adversaries..count"), "found \"\" behind \"adversaries\"");
	refuses("[{" SAY "\"of\":{\"lr\":1},\"than\":{\"kind\":1},\"by\":0}]", "claims[0].than");
	refuses(OF("sweep"), "found \"sweep\", expected one of \"name\"");
}

/* `sweep` sets settings, and claims are none. */
Test(claims, are_not_swept)
{
	static const char text[] = START ",\"sweep\":{\"claims\":[1,2]}}";
	struct runs r;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&r, "x.json", text, strlen(text), NULL, 0, &e), -1);
	cr_expect_not_null(strstr(e.text, "expected it at the top of the file"), "%s", e.text);
}

Test(claims, stand_in_the_schema)
{
	struct arena a = {0};
	struct buf b = {0};
	struct err e = {0};
	experiment_schema(&b);
	const struct json *schema = json_read_text(&a, "schema", b.text, b.length, &e);
	cr_assert_not_null(schema, "%s", e.text);
	const struct json *claims = json_member(json_member(schema, "properties"), "claims");
	cr_assert_not_null(claims);
	const struct json *members = json_member(json_member(claims, "items"), "properties");
	static const char *const names[] = {"say", "source", "of", "than", "measure", "by", "tolerance"};
	cr_assert_eq(members->count, sizeof names / sizeof *names);
	for (size_t i = 0; i < members->count; i++)
		cr_expect_not_null(json_member(json_member(members, names[i]), "description"), "%s",
		                   names[i]);
	cr_expect_not_null(json_member(json_member(members, "measure"), "enum"));
	buf_clear(&b);
	arena_clear(&a);
}
