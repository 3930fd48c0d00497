/*
 * HDF5 files that are larger than memory. They are written in place on disk and have one large dataset
 * without chunks. Its bytes are written and read at their place in the file by plain pwrite() and pread(): at
 * disk speed, without HDF5, by any number of readers. Everything else goes through the functions of h5.h.
 * Such a file has no seal, so damage is not noticed when it is opened.
 */
#ifndef SIGNSGD_H5_H5_STREAM_H
#define SIGNSGD_H5_H5_STREAM_H

#include <stdint.h>
#include "base/err.h"
#include "h5/h5.h"

/* A new file on disk; -> h5_write(), h5_write_text() ..., h5_stream_close(). NULL when it cannot be made. */
struct h5 *h5_stream_create(const char *path, struct err *e);
/* An existing one, to be read. NULL and a sentence. */
struct h5 *h5_stream_open(const char *path, struct err *e);

/* Make a dataset of `bytes` bytes, none written yet; *begin: its offset in the file. */
void h5_stream_reserve(struct h5 *f, const char *path, uint64_t bytes, uint64_t *begin);
/* Offset and bytes of an existing one. -1 and a sentence when there is none, or it is not contiguous. */
int h5_stream_place(struct h5 *f, const char *path, uint64_t *begin, uint64_t *bytes, struct err *e);

/* -1 and a sentence when the disk refuses. */
int h5_stream_close(struct h5 *f, struct err *e);

#endif
