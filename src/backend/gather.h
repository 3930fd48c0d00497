/*
 * A batch of images from a data set, as bytes: samples by their numbers, in training changed as is usual for
 * CIFAR (He et al. 2016, section 4.2): a shift by at most `pad` pixels in each direction, with black where
 * there was no pixel, and mirroring with probability 1/2.
 *
 * The i-th image of a batch draws from the stream `coins` with i added to its step, which is its position in
 * its worker's stream: numbers 0 and 1 are the corner's row and column in [0, 2 pad] (stream_below()); the
 * lowest bit of word 2 decides whether to mirror. So an image does not depend on the batch that it comes in.
 */
#ifndef SIGNSGD_BACKEND_GATHER_H
#define SIGNSGD_BACKEND_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/rng.h"

struct queue;

/* Where images come from, and how they are changed. Borrowed. */
struct gather {
	const uint8_t *pixels;  /* [samples][channels][height][width] */
	const uint16_t *labels; /* [samples] */
	int channels, height, width;
	int pad;   /* 0: no shift */
	bool flip; /* mirrored or not; false: never */
};

/*
 * The kernel `gather` of backend.h for memory that is the host's, a row at a time. Also what fills a batch on
 * the host for a machine that does not keep data sets.
 */
void gather_on_host(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                    const struct stream *coins, uint8_t *out, int32_t *label);

#endif
