/* Tables of keys, writing: resolved settings, words for lists, JSON Schema. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "config/key.h"
#include "tests/support/key_table.h"
#include "tests/support/json_help.h"

TestSuite(key_write, .fini = json_help_clear);

/* --- writing ------------------------------------------------------------------------------------------ */

#define DEFAULTS_HEAD "{\"name\":\"run\",\"seed\":1,\"workers\":7,"
#define DEFAULTS_TAIL                                                                                        \
	"\"momentum\":0.9,\"rate\":0.1,\"free\":0,\"quiet\":false,%s\"partition\":\"iid\",\"ids\":[],"       \
	"\"weights\":[0.5,1],\"adversaries\":{\"count\":0%s},\"model\":{\"kind\":\"flat\"}}"

Test(key_write, resolved_settings_name_every_key_in_order)
{
	struct state s = key_table_good("{\"workers\": 7}");

	cr_assert_str_eq(key_table_resolved(&s, false),
	                 arena_format(&json_help_arena, DEFAULTS_HEAD "\"steps\":null," DEFAULTS_TAIL,
	                              "\"out\":null,", ",\"attack\":null"));
	s.out = "somewhere";
	cr_assert_str_eq(key_table_resolved(&s, true),
	                 arena_format(&json_help_arena, DEFAULTS_HEAD DEFAULTS_TAIL, "", ""));
}

Test(key_write, the_same_settings_have_the_same_text_however_they_were_written)
{
	struct state a =
	        key_table_good("{\"workers\": 7, \"seed\": \"0x10\", \"momentum\": 0.50, \"out\": \"x\","
	                       "\"adversaries\": {\"attack\": -10, \"count\": 2.0}, \"model\": \"flat\"}");
	struct state b = key_table_good(
	        "{ \"model\": {\"kind\": \"flat\"},\n \"adversaries\": {\"count\": 2, \"attack\":"
	        "{\"from\": 0, \"kind\": \"scale\"}}, \"momentum\": 5e-1, \"seed\": 16, \"workers\": 7}");

	cr_assert_str_eq(key_table_resolved(&a, true), key_table_resolved(&b, true));
	cr_assert(strstr(key_table_resolved(&a, true),
	                 "\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"scale\","
	                 "\"factor\":-10,\"from\":0}}"));
	cr_assert_str_neq(key_table_resolved(&a, false), key_table_resolved(&b, false));
}

Test(key_write, resolved_settings_read_back_as_themselves)
{
	static const char *const texts[] = {
	        "{\"workers\": 7}",
	        "{\"workers\": 9, \"steps\": 9007199254740992, \"seed\": \"9007199254740993\", \"rate\": "
	        "0.1}",
	        "{\"workers\": 9, \"free\": 9007199254740994.0, \"name\": \"a\\\"\\\\\\n\\u001f\\u00e9\", "
	        "\"out\": \"/x y\","
	        " \"quiet\": true, \"partition\": \"shards\", \"ids\": [5, 6], \"weights\": [0.1, 1e-300],"
	        " \"adversaries\": {\"attack\": 0.3}, \"model\": {\"kind\": \"net\", \"hidden\": [3], "
	        "\"inner\": 5}}",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct state s = key_table_good(texts[i]),
		             again = key_table_good(key_table_resolved(&s, false));

		cr_assert_str_eq(key_table_resolved(&again, false), key_table_resolved(&s, false));
		cr_assert(again.free == s.free && again.rate == s.rate && again.seed == s.seed);
		again = key_table_good(key_table_resolved(&s, true));
		cr_assert_str_eq(key_table_resolved(&again, true), key_table_resolved(&s, true));
	}
}

Test(key_write, seeds_are_written_as_numbers_as_long_as_numbers_hold_them)
{
	struct state s = key_table_good("{\"workers\": 1, \"seed\": \"9007199254740992\"}");

	cr_assert(strstr(key_table_resolved(&s, true), "\"seed\":9007199254740992,"));
	s.seed++;
	cr_assert(strstr(key_table_resolved(&s, true), "\"seed\":\"9007199254740993\","));
	s.seed = UINT64_MAX;
	cr_assert(strstr(key_table_resolved(&s, true), "\"seed\":\"18446744073709551615\","));
}

/* --- words -------------------------------------------------------------------------------------------- */

static const struct key *key_named(const char *name)
{
	const struct key *k = key_table_keys;

	while (strcmp(k->name, name) != 0)
		k++;
	return k;
}

Test(key_write, defaults_and_bounds_in_words)
{
	static const struct {
		const char *name, *default_json, *bounds, *expected;
	} words[] = {
	        {"workers", "required", "in [1, 1000]", "an integer in [1, 1000]"},
	        {"steps", "none", "at least 1", "an integer at least 1"},
	        {"momentum", "0.9", "in [0, 1)", "a number in [0, 1)"},
	        {"rate", "0.1", "above 0", "a number above 0"},
	        {"free", "0", "", "a number"},
	        {"quiet", "false", "", "true or false"},
	        {"partition", "\"iid\"", "one of iid, shards", "one of iid, shards"},
	        {"ids", "[]", "each in [0, 999]", "an array of integers, each in [0, 999]"},
	        {"weights", "[0.5, 1]", "each above 0", "an array of numbers, each above 0"},
	        {"adversaries", "{}", "", "an object"},
	        {"model", "\"flat\"", "one of the models", "one of the models"},
	};
	char out[200];

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const struct key *k = key_named(words[i].name);

		cr_expect_str_eq(key_default_text(k, out, sizeof out), words[i].default_json);
		cr_expect_str_eq(key_bounds_text(k, out, sizeof out), words[i].bounds);
		cr_expect_str_eq(key_expected_text(k, out, sizeof out), words[i].expected);
	}
}

Test(key_write, one_sided_bounds_in_words)
{
	struct key k = {.name = "x", .kind = KEY_REAL, .lowest = -INFINITY, .highest = 5};
	char out[100];

	cr_assert_str_eq(key_bounds_text(&k, out, sizeof out), "at most 5");
	k.below = true;
	cr_assert_str_eq(key_bounds_text(&k, out, sizeof out), "below 5");
	k.highest = INFINITY;
	cr_assert_str_eq(key_bounds_text(&k, out, sizeof out), "");
	k = (struct key){.name = "x", .kind = KEY_REAL, .lowest = -1, .highest = 1, .above = true};
	cr_assert_str_eq(key_bounds_text(&k, out, sizeof out), "in (-1, 1]");
	k.highest = 2000000;
	cr_assert_str_eq(key_bounds_text(&k, out, sizeof out), "in (-1, 2000000]");
}

/* A string that stands for a number: read, written, and said to be expected. */
Test(key_write, a_word_stands_for_a_number)
{
	struct holder {
		double x;
		int64_t i;
	} h;
	const struct key keys[] = {{.name = "x",
	                            .kind = KEY_REAL,
	                            .offset = offsetof(struct holder, x),
	                            .default_json = "\"auto\"",
	                            .word = "auto",
	                            .highest = 5,
	                            .above = true},
	                           {.name = "i",
	                            .kind = KEY_INT,
	                            .offset = offsetof(struct holder, i),
	                            .default_json = "2",
	                            .word = "all",
	                            .word_value = -1,
	                            .highest = 9},
	                           {0}};
	static const char *const texts[] = {"{}", "{\"x\":3,\"i\":\"all\"}"};
	static const char *const written[] = {"{\"x\":\"auto\",\"i\":2}", "{\"x\":3,\"i\":\"all\"}"};
	static const char *const wrong[] = {"{\"x\":\"all\"}", "{\"x\":0}", "{\"i\":-1}", "{\"i\":\"auto\"}"};
	struct err e = {0};
	char out[100];
	for (size_t i = 0; i < 2; i++) {
		struct buf b = {0};
		cr_assert_eq(keys_parse(keys, &h, json_help_good(texts[i]), &json_help_arena, &e), 0, "%s",
		             e.text);
		keys_write(&b, keys, &h, KEYS_RESOLVED);
		cr_expect_str_eq(b.text, written[i]);
		buf_clear(&b);
	}
	cr_expect(h.i == -1 && h.x == 3);
	for (size_t i = 0; i < 4; i++, err_clear(&e)) {
		cr_expect_eq(keys_parse(keys, &h, json_help_good(wrong[i]), &json_help_arena, &e), -1, "%s",
		             wrong[i]);
		cr_expect(strstr(e.text, i < 2 ? "expected a number in (0, 5], or \"auto\""
		                               : "expected an integer in [0, 9], or \"all\""),
		          "%s", e.text);
	}
	cr_expect_str_eq(key_bounds_text(&keys[0], out, sizeof out), "in (0, 5], or \"auto\"");
	cr_expect_str_eq(key_default_text(&keys[0], out, sizeof out), "\"auto\"");
	struct buf b = {0};
	keys_schema(&b, keys);
	cr_expect(strstr(b.text,
	                 "\"default\":\"auto\",\"oneOf\":[{\"type\":\"number\",\"exclusiveMinimum\":0,"
	                 "\"maximum\":5},{\"const\":\"auto\"}]"),
	          "%s", b.text);
	buf_clear(&b);
}

Test(key_write, kinds_have_names)
{
	for (int kind = KEY_INT; kind <= KEY_LIST; kind++) {
		cr_assert_gt(strlen(key_kind_name((enum key_kind)kind)), 0);
		for (int other = KEY_INT; other < kind; other++)
			cr_assert_str_neq(key_kind_name((enum key_kind)kind),
			                  key_kind_name((enum key_kind)other));
	}
}

/* --- JSON Schema -------------------------------------------------------------------------------------- */

static const char *schema_of_keys(void)
{
	struct buf b = {0};

	buf_add(&b, "{");
	keys_schema(&b, key_table_keys);
	buf_add(&b, "}");
	return key_table_kept(&b);
}

static struct json *read_schema(const char *text)
{
	struct err e = {0};
	struct json *root = json_read_text(&json_help_arena, "schema", text, strlen(text), &e);

	cr_assert_not_null(root, "%s in %s", e.text, text);
	return root;
}

static const char *part(const struct json *schema, const char *property)
{
	struct buf b = {0};
	struct json *p = json_member(json_member(schema, "properties"), property);

	cr_assert_not_null(p, "no property %s", property);
	json_write(&b, p);
	return key_table_kept(&b);
}

Test(key_write, the_schema_says_what_the_parser_says)
{
	struct json *schema = read_schema(schema_of_keys());
	struct buf required = {0};

	cr_assert_eq(json_member(schema, "properties")->count,
	             sizeof key_table_keys / sizeof *key_table_keys - 1);
	cr_assert_not(json_member(schema, "additionalProperties")->boolean);
	cr_assert_str_eq(json_member(schema, "type")->string, "object");
	json_write(&required, json_member(schema, "required"));
	cr_assert_str_eq(key_table_kept(&required), "[\"workers\"]");
	cr_assert_str_eq(part(schema, "workers"),
	                 "{\"description\":\"how many; required\",\"type\":\"integer\","
	                 "\"minimum\":1,\"maximum\":1000}");
	cr_assert_str_eq(part(schema, "momentum"),
	                 "{\"description\":\"beta; default 0.9\",\"default\":0.9,"
	                 "\"type\":\"number\",\"minimum\":0,\"exclusiveMaximum\":1}");
	cr_assert_str_eq(part(schema, "rate"),
	                 "{\"description\":\"step length; default 0.1\",\"default\":0.1,"
	                 "\"type\":\"number\",\"exclusiveMinimum\":0}");
	cr_assert_str_eq(part(schema, "steps"),
	                 "{\"description\":\"length; default none\",\"default\":null,"
	                 "\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"null\"}]}");
	cr_assert_str_eq(part(schema, "partition"),
	                 "{\"description\":\"who gets what; default \\\"iid\\\"\",\"default\":\"iid\","
	                 "\"enum\":[\"iid\",\"shards\"]}");
	cr_assert_str_eq(part(schema, "ids"),
	                 "{\"description\":\"which workers are Byzantine; default []\",\"default\":[],"
	                 "\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,"
	                 "\"maximum\":999}}");
	cr_assert_str_eq(part(schema, "model"),
	                 "{\"description\":\"what learns; default \\\"flat\\\"\",\"default\":"
	                 "\"flat\",\"$ref\":\"#/$defs/models\"}");
	cr_assert_str_eq(
	        part(json_member(json_member(schema, "properties"), "adversaries"), "attack"),
	        "{\"description\":\"what they do; default none\",\"default\":null,\"anyOf\":[{\"$ref\":"
	        "\"#/$defs/attacks\"},{\"type\":\"null\"}]}");
}

static const char *schema_of_family(const struct family *f)
{
	struct buf b = {0};

	family_schema(&b, f);
	return key_table_kept(&b);
}

Test(key_write, a_family_is_one_of_its_rows_names_or_a_number)
{
	struct json *ways = json_member(read_schema(schema_of_family(&key_table_attacks)), "oneOf"),
	            *way = ways->child;
	struct buf b = {0};

	cr_assert_eq(ways->count, 4);
	json_write(&b, way);
	cr_assert_str_eq(
	        key_table_kept(&b),
	        "{\"description\":\"Sends the opposite\",\"type\":\"object\",\"properties\":{\"kind\":"
	        "{\"const\":\"invert\"}},\"required\":[\"kind\"],\"additionalProperties\":false}");
	way = way->next;
	cr_assert_str_eq(part(way, "from"),
	                 "{\"description\":\"first step of it, in steps; default 0\",\"default\":0,"
	                 "\"type\":\"integer\",\"minimum\":0}");
	way = way->next;
	json_write(&b, way);
	cr_assert_str_eq(key_table_kept(&b), "{\"enum\":[\"invert\",\"scale\"]}");
	json_write(&b, way->next);
	cr_assert_str_eq(key_table_kept(&b), "{\"type\":\"number\",\"minimum\":-100,\"maximum\":100}");
}

Test(key_write, lists_of_a_family_are_written_whole)
{
	struct state s = key_table_good(
	        "{\"workers\": 7, \"model\": {\"kind\": \"net\", \"hidden\": [1], \"several\": "
	        "[\"invert\", {\"kind\": \"scale\", \"from\": 3}, 2.5]}}");
	const char *text = key_table_resolved(&s, true);

	cr_assert_not_null(strstr(text,
	                          "\"several\":[{\"kind\":\"invert\"},{\"kind\":\"scale\",\"factor\":-10,"
	                          "\"from\":3},{\"kind\":\"scale\",\"factor\":2.5,\"from\":0}]"),
	                   "%s", text);
	struct state again = key_table_good(text);
	cr_assert_str_eq(key_table_resolved(&again, true), text);
	struct json *way = json_member(read_schema(schema_of_family(&key_table_models)), "oneOf")->child;
	cr_assert_str_eq(part(way, "several"),
	                 "{\"description\":\"a list of members of a family; default []\",\"default\":[],"
	                 "\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/attacks\"}}");
}

Test(key_write, a_row_with_a_required_key_has_no_bare_name)
{
	struct json *ways = json_member(read_schema(schema_of_family(&key_table_models)), "oneOf");
	struct buf b = {0};

	cr_assert_eq(ways->count, 3);
	json_write(&b, json_member(ways->child, "required"));
	cr_assert_str_eq(key_table_kept(&b), "[\"kind\",\"hidden\"]");
	json_write(&b, ways->child->next->next);
	cr_assert_str_eq(key_table_kept(&b), "{\"enum\":[\"flat\"]}");
}
