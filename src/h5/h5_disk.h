/*
 * The disk below the HDF5 door: whole files to memory and back. No HDF5 in here.
 *
 * A file that we write ends in a seal, 24 bytes behind the address at which HDF5 says that its data end
 * (HDF5 does not look there, and a program that changes the file cuts them off): a mark, the bytes before
 * the seal, and four bytes that make the CRC-32 of the whole file a constant. HDF5 trusts what it reads, and
 * bytes that a disk changed make it crash; so a seal that does not hold is refused before HDF5 sees a byte.
 */
#ifndef SIGNSGD_H5_H5_DISK_H
#define SIGNSGD_H5_H5_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { H5_SEAL_BYTES = 24 };

/*
 * Read a file: HDF5 with all its bytes, and a seal that holds or, unless `sealed`, nothing behind them.
 * *image (free with mem_free()) gets `*bytes` bytes without the seal. -1 and a sentence.
 */
int h5_disk_load(const char *path, bool sealed, unsigned char **image, size_t *bytes, struct err *e);

/*
 * Put image and seal where `path` says, at once: PATH.tmp is written and renamed; sync: after fsync. Missing
 * folders are made. When it fails, what stood at `path` still stands, and PATH.tmp is gone. A PATH.tmp that
 * nobody holds is left over from a killed writer and written over.
 */
int h5_disk_save(const char *path, const unsigned char *image, size_t bytes, bool sync, struct err *e);

/* CRC-32 as zlib counts it, of what `before` stands for (0: nothing) and then these bytes. */
uint32_t h5_crc32(uint32_t before, const void *bytes, size_t count);

#endif
