/*
 * The disk below the HDF5 door: whole files to memory and back. No HDF5 in here.
 *
 * A file that we write ends in a seal: 24 bytes behind the address where HDF5's data end. HDF5 ignores them,
 * and a program that changes the file cuts them off. A seal is a mark, the number of bytes before it, and
 * four bytes that make the CRC-32 of the whole file a constant. HDF5 trusts what it reads and may crash on
 * damaged bytes, so a file with a wrong seal is refused before HDF5 sees it.
 */
#ifndef SIGNSGD_H5_H5_DISK_H
#define SIGNSGD_H5_H5_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { H5_SEAL_BYTES = 24 };

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

/* Make the folders above `path`, from the top down. */
int h5_disk_make_folders(const char *path, struct err *e);

/* Does the file end as one that we sealed? Says nothing about whether the seal holds. */
bool h5_disk_sealed(const char *path);

/* zlib's CRC-32 of these bytes, continued from `before` (0: nothing). */
uint32_t h5_crc32(uint32_t before, const void *bytes, size_t count);

#endif
