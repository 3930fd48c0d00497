/*
 * Augmentation of small images, as is usual for CIFAR (He et al. 2016, section 4.2): a shift by at most `pad`
 * pixels in each direction, with black where there was no pixel, and mirroring with probability 1/2. It works
 * on bytes, before normalisation, and depends only on the image and on `coins`, a stream of random numbers.
 * struct augment: data/dataset.h.
 */
#ifndef SIGNSGD_DATA_IMAGE_AUGMENT_H
#define SIGNSGD_DATA_IMAGE_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/rng.h"
#include "base/shape.h"
#include "data/dataset.h"

static inline bool augment_does(const struct augment *a)
{
	return a->pad > 0 || a->flip;
}

/*
 * in [channels][height][width] -> out, another array of the same shape. Numbers 0 and 1 of `coins` are the
 * corner's row and column in [0, 2 pad] (stream_below()); the lowest bit of word 2 decides whether to mirror.
 */
void augment_image(const struct augment *a, const struct data_shape *s, const struct stream *coins,
                   const uint8_t *in, uint8_t *out);

#endif
