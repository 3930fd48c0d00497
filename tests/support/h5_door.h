/* For tests of the HDF5 door: open or end the test, whole columns, columns that count up, sentences. */
#ifndef SIGNSGD_TESTS_SUPPORT_H5_DOOR_H
#define SIGNSGD_TESTS_SUPPORT_H5_DOOR_H

#include "h5/h5.h"

/* Each ends the test where it fails; h5_close() what is returned. */
void h5_door_save(struct h5 *f);
struct h5 *h5_door_open(const char *path);
struct h5 *h5_door_edit(const char *path);

/* A refusal with this code names the file and says `what`. */
void h5_door_expect_sentence(const struct err *e, int code, const char *path, const char *what);

/* Rows of a data set. */
size_t h5_door_rows(struct h5 *f, const char *dataset);

/* All numbers of a data set of the file `path`, *count of them. Free with mem_free(). */
double *h5_door_numbers(const char *path, const char *dataset, size_t *count);

/* Rows first to last of an H5_I64 column are 0, 1, 2, ... */
void h5_door_expect_count_up(struct h5 *f, const char *path, size_t rows);

/* Appends such rows in strides of any length, drawn from *state, until there are `rows`. */
void h5_door_append_up_to(struct h5_column *c, size_t rows, uint64_t *state);

#endif
