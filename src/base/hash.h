/*
 * A fast 64-bit hash of bytes, to find out whether two processes hold the same: parameters, a message's
 * body. It finds accidents. It does not withstand who means to deceive: that is what keys and encryption
 * are for.
 *
 * The bytes are cut in blocks of HASH_BLOCK. A block's hash depends on the seed and the block's number; the
 * blocks' hashes are summed modulo 2^64, so lanes may take any blocks in any order and the sum is the same.
 * Within a block, word i (8 bytes, little-endian, the last one filled up with zeros) goes to lane i % 4:
 * lane = rotate(lane + word * odd, 31) * odd, which is one-to-one in the word, as is all that follows. So
 * bytes that differ in a single word never have the same hash; any others do by a chance near 2^-64.
 *
 * Same value on every machine.
 */
#ifndef SIGNSGD_BASE_HASH_H
#define SIGNSGD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_BLOCK = 64 * 1024 };

/* The hash of `count` bytes, at any address. */
uint64_t hash_words(uint64_t seed, const void *bytes, size_t count);

/*
 * The same by parts: the sum of hash_blocks() over parts that begin at whole blocks, in any order, and then
 * hash_combine() of the sum and the length of all. first: the number of the part's first block, which is the
 * offset of `bytes` in the whole divided by HASH_BLOCK.
 */
uint64_t hash_blocks(uint64_t seed, size_t first, const void *bytes, size_t count);
uint64_t hash_combine(uint64_t seed, uint64_t sum, size_t count);

#endif
