/*
 * Files of CIFAR's binary version: records of one label byte (CIFAR-10) or two (CIFAR-100: coarse, fine),
 * then the red, the green and the blue plane of an image of 32 x 32, row by row. There is no header and no
 * checksum: the length must be a whole number of records, and every label must be one of the classes.
 */
#ifndef SIGNSGD_DATA_IMAGE_CIFAR_FILE_H
#define SIGNSGD_DATA_IMAGE_CIFAR_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { CIFAR_SIDE = 32, CIFAR_FEATURES = 3 * CIFAR_SIDE * CIFAR_SIDE };

struct cifar_layout {
	int label_bytes; /* 1 or 2; the last is the label */
	int classes;
	size_t records; /* of an official file; a file may hold fewer, but not more */
};

/*
 * Read the first `keep` records, or as many as there are, into pixels [keep][3][32][32] and labels [keep].
 * *got is their number. -1 and a sentence when the file cannot be read or has another format.
 */
int cifar_read(const char *path, const struct cifar_layout *x, size_t keep, uint8_t *pixels, uint16_t *labels,
               size_t *got, struct err *e);

#endif
