/*
 * Random numbers: the generator against its published answers, its counters, and bits, uniforms, integers
 * and orders against the laws of their distributions. Normal numbers are in test_normal.c.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rng_inline.h"
#include "tests/support/chance.h"

Test(rng, philox_gives_the_published_answers)
{
	static const struct {
		uint32_t key[2], counter[4], out[4];
	} known[] = {
	        {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
	        {{0xffffffff, 0xffffffff},
	         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
	         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
	        {{0xa4093822, 0x299f31d0},
	         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
	         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint32_t out[4];
		philox4x32(known[i].key, known[i].counter, out);
		cr_assert_arr_eq(out, known[i].out, sizeof(out), "answer %zu", i);
	}
}

/* --- the counter ------------------------------------------------------------------------------------- */

Test(rng, stream_lays_out_key_and_counter_as_documented)
{
	const uint64_t seed = 0x0123456789abcdefu, step = 0xa1b2c3d4e5f6u, block = 0x123456789abcu;
	struct stream s = stream_of(seed, RNG_ATTACK, 0xfedcba, step);
	const uint32_t key[2] = {0x89abcdef, 0x01234567};
	const uint32_t counter[4] = {0x56789abc, 0xc3d4e5f6, 7u << 24 | 0xfedcba, 0x1234a1b2};
	uint32_t expected[4], out[4];
	philox4x32(key, counter, expected);
	stream_block(&s, block, out);
	cr_assert_arr_eq(out, expected, sizeof(out));
}

static int compare_counters(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rng_words));
}

Test(rng, no_two_places_share_a_counter)
{
	static const uint32_t workers[] = {0, 1, 255, 256, 65535, 65536, 0xffffff};
	static const uint64_t longs[] = {0,           1,           0xffff,         0x10000,       0xffffffff,
	                                 0x100000000, 0x100000001, 0xffff00000000, 0xffffffffffff};
	enum { WORKERS = 7, LONGS = 9, COUNT = RNG_TEST * WORKERS * LONGS * LONGS };
	struct rng_words *counters = mem_array(COUNT, sizeof(*counters)); /* [COUNT] */
	size_t n = 0;
	for (int purpose = RNG_INIT; purpose <= RNG_TEST; purpose++)
		for (size_t w = 0; w < WORKERS; w++)
			for (size_t i = 0; i < LONGS * LONGS; i++) {
				struct stream s =
				        stream_of(1, (enum purpose)purpose, workers[w], longs[i / LONGS]);
				counters[n++] = rng_counter(s.tag, s.step, longs[i % LONGS]);
			}
	cr_assert_eq(n, COUNT);
	qsort(counters, n, sizeof(*counters), compare_counters);
	for (size_t i = 1; i < n; i++)
		cr_assert_neq(compare_counters(&counters[i - 1], &counters[i]), 0, "counter %zu twice", i);
	mem_free(counters);
}

Test(rng, worker_beyond_the_counter_is_a_bug, .signal = SIGABRT)
{
	stream_of(1, RNG_TEST, 1u << 24, 0);
}

Test(rng, step_beyond_the_counter_is_a_bug, .signal = SIGABRT)
{
	stream_of(1, RNG_TEST, 0, (uint64_t)1 << 48);
}

Test(rng, block_beyond_the_counter_is_a_bug, .signal = SIGABRT)
{
	struct stream s = stream_of(1, RNG_TEST, 0, 0);
	uint32_t out[4];
	stream_block(&s, (uint64_t)1 << 48, out);
}

Test(rng, below_zero_is_a_bug, .signal = SIGABRT)
{
	struct stream s = stream_of(1, RNG_TEST, 0, 0);
	stream_below(&s, 0, 0);
}

/* --- numbers made of words --------------------------------------------------------------------------- */

Test(rng, bits_uniforms_and_integers_are_the_words_of_the_blocks)
{
	struct stream s = stream_of(99, RNG_TEST, 5, 17);
	for (uint64_t block = 0; block < 100; block++) {
		uint32_t w[4];
		stream_block(&s, block, w);
		for (unsigned i = 0; i < 2; i++) {
			uint64_t bits = (uint64_t)w[2 * i + 1] << 32 | w[2 * i];
			cr_assert_eq(stream_bits(&s, 2 * block + i), bits);
			for (unsigned k = 0; k < 32; k++) /* floor(bits 2^k / 2^64) */
				cr_assert_eq(stream_below(&s, 2 * block + i, 1u << k),
				             k ? bits >> (64 - k) : 0);
		}
		for (unsigned i = 0; i < 4; i++)
			cr_assert_eq(stream_uniform(&s, 4 * block + i), (float)((w[i] >> 8) / 16777216.0));
	}
}

Test(rng, bits_are_fair)
{
	enum { N = 1 << 16 };
	struct stream s = stream_of(3, RNG_TEST, 0, 0);
	int ones[64] = {0};
	for (uint64_t i = 0; i < N; i++) {
		uint64_t bits = stream_bits(&s, i);
		for (int b = 0; b < 64; b++)
			ones[b] += (int)(bits >> b & 1);
	}
	for (int b = 0; b < 64; b++) {
		double z = (ones[b] - N / 2.0) / sqrt(N / 4.0);
		cr_assert_lt(fabs(z), Z_LIMIT, "bit %d: %d ones of %d", b, ones[b], N);
	}
}

Test(rng, uniforms_fill_the_interval_evenly)
{
	enum { N = 1 << 20, CELLS = 1000 };
	struct stream s = stream_of(4, RNG_TEST, 0, 0);
	uint32_t counts[CELLS] = {0};
	for (uint64_t i = 0; i < N; i++) {
		float u = stream_uniform(&s, i);
		cr_assert(u >= 0 && u < 1);
		counts[(int)((double)u * CELLS)]++;
	}
	chance_assert_uniform(counts, CELLS, N, "uniforms");
}

/* Numbers around 0: the uniform ones shifted by half a step, exactly; and their Laplace quantiles. */
Test(rng, symmetric_and_laplace_numbers_are_of_the_same_words)
{
	struct stream s = stream_of(4, RNG_TEST, 1, 2);
	double sum = 0, sizes = 0;
	enum { N = 100000 };
	for (uint64_t i = 0; i < N; i++) {
		double u = 2 * (double)stream_uniform(&s, i) - 1 + 0x1p-24, l = stream_laplace(&s, i);
		cr_assert_eq(stream_symmetric(&s, i), u);
		cr_assert_float_eq(l, copysign(-log1p(-fabs(u)), u), 3e-7 * fmax(1, fabs(l)));
		cr_assert(u != 0 && fabs(u) < 1 && l != 0 && (l > 0) == (u > 0));
		sum += l;
		sizes += fabs(l);
	}
	/* mean 0 and variance 2; |l| has mean and variance 1 */
	cr_assert_lt(fabs(sum / N), Z_LIMIT * sqrt(2.0 / N));
	cr_assert_lt(fabs(sizes / N - 1), Z_LIMIT * sqrt(1.0 / N));
}

/* The ends of both, and that no other sign is possible. */
Test(rng, laplace_numbers_of_extreme_words_are_finite)
{
	cr_assert_eq(rng_symmetric(0), -1 + 0x1p-24F);
	cr_assert_eq(rng_symmetric(UINT32_MAX), 1 - 0x1p-24F);
	cr_assert_eq(rng_symmetric(0x7fffffffu), -0x1p-24F);
	cr_assert_float_eq(rng_laplace(UINT32_MAX), 24 * log(2), 2e-6);
	cr_assert_eq(rng_laplace(0), -rng_laplace(UINT32_MAX));
	cr_assert(rng_laplace(0x80000000u) > 0 && rng_laplace(0x7fffffffu) < 0);
}

Test(rng, integers_below_a_bound_are_fair)
{
	static const uint32_t bounds[] = {2, 3, 6, 10, 24, 1000};
	enum { N = 200000 };
	for (size_t k = 0; k < sizeof(bounds) / sizeof(bounds[0]); k++) {
		struct stream s = stream_of(5, RNG_TEST, 0, k);
		uint32_t counts[1000] = {0};
		for (uint64_t i = 0; i < N; i++) {
			uint32_t v = stream_below(&s, i, bounds[k]);
			cr_assert_lt(v, bounds[k]);
			counts[v]++;
		}
		chance_assert_uniform(counts, bounds[k], N, "integers");
	}
}

__extension__ typedef unsigned __int128 wide;

Test(rng, integers_below_a_bound_are_the_high_word_of_the_product)
{
	struct stream s = stream_of(18, RNG_TEST, 0, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		uint32_t bound = UINT32_MAX - (uint32_t)(i * i * i);
		wide product = (wide)stream_bits(&s, i) * bound;
		cr_assert_eq(stream_below(&s, i, bound), (uint32_t)(product >> 64));
	}
}

Test(rng, integers_below_three_quarters_of_the_word_are_fair)
{
	/* 2^32 modulo this bound is a third of it: taking a 32-bit word modulo the bound would show */
	const uint32_t bound = 3u << 30;
	enum { N = 300000, CELLS = 12 };
	struct stream s = stream_of(6, RNG_TEST, 0, 0);
	uint32_t counts[CELLS] = {0};
	for (uint64_t i = 0; i < N; i++)
		counts[stream_below(&s, i, bound) / (bound / CELLS)]++;
	chance_assert_uniform(counts, CELLS, N, "large integers");
	for (uint64_t i = 0; i < 1000; i++)
		cr_assert_lt(stream_below(&s, i, UINT32_MAX), UINT32_MAX);
}

/* --- independence ------------------------------------------------------------------------------------ */

/* Pairs (number i of a, number i of b) fall evenly into a 16 x 16 board, and half of their bits differ. */
static void assert_independent(struct stream a, struct stream b, uint64_t shift, const char *what)
{
	enum { N = 1 << 16, SIDE = 16 };
	uint32_t counts[SIDE * SIDE] = {0};
	double differing = 0;
	for (uint64_t i = 0; i < N; i++) {
		uint64_t x = stream_bits(&a, i), y = stream_bits(&b, i + shift);
		differing += __builtin_popcountll(x ^ y);
		counts[(x >> 60) * SIDE + (y >> 60)]++;
	}
	chance_assert_uniform(counts, SIDE * SIDE, N, what);
	double z = (differing - 32.0 * N) / sqrt(16.0 * N);
	cr_assert_lt(fabs(z), Z_LIMIT, "%s: %g bits differ, expected %g", what, differing, 32.0 * N);
}

Test(rng, neighbouring_streams_are_independent)
{
	struct stream s = stream_of(8, RNG_TEST, 10, 100);
	assert_independent(s, stream_of(9, RNG_TEST, 10, 100), 0, "seeds");
	assert_independent(s, stream_of(8 + ((uint64_t)1 << 32), RNG_TEST, 10, 100), 0,
	                   "high halves of seeds");
	assert_independent(s, stream_of(8, RNG_DATA, 10, 100), 0, "purposes");
	assert_independent(s, stream_of(8, RNG_TEST, 11, 100), 0, "workers");
	assert_independent(s, stream_of(8, RNG_TEST, 10, 101), 0, "steps");
	assert_independent(s, s, 1, "words of a stream");
	assert_independent(s, s, 2, "blocks of a stream");
	assert_independent(s, s, (uint64_t)1 << 33, "far blocks of a stream");
}

/* --- shuffling --------------------------------------------------------------------------------------- */

Test(rng, shuffle_gives_a_permutation)
{
	static const uint32_t sizes[] = {0, 1, 2, 5, 1000};
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint32_t n = sizes[k], order[1000];
		bool seen[1000] = {false};
		for (uint32_t i = 0; i < n; i++)
			order[i] = i;
		struct stream s = stream_of(15, RNG_ORDER, 0, k);
		stream_shuffle(&s, order, n);
		for (uint32_t i = 0; i < n; i++) {
			cr_assert_lt(order[i], n);
			cr_assert_not(seen[order[i]], "%u stands twice", order[i]);
			seen[order[i]] = true;
		}
	}
}

Test(rng, all_orders_of_four_are_equally_likely)
{
	enum { N = 48000, ORDERS = 24 };
	uint32_t counts[256] = {0}, dense[ORDERS];
	for (uint64_t epoch = 0; epoch < N; epoch++) {
		uint32_t order[4] = {0, 1, 2, 3};
		struct stream s = stream_of(16, RNG_ORDER, 2, epoch);
		stream_shuffle(&s, order, 4);
		counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
	}
	size_t n = 0;
	for (size_t i = 0; i < 256; i++) {
		if (counts[i] == 0)
			continue;
		cr_assert_lt(n, ORDERS);
		dense[n++] = counts[i];
	}
	cr_assert_eq(n, ORDERS, "%zu of 24 orders came up", n);
	chance_assert_uniform(dense, ORDERS, N, "orders");
}

Test(rng, shuffle_moves_every_sample_to_every_place)
{
	enum { N = 40000, SIZE = 20 };
	uint32_t places[SIZE * SIZE] = {0};
	for (uint64_t epoch = 0; epoch < N; epoch++) {
		uint32_t order[SIZE];
		for (uint32_t i = 0; i < SIZE; i++)
			order[i] = i;
		struct stream s = stream_of(17, RNG_ORDER, 0, epoch);
		stream_shuffle(&s, order, SIZE);
		for (uint32_t i = 0; i < SIZE; i++)
			places[i * SIZE + order[i]]++;
	}
	for (size_t i = 0; i < SIZE; i++)
		chance_assert_uniform(places + i * SIZE, SIZE, N, "samples at a place");
}
