/*
 * The ImageNet transform (Krizhevsky et al. 2012 and Szegedy et al. 2015, as in torchvision): from a file's
 * bytes to the input of a network.
 *
 * Training: a random rectangle with a share of the area within `scale` and a ratio of width to height within
 * `ratio`, resized to size x size and mirrored with probability 1/2. There are ten tries, each uniform in the
 * area and in the logarithm of the ratio; if no try fits into the image, the largest rectangle in the middle
 * whose ratio is allowed is taken. Evaluation: the short side is resized to `resize`, and size x size cut
 * from the middle. JPEG files are shrunk while they are decoded, but not below the resolution that is needed.
 * The sample is a function of the bytes and of `coins`, a stream of random numbers.
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

/* The rectangle of a width x height image that is used. coins NULL: the middle. */
struct rectangle transform_part(const struct transform *t, int width, int height, const struct stream *coins);

/* The memory that one thread works in. Starts as zeros. */
struct transform_scratch {
	struct bitmap bitmap;
	struct resample_scratch resample;
};

/* out [3][size][size]. coins NULL: evaluation. -1 and a phrase in `why` when the bytes are not an image. */
int transform_apply(const struct transform *t, const uint8_t *bytes, size_t n, const struct stream *coins,
                    struct transform_scratch *scratch, uint8_t *out, char why[200]);
void transform_scratch_clear(struct transform_scratch *scratch);

#endif
