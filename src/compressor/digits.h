/*
 * Digits of any base, packed: the whole of d digits of base b in ceil(d log2(b) / 8) bytes, which is as few
 * as can be. A block is one number, sum of digit i times b^i, written in little-endian bytes; more digits
 * than a block holds are cut into blocks, so that the time grows with their number alone.
 */
#ifndef SIGNSGD_COMPRESSOR_DIGITS_H
#define SIGNSGD_COMPRESSOR_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DIGITS_BLOCK = 512,      /* of one number */
	DIGITS_BASE_MOST = 65535 /* at least 2 */
};

/* Bytes of a block of count digits, count <= DIGITS_BLOCK: ceil(count log2(base) / 8), found in integers. */
size_t digits_block_bytes(uint32_t base, size_t count);

/* Bytes of any number of digits: those of all blocks, of which the last alone may be short. */
size_t digits_bytes(uint32_t base, size_t count);

/* A block of digits [count], each below the base, to out [bytes], bytes = digits_block_bytes(base, count). */
void digits_pack(uint32_t base, size_t count, const uint16_t *digits, size_t bytes, unsigned char *out);

/* The other way; false if no digits are packed so. digits [count] are then undefined. */
bool digits_unpack(uint32_t base, size_t count, const unsigned char *in, size_t bytes, uint16_t *digits);

#endif
