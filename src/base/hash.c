/* The hash of hash.h: four lanes of multiplications, blocks summed. */
#include "base/hash_inline.h"

#include <endian.h>
#include <string.h>

enum { LANES = HASH_LANES, WORD = 8 };

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
		lane[i] = hash_turn(lane[i], load(word));
		p += here;
		count -= here;
	}
}

static uint64_t block_hash(uint64_t seed, size_t number, const unsigned char *p, size_t count)
{
	uint64_t key = hash_key(seed, number);
	uint64_t a = hash_lane(key, 0), b = hash_lane(key, 1), c = hash_lane(key, 2), d = hash_lane(key, 3);
	size_t left = count;
	for (; left >= LANES * WORD; left -= LANES * WORD, p += LANES * WORD) {
		a = hash_turn(a, load(p));
		b = hash_turn(b, load(p + WORD));
		c = hash_turn(c, load(p + 2 * WORD));
		d = hash_turn(d, load(p + 3 * WORD));
	}
	uint64_t lane[LANES] = {a, b, c, d};
	turn_rest(lane, p, left);
	uint64_t h = hash_end(key, count);
	for (int i = 0; i < LANES; i++)
		h = hash_end_lane(h, lane[i]);
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
	return hash_mix(hash_mix(seed ^ hash_k_block) + hash_mix((uint64_t)count ^ hash_k_mix) + sum);
}

uint64_t hash_words(uint64_t seed, const void *bytes, size_t count)
{
	return hash_combine(seed, hash_blocks(seed, 0, bytes, count), count);
}
