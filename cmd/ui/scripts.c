/* Scripts of a folder: see scripts.h. */
#include "cmd/ui/scripts.h"

#include <ctype.h>
#include <dirent.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/ui/interpreter.h"

#ifndef SIGNSGD_SHARE_DIR
#define SIGNSGD_SHARE_DIR "."
#endif

enum { VARIABLE_BYTES = 64 };

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Does the file of a script's name begin as something that is run? */
static bool is_run(const char *folder, const char *file)
{
	char path[2 * PATH_MAX], head[2] = "";

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	FILE *f = fopen(path, "rb");
	if (!f)
		return false;
	size_t n = fread(head, 1, sizeof(head), f);
	fclose(f);
	return n == sizeof(head) && head[0] == '#' && head[1] == '!';
}

static void look_into(struct scripts *s, const char *path)
{
	DIR *d = opendir(path);

	if (!d)
		return;
	snprintf(s->path, sizeof(s->path), "%s", path);
	for (struct dirent *entry = readdir(d); entry && s->count < SCRIPTS_MAX; entry = readdir(d)) {
		size_t length = strlen(entry->d_name);
		if (length > 3 && length < SCRIPT_NAME_BYTES && !strcmp(entry->d_name + length - 3, ".py") &&
		    is_run(path, entry->d_name))
			snprintf(s->names[s->count++], SCRIPT_NAME_BYTES, "%.*s", (int)length - 3,
			         entry->d_name);
	}
	closedir(d);
	qsort(s->names, s->count, SCRIPT_NAME_BYTES, by_name);
}

/* "plots" -> "SIGNSGD_PLOTS". */
static void name_variable(const char *folder, char out[VARIABLE_BYTES])
{
	snprintf(out, VARIABLE_BYTES, "SIGNSGD_%s", folder);
	for (char *c = out; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

struct scripts *scripts_find(const char *folder)
{
	static const char *const near[] = {"", "../../", "../share/signsgd/"};
	struct scripts *s = mem_alloc(sizeof(*s));
	char self[PATH_MAX], path[2 * PATH_MAX], variable[VARIABLE_BYTES];

	s->folder = folder;
	s->path[0] = '\0';
	s->count = 0;
	name_variable(folder, variable);
	const char *named = getenv(variable);
	if (named && *named) {
		look_into(s, named);
		return s;
	}
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = '\0';
	const char *home = dirname(self);
	for (size_t i = 0; length > 0 && i < sizeof(near) / sizeof(near[0]) && !s->count; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", home, near[i], folder);
		look_into(s, path);
	}
	snprintf(path, sizeof(path), "%s/%s", SIGNSGD_SHARE_DIR, folder);
	if (!s->count)
		look_into(s, path);
	return s;
}

bool scripts_have(const struct scripts *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->names[i], name))
			return true;
	return false;
}

static int refuse_all(const struct scripts *s, struct err *e)
{
	char variable[VARIABLE_BYTES];

	name_variable(s->folder, variable);
	return err_world(
	        e, "the scripts in %s/ were not found beside the program nor in %s; %s can name their folder",
	        s->folder, SIGNSGD_SHARE_DIR, variable);
}

int scripts_refuse(const struct scripts *s, const char *what, const char *name, struct err *e)
{
	const char *names[SCRIPTS_MAX];
	struct buf all = {0};
	char shown[80];

	if (!s->count)
		return refuse_all(s, e);
	for (size_t i = 0; i < s->count; i++) {
		names[i] = s->names[i];
		buf_format(&all, "%s%s", i ? ", " : "", s->names[i]);
	}
	text_shown(name, shown, sizeof(shown));
	const char *near = text_nearest(name, names, s->count);
	if (near)
		err_user(e, "there is no %s '%s'; did you mean '%s'? There are: %s", what, shown, near,
		         all.text);
	else
		err_user(e, "there is no %s '%s'; there are: %s", what, shown, all.text);
	buf_clear(&all);
	return -1;
}

const char *scripts_output(const struct args *a)
{
	const char *out = args_value(a, "o");

	return out ? out : args_value(a, "out");
}

static bool is_passed(const char *option)
{
	return strcmp(option, "o") && strcmp(option, "out") && strcmp(option, "quiet");
}

static char **script_argv(struct arena *m, const struct args *a, const char *python, const char *script,
                          size_t first)
{
	char **argv = arena_alloc(m, (a->n_given + a->n_rest + 8) * sizeof(*argv));
	const char *out = scripts_output(a);
	size_t n = 0;

	argv[n++] = arena_string(m, python);
	argv[n++] = arena_string(m, "-B"); /* an installed folder stays as it was */
	argv[n++] = arena_string(m, script);
	if (out) {
		argv[n++] = arena_string(m, "-o");
		argv[n++] = arena_string(m, out);
	}
	for (size_t i = 0; i < a->n_given; i++) {
		const struct option *o = a->given[i].option;
		if (is_passed(o->name))
			argv[n++] = o->argument ? arena_format(m, "--%s=%s", o->name, a->given[i].value)
			                        : arena_format(m, "--%s", o->name);
	}
	for (size_t i = a->n_before; i < a->n_rest; i++)
		argv[n++] = arena_string(m, a->rest[i]);
	argv[n++] = arena_string(m, "--");
	for (size_t i = first; i < a->n_before; i++)
		argv[n++] = arena_string(m, a->rest[i]);
	return argv;
}

/* Scripts ask this program what files of earlier versions do not say (plots/common.py). */
static void name_program(void)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return;
	self[length] = '\0';
	setenv("SIGNSGD_PROGRAM", self, 1);
}

int scripts_run(const struct scripts *s, const char *name, const struct args *a, size_t first)
{
	struct err e = {0};
	struct arena m = {0};
	char python[PATH_MAX];

	if (!s->count)
		refuse_all(s, &e);
	if (!s->count || interpreter_find(!strcmp(s->folder, "plots"), python, sizeof(python), &e))
		return cmd_fail(&e);
	name_program();
	const char *script = arena_format(&m, "%s/%s.py", s->path, name);
	int code = program_run(script_argv(&m, a, python, script, first), 0);
	if (code > EXIT_USER) {
		log_error("%s ended with exit code %d", script, code);
		code = EXIT_WORLD;
	}
	arena_clear(&m);
	return code;
}

int scripts_command(const char *folder, const char *name, const struct args *a)
{
	struct scripts *s = scripts_find(folder);
	struct err e = {0};
	int code;

	if (scripts_have(s, name)) {
		code = scripts_run(s, name, a, 0);
	} else {
		scripts_refuse(s, "script", name, &e);
		code = cmd_fail(&e);
	}
	mem_free(s);
	return code;
}
