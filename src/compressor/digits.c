/* Numbers of many words, and their digits: see compressor/digits.h. */
#include "compressor/digits.h"
#include <string.h>

enum { WORD_BYTES = 4, WORDS_MOST = DIGITS_BLOCK * 2 / WORD_BYTES /* two bytes a digit are enough */ };

/* As many digits as a word holds are worked on at once: each is then a digit of the base b^each. */
struct groups {
	size_t each;
	uint32_t base;
};

struct number {
	size_t words; /* in use; those above are 0 */
	uint32_t at[WORDS_MOST];
};

static struct groups groups_of(uint32_t base)
{
	struct groups g = {.each = 1, .base = base};
	while ((uint64_t)g.base * base <= UINT32_MAX) {
		g.base *= base;
		g.each++;
	}
	return g;
}

/* x <- x by + plus. */
static void multiply(struct number *x, uint32_t by, uint32_t plus)
{
	uint64_t carry = plus;
	for (size_t i = 0; i < x->words; i++) {
		carry += (uint64_t)x->at[i] * by;
		x->at[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry > 0)
		x->at[x->words++] = (uint32_t)carry;
}

/* x <- x / by; what remains is returned. */
static uint32_t divide(struct number *x, uint32_t by)
{
	uint64_t rest = 0;
	for (size_t i = x->words; i > 0; i--) {
		rest = rest << 32 | x->at[i - 1];
		x->at[i - 1] = (uint32_t)(rest / by);
		rest %= by;
	}
	while (x->words > 0 && x->at[x->words - 1] == 0)
		x->words--;
	return (uint32_t)rest;
}

/* The digits of one group as a word; digits NULL: all as large as can be. */
static uint32_t group_word(uint32_t base, const uint16_t *digits, size_t count)
{
	uint32_t word = 0;
	for (size_t i = count; i > 0; i--)
		word = word * base + (digits ? digits[i - 1] : base - 1);
	return word;
}

static void number_of(struct number *x, uint32_t base, size_t count, const uint16_t *digits)
{
	const struct groups g = groups_of(base);
	x->words = 0;
	for (size_t end = count; end > 0;) {
		size_t begin = (end - 1) / g.each * g.each;
		multiply(x, g.base, group_word(base, digits ? digits + begin : NULL, end - begin));
		end = begin;
	}
}

size_t digits_block_bytes(uint32_t base, size_t count)
{
	struct number largest;
	number_of(&largest, base, count, NULL);
	size_t bytes = largest.words * WORD_BYTES;
	for (uint32_t top = largest.words ? largest.at[largest.words - 1] : 0; bytes > 0 && top >> 24 == 0;
	     top <<= 8)
		bytes--;
	return bytes;
}

size_t digits_bytes(uint32_t base, size_t count)
{
	size_t blocks = count / DIGITS_BLOCK, rest = count % DIGITS_BLOCK;
	return (blocks ? blocks * digits_block_bytes(base, DIGITS_BLOCK) : 0) +
	       digits_block_bytes(base, rest);
}

void digits_pack(uint32_t base, size_t count, const uint16_t *digits, size_t bytes, unsigned char *out)
{
	struct number x;
	number_of(&x, base, count, digits);
	for (size_t i = 0; i < bytes; i++) {
		size_t word = i / WORD_BYTES;
		out[i] = word < x.words ? (unsigned char)(x.at[word] >> 8 * (i % WORD_BYTES)) : 0;
	}
}

static void number_read(struct number *x, const unsigned char *in, size_t bytes)
{
	x->words = (bytes + WORD_BYTES - 1) / WORD_BYTES;
	memset(x->at, 0, x->words * WORD_BYTES);
	for (size_t i = 0; i < bytes; i++)
		x->at[i / WORD_BYTES] |= (uint32_t)in[i] << 8 * (i % WORD_BYTES);
}

bool digits_unpack(uint32_t base, size_t count, const unsigned char *in, size_t bytes, uint16_t *digits)
{
	const struct groups g = groups_of(base);
	struct number x;
	number_read(&x, in, bytes);
	for (size_t begin = 0; begin < count; begin += g.each) {
		size_t end = begin + g.each < count ? begin + g.each : count;
		uint32_t word = divide(&x, g.base);
		for (size_t i = begin; i < end; i++) {
			digits[i] = (uint16_t)(word % base);
			word /= base;
		}
		if (word > 0)
			return false;
	}
	return x.words == 0;
}
