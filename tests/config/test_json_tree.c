/* The JSON door, trees: paths, sentences, changes, and writing. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "tests/support/json_help.h"

TestSuite(json_tree, .fini = json_help_clear);

Test(json_tree, paths_name_keys_and_elements)
{
	struct json *root =
	        json_help_good("{\"sweep\": {\"seed\": [1, 2, {\"a\": [[0]]}]}, \"b\\u0007\": 1}");
	struct json *third = json_member(json_member(root, "sweep"), "seed")->child->next->next;
	char out[100];

	cr_assert_str_eq(json_path(root, out, sizeof out), "");
	cr_assert_str_eq(json_path(third, out, sizeof out), "sweep.seed[2]");
	cr_assert_str_eq(json_path(json_member(third, "a")->child->child, out, sizeof out),
	                 "sweep.seed[2].a[0][0]");
	cr_assert_str_eq(json_path(json_member(root, "b\a"), out, sizeof out), "b\\x07");
	cr_assert_str_eq(json_path(third, out, 8), "swee...");
	cr_assert_str_eq(json_path(json_help_good("[[1]]")->child->child, out, sizeof out), "[0][0]");
}

Test(json_tree, sentences_name_place_path_found_and_expected)
{
	struct json *root = json_help_good("{\"a\": {\n\"b\": [1.5, \"x\\ty\", null, true, {}, []]}}");
	static const char *const found[] = {
	        "the number 1.5", "the string \"x\\x09y\"", "null", "true", "an object", "an array"};
	char out[100];
	int i = 0;
	struct err e = {0};

	for (struct json *c = root->child->child->child; c != NULL; c = c->next)
		cr_assert_str_eq(json_found(c, out, sizeof out), found[i++]);
	cr_assert_eq(json_bad(&e, root->child->child->child, "%s in [%d, %d]", "an integer", 1, 9), -1);
	cr_assert_str_eq(e.text, "t.json:2:7: a.b[0]: found the number 1.5, expected an integer in [1, 9]");
	cr_assert_eq(e.code, EXIT_USER);
	err_clear(&e);
	cr_assert_eq(json_say(&e, root, "nothing to run"), -1);
	cr_assert_str_eq(e.text, "t.json:1:1: nothing to run");
	err_clear(&e);
	cr_assert_eq(json_say_key(&e, root->child->child, "no"), -1);
	cr_assert_str_eq(e.text, "t.json:2:1: a.b: no");
	err_clear(&e);
	json_bad(&e, json_help_value("7"), "a string");
	cr_assert_str_eq(e.text, "--set: found the number 7, expected a string");
}

Test(json_tree, command_line_values_are_json_or_words)
{
	struct err e = {0};

	cr_assert_eq(json_help_value("2")->number, 2);
	cr_assert_eq(json_help_value("2")->line, 0);
	cr_assert_eq(json_help_value(" [1, {\"a\": 2}]")->child->next->child->key_line, 0);
	cr_assert_eq(json_help_value("true")->type, JSON_BOOL);
	cr_assert_str_eq(json_help_value("\"true\"")->string, "true");
	cr_assert_str_eq(json_help_value("vote")->string, "vote");
	cr_assert_str_eq(json_help_value("runs/a b.h5")->string, "runs/a b.h5");
	cr_assert_str_eq(json_help_value("18446744073709551615")->string, "18446744073709551615");
	cr_assert_str_eq(json_help_value("")->string, "");
	cr_assert_str_eq(json_help_value("  ")->string, "  ");
	cr_assert_null(json_read_value(&json_help_arena, "--set a={x}", "{x}", &e));
	cr_assert_str_eq(e.text, "--set a={x}:1:2: found 'x', expected a key in double quotes");
	err_clear(&e);
	cr_assert_null(json_read_value(&json_help_arena, "--set a", "\xff", &e));
	cr_assert_str_eq(e.text, "--set a: found a byte that is not valid UTF-8, expected text in UTF-8");
	cr_assert_eq(e.code, EXIT_USER);
}

/* --- changing ----------------------------------------------------------------------------------------- */

static void set(struct json *root, const char *dotted, const char *text)
{
	struct err e = {0};

	cr_assert_eq(json_set(&json_help_arena, root, dotted, json_help_value(text), &e), 0, "%s", e.text);
}

static void check_set_refusal(const char *text, const char *dotted, const char *sentence)
{
	struct err e = {0};
	struct json *v = json_read_value(&json_help_arena, "--set k=5", "5", &e);

	cr_assert_eq(json_set(&json_help_arena, json_help_good(text), dotted, v, &e), -1);
	cr_assert_str_eq(e.text, sentence);
	cr_assert_eq(e.code, EXIT_USER);
}

Test(json_tree, set_replaces_in_place_and_appends)
{
	struct json *root = json_help_good("{\"a\": 1, \"b\": {\"c\": [2], \"d\": 3}, \"e\": 4}");
	char out[100];

	set(root, "b.c", "{\"x\": [7]}");
	set(root, "a", "vote");
	set(root, "f", "0.5");
	set(root, "b.z", "null");
	cr_assert_str_eq(json_help_written(root),
	                 "{\"a\":\"vote\",\"b\":{\"c\":{\"x\":[7]},\"d\":3,\"z\":null},\"e\":4,\"f\":0.5}");
	cr_assert_eq(root->count, 4);
	cr_assert_eq(json_member(root, "b")->count, 3);
	cr_assert_str_eq(
	        json_path(json_member(json_member(json_member(root, "b"), "c"), "x")->child, out, sizeof out),
	        "b.c.x[0]");
	cr_assert_str_eq(json_member(root, "a")->source, "--set");
}

Test(json_tree, set_makes_objects_on_the_way)
{
	struct json *root = json_help_good("{\"n\": null}");

	set(root, "adversaries.attack.sigma", "2");
	set(root, "adversaries.count", "3");
	set(root, "n.k", "1");
	cr_assert_str_eq(json_help_written(root),
	                 "{\"n\":{\"k\":1},\"adversaries\":{\"attack\":{\"sigma\":2},\"count\":3}}");
}

Test(json_tree, set_opens_the_shorthand_name)
{
	struct json *root = json_help_good("{\"lr\": 0.1, \"attack\":\n\"scale\"}"), *kind;

	set(root, "attack.factor", "-10");
	cr_assert_str_eq(json_help_written(root),
	                 "{\"lr\":0.1,\"attack\":{\"kind\":\"scale\",\"factor\":-10}}");
	kind = json_member(json_member(root, "attack"), "kind");
	cr_assert(kind->line == 2 && kind->column == 1 && kind->parent == json_member(root, "attack"));
	root = json_help_good("{\"attack\": \"scale\"}");
	set(root, "attack.kind", "invert");
	cr_assert_str_eq(json_help_written(root), "{\"attack\":{\"kind\":\"invert\"}}");
}

Test(json_tree, set_refuses_a_way_through_what_is_no_object)
{
	check_set_refusal(
	        "{\"lr\": 0.1}", "lr.warmup",
	        "t.json:1:8: lr: found the number 0.1, expected an object that can take \"warmup\" (--set "
	        "k=5); set the whole of it");
	check_set_refusal(
	        "{\"a\": {\"b\": [1]}}", "a.b.c",
	        "t.json:1:13: a.b: found an array, expected an object that can take \"c\" (--set k=5); set "
	        "the whole of it");
	check_set_refusal("{\"a\": true}", "a.b.c",
	                  "t.json:1:7: a: found true, expected an object that can take \"b\" (--set k=5); "
	                  "set the whole "
	                  "of it");
	check_set_refusal("[]", "a",
	                  "t.json:1:1: found an array, expected an object that can take \"a\" (--set k=5); "
	                  "set the whole "
	                  "of it");
}

Test(json_tree, a_number_is_replaced_as_a_whole)
{
	struct json *root = json_help_good("{\"lr\": 0.1}");

	set(root, "lr", "{\"kind\": \"cosine\"}");
	set(root, "lr.warmup", "5");
	cr_assert_str_eq(json_help_written(root), "{\"lr\":{\"kind\":\"cosine\",\"warmup\":5}}");
}

Test(json_tree, set_refuses_empty_names_and_too_much_depth)
{
	static const char *const wrong[] = {"", ".", "a.", ".a", "a..b"};
	struct json *root = json_help_good("{}");
	struct buf b = {0};
	struct err e = {0};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		check_set_refusal(
		        "{}", wrong[i],
		        arena_format(&json_help_arena,
		                     "--set k=5: found the key \"%s\", expected names with single dots "
		                     "between them",
		                     wrong[i]));
	json_help_repeat(&b, "a.", 62);
	buf_add(&b, "a");
	set(root, b.text, "[1]");
	json_help_good(json_help_written(root));
	cr_assert_eq(json_set(&json_help_arena, root, b.text, json_help_value("[[1]]"), &e), -1);
	cr_assert(strstr(e.text, "would put 65 deep, expected a depth of at most 64"), "%s", e.text);
	buf_clear(&b);
}

Test(json_tree, a_copy_shares_no_node)
{
	struct json *root = json_help_good("{\"a\": {\"b\": [1, 2]}, \"c\": \"x\"}"),
	            *copy = json_copy(&json_help_arena, root);
	struct json *part = json_copy(&json_help_arena, json_member(root, "a"));

	set(copy, "a.b", "3");
	set(copy, "d", "4");
	set(part, "b", "5");
	json_remove(root, "c");
	cr_assert_str_eq(json_help_written(root), "{\"a\":{\"b\":[1,2]}}");
	cr_assert_str_eq(json_help_written(copy), "{\"a\":{\"b\":3},\"c\":\"x\",\"d\":4}");
	cr_assert_str_eq(json_help_written(part), "{\"b\":5}");
	cr_assert(part->parent == NULL && part->key == NULL && part->line == 1 && part->column == 7);
}

Test(json_tree, what_is_set_is_a_copy)
{
	struct json *root = json_help_good("{}"), *v = json_help_value("{\"x\": 1}");
	struct err e = {0};

	cr_assert_eq(json_set(&json_help_arena, root, "a", v, &e), 0);
	cr_assert_eq(json_set(&json_help_arena, root, "b", v, &e), 0);
	set(root, "a.x", "2");
	cr_assert_str_eq(json_help_written(root), "{\"a\":{\"x\":2},\"b\":{\"x\":1}}");
	cr_assert_str_eq(json_help_written(v), "{\"x\":1}");
}

Test(json_tree, remove_takes_out_first_middle_last_and_nothing)
{
	struct json *root = json_help_good("{\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}");

	json_remove(root, "b");
	json_remove(root, "d");
	json_remove(root, "a");
	json_remove(root, "nothing");
	cr_assert_str_eq(json_help_written(root), "{\"c\":3}");
	cr_assert_eq(root->count, 1);
	json_remove(root, "c");
	cr_assert_str_eq(json_help_written(root), "{}");
	set(root, "e", "5");
	cr_assert_str_eq(json_help_written(root), "{\"e\":5}");
}

/* --- writing ------------------------------------------------------------------------------------------ */

static const char *number_text(double x)
{
	struct buf b = {0};
	const char *text;

	json_write_number(&b, x);
	text = arena_string(&json_help_arena, b.text);
	buf_clear(&b);
	return text;
}

Test(json_tree, numbers_are_short_and_read_back_as_themselves)
{
	static const double values[] = {0.1,
	                                1e-300,
	                                1.0 / 3,
	                                9007199254740992.0,
	                                -9007199254740992.0,
	                                1e22,
	                                5e-324,
	                                1.7976931348623157e308,
	                                123456789.125,
	                                -2.5e-7,
	                                1e15,
	                                0.1 + 0.2,
	                                9007199254740994.0};
	uint64_t state = 1;

	cr_assert_str_eq(number_text(0.1), "0.1");
	cr_assert_str_eq(number_text(1e-300), "1e-300");
	cr_assert_str_eq(number_text(9007199254740992.0), "9007199254740992");
	cr_assert_str_eq(number_text(1e6), "1000000");
	cr_assert_str_eq(number_text(-0.0), "-0");
	cr_assert_str_eq(number_text(0), "0");
	cr_assert_str_eq(number_text(0.1 + 0.2), "0.30000000000000004");
	cr_assert_str_eq(number_text(NAN), "null");
	cr_assert_str_eq(number_text(-INFINITY), "null");
	cr_assert(signbit(json_help_good(number_text(-0.0))->number));
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		cr_assert_eq(json_help_good(number_text(values[i]))->number, values[i], "%a", values[i]);
	for (int i = 0; i < 20000; i++) {
		double x;

		state = state * 6364136223846793005u + 1442695040888963407u;
		memcpy(&x, &state, sizeof x);
		if (isfinite(x))
			cr_assert_eq(strtod(number_text(x), NULL), x, "%a", x);
	}
}

Test(json_tree, strings_are_escaped_and_read_back)
{
	struct buf b = {0};
	char all[256];

	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	strcpy(all + 127, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	json_write_string(&b, all);
	cr_assert_str_eq(json_help_good(b.text)->string, all);
	buf_clear(&b);
	json_write_string(&b, "a\"\\/\n\x1f");
	cr_assert_str_eq(b.text, "\"a\\\"\\\\/\\n\\u001f\"");
	buf_clear(&b);
	json_write_string(&b, "x\xff\xc3");
	cr_assert_str_eq(b.text, "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_clear(&b);
}

Test(json_tree, a_tree_is_written_compactly)
{
	cr_assert_str_eq(
	        json_help_written(json_help_good(
	                " { \"a\" : [ ] , \"b\" : { } , \"c\" : [ 1.0 , null , true , false , \"x\" ] } ")),
	        "{\"a\":[],\"b\":{},\"c\":[1,null,true,false,\"x\"]}");
	cr_assert_str_eq(json_help_written(json_help_good("\"x\"")), "\"x\"");
}
