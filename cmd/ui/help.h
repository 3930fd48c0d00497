/*
 * Help: what is printed about one command, and about all of a table of commands. A table is handed in; it
 * ends with NULL.
 */
#ifndef SIGNSGD_CMD_UI_HELP_H
#define SIGNSGD_CMD_UI_HELP_H

#include <stdio.h>
#include "cmd/ui/cmd.h"

/* All about one command: usage, details, options, example. */
void help_command(const struct command *c, FILE *f);

/* The program's usage in a few lines: one a command. */
void help_overview(const struct command *const *commands, FILE *f);

/* The command of this name, or NULL. */
const struct command *help_find(const struct command *const *commands, const char *name);

/*
 * The sentence about a wrong command, or about a wrong option in a command's place; it names the nearest one.
 * Always -1.
 */
int help_unknown(const struct command *const *commands, const char *wrong, struct err *e);

#endif
