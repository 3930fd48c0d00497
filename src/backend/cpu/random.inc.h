/* Philox over many blocks at once: coins, normal and uniform numbers, with the bits of base/rng.h. */
#include "base/rng.h"
#include "base/rng_inline.h"

enum { ROW_BLOCKS = 16, ROW_WORDS = 2 * ROW_BLOCKS, ROW_NUMBERS = 4 * ROW_BLOCKS };

/* rng_philox()'s rounds again: a compiler does not find the 32 x 32 -> 64 product that vectors have. */
enum { PHILOX_ROUNDS = 10 };
static const uint32_t philox_factor[2] = {0xD2511F53u, 0xCD9E8D57u},
                      philox_step[2] = {0x9E3779B9u, 0xBB67AE85u};

/*
 * The words of blocks block .. block + 15: pair 2 i + h holds words 2 h and 2 h + 1 of block i.
 * A 64-bit lane carries one 32-bit word of the counter; what products leave in its upper half is
 * never read, because a product looks at lower halves only.
 */
INLINE void random_row(const struct stream *s, uint64_t block, uint32_t first[ROW_WORDS],
                       uint32_t second[ROW_WORDS])
{
	for (unsigned i = 0; i < ROW_BLOCKS; i += LANES_64) {
		vword a = lane_numbers() + (block + i);
		vword b = all_words((uint32_t)s->step), c = all_words(s->tag),
		      d = (a >> 32 << 16) + (s->step >> 32);
		uint32_t k0 = s->key[0], k1 = s->key[1];
		for (int round = 0; round < PHILOX_ROUNDS; round++) {
			vword p0 = word_product(a, philox_factor[0]), p1 = word_product(c, philox_factor[1]);
			a = word_xor3(p1 >> 32, b, all_words(k0));
			b = p1;
			c = word_xor3(p0 >> 32, d, all_words(k1));
			d = p0;
			k0 += philox_step[0];
			k1 += philox_step[1];
		}
		vword even = (a & UINT32_MAX) | c << 32, odd = (b & UINT32_MAX) | d << 32;
		memcpy(first + 2 * (size_t)i, &even, sizeof(even));
		memcpy(second + 2 * (size_t)i, &odd, sizeof(odd));
	}
}

/* Coins of words word .. word + ROW_WORDS - 1 of the stream; word is even, so that it begins a block. */
static void random_coins(const struct stream *s, uint64_t word, uint64_t coins[ROW_WORDS])
{
	uint32_t first[ROW_WORDS], second[ROW_WORDS];
	random_row(s, word / 2, first, second);
	for (size_t i = 0; i < ROW_WORDS; i++)
		coins[i] = (uint64_t)second[i] << 32 | first[i];
}

/* ROW_NUMBERS standard normal numbers from block `block` on. */
INLINE void normal_row(const struct stream *s, uint64_t block, float z[ROW_NUMBERS])
{
	uint32_t first[ROW_WORDS], second[ROW_WORDS];
	float even[ROW_WORDS], odd[ROW_WORDS];
	random_row(s, block, first, second);
	for (size_t i = 0; i < ROW_WORDS; i++)
		rng_normal2(first[i], second[i], &even[i], &odd[i]);
	for (size_t i = 0; i < ROW_WORDS; i++) {
		z[2 * i] = even[i];
		z[2 * i + 1] = odd[i];
	}
}

/* ROW_NUMBERS uniform or Laplace numbers (base/rng.h) from block `block` on. */
INLINE void noise_row(enum noise_kind kind, const struct stream *s, uint64_t block, float z[ROW_NUMBERS])
{
	uint32_t first[ROW_WORDS], second[ROW_WORDS];
	random_row(s, block, first, second);
	for (size_t i = 0; i < ROW_WORDS; i++) {
		z[2 * i] = kind == SIGN_UNIFORM ? rng_symmetric(first[i]) : rng_laplace(first[i]);
		z[2 * i + 1] = kind == SIGN_UNIFORM ? rng_symmetric(second[i]) : rng_laplace(second[i]);
	}
}

static void cpu_normal(HOST_QUEUE, size_t n, float sigma, const struct stream *s, size_t first,
                       const float *mean, float *out)
{
	for (size_t i = 0; i < n; i += ROW_NUMBERS) {
		float z[ROW_NUMBERS];
		normal_row(s, (first + i) / 4, z);
		size_t count = n - i < ROW_NUMBERS ? n - i : ROW_NUMBERS;
		INDEPENDENT
		for (size_t j = 0; j < count; j++)
			out[i + j] = mean[i + j] + sigma * z[j];
	}
}

/*
 * A number is k / 2^24, k = a word's upper 24 bits, so that it is at least rate where k >= rate * 2^24,
 * rounded up; the product is exact.
 */
static void cpu_dropout(HOST_QUEUE, size_t n, float rate, const struct stream *s, size_t first,
                        const float *x, float *out)
{
	const float keep = 1 - rate;
	const int32_t bound = (int32_t)ceilf(rate * 0x1p24f);
	for (size_t i = 0; i < n; i += ROW_NUMBERS) {
		uint32_t even[ROW_WORDS], odd[ROW_WORDS], kept[ROW_NUMBERS];
		random_row(s, (first + i) / 4, even, odd);
		for (size_t j = 0; j < ROW_WORDS; j++) {
			kept[2 * j] = (int32_t)(even[j] >> 8) >= bound ? UINT32_MAX : 0;
			kept[2 * j + 1] = (int32_t)(odd[j] >> 8) >= bound ? UINT32_MAX : 0;
		}
		size_t count = n - i < ROW_NUMBERS ? n - i : ROW_NUMBERS;
		INDEPENDENT
		for (size_t j = 0; j < count; j++)
			out[i + j] = rng_float_of(rng_bits_of(x[i + j] / keep) & kept[j]);
	}
}

/* A word below limit is at most limit - 1, which has 32 bits; with a limit of 0 there is no sign to flip. */
static void cpu_flip(HOST_QUEUE, size_t n, uint64_t limit, const struct stream *s, size_t first,
                     const float *x, float *out)
{
	const uint32_t last = (uint32_t)(limit - 1), sign = limit > 0 ? UINT32_C(0x80000000) : 0;
	for (size_t i = 0; i < n; i += ROW_NUMBERS) {
		uint32_t even[ROW_WORDS], odd[ROW_WORDS], flipped[ROW_NUMBERS];
		random_row(s, (first + i) / 4, even, odd);
		for (size_t j = 0; j < ROW_WORDS; j++) {
			flipped[2 * j] = even[j] <= last ? sign : 0;
			flipped[2 * j + 1] = odd[j] <= last ? sign : 0;
		}
		size_t count = n - i < ROW_NUMBERS ? n - i : ROW_NUMBERS;
		INDEPENDENT
		for (size_t j = 0; j < count; j++)
			out[i + j] = rng_float_of(rng_bits_of(x[i + j]) ^ flipped[j]);
	}
}
