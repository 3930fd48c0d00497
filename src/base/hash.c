/* The hash of hash.h: four lanes of multiplications, blocks summed. */
#include "base/hash.h"

#include <endian.h>
#include <string.h>

enum { LANES = 4, WORD = 8 };

/* Odd, with about as many ones as zeros: fractional parts of the square roots of 2, 3, 5 and 7, last bit set.
 */
static const uint64_t k_word = 0x6A09E667F3BCC909, k_lane = 0xBB67AE8584CAA73B, k_block = 0x3C6EF372FE94F82B,
                      k_mix = 0xA54FF53A5F1D36F1;

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline uint64_t turn(uint64_t lane, uint64_t word)
{
	return rotate(lane + word * k_word, 31) * k_lane;
}

/* One-to-one; every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 32) * k_mix;
	x = (x ^ x >> 29) * k_word;
	return x ^ x >> 32;
}

static inline uint64_t load(const unsigned char *p)
{
	uint64_t word;
	memcpy(&word, p, WORD);
	return le64toh(word);
}

/* The whole words and the broken one behind the last full row of four. */
static void turn_rest(uint64_t lane[LANES], const unsigned char *p, size_t count)
{
	for (int i = 0; count > 0; i++) {
		unsigned char word[WORD] = {0};
		size_t here = count < WORD ? count : WORD;
		memcpy(word, p, here);
		lane[i] = turn(lane[i], load(word));
		p += here;
		count -= here;
	}
}

static uint64_t block_hash(uint64_t seed, size_t number, const unsigned char *p, size_t count)
{
	uint64_t key = mix(seed + ((uint64_t)number + 1) * k_block);
	uint64_t a = key, b = key + k_word, c = key + k_lane, d = key + k_mix;
	size_t left = count;
	for (; left >= LANES * WORD; left -= LANES * WORD, p += LANES * WORD) {
		a = turn(a, load(p));
		b = turn(b, load(p + WORD));
		c = turn(c, load(p + 2 * WORD));
		d = turn(d, load(p + 3 * WORD));
	}
	uint64_t lane[LANES] = {a, b, c, d};
	turn_rest(lane, p, left);
	uint64_t h = mix(key + count);
	for (int i = 0; i < LANES; i++)
		h = mix(h ^ lane[i]);
	return h;
}

uint64_t hash_blocks(uint64_t seed, size_t first, const void *bytes, size_t count)
{
	const unsigned char *p = bytes;
	uint64_t sum = 0;
	for (size_t at = 0; at < count; at += HASH_BLOCK)
		sum += block_hash(seed, first + at / HASH_BLOCK, p + at,
		                  count - at < HASH_BLOCK ? count - at : HASH_BLOCK);
	return sum;
}

uint64_t hash_combine(uint64_t seed, uint64_t sum, size_t count)
{
	return mix(mix(seed ^ k_block) + mix((uint64_t)count ^ k_mix) + sum);
}

uint64_t hash_words(uint64_t seed, const void *bytes, size_t count)
{
	return hash_combine(seed, hash_blocks(seed, 0, bytes, count), count);
}
