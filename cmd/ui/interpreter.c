/* Which Python: asked by letting each candidate import what the figures need. */
#include "cmd/ui/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/text.h"

enum { NEWEST = 20, OLDEST = 8, TRIED_BYTES = 512, NOT_STARTED = 127, SIGNAL_EXIT = 128, IMPORTED = 43 };

static _Noreturn void become(char *const argv[], int silent)
{
	int nowhere = silent ? open("/dev/null", O_RDWR) : -1;

	if (nowhere >= 0) {
		dup2(nowhere, STDOUT_FILENO);
		dup2(nowhere, STDERR_FILENO);
	}
	execvp(argv[0], argv);
	_exit(NOT_STARTED);
}

int program_run(char *const argv[], int silent)
{
	int status;

	fflush(NULL); /* nothing of ours may come out twice */
	pid_t child = fork();
	if (child < 0)
		die("%s could not be started: %s", argv[0], strerror(errno));
	if (!child)
		become(argv, silent);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("the exit of %s could not be awaited: %s", argv[0], strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_EXIT + WTERMSIG(status);
}

/*
 * From a folder without a matplotlibrc, as plots/house.py does: a broken one is no reason to have no Python.
 * The code that a Python exits with is none that another program would.
 */
static bool has_modules(const char *python, bool draws)
{
	char name[256], flag[] = "-c", code[200];
	char *const argv[] = {name, flag, code, NULL};

	snprintf(name, sizeof(name), "%s", python);
	snprintf(code, sizeof(code),
	         "import os; os.environ['MATPLOTLIBRC'] = os.devnull; os.chdir('/'); import h5py, numpy%s; "
	         "raise SystemExit(%d)",
	         draws ? ", matplotlib" : "", IMPORTED);
	return program_run(argv, 1) == IMPORTED;
}

static int refuse(const char *tried, bool draws, struct err *e)
{
	return err_world(e,
	                 "%s need a Python 3 with %s, and none of these has them: %s; install them with "
	                 "'apt-get install python3-h5py%s' or 'pip install h5py%s', or name another Python "
	                 "in SIGNSGD_PYTHON",
	                 draws ? "figures" : "tables and reports",
	                 draws ? "h5py, numpy and matplotlib" : "h5py and numpy", tried,
	                 draws ? " python3-matplotlib" : "", draws ? " matplotlib" : "");
}

int interpreter_find(bool draws, char *out, size_t size, struct err *e)
{
	const char *named = getenv("SIGNSGD_PYTHON");
	char tried[TRIED_BYTES] = "", shown[256];
	size_t used = 0;

	if (named && *named) {
		snprintf(out, size, "%s", named);
		return has_modules(named, draws) ? 0
		                                 : refuse(text_shown(named, shown, sizeof(shown)), draws, e);
	}
	for (int i = NEWEST + 2; i >= OLDEST; i--) {
		if (i == NEWEST + 2)
			snprintf(out, size, "python3");
		else if (i == NEWEST + 1)
			snprintf(out, size, "/usr/bin/python3");
		else
			snprintf(out, size, "python3.%d", i);
		if (has_modules(out, draws))
			return 0;
		used += (size_t)snprintf(tried + used, sizeof(tried) - used, "%s%s", used ? ", " : "", out);
	}
	return refuse(tried, draws, e);
}
