#include "tests/support/h5_files.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/support/process.h"

char h5_files_folder[FOLDER_SIZE];

void h5_files_begin(void)
{
	folder_make(h5_files_folder);
}

void h5_files_end(void)
{
	folder_remove(h5_files_folder);
}

const char *h5_files_path(const char *name)
{
	static char paths[8][H5_FILES_PATH];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, H5_FILES_PATH, "%s/%s", h5_files_folder, name);
	return path;
}

bool h5_files_have_h5dump(void)
{
	return process_shell("command -v h5dump >/dev/null");
}

const char *h5_files_python(void)
{
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !python[0])
		python = "/usr/bin/python3";
	return process_shell("'%s' -c 'import h5py' >/dev/null 2>&1", python) ? python : NULL;
}
