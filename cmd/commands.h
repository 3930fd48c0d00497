/* Walks over the command table. */
#ifndef SIGNSGD_CMD_COMMANDS_H
#define SIGNSGD_CMD_COMMANDS_H

#include <stdio.h>
#include "cmd/ui/cmd.h"

const struct command *command_find(const char *name); /* or NULL */
/* The sentence about a wrong command, or a wrong option in a command's place, with the nearest one. Always
 * -1. */
int command_unknown(const char *wrong, struct err *e);

/* The program's usage in a few lines. */
void commands_usage(FILE *f);

#endif
