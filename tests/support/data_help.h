/* For tests of data sets: a folder of the test's own, and a row's state and samples. */
#ifndef SIGNSGD_TESTS_SUPPORT_DATA_HELP_H
#define SIGNSGD_TESTS_SUPPORT_DATA_HELP_H

#include "base/mem.h"
#include "data/dataset.h"
#include "tests/support/file.h"

extern struct arena data_help_arena; /* texts of a test */
extern char data_help_folder[FOLDER_SIZE];

/* Make data_help_folder before, remove it after each test of a suite that names these two. */
void data_help_enter(void);
void data_help_leave(void);

/* FOLDER/REST, in the arena; makes the folders on the way to it. */
char *data_help_path(const char *rest);

/* Writes FOLDER/REST and returns that path, in the arena. */
char *data_help_put(const char *rest, const void *bytes, size_t n);

/* The row's state, as an experiment would set it; lives in the arena. */
void *data_help_state(const struct row *row, const char *text);

/* Loads the row from data_help_folder: 0 and *out (dataset_clear() it), or -1 and a sentence. */
int data_help_load(const struct data_source *s, const char *text, struct dataset *out, struct err *e);

/* The same; ends the test where it is refused. */
struct dataset data_help_loaded(const struct data_source *s, const char *text);

#endif
