/* The cpu backend for AVX2: vectors of 32 bytes. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/processor.h"

#ifdef __AVX2__
#include <immintrin.h>

#define VECTOR_BYTES 32
#include "backend/cpu/vector.inc.h"
#include "backend/cpu/bits.inc.h"

/* Products of the lower halves of the lanes, 32 x 32 -> 64 bits. */
INLINE vword word_product(vword a, uint32_t b)
{
	return (vword)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
}

/* The highest bits of 32 lanes in four vectors. Packing halves the lanes twice and mixes their order. */
INLINE uint64_t highest_bits(const __m256i x[4])
{
	__m256i low = _mm256_packs_epi32(x[0], x[1]), high = _mm256_packs_epi32(x[2], x[3]);
	__m256i mixed = _mm256_packs_epi16(low, high);
	__m256i sorted = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
	return (uint32_t)_mm256_movemask_epi8(sorted);
}

INLINE struct verdict weigh_word(const float *v)
{
	struct verdict r = {0, 0};
	for (unsigned half = 0; half < 64; half += 32) {
		__m256i minus[4], neither[4];
		for (unsigned i = 0; i < 4; i++) {
			__m256 x = _mm256_loadu_ps(v + half + 8 * i), zero = _mm256_setzero_ps();
			minus[i] = _mm256_castps_si256(_mm256_cmp_ps(x, zero, _CMP_LT_OQ));
			neither[i] = _mm256_castps_si256(_mm256_cmp_ps(x, zero, _CMP_EQ_UQ));
		}
		r.minus |= highest_bits(minus) << half;
		r.neither |= highest_bits(neither) << half;
	}
	return r;
}

/* The signs of 64 values. *doubt gets a bit if one of them has no sign; the signs are then invalid. */
INLINE uint64_t scan_word(const float *v, vword *doubt)
{
	uint64_t signs = 0;
	for (unsigned half = 0; half < 64; half += 32) {
		__m256i x[4];
		for (unsigned i = 0; i < 4; i++) {
			__m256 y = _mm256_loadu_ps(v + half + 8 * i);
			*doubt |= (vword)_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_EQ_UQ);
			x[i] = _mm256_castps_si256(y);
		}
		signs |= highest_bits(x) << half;
	}
	return signs;
}

INLINE bool doubtful(vword doubt)
{
	return !_mm256_testz_si256((__m256i)doubt, (__m256i)doubt);
}

/* Of equal numbers and NaN, these give the second. */
#define LESSER_DOUBLES(a, b)  _mm256_min_pd(a, b)
#define GREATER_DOUBLES(a, b) _mm256_max_pd(b, a)
#define LESSER_FLOATS(a, b)   _mm256_min_ps(a, b)
#define GREATER_FLOATS(a, b)  _mm256_max_ps(b, a)

#define LEVEL_NAME     "avx2"
#define LEVEL_SHOWN    "AVX2"
#define LEVEL_PRODUCTS (products_avx2 && processor_has_fma() ? products_avx2 : &products_blas)
#include "backend/cpu/table.inc.h"

const struct cpu_level *const cpu_avx2 = &level;

#else

const struct cpu_level *const cpu_avx2 = NULL;

#endif
