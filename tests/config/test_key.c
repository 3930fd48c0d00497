/* Tables of keys, reading: defaults, every kind, every refusal in its words. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "config/key.h"
#include "tests/support/key_table.h"
#include "tests/support/json_help.h"

TestSuite(key, .fini = json_help_clear);

#define ALL_KEYS                                                                                             \
	"one of \"name\", \"seed\", \"workers\", \"steps\", \"momentum\", \"rate\", \"free\", \"quiet\", "   \
	"\"out\", "                                                                                          \
	"\"partition\", \"ids\", \"weights\", \"adversaries\", \"model\""

struct refusal {
	const char *text, *sentence; /* without the file's name */
};

static void check_refusals(const struct refusal *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct state s;
		struct err e = {0};

		cr_expect_eq(key_table_parse(r[i].text, &s, &e), -1, "accepted: %s", r[i].text);
		cr_expect_str_eq(e.text, arena_format(&json_help_arena, "t.json:%s", r[i].sentence));
		cr_expect_eq(e.code, EXIT_USER);
	}
}

/* --- parsing ------------------------------------------------------------------------------------------ */

Test(key, defaults_fill_what_is_not_given)
{
	struct state s = key_table_good("{\"workers\": 7}");

	cr_assert_eq(s.workers, 7);
	cr_assert_eq(s.steps, 0);
	cr_assert_eq(s.seed, 1);
	cr_assert_eq(s.momentum, 0.9);
	cr_assert_not(s.quiet);
	cr_assert_str_eq(s.name, "run");
	cr_assert_null(s.out);
	cr_assert_eq(s.partition, 0);
	cr_assert(s.ids.count == 0 && s.ids.at == NULL);
	cr_assert(s.weights.count == 2 && s.weights.at[0] == 0.5 && s.weights.at[1] == 1);
	cr_assert_eq(s.adversaries.count, 0);
	cr_assert_null(s.adversaries.attack.row);
	cr_assert(s.model.row == &key_table_flat && s.model.state == NULL);
}

Test(key, every_kind_is_read_into_its_place)
{
	struct state s = key_table_good(
	        "{\"workers\": 9, \"steps\": 1e3, \"seed\": \"0xFFffFFffFFffFFff\", \"momentum\": 0,"
	        "\"rate\": 1e-3, \"free\": -1e300, \"quiet\": true, \"name\": \"\\u00e9\", \"out\": \"a/b\","
	        "\"partition\": \"shards\", \"ids\": [3, 0, 2.0], \"weights\": [],"
	        "\"adversaries\": {\"attack\": {\"factor\": 2.5, \"kind\": \"scale\"}, \"count\": 3},"
	        "\"model\": {\"kind\": \"net\", \"hidden\": [100, 50], \"act\": \"tanh\"}}");
	const struct scale_state *attack = s.adversaries.attack.state;
	const struct net_state *m = s.model.state;

	cr_assert(s.workers == 9 && s.steps == 1000 && s.seed == UINT64_MAX && s.momentum == 0 &&
	          s.rate == 1e-3);
	cr_assert(s.free == -1e300 && s.quiet && s.partition == 1);
	cr_assert_str_eq(s.name, "\xc3\xa9");
	cr_assert_str_eq(s.out, "a/b");
	cr_assert(s.ids.count == 3 && s.ids.at[0] == 3 && s.ids.at[1] == 0 && s.ids.at[2] == 2);
	cr_assert_eq(s.weights.count, 0);
	cr_assert_eq(s.adversaries.count, 3);
	cr_assert(s.adversaries.attack.row == &key_table_scale && attack->factor == 2.5 && attack->from == 0);
	cr_assert(s.model.row == &key_table_net && m->hidden.count == 2 && m->hidden.at[1] == 50 &&
	          m->act == 1);
	cr_assert(m->inner.row == &key_table_scale &&
	          ((const struct scale_state *)m->inner.state)->factor == -10);
}

Test(key, lists_of_a_family_take_every_way_to_write_a_member)
{
	struct state s = key_table_good(
	        "{\"workers\": 9, \"model\": {\"kind\": \"net\", \"hidden\": [1], \"several\": "
	        "[\"invert\", 4, {\"kind\": \"scale\", \"from\": 2}]}}");
	const struct choices *list = &((const struct net_state *)s.model.state)->several;

	cr_assert_eq(list->count, 3);
	cr_assert(list->at[0].row == &key_table_invert && list->at[1].row == &key_table_scale &&
	          list->at[2].row == &key_table_scale);
	cr_assert_eq(((const struct scale_state *)list->at[1].state)->factor, 4);
	cr_assert_eq(((const struct scale_state *)list->at[2].state)->from, 2);
}

Test(key, without_an_object_all_is_default)
{
	struct scale_state s = {0};
	struct state all = {0};
	struct err e = {0};

	cr_assert_eq(keys_parse(key_table_scale_keys, &s, NULL, &json_help_arena, &e), 0);
	cr_assert_eq(s.factor, -10);
	cr_assert_eq(keys_parse(NULL, NULL, NULL, &json_help_arena, &e), 0);
	cr_assert_eq(keys_parse(key_table_keys, &all, NULL, &json_help_arena, &e), -1);
	cr_assert_str_eq(e.text, "found no key \"workers\", expected it: an integer in [1, 1000]");
}

Test(key, refuses_unknown_keys_with_the_nearest_name)
{
	static const struct refusal list[] = {
	        {"{\"workers\": 7,\n  \"momentun\": 0.5}",
	         "2:3: momentun: found an unknown key, expected " ALL_KEYS "; did you mean \"momentum\"?"},
	        {"{\"workers\": 7, \"model\": {\"kind\": \"net\", \"hidden\": [1], \"several\": [\"invert\", "
	         "{\"kind\": \"scale\", \"form\": 1}]}}",
	         "1:96: model.several[1].form: found an unknown key, expected one of \"kind\", \"factor\", "
	         "\"from\"; did you mean \"from\"?"},
	        {"{\"workers\": 7, \"model\": {\"kind\": \"net\", \"hidden\": [1], \"several\": 3}}",
	         "1:67: model.several: found the number 3, expected an array, each one of the attacks"},
	        {"{\"workers\": 7, \"model\": {\"kind\": \"net\", \"hidden\": [1], \"several\": {\"kind\": "
	         "\"scale\", \"form\": 1}}}",
	         "1:85: model.several.form: found an unknown key, expected one of \"kind\", \"factor\", "
	         "\"from\"; did you mean \"from\"?"},
	        {"{\"zzz\": 7}", "1:2: zzz: found an unknown key, expected " ALL_KEYS},
	        {"{\"Workers\": 7}",
	         "1:2: Workers: found an unknown key, expected " ALL_KEYS "; did you mean \"workers\"?"},
	        {"{\"kind\": 7}", "1:2: kind: found an unknown key, expected " ALL_KEYS},
	        {"{\"workers\": 7, \"adversaries\": {\"cuont\": 1}}",
	         "1:32: adversaries.cuont: found an unknown key, expected one of \"count\", \"attack\"; did "
	         "you mean "
	         "\"count\"?"},
	        {"{\"workers\": 7, \"adversaries\": {\"attack\": {\"kind\": \"scale\", \"fac\\u0007tor\": "
	         "1}}}",
	         "1:60: adversaries.attack.fac\\x07tor: found an unknown key, expected one of \"kind\", "
	         "\"factor\", "
	         "\"from\"; did you mean \"factor\"?"},
	        {"{\"workers\": 7, \"model\": {\"kind\": \"flat\", \"hidden\": []}}",
	         "1:42: model.hidden: found an unknown key, expected one of \"kind\"; "
	         "\"hidden\" is a key of \"net\""},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

/* One round of corrections is enough: all of a file's are said, each with what it may have meant. */
Test(key, all_unknown_keys_are_said_at_once)
{
	static const struct refusal list[] = {
	        {"{\"workers\": 7, \"momentun\": 1,\n\"zzz\": 0, \"adversaries\": {\"cuont\": 1},\n"
	         "\"model\": {\"kind\": \"net\", \"hidden\": [1], \"workers\": 3, \"several\": [{\"kind\": "
	         "\"scale\", \"form\": 1}]}, \"count\": 2}",
	         "1:1: found 6 unknown keys: 1:16 momentun (did you mean \"momentum\"?), 2:1 zzz, 2:27 "
	         "adversaries.cuont (did you mean \"count\"?), 3:41 model.workers (\"workers\" is "
	         "\"workers\" at the top), 3:85 model.several[0].form (did you mean \"from\"?), 3:99 count "
	         "(\"count\" is \"adversaries.count\" here)"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

/* A file of nothing but unknown keys still gets one sentence, which says how many it leaves out. */
Test(key, what_has_no_room_in_the_sentence_is_counted)
{
	struct state s;
	struct err e = {0};
	struct buf text = {0};

	for (int i = 0; i < 200; i++)
		buf_format(&text, "%s\"unheard_of_%d\": 1", i > 0 ? ", " : "{", i);
	buf_add(&text, "}");
	cr_assert_eq(key_table_parse(text.text, &s, &e), -1);
	cr_expect_not_null(strstr(e.text, "found 200 unknown keys: 1:2 unheard_of_0, "), "%s", e.text);
	cr_expect_not_null(strstr(e.text, " more"), "%s", e.text);
	cr_expect(strlen(e.text) < sizeof e.text - 1);
	buf_clear(&text);
}

Test(key, refuses_a_missing_key)
{
	static const struct refusal list[] = {
	        {"{}", "1:1: found no key \"workers\", expected it: an integer in [1, 1000]"},
	        {"{\"workers\": 1, \"model\": {\"kind\": \"net\"}}",
	         "1:25: model: found no key \"hidden\", expected it: an array of integers, each in [1, "
	         "4096]"},
	        {"{\"workers\": 1, \"model\": \"net\"}", "1:25: model: found no key \"hidden\", expected it: "
	                                                 "an array of integers, each in [1, 4096]"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

#define SEED                                                                                                 \
	"expected an integer from 0 to 2^53, or a string of decimal digits or 0x and hexadecimal digits "    \
	"below 2^64"

Test(key, refuses_wrong_types)
{
	static const struct refusal list[] = {
	        {"[]", "1:1: found an array, expected an object"},
	        {"{\"workers\": \"7\"}",
	         "1:13: workers: found the string \"7\", expected an integer in [1, 1000]"},
	        {"{\"workers\": null}", "1:13: workers: found null, expected an integer in [1, 1000]"},
	        {"{\"workers\": 7.5}",
	         "1:13: workers: found the number 7.5, expected an integer in [1, 1000]"},
	        {"{\"workers\": 7, \"momentum\": true}",
	         "1:28: momentum: found true, expected a number in [0, 1)"},
	        {"{\"workers\": 7, \"free\": \"NaN\"}",
	         "1:24: free: found the string \"NaN\", expected a number"},
	        {"{\"workers\": 7, \"quiet\": 0}", "1:25: quiet: found the number 0, expected true or false"},
	        {"{\"workers\": 7, \"name\": 5}", "1:24: name: found the number 5, expected a string"},
	        {"{\"workers\": 7, \"out\": {}}",
	         "1:23: out: found an object, expected a string that names a place"},
	        {"{\"workers\": 7, \"partition\": 1}",
	         "1:29: partition: found the number 1, expected one of \"iid\", \"shards\""},
	        {"{\"workers\": 7, \"ids\": 3}",
	         "1:23: ids: found the number 3, expected an array of integers, each in [0, 999]"},
	        {"{\"workers\": 7, \"ids\": [1, 2.5]}",
	         "1:27: ids[1]: found the number 2.5, expected an integer in [0, 999]"},
	        {"{\"workers\": 7, \"weights\": {}}",
	         "1:27: weights: found an object, expected an array of numbers, each above 0"},
	        {"{\"workers\": 7, \"weights\": [1, null]}",
	         "1:31: weights[1]: found null, expected a number above 0"},
	        {"{\"workers\": 7, \"adversaries\": 3}",
	         "1:31: adversaries: found the number 3, expected an object, as in {\"count\": 3}"},
	        {"{\"workers\": 7, \"adversaries\": \"scale\"}",
	         "1:31: adversaries: found the string \"scale\", expected an object, as in {\"attack\": "
	         "\"scale\"}"},
	        {"{\"workers\": 7, \"momentum\": [0, 0.9]}",
	         "1:28: momentum: found an array, expected a number in [0, 1); a run with each of several is "
	         "\"sweep\": {\"momentum\": [...]}"},
	        {"{\"workers\": 7, \"seed\": true}", "1:24: seed: found true, " SEED},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(key, refuses_what_is_out_of_bounds)
{
	static const struct refusal list[] = {
	        {"{\"workers\": 0}", "1:13: workers: found the number 0, expected an integer in [1, 1000]"},
	        {"{\"workers\": 1001}",
	         "1:13: workers: found the number 1001, expected an integer in [1, 1000]"},
	        {"{\"workers\": 1, \"steps\": 0}",
	         "1:25: steps: found the number 0, expected an integer at least 1"},
	        {"{\"workers\": 1, \"steps\": 9007199254740993.0}",
	         "1:25: steps: found the number 9007199254740992, expected an integer of at most 2^53 = "
	         "9007199254740992 in size, that one in digits"},
	        {"{\"workers\": 1, \"steps\": 1e300}", "1:25: steps: found the number 1e+300, expected an "
	                                               "integer of at most 2^53 = 9007199254740992 in "
	                                               "size, that one in digits"},
	        {"{\"workers\": 1, \"momentum\": 1}",
	         "1:28: momentum: found the number 1, expected a number in [0, 1)"},
	        {"{\"workers\": 1, \"momentum\": -0.1}",
	         "1:28: momentum: found the number -0.1, expected a number in [0, 1)"},
	        {"{\"workers\": 1, \"rate\": 0}",
	         "1:24: rate: found the number 0, expected a number above 0"},
	        {"{\"workers\": 1, \"ids\": [999, 1000]}",
	         "1:29: ids[1]: found the number 1000, expected an integer in [0, 999]"},
	        {"{\"workers\": 1, \"weights\": [0]}",
	         "1:28: weights[0]: found the number 0, expected a number above 0"},
	        {"{\"workers\": 1, \"adversaries\": {\"count\": -1}}",
	         "1:41: adversaries.count: found the number -1, expected an integer in [0, 1000]"},
	        {"{\"workers\": 1, \"adversaries\": {\"attack\": {\"kind\": \"scale\", \"factor\": 101}}}",
	         "1:70: adversaries.attack.factor: found the number 101, expected a number in [-100, 100]"},
	        {"{\"workers\": 1, \"model\": {\"kind\": \"net\", \"hidden\": [10, 0]}}",
	         "1:56: model.hidden[1]: found the number 0, expected an integer in [1, 4096]"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(key, refuses_wrong_names_with_the_nearest)
{
	static const struct refusal list[] = {
	        {"{\"workers\": 1, \"partition\": \"shard\"}",
	         "1:29: partition: found the string \"shard\", expected one of \"iid\", \"shards\"; did you "
	         "mean "
	         "\"shards\"?"},
	        {"{\"workers\": 1, \"model\": \"nett\"}", "1:25: model: found the string \"nett\", expected "
	                                                  "one of \"net\", \"flat\"; did you mean \"net\"?"},
	        {"{\"workers\": 1, \"model\": {\"kind\": \"resnet50\"}}",
	         "1:34: model.kind: found the string \"resnet50\", expected one of \"net\", \"flat\""},
	        {"{\"workers\": 1, \"model\": {\"kind\": 5}}",
	         "1:34: model.kind: found the number 5, expected one of \"net\", \"flat\""},
	        {"{\"workers\": 1, \"model\": {\"hidden\": []}}",
	         "1:25: model: found an object without \"kind\", expected it to be one of \"net\", \"flat\""},
	        {"{\"workers\": 1, \"model\": 0.5}", "1:25: model: found the number 0.5, expected the name "
	                                             "of the model, or {\"kind\": NAME, ...}; NAME "
	                                             "one of \"net\", \"flat\""},
	        {"{\"workers\": 1, \"model\": null}", "1:25: model: found null, expected the name of the "
	                                              "model, or {\"kind\": NAME, ...}; NAME one of "
	                                              "\"net\", \"flat\""},
	        {"{\"workers\": 1, \"adversaries\": {\"attack\": [1]}}",
	         "1:42: adversaries.attack: found an array, expected the name of the attack, or {\"kind\": "
	         "NAME, "
	         "...}, or a number; NAME one of \"invert\", \"scale\"; a run with each of several is "
	         "\"sweep\": {\"adversaries.attack\": [...]}"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(key, seeds_have_64_bits)
{
	static const struct {
		const char *text;
		uint64_t seed;
	} accepted[] = {
	        {"0", 0},
	        {"9007199254740992", UINT64_C(1) << 53},
	        {"1e3", 1000},
	        {"\"9007199254740993\"", (UINT64_C(1) << 53) + 1},
	        {"\"18446744073709551615\"", UINT64_MAX},
	        {"\"0xdeadBEEF\"", 0xdeadbeef},
	        {"\"0x00000000000000000001\"", 1},
	        {"\"007\"", 7},
	};
	static const struct refusal refused[] = {
	        {"-1", "the number -1"},
	        {"1.5", "the number 1.5"},
	        {"1e16", "the number 1e+16"},
	        {"\"18446744073709551616\"", "the string \"18446744073709551616\""},
	        {"\"0x10000000000000000\"", "the string \"0x10000000000000000\""},
	        {"\"\"", "the string \"\""},
	        {"\"0x\"", "the string \"0x\""},
	        {"\"-1\"", "the string \"-1\""},
	        {"\" 1\"", "the string \" 1\""},
	        {"\"12a\"", "the string \"12a\""},
	        {"\"0x1g\"", "the string \"0x1g\""},
	};

	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
		cr_expect_eq(key_table_good(arena_format(&json_help_arena, "{\"workers\": 1, \"seed\": %s}",
		                                         accepted[i].text))
		                     .seed,
		             accepted[i].seed, "%s", accepted[i].text);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct refusal r = {
		        arena_format(&json_help_arena, "{\"workers\": 1, \"seed\": %s}", refused[i].text),
		        arena_format(&json_help_arena, "1:24: seed: found %s, " SEED, refused[i].sentence),
		};

		check_refusals(&r, 1);
	}
}

Test(key, null_is_absent_where_absence_is_allowed)
{
	struct state s = key_table_good(
	        "{\"workers\": 1, \"steps\": null, \"out\": null, \"adversaries\": {\"attack\": null}}");

	cr_assert_eq(s.steps, 0);
	cr_assert_null(s.out);
	cr_assert_null(s.adversaries.attack.row);
}

/* --- families ----------------------------------------------------------------------------------------- */

static struct choice choose(const char *text, const char *default_json)
{
	struct choice c;
	struct err e = {0};
	struct json *v =
	        text != NULL ? json_read_text(&json_help_arena, "t.json", text, strlen(text), &e) : NULL;

	cr_assert_eq(choice_parse(&key_table_attacks, &c, v, default_json, &json_help_arena, &e), 0, "%s",
	             e.text);
	return c;
}

Test(key, a_family_is_written_as_object_name_number_or_left_out)
{
	struct choice c = choose("{\"kind\": \"scale\", \"factor\": 3}", NULL);

	cr_assert(c.row == &key_table_scale && ((struct scale_state *)c.state)->factor == 3);
	c = choose("\"scale\"", NULL);
	cr_assert(c.row == &key_table_scale && ((struct scale_state *)c.state)->factor == -10);
	c = choose("-4", NULL);
	cr_assert(c.row == &key_table_scale && ((struct scale_state *)c.state)->factor == -4);
	cr_assert_eq(((struct scale_state *)c.state)->from, 0);
	c = choose("\"invert\"", "\"scale\"");
	cr_assert(c.row == &key_table_invert && c.state == NULL);
	c = choose(NULL, "{\"kind\": \"scale\", \"from\": 5}");
	cr_assert(c.row == &key_table_scale && ((struct scale_state *)c.state)->from == 5);
	c = choose(NULL, "null");
	cr_assert_null(c.row);
}

Test(key, a_bare_number_is_held_to_its_key)
{
	struct choice c;
	struct err e = {0};
	struct json *v = json_read_text(&json_help_arena, "t.json", "{\"lr\": 1000}", 12, &e);

	cr_assert_eq(choice_parse(&key_table_attacks, &c, json_member(v, "lr"), NULL, &json_help_arena, &e),
	             -1);
	cr_assert_str_eq(e.text, "t.json:1:8: lr: found the number 1000, expected a number in [-100, 100]");
	cr_assert_null(c.row);
}

Test(key, rows_are_found_by_their_names)
{
	cr_assert_eq(family_find(&key_table_attacks, "scale"), &key_table_scale);
	cr_assert_null(family_find(&key_table_attacks, "Scale"));
	char said[FAMILY_MEANT];

	cr_assert_str_eq(family_meant(&key_table_attacks, "scael", said), "did you mean \"scale\"?");
	cr_assert_str_eq(family_meant(&key_table_attacks, "gaussian", said), "");
}

/* --- our own mistakes abort --------------------------------------------------------------------------- */

static void parse_default_of(struct key k)
{
	double state = 0;
	struct err e = {0};
	const struct key table[] = {k, {0}};

	keys_parse(table, &state, NULL, &json_help_arena, &e);
}

Test(key, a_default_out_of_its_own_bounds_aborts, .signal = SIGABRT)
{
	parse_default_of(
	        (struct key){.name = "x", .kind = KEY_REAL, .default_json = "2", .lowest = 0, .highest = 1});
}

Test(key, a_default_that_is_not_json_aborts, .signal = SIGABRT)
{
	parse_default_of((struct key){.name = "x", .kind = KEY_STRING, .default_json = "vote"});
}

Test(key, bounds_that_leave_nothing_abort, .signal = SIGABRT)
{
	parse_default_of((struct key){.name = "x", .kind = KEY_REAL, .default_json = "1", .above = true});
}
