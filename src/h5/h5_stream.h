/*
 * HDF5 files that are larger than memory. They are written in place on disk and have a large dataset
 * without chunks. Its bytes are written and read at their place in the file by plain pwrite() and pread(): at
 * disk speed, without HDF5, by any number of readers. Everything else goes through the functions of h5.h.
 * When such a file is whole it gets a seal (h5/h5_seal.h) whose span are those bytes: opening checks all but
 * them, and who reads them checks them by sums of its own.
 */
#ifndef SIGNSGD_H5_H5_STREAM_H
#define SIGNSGD_H5_H5_STREAM_H

#include <stdint.h>
#include "base/err.h"
#include "h5/h5.h"

/* A new file on disk; -> h5_write(), h5_write_text() ..., h5_stream_close(). NULL when it cannot be made. */
struct h5 *h5_stream_create(const char *path, struct err *e);
/* An existing one, to be read; its seal, if it has one, is checked before. NULL and a sentence. */
struct h5 *h5_stream_open(const char *path, struct err *e);
/* Has the file a seal, whose span is these bytes? Without a seal damage is not noticed. */
bool h5_stream_sealed(const struct h5 *f, uint64_t begin, uint64_t bytes);

/* Make a dataset of `count` values, little-endian, none written yet; *begin: its offset in the file. */
void h5_stream_reserve(struct h5 *f, const char *path, enum h5_type type, uint64_t count, uint64_t *begin);
/* Offset and bytes of an existing one. -1 and a sentence when there is none, or it is not contiguous. */
int h5_stream_place(struct h5 *f, const char *path, uint64_t *begin, uint64_t *bytes, struct err *e);

/* -1 and a sentence when the disk refuses. A new file is sealed after that, by h5_seal_append(). */
int h5_stream_close(struct h5 *f, struct err *e);

#endif
