/* The cpu backend for AVX-512 (F, BW, DQ, VL): vectors of 64 bytes, mask registers, three-way logic. */
#include "backend/cpu/cpu.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#define VECTOR_BYTES 64
#include "backend/cpu/vector.inc.h"

/* The last argument is the truth table of the three inputs. */
INLINE vword word_xor3(vword a, vword b, vword c)
{
	return (vword)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
}

INLINE vword word_majority(vword a, vword b, vword c)
{
	return (vword)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0xE8);
}

/* a and b, or a or b: the majority with a third that says 0, or 1. */
INLINE vword word_and_or(vword a, vword b, bool both)
{
	return word_majority(a, b, all_words(both ? 0 : ~UINT64_C(0)));
}

/* Products of the lower halves of the lanes, 32 x 32 -> 64 bits. */
INLINE vword word_product(vword a, uint32_t b)
{
	return (vword)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
}

INLINE __mmask16 lane_mask(uint64_t word, size_t q)
{
	return (__mmask16)(word >> (16 * q));
}

/* -step where the bit is 1, step where it is 0. */
INLINE vfloat float_signed(uint64_t word, size_t q, float step)
{
	return (vfloat)_mm512_mask_blend_ps(lane_mask(word, q), _mm512_set1_ps(step), _mm512_set1_ps(-step));
}

/* 0 where the bit is 1, v elsewhere. */
INLINE vfloat float_without(uint64_t word, size_t q, vfloat v)
{
	return (vfloat)_mm512_maskz_mov_ps((__mmask16)~lane_mask(word, q), (__m512)v);
}

INLINE struct verdict weigh_word(const float *v)
{
	struct verdict r = {0, 0};
	for (unsigned i = 0; i < 64; i += 16) {
		__m512 x = _mm512_loadu_ps(v + i), zero = _mm512_setzero_ps();
		r.minus |= (uint64_t)_mm512_cmp_ps_mask(x, zero, _CMP_LT_OQ) << i;
		r.neither |= (uint64_t)_mm512_cmp_ps_mask(x, zero, _CMP_EQ_UQ) << i;
	}
	return r;
}

/*
 * The signs of 64 values. *doubt remembers if one of them has no sign; the signs are then invalid.
 * Without its sign bit, 0 is the smallest pattern and NaNs are the largest; twice that, less one, puts
 * both behind infinity. The largest seen is kept: cheaper here than a second comparison into masks.
 */
INLINE uint64_t scan_word(const float *v, vword *doubt)
{
	uint64_t signs = 0;
	__m512i largest = (__m512i)*doubt;
	for (unsigned i = 0; i < 64; i += 16) {
		__m512i x = _mm512_loadu_si512(v + i);
		__m512i rank = _mm512_sub_epi32(_mm512_add_epi32(x, x), _mm512_set1_epi32(1));
		largest = _mm512_max_epu32(largest, rank);
		signs |= (uint64_t)_mm512_movepi32_mask(x) << i;
	}
	*doubt = (vword)largest;
	return signs;
}

INLINE bool doubtful(vword doubt)
{
	const int infinity = (int)0xFEFFFFFF; /* the rank of both infinities */
	return _mm512_cmpgt_epu32_mask((__m512i)doubt, _mm512_set1_epi32(infinity)) != 0;
}

/* Of equal numbers and NaN, these give the second. */
#define LESSER_DOUBLES(a, b)  _mm512_min_pd(a, b)
#define GREATER_DOUBLES(a, b) _mm512_max_pd(b, a)
#define LESSER_FLOATS(a, b)   _mm512_min_ps(a, b)
#define GREATER_FLOATS(a, b)  _mm512_max_ps(b, a)

#define LEVEL_NAME     "avx512"
#define LEVEL_SHOWN    "AVX-512"
#define LEVEL_PRODUCTS products_avx512
#include "backend/cpu/table.inc.h"

const struct cpu_level *const cpu_avx512 = &level;

#else

const struct cpu_level *const cpu_avx512 = NULL;

#endif
