/*
 * Python scripts that commands run, which stand in folders beside the program: `plots` (figures) and
 * `reports` (tables, pages). No shell is involved: file names reach a script as they are.
 *
 * A script begins with `#!`; what does not is shared by scripts, and no name that anybody can give.
 */
#ifndef SIGNSGD_CMD_UI_SCRIPTS_H
#define SIGNSGD_CMD_UI_SCRIPTS_H

#include <limits.h>
#include <stdbool.h>
#include "cmd/ui/cmd.h"

enum { SCRIPTS_MAX = 64, SCRIPT_NAME_BYTES = 64 };

/* The scripts of a folder, in the order of their names, without their endings. */
struct scripts {
	const char *folder; /* what it is called: "plots" */
	char path[PATH_MAX];
	char names[SCRIPTS_MAX][SCRIPT_NAME_BYTES];
	size_t count;
};

/*
 * Look for the folder: where SIGNSGD_FOLDER says (SIGNSGD_PLOTS, SIGNSGD_REPORTS), or beside the program or
 * its build folder (a source tree), or where it was installed: as seen from the program (PREFIX/bin,
 * PREFIX/share), or as the build was told. Never the working folder: a script in there may be anybody's.
 * Free with mem_free(); count is 0 where nothing was found.
 */
struct scripts *scripts_find(const char *folder);

bool scripts_have(const struct scripts *s, const char *name);

/* Always -1: a sentence that `name` is none of these, and what there is. what: "figure". */
int scripts_refuse(const struct scripts *s, const char *what, const char *name, struct err *e);

/*
 * Run a script: python -B SCRIPT -o OUT --option=value... MORE... -- FILE.... The files are the positional
 * arguments from number `first` on; MORE is what stood behind "--". -o goes to it when it was given (-o or
 * --out), --quiet does not, all other options as they are. SIGNSGD_PROGRAM names this program to the script.
 * The exit code, after a sentence where there is no Python or the script died.
 */
int scripts_run(const struct scripts *s, const char *name, const struct args *a, size_t first);

/*
 * A command that is one script of a folder, of which all positional arguments are files: find it and run it.
 * The exit code, after a sentence where it is not there.
 */
int scripts_command(const char *folder, const char *name, const struct args *a);

/* What -o or --out says; NULL: neither is given, or the command has no such option. */
const char *scripts_output(const struct args *a);

#endif
