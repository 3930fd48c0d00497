/* The JSON door, reading: what it refuses and in which words, and where values stand. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "tests/support/json_help.h"

TestSuite(json, .fini = json_help_clear);

struct refusal {
	const char *text, *sentence;
};

static void check_refusals(const struct refusal *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err e = {0};

		cr_expect_null(json_help_read_as("t.json", r[i].text, &e), "accepted: %s", r[i].text);
		cr_expect_str_eq(e.text, r[i].sentence);
		cr_expect_eq(e.code, EXIT_USER);
	}
}

#define VALUE "a value: an object, an array, a string in double quotes, a finite number, true, false or null"

Test(json, refuses_what_is_no_value)
{
	static const struct refusal list[] = {
	        {"", "t.json:1:1: found the end of the text, expected " VALUE},
	        {" \n ", "t.json:2:2: found the end of the text, expected " VALUE},
	        {"{\"a\": NaN}", "t.json:1:7: a: found 'NaN', expected " VALUE},
	        {"{\"a\": [1, Infinity]}", "t.json:1:11: a[1]: found 'Infinity', expected " VALUE},
	        {"[-Infinity]",
	         "t.json:1:2: [0]: found the number '-Infinity', expected a digit after the minus sign"},
	        {"True", "t.json:1:1: found 'True', expected " VALUE "; did you mean true?"},
	        {"[nul]", "t.json:1:2: [0]: found 'nul', expected " VALUE "; did you mean null?"},
	        {"[+1]", "t.json:1:2: [0]: found '+1', expected " VALUE},
	        {"[.5]", "t.json:1:2: [0]: found '.5', expected " VALUE},
	        {"['a']", "t.json:1:2: [0]: found ''', expected " VALUE},
	        {"[1,]", "t.json:1:4: [1]: found ']', expected another element, or no comma before it"},
	        {"{\"a\":}", "t.json:1:6: a: found '}', expected " VALUE},
	        {"[\x01]", "t.json:1:2: [0]: found the control character \\x01, expected " VALUE},
	        {"[\xff]",
	         "t.json:1:2: [0]: found the byte \\xff, which is not valid UTF-8 here, expected " VALUE},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(json, refuses_comments_and_trailing_text)
{
	static const struct refusal list[] = {
	        {"{} x", "t.json:1:4: found 'x', expected the end of the text after one value"},
	        {"{}{}", "t.json:1:3: found '{', expected the end of the text after one value"},
	        {"1 2", "t.json:1:3: found '2', expected the end of the text after one value"},
	        {"{}\n// why",
	         "t.json:2:1: found a comment, which JSON does not have, expected the end of the "
	         "text after one value"},
	        {"{ /* a */ }",
	         "t.json:1:3: found a comment, which JSON does not have, expected a key in double quotes"},
	        {"{\"a\": # b\n1}",
	         "t.json:1:7: a: found a comment, which JSON does not have, expected " VALUE},
	        {"\xef\xbb\xbf{}", "t.json:1:1: found a byte order mark, expected UTF-8 without one"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(json, refuses_text_after_a_zero_byte)
{
	struct err e = {0};

	cr_assert_null(json_read_text(&json_help_arena, "t.json", "{}\0junk", 7, &e));
	cr_assert_str_eq(e.text,
	                 "t.json:1:3: found the control character \\x00, expected the end of the text after "
	                 "one value");
	err_clear(&e);
	cr_assert_null(json_read_text(&json_help_arena, "t.json", "[\0]", 3, &e));
	cr_assert(strstr(e.text, "t.json:1:2: [0]: found the control character \\x00"), "%s", e.text);
}

Test(json, refuses_broken_structure)
{
	static const struct refusal list[] = {
	        {"{\"a\": 1 \"b\": 2}", "t.json:1:9: a: found a string, expected ',' or '}' after a member"},
	        {"{\"a\": {\"b\": 1]}", "t.json:1:14: a.b: found ']', expected ',' or '}' after a member"},
	        {"[1 2]", "t.json:1:4: [0]: found '2', expected ',' or ']' after an element"},
	        {"[1", "t.json:1:3: [0]: found the end of the text, expected ',' or ']' after an element"},
	        {"{\"a\" 1}", "t.json:1:6: a: found '1', expected ':' after the key"},
	        {"{a: 1}", "t.json:1:2: found 'a', expected a key in double quotes"},
	        {"{\"a\": 1,}",
	         "t.json:1:9: found '}', expected a key in double quotes, or no comma before it"},

	        {"{\"\": 1}", "t.json:1:2: found an empty key, expected a name"},
	        {"{\"a\": [{\"b\": 1, \"\": 2}]}", "t.json:1:17: a[0]: found an empty key, expected a name"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(json, refuses_numbers_that_are_not_written_or_held)
{
	static const struct refusal list[] = {
	        {"[01]", "t.json:1:2: [0]: found the number '01', expected a number without leading zeros"},
	        {"-00", "t.json:1:1: found the number '-00', expected a number without leading zeros"},
	        {"{\"lr\": 1.}",
	         "t.json:1:8: lr: found the number '1.', expected a digit after the decimal point"},
	        {"1.e3", "t.json:1:1: found the number '1.e3', expected a digit after the decimal point"},
	        {"1e", "t.json:1:1: found the number '1e', expected a digit in the exponent"},
	        {"1e+", "t.json:1:1: found the number '1e+', expected a digit in the exponent"},
	        {"-", "t.json:1:1: found the number '-', expected a digit after the minus sign"},
	        {"0x10",
	         "t.json:1:1: found the number '0x10', expected a number of digits, a decimal point and an "
	         "exponent"},
	        {"1-2",
	         "t.json:1:1: found the number '1-2', expected a number of digits, a decimal point and an "
	         "exponent"},
	        {"1.2.3",
	         "t.json:1:1: found the number '1.2.3', expected a number of digits, a decimal point and "
	         "an exponent"},
	        {"{\"a\": 1e999}", "t.json:1:7: a: found the number '1e999', expected a number of at most "
	                           "1.797e308, the largest "
	                           "double"},
	        {"-1e999",
	         "t.json:1:1: found the number '-1e999', expected a number of at most 1.797e308, the "
	         "largest double"},
	        {"1e-400",
	         "t.json:1:1: found the number '1e-400', expected 0 or a number that a double can hold (at "
	         "least 5e-324)"},
	        {"{\"seed\": 9007199254740993}",
	         "t.json:1:10: seed: found the number '9007199254740993', expected an integer of at most "
	         "2^53 = "
	         "9007199254740992 (a 64-bit seed can be written as a string)"},
	        {"-9007199254740993",
	         "t.json:1:1: found the number '-9007199254740993', expected an integer of at most 2^53 = "
	         "9007199254740992 (a 64-bit seed can be written as a string)"},
	        {"0.1000000000000000000000000000000000000000000000000000000000000000000001",
	         "t.json:1:1: found the number '0.100000000000000000000000000000000000000000...', expected a "
	         "number of "
	         "at most 63 characters"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(json, refuses_strings_that_are_not_text)
{
	static const struct refusal list[] = {
	        {"\"a",
	         "t.json:1:3: found the end of the text, expected a quotation mark that ends the string"},
	        {"[\"a\n\"]", "t.json:1:4: [0]: found the end of the line, expected a quotation mark that "
	                      "ends the string"},
	        {"\"a\tb\"", "t.json:1:3: found the control character \\x09, expected an escape for it (\\t, "
	                     "\\u001b) within a string"},
	        {"\"\\u0000\"", "t.json:1:2: found \\u0000, expected text without a zero character"},
	        {"{\"a\\u0000b\": 1}", "t.json:1:4: found \\u0000, expected text without a zero character"},
	        {"\"\\ud83d\"",
	         "t.json:1:2: found the first half of a surrogate pair alone, expected its second half "
	         "after it"},
	        {"\"\\ud83d\\u0041\"",
	         "t.json:1:2: found the first half of a surrogate pair alone, expected its "
	         "second half after it"},
	        {"\"x\\ude00\"",
	         "t.json:1:3: found the second half of a surrogate pair alone, expected its first half "
	         "before it"},
	        {"\"\\x41\"",
	         "t.json:1:2: found a backslash, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
	         "\\uXXXX"},
	        {"\"\\u12g4\"", "t.json:1:2: found \\u without four hexadecimal digits, expected \\uXXXX"},
	        {"\"\\u12", "t.json:1:2: found \\u without four hexadecimal digits, expected \\uXXXX"},
	        {"\"\\",
	         "t.json:1:2: found a backslash, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"},
	        {"\"\xff\"",
	         "t.json:1:2: found the byte \\xff, which is not valid UTF-8 here, expected text in UTF-8"},
	        {"\"\xc0\x80\"",
	         "t.json:1:2: found the byte \\xc0, which is not valid UTF-8 here, expected text in UTF-8"},
	        {"\"a\xe0\x80\x80\"",
	         "t.json:1:3: found the byte \\xe0, which is not valid UTF-8 here, expected text in UTF-8"},
	        {"\"\xed\xa0\x80\"",
	         "t.json:1:2: found the byte \\xed, which is not valid UTF-8 here, expected text in UTF-8"},
	        {"\"\xc3",
	         "t.json:1:2: found the byte \\xc3, which is not valid UTF-8 here, expected text in UTF-8"},
	};

	check_refusals(list, sizeof list / sizeof *list);
}

Test(json, refuses_a_key_twice_however_it_is_spelt)
{
	static const struct refusal list[] = {
	        {"{\"a\": 1,\n \"b\": 2,\n  \"a\": 3}", "t.json:3:3: a: found this key a second time (the "
	                                                "first is at line 1, column 2), expected each key "
	                                                "once"},
	        {"{\"model\": {\"n\": 1, \"\\u006e\": 1}}",
	         "t.json:1:20: model.n: found this key a second time (the first is at line 1, column 12), "
	         "expected "
	         "each key once"},
	        {"[0, {\"x\": [{\"k\": 1, \"l\": 0, \"k\": {}}]}]",
	         "t.json:1:29: [1].x[0].k: found this key a second time (the first is at line 1, column 13), "
	         "expected each key once"},
	};

	check_refusals(list, sizeof list / sizeof *list);
	json_help_good("{\"a\": {\"a\": 1}, \"A\": [{\"a\": 1}, {\"a\": 1}]}");
}

Test(json, many_keys_are_compared_in_reasonable_time)
{
	struct buf b = {0};

	for (int i = 0; i < 70000; i++)
		buf_format(&b, "%c\"k%d\":0", i == 0 ? '{' : ',', i);
	buf_add(&b, "}");
	cr_assert_eq(json_help_good(b.text)->count, 70000);
	buf_clear(&b);
}

Test(json, depth_64_is_read_and_depth_65_is_not)
{
	struct buf b = {0};
	struct err e = {0};

	json_help_repeat(&b, "[", 64);
	json_help_repeat(&b, "]", 64);
	json_help_good(b.text);
	buf_clear(&b);
	json_help_repeat(&b, "[", 65);
	json_help_repeat(&b, "]", 65);
	cr_assert_null(json_help_read_as("t.json", b.text, &e));
	cr_assert(strstr(e.text, "t.json:1:65: "), "%s", e.text);
	cr_assert(strstr(e.text, "found brackets in brackets 65 deep, expected a depth of at most 64"), "%s",
	          e.text);
	buf_clear(&b);
	err_clear(&e);
	json_help_repeat(&b, "{\"a\":", 65);
	cr_assert_null(json_help_read_as("t.json", b.text, &e));
	cr_assert(strstr(e.text, "t.json:1:321: a.a.a.a"), "%s", e.text);
	cr_assert(strstr(e.text, "expected a depth of at most 64"), "%s", e.text);
	buf_clear(&b);
	err_clear(&e);
	json_help_repeat(&b, "[", 1000000);
	cr_assert_null(json_help_read_as("t.json", b.text, &e));
	buf_clear(&b);
}

Test(json, a_mebibyte_is_read_and_one_byte_more_is_not)
{
	char *text = malloc(JSON_BYTES_MAX + 1);
	struct err e = {0};

	memset(text, ' ', JSON_BYTES_MAX + 1);
	text[0] = '7';
	cr_assert_not_null(json_read_text(&json_help_arena, "t.json", text, JSON_BYTES_MAX, &e));
	cr_assert_null(json_read_text(&json_help_arena, "t.json", text, JSON_BYTES_MAX + 1, &e));
	cr_assert_str_eq(e.text, "t.json: found more than 1 MiB of text, expected at most 1048576 bytes");
	cr_assert_eq(e.code, EXIT_USER);
	free(text);
}

Test(json, what_the_user_wrote_is_shown_without_control_characters)
{
	struct err e = {0};

	cr_assert_null(json_help_read_as("a\x1b[31m.json", "{\"k\\u001b\": 1, \"k\\u001b\": x}", &e));
	cr_assert(strstr(e.text, "a\\x1b[31m.json:1:27: k\\u001b: found 'x'"), "%s", e.text);
	err_clear(&e);
	cr_assert_null(json_help_read_as("t.json", "{\"k\\u001b\": 1, \"k\\u001b\": 2}", &e));
	cr_assert(strstr(e.text, "t.json:1:16: k\\x1b: found this key a second time"), "%s", e.text);
}

/* Need not be terminated: the sanitizer guards the end of what is given. */
Test(json, text_need_not_be_terminated)
{
	static const char *const texts[] = {"12",     "[1,2]",   "\"a", "tru", "true",
	                                    "{\"a\"", "\"\\u00", "-",   "1e",  "/"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = strlen(texts[i]);
		char *exact = malloc(n);
		struct err e = {0};

		memcpy(exact, texts[i], n);
		json_read_text(&json_help_arena, "t.json", exact, n, &e);
		free(exact);
	}
	cr_assert_eq(json_read_text(&json_help_arena, "t.json", "123", 2, &(struct err){0})->number, 12);
}

Test(json, values_know_what_and_where_they_are)
{
	struct json *root = json_help_good("{ \"n\\u00e4me\": \"\xc3\xa9\\u20ac\\ud83d\\ude00\",\r\n"
	                                   "\t\"list\" : [true, false, null,\n 1.5, -3],\"\xc3\xbc\":{}}");
	struct json *name = json_member(root, "n\xc3\xa4me"), *list = json_member(root, "list"), *c;

	cr_assert_eq(root->type, JSON_OBJECT);
	cr_assert_eq(root->count, 3);
	cr_assert_null(root->key);
	cr_assert_null(root->parent);
	cr_assert_str_eq(root->source, "t.json");
	cr_assert_str_eq(name->string, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	cr_assert(name->line == 1 && name->column == 16 && name->key_line == 1 && name->key_column == 3);
	cr_assert(list->line == 2 && list->column == 11 && list->key_column == 2);
	cr_assert_eq(list->count, 5);
	c = list->child;
	cr_assert(c->type == JSON_BOOL && c->boolean && c->column == 12 && c->parent == list &&
	          c->key == NULL);
	c = c->next;
	cr_assert(c->type == JSON_BOOL && !c->boolean);
	c = c->next;
	cr_assert_eq(c->type, JSON_NULL);
	c = c->next;
	cr_assert(c->type == JSON_NUMBER && c->number == 1.5 && !c->exact && c->line == 3 && c->column == 2);
	c = c->next;
	cr_assert(c->number == -3 && c->exact && c->column == 7 && c->next == NULL);
	cr_assert(json_member(root, "\xc3\xbc")->column == 15 && json_member(root, "\xc3\xbc")->line == 3);
	cr_assert_null(json_member(root, "NAME"));
	cr_assert_null(json_member(list, "list"));
}

Test(json, exact_is_what_is_written_in_digits)
{
	struct json *c = json_help_good("[9007199254740992, -9007199254740992, 0, -0, 3.0, 1e3]")->child;

	cr_assert(c->exact && c->number == 9007199254740992.0);
	c = c->next;
	cr_assert(c->exact && c->number == -9007199254740992.0);
	c = c->next;
	cr_assert(c->exact);
	c = c->next;
	cr_assert(c->exact && c->number == 0 && signbit(c->number));
	c = c->next;
	cr_assert(!c->exact && c->number == 3);
	c = c->next;
	cr_assert(!c->exact && c->number == 1000);
}
