/* For tests of the command line: run the program, keep what it said on both outputs apart. */
#ifndef SIGNSGD_TESTS_SUPPORT_CLI_H
#define SIGNSGD_TESTS_SUPPORT_CLI_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include "config/json.h"
#include "tests/support/process.h"

enum { CLI_SIZE = 1 << 20, CLI_LINES = 256 };

static char cli_out[CLI_SIZE], cli_err[CLI_SIZE]; /* what the last run said */
static char cli_folder[64];

static inline void cli_open(void)
{
	snprintf(cli_folder, sizeof cli_folder, "/tmp/signsgd-cli-XXXXXX");
	cr_assert_not_null(mkdtemp(cli_folder));
}

static inline void cli_close(void)
{
	folder_remove(cli_folder);
}

/* `signsgd ARGS` with redirections of its own; cli_err is what came on standard error unless redirected. */
static inline int cli_raw(const char *args)
{
	char log[128];
	snprintf(log, sizeof log, "%s/err", cli_folder);
	int code = program_run(args, log);
	file_text(log, cli_err, sizeof cli_err);
	return code;
}

static inline int cli_vrun(const char *fmt, va_list ap)
{
	char args[3072], line[3584], out[128];
	vsnprintf(args, sizeof args, fmt, ap);
	snprintf(out, sizeof out, "%s/out", cli_folder);
	snprintf(line, sizeof line, "%s >%s", args, out);
	int code = cli_raw(line);
	file_text(out, cli_out, sizeof cli_out);
	return code;
}

/* `signsgd ARGS`: the exit code; its words are in cli_out and cli_err. */
__attribute__((format(printf, 1, 2))) static inline int cli(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int code = cli_vrun(fmt, ap);
	va_end(ap);
	return code;
}

/* `signsgd ARGS` must exit with `code` and say `part` on standard error. */
__attribute__((format(printf, 3, 4))) static inline void cli_expect(int code, const char *part,
                                                                    const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int found = cli_vrun(fmt, ap);
	va_end(ap);
	cr_expect_eq(found, code, "%s: exit %d, expected %d: %s", fmt, found, code, cli_err);
	cr_expect_not_null(strstr(cli_err, part), "%s: '%s' does not say '%s'", fmt, cli_err, part);
}

/* A file in the test's folder. */
static inline void cli_write(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

/* Every line of cli_out must be a JSON object; returns how many there are. */
static inline size_t cli_json_lines(struct arena *a, struct json *lines[CLI_LINES])
{
	size_t count = 0;
	for (const char *line = cli_out; *line;) {
		struct err e = {0};
		size_t bytes = strcspn(line, "\n");
		cr_assert_lt(count, CLI_LINES);
		cr_assert_eq(line[bytes], '\n', "the last line has no end");
		lines[count] = json_read_text(a, "standard output", line, bytes, &e);
		cr_assert_not_null(lines[count], "%s", e.text);
		cr_expect_eq(lines[count]->type, JSON_OBJECT);
		count++;
		line += bytes + 1;
	}
	return count;
}

#endif
