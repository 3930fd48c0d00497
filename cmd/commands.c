/* The command table, and what every command ends with. */
#include "cmd/commands.h"

#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "base/text.h"

const struct command *const commands[] = {&cmd_simulate, &cmd_train,   &cmd_serve, &cmd_shard,    &cmd_work,
                                          &cmd_validate, &cmd_list,    &cmd_show,  &cmd_plot,     &cmd_data,
                                          &cmd_keys,     &cmd_check,   &cmd_bench, &cmd_estimate, &cmd_schema,
                                          &cmd_help,     &cmd_version, NULL};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) - 1 };

const struct command *command_find(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static const char *nearest(const char *wrong)
{
	const char *names[COMMANDS];

	if (wrong[0] == '-')
		return text_nearest(wrong, (const char *const[]){"--help", "--version"}, 2);
	for (int i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	return text_nearest(wrong, names, COMMANDS);
}

int command_unknown(const char *wrong, struct err *e)
{
	const char *near = nearest(wrong), *kind = wrong[0] == '-' ? "option" : "command";
	char shown[80];

	text_shown(wrong, shown, sizeof(shown));
	if (near)
		return err_user(e, "there is no %s '%s'; did you mean '%s'?", kind, shown, near);
	return err_user(e, "there is no %s '%s'; 'signsgd help' shows what there is", kind, shown);
}

void commands_usage(FILE *f)
{
	fputs("usage: signsgd COMMAND [OPTION]...\n\ncommands:\n", f);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i]->name, commands[i]->about);
	fputs("\n'signsgd help COMMAND' tells more. Try: signsgd simulate experiments/demo.json\n", f);
}

int cmd_fail(const struct err *e)
{
	char shown[4 * sizeof(e->text)]; /* sentences repeat names from outside */

	log_error("%s", text_shown(e->text, shown, sizeof(shown)));
	return e->code;
}

int cmd_finish(int code)
{
	errno = 0;
	int earlier = ferror(stdout);
	if (!fclose(stdout) && !earlier)
		return code;
	log_error("standard output could not be written: %s", errno ? strerror(errno) : "the device refused");
	return EXIT_WORLD;
}
