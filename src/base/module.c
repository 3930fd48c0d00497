/* Looking for modules and opening them: see base/module.h. */
#include "base/module.h"
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/version.h"

#ifndef SIGNSGD_BUILD_DIR
#define SIGNSGD_BUILD_DIR "build/release"
#endif
#ifndef SIGNSGD_MODULES_DIR
#define SIGNSGD_MODULES_DIR "/usr/local/lib/signsgd"
#endif

/* A path, and room for a name of ours behind it. */
enum { FILE_SIZE = PATH_MAX + 64 };

/*
 * Folders as seen from the program's own: the build puts both into one, and a link to the program into the
 * root of the source tree; PREFIX/bin has PREFIX/lib beside it, wherever the whole was moved. Never the
 * working folder: a file in there may be anybody's.
 */
static const char *const near[] = {".", SIGNSGD_BUILD_DIR, "../lib/signsgd"};

/* Opening what is no file (a FIFO) may wait for ever. */
static bool is_file(const char *path)
{
	struct stat s;
	return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static bool is_in(const char *folder, const char *name, char file[FILE_SIZE])
{
	return snprintf(file, FILE_SIZE, "%s/signsgd-%s.so", folder, name) < FILE_SIZE && is_file(file);
}

/* Sets `file`. */
static int find(const char *name, char file[FILE_SIZE], struct err *e)
{
	const char *named = getenv("SIGNSGD_MODULES");
	char self[PATH_MAX], folder[FILE_SIZE];
	if (named && *named) {
		if (is_in(named, name, file))
			return 0;
		return err_world(e, "the module signsgd-%s.so is not in %s, which SIGNSGD_MODULES names",
		                 name, named);
	}
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = '\0';
	const char *home = length > 0 ? dirname(self) : NULL;
	for (size_t i = 0; home && i < sizeof(near) / sizeof(near[0]); i++)
		if (snprintf(folder, sizeof(folder), "%s/%s", home, near[i]) < (int)sizeof(folder) &&
		    is_in(folder, name, file))
			return 0;
	if (is_in(SIGNSGD_MODULES_DIR, name, file))
		return 0;
	return err_world(e,
	                 "the module signsgd-%s.so was not found beside the program nor in %s; "
	                 "SIGNSGD_MODULES can name its folder",
	                 name, SIGNSGD_MODULES_DIR);
}

static int check_build(const char *file, const struct module_head *head, struct err *e)
{
	if (strcmp(head->version, version_text()) == 0 && strcmp(head->commit, version_commit()) == 0)
		return 0;
	return err_world(e,
	                 "the module %s is of another build: found %s, commit %s, expected the program's %s, "
	                 "commit %s",
	                 file, head->version, head->commit, version_text(), version_commit());
}

const void *module_open(const char *name, struct err *e)
{
	return module_part(name, name, e);
}

const void *module_part(const char *name, const char *table, struct err *e)
{
	char file[FILE_SIZE], symbol[64];
	if (find(name, file, e))
		return NULL;
	/* GLOBAL: libraries such as MPI open parts of their own, which look for the library's symbols there.
	 */
	void *handle = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
	if (!handle) {
		err_world(e, "the module signsgd-%s.so could not be opened: %s", name, dlerror());
		return NULL;
	}
	snprintf(symbol, sizeof(symbol), "signsgd_module_%s", table);
	const struct module_head *head = dlsym(handle, symbol);
	if (!head)
		err_world(e, "%s is no module of this program: it has no %s", file, symbol);
	return head && check_build(file, head, e) == 0 ? head : NULL;
}
