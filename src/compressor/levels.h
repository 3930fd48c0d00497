/*
 * Levels -most .. most of the coordinates of some ranges, one range after the other, as bytes.
 *
 * Fixed length: level + most is a digit of base 2 most + 1, packed block by block (compressor/digits.h);
 * a range of d has ceil(512 log2(base) / 8) bytes for every 512 and ceil((d mod 512) log2(base) / 8) for the
 * rest. Elias: of each level that is not 0 the gap, which is its distance from the one before it (from the
 * coordinate before the range at first), a bit that is 1 where it is negative, and its size; gap and size in
 * Elias' code. A range that ends with zeros has one gap more, to the coordinate behind it. Zeros fill up the
 * last byte of all ranges. Alistarh et al. 2017, section 3.2, with an end of each range.
 */
#ifndef SIGNSGD_COMPRESSOR_LEVELS_H
#define SIGNSGD_COMPRESSOR_LEVELS_H

#include "compressor/digits.h"
#include "compressor/elias.h"

enum { LEVELS_BLOCK = DIGITS_BLOCK, LEVELS_MOST = DIGITS_BASE_MOST / 2 };

enum levels_coding { LEVELS_FIXED, LEVELS_ELIAS };
#define LEVELS_CODING_NAMES ((const char *const[]){"fixed", "elias", NULL})

struct levels_form {
	enum levels_coding coding;
	int most; /* 1 .. LEVELS_MOST */
};

/* The most bits that a range of d has. */
uint64_t levels_bits_most(const struct levels_form *f, size_t d);

struct levels_writer {
	struct levels_form form;
	size_t block_bytes; /* of a whole one, of fixed length */
	struct bit_writer bits;
	uint64_t gap; /* from the last level that is not 0 */
};

void levels_begin(struct levels_writer *w, const struct levels_form *f, unsigned char *out);
/* The next levels [count] of a range: LEVELS_BLOCK of them, or, with `last`, what is left of it. */
void levels_put(struct levels_writer *w, const int16_t *levels, size_t count, bool last);
/* Behind the last range; where the bytes end. */
unsigned char *levels_end(struct levels_writer *w);

struct levels_reader {
	struct levels_form form;
	size_t block_bytes;
	struct bit_reader bits;
	bool gap_known;
	uint64_t zeros; /* where the gap is known: what is left of it */
};

void levels_open(struct levels_reader *r, const struct levels_form *f, const unsigned char *in, size_t bytes);
/*
 * The next levels [count] of a range of which `left` coordinates are not read yet, these included: count is
 * LEVELS_BLOCK, or what is left. NULL, or what is wrong with the bytes, as the end of a sentence about a
 * message; levels are then undefined, and nothing more can be read.
 */
const char *levels_take(struct levels_reader *r, int16_t *levels, size_t count, size_t left);
/* Behind the last range: NULL, or what is wrong with what follows. */
const char *levels_close(const struct levels_reader *r);

#endif
