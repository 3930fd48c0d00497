/* `signsgd help`: the texts of the command table, which main hands to every command. */
#include <stdio.h>
#include "cmd/ui/cmd.h"
#include "cmd/ui/help.h"

static int help(const struct args *a)
{
	struct err e = {0};

	if (!a->n_rest) {
		help_overview(a->commands, stdout);
		return EXIT_DONE;
	}
	const struct command *c = help_find(a->commands, a->rest[0]);
	if (!c) {
		help_unknown(a->commands, a->rest[0], &e);
		return cmd_fail(&e);
	}
	help_command(c, stdout);
	return EXIT_DONE;
}

const struct command cmd_help = {
        .name = "help",
        .about = "say how a command is used",
        .usage = "help [COMMAND]",
        .example = "signsgd help simulate",
        .run = help,
};
