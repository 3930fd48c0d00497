/*
 * From a file's bytes to the sample that a network sees: the ImageNet transform (Krizhevsky et al. 2012 and
 * Szegedy et al. 2015 as torchvision has it).
 *
 * Training: a random rectangle of `scale` of the area and `ratio` of width to height (ten tries, each uniform
 * in area and in the logarithm of the ratio; if none fits, the largest one in the middle whose ratio does),
 * brought to size x size, mirrored with probability 1/2. Otherwise: the middle size x size of the image
 * with its short side brought to `resize`. JPEG files are shrunk while decoded as far as that costs nothing.
 * All of it is a function of the bytes and the stream of coins.
 */
#ifndef SIGNSGD_DATA_IMAGE_TRANSFORM_H
#define SIGNSGD_DATA_IMAGE_TRANSFORM_H

#include <stdbool.h>
#include "base/err.h"
#include "base/rng.h"
#include "data/image/bitmap.h"
#include "data/image/resample.h"

struct transform {
	int size, resize;
	double scale[2], ratio[2]; /* lowest, highest */
	bool crop, flip;           /* of training samples: random rectangles, mirroring */
};

/* The part of a width x height image that is looked at. coins: NULL: the middle. */
struct rectangle transform_part(const struct transform *r, int width, int height, const struct stream *coins);

/* What one thread works in. All zero to begin with. */
struct transform_scratch {
	struct bitmap bitmap;
	struct resample_scratch resample;
};

/* out [3][size][size]. coins: NULL for evaluation. -1 and a phrase in why when the bytes are no good. */
int transform_apply(const struct transform *r, const uint8_t *bytes, size_t n, const struct stream *coins,
                    struct transform_scratch *scratch, uint8_t *out, char why[200]);
void transform_scratch_clear(struct transform_scratch *scratch);

#endif
