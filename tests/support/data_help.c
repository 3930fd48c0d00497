#include "tests/support/data_help.h"
#include <criterion/criterion.h>
#include <string.h>

struct arena data_help_arena;
char data_help_folder[FOLDER_SIZE];

void data_help_enter(void)
{
	folder_make(data_help_folder);
}

void data_help_leave(void)
{
	folder_remove(data_help_folder);
	arena_clear(&data_help_arena);
}

char *data_help_path(const char *rest)
{
	char *path = arena_format(&data_help_arena, "%s/%s", data_help_folder, rest);
	folder_make_parents(path);
	return path;
}

char *data_help_put(const char *rest, const void *bytes, size_t n)
{
	char *path = data_help_path(rest);
	file_put(path, bytes, n);
	return path;
}

void *data_help_state(const struct row *row, const char *text)
{
	struct err e = {0};
	void *state = arena_alloc(&data_help_arena, row->state_bytes);
	const struct json *object = json_read_text(&data_help_arena, "test", text, strlen(text), &e);
	cr_assert(object && keys_parse(row->keys, state, object, &data_help_arena, &e) == 0, "%s", e.text);
	return state;
}

int data_help_load(const struct data_source *s, const char *text, struct dataset *out, struct err *e)
{
	const struct data_env env = {.dir = data_help_folder, .seed = 7};
	*e = (struct err){0};
	return s->load(data_help_state(&s->row, text), &env, out, e);
}

struct dataset data_help_loaded(const struct data_source *s, const char *text)
{
	struct dataset d;
	struct err e;
	cr_assert_eq(data_help_load(s, text, &d, &e), 0, "%s", e.text);
	return d;
}
