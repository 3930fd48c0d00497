/*
 * The bodies behind base/rng.h, for callers that make many numbers in a loop and want vectors.
 *
 * Every function here is free of branches, tables, calls and double precision, and works on single words,
 * so that a loop over blocks (one array per output word) becomes vector code under any instruction set.
 * The order of the operations is part of the definition: float sums are never regrouped, products never
 * fused, and every way to compile them gives the same bits (tests/base/test_rng.c compares).
 */
#ifndef SIGNSGD_BASE_RNG_INLINE_H
#define SIGNSGD_BASE_RNG_INLINE_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#include "base/inline.h"
#include "base/rng.h"

struct rng_words {
	uint32_t a, b, c, d;
};

INLINE_ANYWHERE uint32_t rng_bits_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

INLINE_ANYWHERE float rng_float_of(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* One round of Philox4x32: two 32 x 32 -> 64 products, crossed over. */
INLINE_ANYWHERE struct rng_words rng_round(struct rng_words x, uint32_t k0, uint32_t k1)
{
	uint64_t p0 = (uint64_t)0xD2511F53u * x.a;
	uint64_t p1 = (uint64_t)0xCD9E8D57u * x.c;
	struct rng_words y = {(uint32_t)(p1 >> 32) ^ x.b ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ x.d ^ k1,
	                      (uint32_t)p0};
	return y;
}

/* Ten rounds; before each but the first the key moves on by the golden ratio and by sqrt(3) - 1. */
INLINE_ANYWHERE struct rng_words rng_philox(uint32_t k0, uint32_t k1, struct rng_words x)
{
	const uint32_t step0 = 0x9E3779B9u, step1 = 0xBB67AE85u;
	x = rng_round(x, k0, k1);
	x = rng_round(x, k0 + step0, k1 + step1);
	x = rng_round(x, k0 + 2 * step0, k1 + 2 * step1);
	x = rng_round(x, k0 + 3 * step0, k1 + 3 * step1);
	x = rng_round(x, k0 + 4 * step0, k1 + 4 * step1);
	x = rng_round(x, k0 + 5 * step0, k1 + 5 * step1);
	x = rng_round(x, k0 + 6 * step0, k1 + 6 * step1);
	x = rng_round(x, k0 + 7 * step0, k1 + 7 * step1);
	x = rng_round(x, k0 + 8 * step0, k1 + 8 * step1);
	return rng_round(x, k0 + 9 * step0, k1 + 9 * step1);
}

/* The counter of block `block` in step `step` of the stream with this tag, as base/rng.h lays it out. */
INLINE_ANYWHERE struct rng_words rng_counter(uint32_t tag, uint64_t step, uint64_t block)
{
	struct rng_words x = {(uint32_t)block, (uint32_t)step, tag,
	                      (uint32_t)(block >> 32) << 16 | (uint32_t)(step >> 32)};
	return x;
}

/* stream_block(), of a block below 2^48. */
INLINE_ANYWHERE struct rng_words rng_block(const struct stream *s, uint64_t block)
{
	return rng_philox(s->key[0], s->key[1], rng_counter(s->tag, s->step, block));
}

/* stream_bits() */
INLINE_ANYWHERE uint64_t rng_bits(const struct stream *s, uint64_t index)
{
	struct rng_words w = rng_block(s, index / 2);
	return index % 2 ? (uint64_t)w.d << 32 | w.c : (uint64_t)w.b << 32 | w.a;
}

/* stream_uniform() of its word */
INLINE_ANYWHERE float rng_uniform(uint32_t word)
{
	return (float)(word >> 8) * 0x1p-24f;
}

/* stream_below() of its bits: floor(bits * bound / 2^64) in two halves, whose sum stays below 2^64. */
INLINE_ANYWHERE uint32_t rng_below(uint64_t bits, uint32_t bound)
{
	uint64_t low = (uint32_t)bits * (uint64_t)bound, high = (bits >> 32) * bound;
	return (uint32_t)((high + (low >> 32)) >> 32);
}

/*
 * ln x for normal x > 0. x = 2^e m with m in [sqrt(1/2), sqrt(2)), f = m - 1, and
 * ln x = e ln 2 + f - f^2 / 2 + f^3 P(f), P minimax of degree 7 for the relative error (6e-9).
 * ln 2 is split so that e times its first part is exact. ln 1 is +0.
 */
INLINE_ANYWHERE float rng_log_inline(float x)
{
	const uint32_t root_half = 0x3F3504F3u, one = 0x3F800000u;
	uint32_t shifted = rng_bits_of(x) + (one - root_half);
	float e = (float)((int32_t)(shifted >> 23) - 127);
	float f = rng_float_of((shifted & 0x007FFFFFu) + root_half) - 1.0f;
	float p = -7.634498924e-02f;
	p = p * f + 1.276157796e-01f;
	p = p * f - 1.316018254e-01f;
	p = p * f + 1.420175731e-01f;
	p = p * f - 1.662335694e-01f;
	p = p * f + 2.000122666e-01f;
	p = p * f - 2.500081956e-01f;
	p = p * f + 3.333333135e-01f;
	float square = f * f;
	float small = f * square * p + e * -2.12194440e-4f;
	return (small - 0.5f * square + f) + e * 0.693359375f;
}

/*
 * Sine and cosine of 2 pi u, u in [0, 1). u = q / 4 + r with r in [-1/8, 1/8], exactly; polynomials in
 * r^2 (relative errors 3e-9 and 5e-11) for 2 pi r; q turns the pair by quarters.
 */
INLINE_ANYWHERE void rng_sincos_inline(float u, float *sine, float *cosine)
{
	int32_t q = (int32_t)(4.0f * u + 0.5f);
	float r = u - 0.25f * (float)q;
	float z = r * r;
	float s = -7.539356232e+01f;
	s = s * z + 8.159235382e+01f;
	s = s * z - 4.134166336e+01f;
	s = s * z - 1.951917881e-07f; /* what 2 pi, rounded to float in the next line, has too much */
	s = s * r + 6.283185482e+00f * r;
	float c = 5.924596405e+01f;
	c = c * z - 8.544374084e+01f;
	c = c * z + 6.493932343e+01f;
	c = c * z - 1.973920822e+01f;
	c = c * z + 1.0f;
	uint32_t quarter = (uint32_t)q, odd = 0u - (quarter & 1u);
	uint32_t s_bits = rng_bits_of(s), c_bits = rng_bits_of(c);
	uint32_t crossed = (s_bits ^ c_bits) & odd;
	*sine = rng_float_of((s_bits ^ crossed) ^ (quarter & 2u) << 30);
	*cosine = rng_float_of((c_bits ^ crossed) ^ ((quarter + 1u) & 2u) << 30);
}

/* A number of stream_symmetric() from its word: exact, because the numerator is odd and below 2^24. */
INLINE_ANYWHERE float rng_symmetric(uint32_t word)
{
	return (float)(2 * (int32_t)(word >> 8) + 1 - (1 << 24)) * 0x1p-24f;
}

/* A number of stream_laplace() from its word. */
INLINE_ANYWHERE float rng_laplace(uint32_t word)
{
	const uint32_t sign = 0x80000000u;
	uint32_t u = rng_bits_of(rng_symmetric(word));
	float size = -rng_log_inline(1 - rng_float_of(u & ~sign));
	return rng_float_of(rng_bits_of(size) | (u & sign));
}

/* Two normal numbers from two words, as stream_normal4() says. */
INLINE_ANYWHERE void rng_normal2(uint32_t w0, uint32_t w1, float *n0, float *n1)
{
	const float unit = 0x1p-24f;
	float u1 =
	        (float)(int32_t)((w0 >> 8) + 1) * unit; /* through int32_t, which vectors convert in one go */
	float u2 = (float)(int32_t)(w1 >> 8) * unit;
	float r = sqrtf(-2.0f * rng_log_inline(u1));
	float sine, cosine;
	rng_sincos_inline(u2, &sine, &cosine);
	*n0 = r * cosine;
	*n1 = r * sine;
}

#endif
