/* The parts of a block's hash (base/hash.h), for who computes it elsewhere: on a GPU. */
#ifndef SIGNSGD_BASE_HASH_INLINE_H
#define SIGNSGD_BASE_HASH_INLINE_H

#include "base/hash.h"
#include "base/inline.h"

/* A block's words go to so many lanes in turn. */
enum { HASH_LANES = 4 };

/* Odd, with about as many ones as zeros: fractional parts of the square roots of 2, 3, 5 and 7, last bit set.
 */
static const uint64_t hash_k_word = 0x6A09E667F3BCC909, hash_k_lane = 0xBB67AE8584CAA73B,
                      hash_k_block = 0x3C6EF372FE94F82B, hash_k_mix = 0xA54FF53A5F1D36F1;

INLINE_ANYWHERE uint64_t hash_rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

INLINE_ANYWHERE uint64_t hash_turn(uint64_t lane, uint64_t word)
{
	return hash_rotate(lane + word * hash_k_word, 31) * hash_k_lane;
}

/* One-to-one; every bit of the result depends on every bit of x. */
INLINE_ANYWHERE uint64_t hash_mix(uint64_t x)
{
	x = (x ^ x >> 32) * hash_k_mix;
	x = (x ^ x >> 29) * hash_k_word;
	return x ^ x >> 32;
}

/* Of block `number`. */
INLINE_ANYWHERE uint64_t hash_key(uint64_t seed, uint64_t number)
{
	return hash_mix(seed + (number + 1) * hash_k_block);
}

/* What lane i begins with. */
INLINE_ANYWHERE uint64_t hash_lane(uint64_t key, int i)
{
	return key + (i == 0 ? 0 : i == 1 ? hash_k_word : i == 2 ? hash_k_lane : hash_k_mix);
}

/* The lanes come in order, behind the length. */
INLINE_ANYWHERE uint64_t hash_end(uint64_t key, uint64_t bytes)
{
	return hash_mix(key + bytes);
}

INLINE_ANYWHERE uint64_t hash_end_lane(uint64_t h, uint64_t lane)
{
	return hash_mix(h ^ lane);
}

#endif
