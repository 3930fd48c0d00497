/* For tests of data sets: a folder of the test's own, and a row's state and samples. */
#ifndef SIGNSGD_TESTS_SUPPORT_DATA_HELP_H
#define SIGNSGD_TESTS_SUPPORT_DATA_HELP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "data/dataset.h"

static struct arena arena; /* texts of a test */
static char folder[512];

static inline void enter_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/data-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	cr_assert(mkdtemp(folder) != NULL);
}

static inline void leave_folder(void)
{
	char command[600];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	cr_assert_eq(system(command), 0);
	arena_clear(&arena);
}

/* FOLDER/REST, and the folders on the way to it. */
static inline char *below(const char *rest)
{
	char *path = arena_format(&arena, "%s/%s", folder, rest);
	for (char *p = path + strlen(folder) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	return path;
}

static inline char *put_file(const char *rest, const void *bytes, size_t n)
{
	char *path = below(rest);
	FILE *f = fopen(path, "wb");
	cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s", path);
	return path;
}

/* The row's state, as an experiment would set it; lives in the arena. */
static inline void *row_state(const struct row *row, const char *text)
{
	struct err e = {0};
	void *state = arena_alloc(&arena, row->state_bytes);
	const struct json *object = json_read_text(&arena, "test", text, strlen(text), &e);
	cr_assert(object && keys_parse(row->keys, state, object, &arena, &e) == 0, "%s", e.text);
	return state;
}

static inline int load_row(const struct data_source *s, const char *text, struct dataset *out, struct err *e)
{
	const struct data_env env = {.dir = folder, .seed = 7};
	*e = (struct err){0};
	return s->load(row_state(&s->row, text), &env, out, e);
}

static inline struct dataset loaded_row(const struct data_source *s, const char *text)
{
	struct dataset d;
	struct err e;
	cr_assert_eq(load_row(s, text, &d, &e), 0, "%s", e.text);
	return d;
}

#endif
