/*
 * The largest coordinates of a range, as bytes: which they are, as uint32 from the range's begin, ascending,
 * then of each of them its value, a float32, or its sign, a bit that is 1 for -1, the first in the lowest bit
 * of the first byte, and zeros to the end of the last. Little endian. The sizes follow from the range alone.
 */
#ifndef SIGNSGD_COMPRESSOR_SPARSE_H
#define SIGNSGD_COMPRESSOR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/rng.h"

struct sparse_form {
	double share; /* of a range's coordinates, in (0, 1] */
	bool signs;   /* not values */
};

/* Of a range of d >= 1: max(1, floor(share d)) coordinates, and their bytes. */
size_t sparse_count(const struct sparse_form *f, size_t d);
size_t sparse_bytes(const struct sparse_form *f, size_t d);

/*
 * Those of largest |p|, of as large ones the lower number first; NaN is larger than all. The sign of what is
 * 0 or NaN is a coin of the stream, that of coordinate first + i for p [i] (backend/sign.h). p [d] to out
 * [sparse_bytes()].
 */
void sparse_write(const struct sparse_form *f, const float *p, size_t d, size_t first,
                  const struct stream *coins, unsigned char *out);

/* Bytes [sparse_bytes()] of a peer: NULL, or what is wrong with them, as the end of a sentence about a
 * message. */
const char *sparse_refuses(const struct sparse_form *f, const unsigned char *in, size_t d);

/* What bytes say that were checked: out [d], 0 where they say nothing. */
void sparse_read(const struct sparse_form *f, const unsigned char *in, size_t d, float *out);

/* p [d] becomes 0 where such bytes say something. */
void sparse_forget(const struct sparse_form *f, const unsigned char *in, size_t d, float *p);

#endif
