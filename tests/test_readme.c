/*
 * Every command that README.md shows is run, as it is written, in an empty folder that has the program, the
 * experiments and the plots beside it. Commands are the lines of ```sh blocks. `make ...` is left to CI, and
 * what needs a package manager or the network is left out; simulations after a "# long" comment are run with
 * --steps 3.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include "tests/process.h"

enum { TEXT_ROOM = 1 << 17 };

static char readme[TEXT_ROOM];

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static bool elsewhere(const char *line)
{
	return starts(line, "make") || starts(line, "sudo") || starts(line, "git ") || starts(line, "apt") ||
	       strstr(line, "data fetch") || starts(line, "cd ") || starts(line, "#") || line[0] == 0;
}

/* A folder that looks like the project's, to one who types README's commands. */
static void make_place(char *folder)
{
	char command[PATH_MAX * 5 + 128], root[PATH_MAX];
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_not_null(realpath(".", root));
	char program[PATH_MAX];
	cr_assert_not_null(realpath(program_path(), program));
	snprintf(command, sizeof command,
	         "cd %s && cp %s signsgd && cp -r %s/experiments %s/plots %s/tests . && mkdir -p docs",
	         folder, program, root, root, root);
	cr_assert_eq(system(command), 0);
}

static void run_line(const char *folder, const char *line, bool is_long)
{
	char command[8192], log[PATH_MAX];
	static char said[1 << 16];
	snprintf(log, sizeof log, "%s/said", folder);
	bool shorten = is_long && strstr(line, "simulate");
	snprintf(command, sizeof command, "cd %s && %s%s >said 2>&1", folder, line,
	         shorten ? " --steps 3" : "");
	int status = system(command);
	cr_expect_eq(status, 0, "exit %d of: %s\n%s", WEXITSTATUS(status), line,
	             file_text(log, said, sizeof said));
}

Test(readme, every_command_works, .timeout = 600)
{
	char folder[] = "/tmp/signsgd-readme-XXXXXX", *save = NULL;
	bool inside = false, is_long = false;
	int count = 0;
	file_text("README.md", readme, sizeof readme);
	make_place(folder);
	for (char *line = strtok_r(readme, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (starts(line, "```")) {
			inside = starts(line, "```sh");
			is_long = false;
			continue;
		}
		if (inside && starts(line, "# long"))
			is_long = true;
		if (!inside || elsewhere(line))
			continue;
		if (is_long && strstr(line, "fashion") && !getenv("SIGNSGD_DATA")) {
			printf("skipped: no data folder for: %s\n", line);
			continue;
		}
		run_line(folder, line, is_long);
		count++;
	}
	folder_remove(folder);
	cr_expect_gt(count, 10, "%d commands found", count);
}
