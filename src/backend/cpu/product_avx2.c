/* Matrix products by vectors of 32 bytes. */
#include "backend/cpu/product.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

/* Tiles of 6 x 2 and of 3 x 4 vectors leave of 16 registers what their operands need. */
#define TILE_ROWS 6
#define DOT_ROWS  3
enum { LANES = 8, DOT_SIDE = 4 };

typedef __m256 vec;
typedef __m256i lanes;

#define INLINE static inline __attribute__((always_inline))

INLINE vec vec_zero(void)
{
	return _mm256_setzero_ps();
}

INLINE vec vec_of(float x)
{
	return _mm256_set1_ps(x);
}

INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

INLINE lanes lanes_first(size_t count)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec vec_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

INLINE vec vec_load_some(const float *p, lanes l)
{
	return _mm256_maskload_ps(p, l);
}

INLINE void vec_store(float *p, vec v)
{
	_mm256_storeu_ps(p, v);
}

INLINE void vec_store_some(float *p, lanes l, vec v)
{
	_mm256_maskstore_ps(p, l, v);
}

/* Half of a and half of b, each with its other half added: `own` are the lanes of b's half. */
#define FOLD(own, turned, a, b) _mm256_add_ps(_mm256_blend_ps(a, b, own), turned(_mm256_blend_ps(b, a, own)))
#define TURN_HALVES(v)          _mm256_permute2f128_ps(v, v, 1)
#define TURN_PAIRS(v)           _mm256_permute_ps(v, 0x4E)
#define TURN_LANES(v)           _mm256_permute_ps(v, 0xB1)

INLINE vec vec_sums(const vec *v)
{
	vec a[4], b[2];
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		a[i] = FOLD(0xF0, TURN_HALVES, v[i], v[i + 4]);
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++)
		b[i] = FOLD(0xCC, TURN_PAIRS, a[i], a[i + 2]);
	return FOLD(0xAA, TURN_LANES, b[0], b[1]);
}

#include "backend/cpu/product.inc.h"

const struct products *const products_avx2 = &products;

#else

const struct products *const products_avx2 = NULL;

#endif
