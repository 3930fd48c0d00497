/*
 * A command, its options, and how it ends.
 *
 * A command is a row: name, one line, usage, an example that works, its options, and run(). The table of all
 * rows is cmd/commands.c. Options are GNU-style: --key=value, --key value, --flag, -h; "--" ends them. An
 * option that matches nothing names the nearest one and exits 2.
 */
#ifndef SIGNSGD_CMD_UI_CMD_H
#define SIGNSGD_CMD_UI_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct option {
	const char *name; /* without the dashes; a single letter may have one or two; NULL ends the table */
	const char *argument; /* "N", "PATH", ...; NULL: a flag; "[=WORD]": a flag that may have a value */
	const char *help;
};

struct args {
	const struct option *options;
	size_t n_options;
	const char **value; /* [n_options] last value given, "" for a flag, NULL when absent */
	const char **rest;  /* positional arguments, those behind "--" last */
	size_t n_rest;
	size_t n_before; /* how many of them came before "--" */
	bool help;       /* -h or --help: every command has it */
	struct given {   /* every option in the order given, for --set */
		const struct option *option;
		const char *value;
	} * given;
	size_t n_given;
	const struct command *const *commands; /* all of the program's, NULL-terminated; set by main */
};

struct command {
	const char *name, *about, *usage;
	const char *details; /* more for `help NAME`; may be NULL */
	const char *example; /* command lines that work from the project's folder */
	const struct option *options;
	/* Is `word` one that may stand first behind the name? -1 and a sentence. NULL: any word may. */
	int (*first)(const char *word, struct err *e);
	int (*run)(const struct args *a); /* the exit code */
};

const char *args_value(const struct args *a, const char *option); /* NULL when absent */
bool args_flag(const struct args *a, const char *option);
/* A whole number within bounds. -1 and a sentence. Absent: *out stays. */
int args_int(const struct args *a, const char *option, long long lowest, long long highest, long long *out,
             struct err *e);

/* A number within bounds. The same. */
int args_real(const struct args *a, const char *option, double lowest, double highest, double *out,
              struct err *e);

/* Parse argv behind the command's name. -1 and a sentence. Free with args_clear(). */
int args_parse(struct args *a, const struct command *c, int argc, char **argv, struct err *e);
void args_clear(struct args *a);

/* Print the sentence and return its exit code. */
int cmd_fail(const struct err *e);

/*
 * Close standard output and say so when it could not be written (a full disk behind a redirection).
 * Returns code, or EXIT_WORLD.
 */
int cmd_finish(int code);

#endif
