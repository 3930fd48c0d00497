/* See backend/cuda/find.h. */
#include "backend/cuda/find.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char folders_named[] = "SIGNSGD_CUDA_PATH";

/* Below a folder: nothing, and where the packages of pip put the libraries (site-packages). */
static const char *const below[] = {"", "/nvidia/cublas/lib", "/nvidia/cudnn/lib", "/nvidia/cu13/lib",
                                    "/nvidia/nccl/lib"};

/* Opening what is no file (a FIFO) may wait for ever. */
static bool is_file(const char *path)
{
	struct stat s;
	return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

/* Opens the file if it is there. A file that is there and cannot be opened is worth a sentence, unless
 * another one can. */
static bool open_file(struct library *l, const char *file)
{
	if (strchr(file, '/') && !is_file(file))
		return false;
	l->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (l->handle)
		snprintf(l->file, sizeof(l->file), "%s", file);
	else if (strchr(file, '/'))
		err_world(&l->why, "%s could not be opened: %s", l->name, dlerror());
	return l->handle != NULL;
}

static bool open_in(struct library *l, const char *folder, int length)
{
	char file[PATH_MAX];
	for (size_t b = 0; b < sizeof(below) / sizeof(below[0]); b++)
		for (const char *const *name = l->files; *name; name++)
			if (snprintf(file, sizeof(file), "%.*s%s/%s", length, folder, below[b], *name) <
			            (int)sizeof(file) &&
			    open_file(l, file))
				return true;
	return false;
}

static bool open_somewhere(struct library *l)
{
	const char *folder = getenv(folders_named);
	while (folder && *folder) {
		const char *end = strchrnul(folder, ':');
		if (end > folder && open_in(l, folder, (int)(end - folder)))
			return true;
		folder = *end ? end + 1 : end;
	}
	for (const char *const *name = l->files; *name; name++)
		if (open_file(l, *name))
			return true;
	err_world(&l->why,
	          "%s was not found: %s is neither where the loader looks nor in a folder that %s names",
	          l->name, l->files[0], folders_named);
	return false;
}

/* ISO C has no cast from an object's address to a function's. */
static bool find_functions(struct library *l)
{
	for (size_t i = 0; i < l->count; i++) {
		void *found = dlsym(l->handle, l->functions[i].name);
		Dl_info info;
		if (!found) {
			err_world(&l->why, "%s (%s) has no function %s", l->name, l->file,
			          l->functions[i].name);
			return false;
		}
		if (i == 0 && dladdr(found, &info) && info.dli_fname) /* the loader may have found it */
			snprintf(l->file, sizeof(l->file), "%s", info.dli_fname);
		memcpy(l->functions[i].member, &found, sizeof(found));
	}
	return true;
}

void library_open(struct library *l)
{
	if (!open_somewhere(l))
		return;
	err_clear(&l->why);
	l->open = find_functions(l) && l->know(l);
}

bool library_between(struct library *l, int version, int first, int last, const char *expected)
{
	if (version >= first && version < last)
		return true;
	err_world(&l->why, "%s is of the wrong version: found %s (%s), expected %s", l->name, l->version,
	          l->file, expected);
	return false;
}

const void *library_table(const struct library *l, const void *table, struct err *e)
{
	if (!l->open)
		err_world(e, "%s", l->why.text);
	return l->open ? table : NULL;
}

void library_text(const struct library *l, size_t size, char text[])
{
	if (l->open)
		snprintf(text, size, "%s (%s)", l->version, l->file);
	else
		snprintf(text, size, "%s", l->why.text);
}
