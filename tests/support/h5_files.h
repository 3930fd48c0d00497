/* For tests of HDF5 files: a folder of their own, and the readers that users have. */
#ifndef SIGNSGD_TESTS_SUPPORT_H5_FILES_H
#define SIGNSGD_TESTS_SUPPORT_H5_FILES_H

#include <stdbool.h>
#include "tests/support/file.h"

enum { H5_FILES_PATH = 512 };

extern char h5_files_folder[FOLDER_SIZE];

/* Make h5_files_folder before, remove it after each test of a suite that names these two. */
void h5_files_begin(void);
void h5_files_end(void);

/* A path in the folder. The text stays good for seven more calls. */
const char *h5_files_path(const char *name);

/* Is there HDF5's own reader? */
bool h5_files_have_h5dump(void);

/* A Python that has h5py, or NULL. */
const char *h5_files_python(void);

#endif
