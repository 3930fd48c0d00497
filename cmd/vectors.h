/* Vectors that people bring: the rows of an HDF5 dataset, or a JSON array of arrays. */
#ifndef SIGNSGD_CMD_VECTORS_H
#define SIGNSGD_CMD_VECTORS_H

#include <stddef.h>
#include "base/err.h"

struct vectors {
	size_t count, n; /* count vectors of n coordinates, both at least 1 */
	float *at;       /* [count][n] */
};

/*
 * FILE.json: an array of arrays of numbers. Any other file: the dataset /vectors [count][n] of an HDF5 file,
 * of any type of number, read to its place in memory at once. At most `most` vectors. -1 and a sentence. Free
 * with vectors_clear().
 */
int vectors_read(struct vectors *v, const char *path, size_t most, struct err *e);
void vectors_clear(struct vectors *v);

#endif
