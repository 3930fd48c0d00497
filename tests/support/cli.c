#include "tests/support/cli.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/process.h"

char cli_out[CLI_SIZE], cli_err[CLI_SIZE];
char cli_folder[FOLDER_SIZE];

void cli_open(void)
{
	folder_make(cli_folder);
}

void cli_close(void)
{
	folder_remove(cli_folder);
}

int cli_raw(const char *args)
{
	char log[128];
	snprintf(log, sizeof log, "%s/err", cli_folder);
	int code = process_run(args, log);
	file_text(log, cli_err, sizeof cli_err);
	return code;
}

__attribute__((format(printf, 1, 0))) static int cli_vrun(const char *fmt, va_list ap)
{
	char args[3072], line[3584], out[128];
	vsnprintf(args, sizeof args, fmt, ap);
	snprintf(out, sizeof out, "%s/out", cli_folder);
	snprintf(line, sizeof line, "%s >%s", args, out);
	int code = cli_raw(line);
	file_text(out, cli_out, sizeof cli_out);
	return code;
}

int cli(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int code = cli_vrun(fmt, ap);
	va_end(ap);
	return code;
}

void cli_expect(int code, const char *part, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int found = cli_vrun(fmt, ap);
	va_end(ap);
	cr_expect_eq(found, code, "%s: exit %d, expected %d: %s", fmt, found, code, cli_err);
	cr_expect_not_null(strstr(cli_err, part), "%s: '%s' does not say '%s'", fmt, cli_err, part);
}

void cli_write(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	file_put_text(path, text);
}

void cli_unbroken(void)
{
	size_t n = 0;
	for (const char *c = cli_out; *c; c++)
		if (!isspace((unsigned char)*c) || (n > 0 && cli_out[n - 1] != ' '))
			cli_out[n++] = isspace((unsigned char)*c) ? ' ' : *c;
	cli_out[n] = '\0';
}

size_t cli_json_lines(struct arena *a, struct json *lines[CLI_LINES])
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

double cli_number(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);
	cr_assert_not_null(member, "%s is missing", key);
	cr_assert_eq(member->type, JSON_NUMBER, "%s is no number", key);
	return member->number;
}

void cli_expect_narrow(const char *args)
{
	for (const char *line = cli_out; *line; line += strcspn(line, "\n") + 1) {
		size_t bytes = strcspn(line, "\n");
		cr_expect_leq(bytes, 80, "%s: a line of %zu columns: %.*s", args, bytes, (int)bytes, line);
		if (!line[bytes])
			break;
	}
}
