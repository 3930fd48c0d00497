/* The program: find the command, parse its options, run it. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd/commands.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/help.h"

/*
 * If descriptor 0, 1 or 2 is closed, the next file that is opened would get its number, and a table would be
 * written into a result file. So each of them is opened on /dev/null, in the mode that it is not used in:
 * cmd_finish() still finds that it could not write.
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
	signal(SIGXFSZ, SIG_IGN); /* a size limit is then an error of write(), and reported */
	setlocale(LC_CTYPE, "");  /* the characters that a terminal shows; numbers stay as in C */
	return cmd_finish(dispatch(argc, argv));
}
