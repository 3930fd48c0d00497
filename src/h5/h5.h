/*
 * The one door to HDF5: files that are whole at every moment.
 *
 * A file being written lives in memory (HDF5's core driver, classic format). h5_flush() writes its image
 * to "PATH.tmp" and renames it over PATH, so that PATH is always a complete, closed HDF5 file: a reader
 * needs no lock, no SWMR mode and no repair tool, whether the writer is alive, dead by kill -9, or out of
 * disk. The classic format written in place leaves unreadable files in 2 % of kills, SWMR files are
 * refused by a plain open (measured). The price: the file is held in memory and written anew at each
 * flush; result files are small, and `validate` counts them. Every file that is written ends in a seal, a
 * checksum behind the bytes that HDF5 looks at (h5/h5_seal.h): a damaged file is refused before HDF5 reads
 * it. A file without a seal, because another program changed it, is opened on trust.
 *
 * HDF5's own error stack is silenced; every failure comes back as one sentence. HDF5 is called from one
 * thread at a time (the trainer's).
 *
 * Paths inside a file are "/group/name". Missing groups above a new object are made.
 */
#ifndef SIGNSGD_H5_H5_H
#define SIGNSGD_H5_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum h5_type { H5_F64, H5_F32, H5_I64, H5_U64, H5_I32, H5_U32, H5_U8 };

struct h5;        /* a file */
struct h5_column; /* a dataset that grows along its first dimension, held open */

/* A new file in memory; nothing is on disk before the first h5_flush(). Dies when HDF5 cannot. */
struct h5 *h5_create(const char *path);
/* An existing file, read whole into memory, to be changed and flushed to the same path. */
struct h5 *h5_edit(const char *path, struct err *e);
/* An existing file, to be read only. NULL and a sentence when it is missing or no HDF5 file. */
struct h5 *h5_open(const char *path, struct err *e);
/* The same, and a file without a seal is refused as well. */
struct h5 *h5_open_sealed(const char *path, struct err *e);
/* Write the image to disk (temporary file, rename). sync: fsync before the rename. -1 and a sentence when the
 * disk refuses. */
int h5_flush(struct h5 *f, bool sync, struct err *e);
/* Bytes of the file as it was last written. */
size_t h5_image_bytes(const struct h5 *f);
/* Give up the memory; what was not flushed is lost. Columns are closed before. f may be NULL. */
void h5_close(struct h5 *f);

bool h5_has(struct h5 *f, const char *path);
/* Names below a group, sorted, NULL-terminated, in one block: free with mem_free(). NULL when there is no
 * such group. */
char **h5_names(struct h5 *f, const char *group, size_t *count);

void h5_group(struct h5 *f, const char *path);
/* Remove what is at the path, with all below it, unless there is nothing. */
void h5_remove(struct h5 *f, const char *path);

/* Attributes of a group or dataset; "/" is the file. Written anew when they exist. */
void h5_set_text(struct h5 *f, const char *path, const char *name, const char *value);
void h5_set_int(struct h5 *f, const char *path, const char *name, int64_t value);
void h5_set_real(struct h5 *f, const char *path, const char *name, double value);
/* NULL / -1 and a sentence when it is missing or of another type. Text: free with mem_free(). */
char *h5_get_text(struct h5 *f, const char *path, const char *name, struct err *e);
int h5_get_int(struct h5 *f, const char *path, const char *name, int64_t *value, struct err *e);
int h5_get_real(struct h5 *f, const char *path, const char *name, double *value, struct err *e);

/* A scalar text dataset, for configuration texts of any length. */
void h5_write_text(struct h5 *f, const char *path, const char *value);
char *h5_read_text(struct h5 *f, const char *path, struct err *e);

/* A dataset of fixed shape. An existing one of that path is replaced. */
void h5_write(struct h5 *f, const char *path, enum h5_type type, int rank, const size_t *dims,
              const void *values);

/* Shape of a dataset: rank (at most 8) and dims. -1 and a sentence when it is not there. */
int h5_shape(struct h5 *f, const char *path, int *rank, size_t dims[8], struct err *e);
/* Read a whole dataset, converted to `type`, that must hold exactly `count` values. */
int h5_read(struct h5 *f, const char *path, enum h5_type type, size_t count, void *values, struct err *e);

/* What a column of so many rows takes in the file: whole chunks. */
size_t h5_column_bytes(size_t row_bytes, size_t rows);

/*
 * A column: dataset [rows][row_dims...] with unlimited rows, chunked; attributes "unit" and "about".
 * When the dataset exists already (h5_edit), it is continued after its last row.
 */
struct h5_column *h5_column(struct h5 *f, const char *path, enum h5_type type, int row_rank,
                            const size_t *row_dims, const char *unit, const char *about);
void h5_append(struct h5_column *c, size_t rows, const void *values);
size_t h5_rows(const struct h5_column *c);
void h5_column_close(struct h5_column *c);

/* Cut a column that nobody holds open to its first `rows` rows. -1 and a sentence when it has fewer or is no
 * column. */
int h5_truncate(struct h5 *f, const char *path, size_t rows, struct err *e);

/* Make `scale` (a column or dataset of the same length) the dimension scale of dimension 0 of `path`. */
void h5_scale(struct h5 *f, const char *path, const char *scale);

/* "1.10.8" */
void h5_version(char out[32]);

#endif
