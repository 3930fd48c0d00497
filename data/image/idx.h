/*
 * IDX files, the format of MNIST and similar sets, compressed with gzip or not (the first two bytes show
 * which).
 *
 * A file is big-endian: a word 0x0000TTRR (TT = 0x08: unsigned bytes; RR: rank), RR words of dimensions, then
 * the values, last dimension fastest. The caller says which shape the file must have, so the file does not
 * decide how much memory or time reading takes: at most one byte more than expected is read, however much a
 * gzip stream would unpack to.
 */
#ifndef SIGNSGD_DATA_IMAGE_IDX_H
#define SIGNSGD_DATA_IMAGE_IDX_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { IDX_RANK_MAX = 4 };

struct idx_shape {
	int rank;                    /* 1 to IDX_RANK_MAX */
	uint32_t dims[IDX_RANK_MAX]; /* [rank]; dims[0]: samples */
};

/*
 * Read the first `keep` samples of the file into out [keep][dims[1]]...[dims[rank - 1]]. The rest is read
 * only to check it: magic word, dimensions, exact length, no bytes after the end, gzip's checksums. *crc is
 * the CRC-32 (gzip's) of the whole unpacked file. -1 and a sentence when anything is not as expected.
 */
int idx_read(const char *path, const struct idx_shape *expected, size_t keep, uint8_t *out, uint32_t *crc,
             struct err *e);

/* Labels [n] must be below n_classes. -1 and a sentence that names the first that is not. */
int idx_check_labels(const char *path, const uint8_t *labels, size_t n, int n_classes, struct err *e);

#endif
