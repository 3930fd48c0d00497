/* For tests of the command line: run the program, keep what it said on both outputs apart. */
#ifndef SIGNSGD_TESTS_SUPPORT_CLI_H
#define SIGNSGD_TESTS_SUPPORT_CLI_H

#include <criterion/criterion.h>
#include "config/json.h"
#include "tests/support/file.h"
#include "tests/support/process.h"

enum { CLI_SIZE = 1 << 20, CLI_LINES = 256 };

extern char cli_out[CLI_SIZE], cli_err[CLI_SIZE]; /* what the last run said */
extern char cli_folder[FOLDER_SIZE];

/* Make cli_folder before, remove it after each test of a suite that names these two. */
void cli_open(void);
void cli_close(void);

/* `signsgd ARGS` with redirections of its own; cli_err is what came on standard error unless redirected. */
int cli_raw(const char *args);

/* `signsgd ARGS`: the exit code; its words are in cli_out and cli_err. */
int cli(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `signsgd ARGS` must exit with `code` and say `part` on standard error. */
void cli_expect(int code, const char *part, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Writes a file in the test's folder. */
void cli_write(const char *name, const char *text);

/* Tables break their lines where they are full: from here on cli_out is one line, words with a blank between.
 */
void cli_unbroken(void);

/* Every line of cli_out must be a JSON object; returns how many there are. The arena owns them. */
size_t cli_json_lines(struct arena *a, struct json *lines[CLI_LINES]);

/* A number that is a member of `object`; ends the test where there is none. */
double cli_number(const struct json *object, const char *key);

/* No line of what was printed last is longer than 80 columns; args names the command. */
void cli_expect_narrow(const char *args);

#endif
