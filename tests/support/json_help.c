#include "tests/support/json_help.h"
#include <criterion/criterion.h>
#include <string.h>

struct arena json_help_arena;

void json_help_clear(void)
{
	arena_clear(&json_help_arena);
}

struct json *json_help_read_as(const char *source, const char *text, struct err *e)
{
	return json_read_text(&json_help_arena, source, text, strlen(text), e);
}

struct json *json_help_good(const char *text)
{
	struct err e = {0};
	struct json *root = json_help_read_as("t.json", text, &e);

	cr_assert_not_null(root, "%s: %s", text, e.text);
	cr_assert_str_eq(e.text, "");
	return root;
}

struct json *json_help_value(const char *text)
{
	struct err e = {0};
	struct json *v = json_read_value(&json_help_arena, "--set", text, &e);

	cr_assert_not_null(v, "%s", e.text);
	return v;
}

const char *json_help_written(const struct json *v)
{
	struct buf b = {0};
	const char *copy;

	json_write(&b, v);
	copy = arena_string(&json_help_arena, b.text);
	buf_clear(&b);
	return copy;
}

void json_help_family_refuses(const struct family *f, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena arena = {0};
		struct choice c = {0};
		struct err e = {0};
		const struct json *value = json_read_text(&arena, "test", texts[i], strlen(texts[i]), &e);
		cr_assert_not_null(value, "%s", e.text);
		cr_assert_eq(choice_parse(f, &c, value, NULL, &arena, &e), -1, "%s", texts[i]);
		cr_assert(e.text[0] && e.code == EXIT_USER, "%s", texts[i]);
		arena_clear(&arena);
	}
}

void json_help_repeat(struct buf *b, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		buf_add(b, text);
}
