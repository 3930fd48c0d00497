/* Short ways to read and write trees in tests of the JSON door. */
#ifndef SIGNSGD_TESTS_SUPPORT_JSON_HELP_H
#define SIGNSGD_TESTS_SUPPORT_JSON_HELP_H

#include <criterion/criterion.h>

#include <string.h>

#include "config/json.h"

static struct arena arena;

static inline void clear(void)
{
	arena_clear(&arena);
}

static inline struct json *read_as(const char *source, const char *text, struct err *e)
{
	return json_read_text(&arena, source, text, strlen(text), e);
}

static inline struct json *good(const char *text)
{
	struct err e = {0};
	struct json *root = read_as("t.json", text, &e);

	cr_assert_not_null(root, "%s: %s", text, e.text);
	cr_assert_str_eq(e.text, "");
	return root;
}

static inline struct json *value(const char *text)
{
	struct err e = {0};
	struct json *v = json_read_value(&arena, "--set", text, &e);

	cr_assert_not_null(v, "%s", e.text);
	return v;
}

/* The tree as text; the arena keeps it. */
static inline const char *written(const struct json *v)
{
	struct buf b = {0};
	const char *copy;

	json_write(&b, v);
	copy = arena_string(&arena, b.text);
	buf_clear(&b);
	return copy;
}

static inline void repeat(struct buf *b, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		buf_add(b, text);
}

#endif
