/*
 * Augmentation of small images, as the CIFAR transform has it (He et al. 2016, section 4.2): a shift by at
 * most `pad` pixels each way, what comes in from outside being black, and a mirroring of every other image.
 * It works on bytes, before normalisation, and is a function of the stream alone.
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
 * in [channels][height][width] -> out, of the same shape and elsewhere. Coins: numbers 0 and 1 of the stream
 * are the corner's row and column in [0, 2 pad] (stream_below()), the lowest of bits 2 the mirroring.
 */
void augment_image(const struct augment *a, const struct data_shape *s, const struct stream *coins,
                   const uint8_t *in, uint8_t *out);

#endif
