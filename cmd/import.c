/* `signsgd import`: an experiment of ours from a file of another program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd/import_byzfl.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/pretty.h"
#include "base/log.h"
#include "base/text.h"
#include "experiment/experiment.h"

enum { SHOWN_BYTES = 256 };

/* The text as it stands in the file. */
static char *text_of(const struct json *experiment)
{
	struct buf b = {0};
	char *text = NULL;
	size_t size = 0;
	json_write(&b, experiment);
	FILE *f = open_memstream(&text, &size);
	if (!f)
		die("no memory for a text");
	pretty_print(f, 0, b.text);
	fputc('\n', f);
	fclose(f);
	buf_clear(&b);
	return text;
}

/* Does the file hold this text already? */
static bool holds(const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	bool same = f != NULL;
	for (const char *p = text; same && *p; p++)
		same = fgetc(f) == (unsigned char)*p;
	same = same && fgetc(f) == EOF;
	if (f)
		fclose(f);
	return same;
}

/* A file that is there stays as it is: whose it is cannot be told. */
static int write_new(const char *path, const char *text, struct err *e)
{
	char shown[SHOWN_BYTES];
	text_shown(path, shown, sizeof shown);
	FILE *f = fopen(path, "wx");
	if (!f && errno == EEXIST && holds(path, text))
		return 0;
	if (!f && errno == EEXIST)
		return err_user(e, "%s: is there already, with another text; expected a new name behind -o",
		                shown);
	if (!f)
		return err_world(e, "%s: cannot be written (%s)", shown, strerror(errno));
	bool bad = fputs(text, f) < 0 || fflush(f) || fsync(fileno(f));
	int why = errno;
	if (fclose(f) || bad) {
		unlink(path);
		return err_world(e, "%s: cannot be written (%s)", shown, strerror(why));
	}
	return 0;
}

/* What is written can be run. */
static int check(const char *path, const char *text, struct err *e)
{
	struct runs runs;
	if (experiment_parse(&runs, "import", text, strlen(text), NULL, 0, e))
		return err_prefix(e, "%s: what it says is no experiment here", path);
	log_say("%s: %zu run%s", path, runs.count, runs.count == 1 ? "" : "s");
	runs_clear(&runs);
	return 0;
}

static int import_file(const struct args *a, const char *path, struct err *e)
{
	struct arena arena = {0};
	const char *out = args_value(a, "o") ? args_value(a, "o") : args_value(a, "out");
	struct json *theirs = json_read_file(&arena, path, e);
	const struct json *ours = theirs ? import_byzfl(&arena, theirs, e) : NULL;
	int rc = ours ? 0 : -1;
	char *text = ours ? text_of(ours) : NULL;
	if (!rc)
		rc = check(path, text, e);
	if (!rc && out)
		rc = write_new(out, text, e);
	else if (!rc)
		fputs(text, stdout);
	free(text);
	arena_clear(&arena);
	return rc;
}

static int import(const struct args *a)
{
	struct err e = {0};
	log_quiet(args_flag(a, "quiet"));
	if (a->n_rest != 2 || strcmp(a->rest[0], "byzfl") != 0)
		err_user(&e, "import takes a format, which is \"byzfl\", and a file, as in 'signsgd import "
		             "byzfl config.json'");
	else
		import_file(a, a->rest[1], &e);
	return e.code ? cmd_fail(&e) : EXIT_DONE;
}

static const struct option options[] = {
        {"o", "FILE.json", "write there, and not on standard output; a file that is there stays"},
        {"out", "FILE.json", "the same"},
        {"quiet", NULL, "say only warnings and errors, not what is otherwise there"},
        {NULL, NULL, NULL},
};

const struct command cmd_import = {
        .name = "import",
        .about = "make an experiment of another program's configuration",
        .usage = "import byzfl CONFIG.json [OPTION]...",
        .details =
                "CONFIG.json is what ByzFL's benchmark reads (`run_benchmark()` of byzfl 0.0.11). Where it "
                "has "
                "lists, the experiment has a sweep. What is called otherwise here, what means something "
                "else, and "
                "what is not carried over, is said on standard error, a line each. What is written is valid: "
                "'validate' says what it would run.",
        .example = "signsgd import byzfl tests/golden/byzfl-default.json",
        .options = options,
        .run = import,
};
