/* The program: find the command, parse its options, run it. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd/commands.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/help.h"

/*
 * A descriptor 0, 1 or 2 that is closed would be given to the next file we open, and a table would land in
 * a result file. Each gets a /dev/null that refuses what it is for, so that cmd_finish() still complains.
 */
static void hold_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct args a;
	struct err e = {0};
	int code = EXIT_DONE;

	if (args_parse(&a, c, argc, argv, &e))
		return cmd_fail(&e);
	a.commands = commands;
	if (a.help)
		help_command(c, stdout);
	else
		code = c->run(&a);
	args_clear(&a);
	return code;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		help_overview(commands, stderr);
		return EXIT_USER;
	}
	const char *name = argv[1];
	if (!strcmp(name, "-h") || !strcmp(name, "--help"))
		name = "help";
	else if (!strcmp(name, "--version"))
		name = "version";
	const struct command *c = help_find(commands, name);
	if (c)
		return run(c, argc - 2, argv + 2);
	struct err e = {0};
	help_unknown(commands, name, &e);
	return cmd_fail(&e);
}

int main(int argc, char **argv)
{
	hold_standard_files();
	setlocale(LC_CTYPE, ""); /* which characters a terminal shows; numbers stay as in C */
	return cmd_finish(dispatch(argc, argv));
}
