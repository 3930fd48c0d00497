/*
 * HDF5 files that are larger than memory: written in place on disk, one dataset without chunks, whose bytes
 * are then written and read at their place in the file by plain write() and pread(): disk speed, no HDF5 in
 * between, any number of readers. The small rest goes through the functions of h5.h as usual. A file is not
 * sealed, and a damaged one is opened on trust, as another program's would be.
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

/* Make a dataset of `bytes` bytes, none written yet; *begin: where in the file they belong. */
void h5_stream_reserve(struct h5 *f, const char *path, uint64_t bytes, uint64_t *begin);
/* Where an existing one lies. -1 and a sentence when there is no such dataset, or it is not in one piece. */
int h5_stream_place(struct h5 *f, const char *path, uint64_t *begin, uint64_t *bytes, struct err *e);

/* -1 and a sentence when the disk refuses. */
int h5_stream_close(struct h5 *f, struct err *e);

#endif
