/*
 * The disk below the HDF5 door: whole files, sealed (h5/h5_seal.h), to memory and back. No HDF5 in here.
 */
#ifndef SIGNSGD_H5_H5_DISK_H
#define SIGNSGD_H5_H5_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Read a whole HDF5 file with a right seal or, unless `sealed`, without a seal. *image (free with mem_free())
 * gets
 * `*bytes` bytes without the seal. -1 and a sentence.
 */
int h5_disk_load(const char *path, bool sealed, unsigned char **image, size_t *bytes, struct err *e);

/*
 * Write image and seal to PATH.tmp, which is then renamed to PATH; sync: after fsync. Missing folders are
 * made. If it fails, the old file at PATH is unchanged, and PATH.tmp is gone. A PATH.tmp that no process has
 * locked and that begins as an HDF5 file, or is empty, was left by a killed writer and is overwritten; any
 * other is refused.
 */
int h5_disk_save(const char *path, const unsigned char *image, size_t bytes, bool sync, struct err *e);

/* Remove the file, if it is there, and what a killed writer left beside it: what h5_disk_save() overwrites.
 */
void h5_disk_remove(const char *path);

/* The path's last part, for a sentence that has named the folder. */
const char *h5_disk_name(const char *path);

/* Make the folders above `path`, from the top down. */
int h5_disk_make_folders(const char *path, struct err *e);

#endif
