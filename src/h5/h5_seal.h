/*
 * Seals. No HDF5 in here.
 *
 * A file that we write ends in a seal: 24 bytes behind the address where HDF5's data end. HDF5 ignores them,
 * and a program that changes the file cuts them off. A seal is a mark, the number of bytes before it, and
 * four bytes that make the CRC-32 of the whole file a constant. HDF5 trusts what it reads and may crash on
 * damaged bytes, so a file with a wrong seal is refused before HDF5 sees it.
 *
 * A file that is too large to be read whole whenever it is opened has a span right before its seal: 32 bytes,
 * a mark and the beginning, the length and the CRC-32 of one range of the file. The sum of the whole file
 * follows from that sum and from the other bytes, so that the seal is checked without reading the range.
 * Whoever reads the range has sums of its own for what it reads.
 */
#ifndef SIGNSGD_H5_H5_SEAL_H
#define SIGNSGD_H5_H5_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { H5_SEAL_BYTES = 24, H5_SPAN_BYTES = 32 };

struct h5_span {
	uint64_t begin, bytes; /* a range of the file; bytes 0: there is none */
	uint32_t crc;
};

/* zlib's CRC-32 of these bytes, continued from `before` (0: nothing). */
uint32_t h5_crc32(uint32_t before, const void *bytes, size_t count);

/* The seal that belongs behind image [bytes]. */
void h5_seal_make(unsigned char seal[H5_SEAL_BYTES], const unsigned char *image, size_t bytes);

/*
 * Is image [*bytes], a file as it was read, an HDF5 file with a right seal or, unless `sealed`, without one?
 * *bytes becomes the number of bytes before span and seal. -1 and a sentence.
 */
int h5_seal_check_image(const char *path, bool sealed, const unsigned char *image, size_t *bytes,
                        struct err *e);

/* Does the file end as one that we sealed, and *spans: with a span? Says nothing about whether the seal
 * holds. */
bool h5_seal_is_there(const char *path, bool *spans);

/* As h5_seal_check_image(), of a file on disk, without reading its span; *sealed: has it a seal? */
int h5_seal_check_file(const char *path, bool *sealed, struct h5_span *span, struct err *e);

/* Append a span and a seal to a file without a seal. Does not sync. -1 and a sentence. */
int h5_seal_append(const char *path, const struct h5_span *span, struct err *e);

#endif
