/* Keys that take a number or a list, and families that were choices once: read and written as before. */
#include <criterion/criterion.h>
#include <string.h>
#include "config/key.h"
#include "tests/support/json_help.h"

struct shared {
	struct ints batch;
	struct choice how;
};

static const struct key half_keys[] = {
        {.name = "share", .kind = KEY_REAL, .offset = 0, .default_json = "0.5", .lowest = 0, .highest = 1},
        {0},
};

static const struct row all = {.name = "all", .about = "all"}, half = {.name = "half",
                                                                       .about = "a share",
                                                                       .keys = half_keys,
                                                                       .state_bytes = sizeof(double)};
static const struct row *const rows[] = {&all, &half, NULL};
static const struct family ways = {
        .name = "way", .plural = "ways", .about = "how", .rows = rows, .bare = true};

static const struct key keys[] = {
        {.name = "batch",
         .kind = KEY_INTS,
         .or_one = true,
         .offset = offsetof(struct shared, batch),
         .default_json = "32",
         .lowest = 1,
         .highest = 99},
        {.name = "how",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct shared, how),
         .default_json = "\"all\"",
         .family = &ways},
        {0},
};

TestSuite(key_each, .fini = json_help_clear);

static void expect_written(const char *text, const char *expected)
{
	struct shared s = {0};
	struct err e = {0};
	struct buf b = {0};
	const struct json *object = json_read_text(&json_help_arena, "test", text, strlen(text), &e);
	cr_assert(object && !keys_parse(keys, &s, object, &json_help_arena, &e), "%s: %s", text, e.text);
	for (enum keys_text which = KEYS_RESOLVED; which <= KEYS_GROUP; which++) {
		keys_write(&b, keys, &s, which);
		cr_expect_str_eq(b.text, expected);
		buf_clear(&b);
	}
}

Test(key_each, what_is_read_is_written_the_short_way)
{
	expect_written("{}", "{\"batch\":32,\"how\":\"all\"}");
	expect_written("{\"batch\": 3e1, \"how\": {\"kind\": \"all\"}}", "{\"batch\":30,\"how\":\"all\"}");
	expect_written("{\"batch\": [7], \"how\": \"half\"}",
	               "{\"batch\":7,\"how\":{\"kind\":\"half\",\"share\":0.5}}");
	expect_written("{\"batch\": [7, 8.0]}", "{\"batch\":[7,8],\"how\":\"all\"}");
}

static void expect_refused(const char *text, const char *expected)
{
	struct shared s = {0};
	struct err e = {0};
	const struct json *object = json_read_text(&json_help_arena, "test", text, strlen(text), &e);
	cr_assert_eq(keys_parse(keys, &s, object, &json_help_arena, &e), -1, "%s", text);
	cr_expect(strstr(e.text, expected), "%s: found '%s', expected '%s'", text, e.text, expected);
}

Test(key_each, numbers_and_lists_have_the_same_bounds)
{
	expect_refused(
	        "{\"batch\": 0}",
	        "batch: found the number 0, expected an integer or an array of integers, each in [1, 99]");
	expect_refused("{\"batch\": 1.5}", "batch: found the number 1.5");
	expect_refused("{\"batch\": [3, 100]}",
	               "batch[1]: found the number 100, expected an integer in [1, 99]");
	expect_refused("{\"batch\": \"3\"}", "expected an integer or an array of integers, each in [1, 99]");
}

Test(key_each, the_schema_allows_both)
{
	struct buf b = {0};
	keys_schema(&b, keys);
	cr_expect(strstr(b.text, "\"oneOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":99},{\"type\":"
	                         "\"array\",\"items\":{"
	                         "\"type\":\"integer\",\"minimum\":1,\"maximum\":99}}]"),
	          "%s", b.text);
	buf_clear(&b);
}
