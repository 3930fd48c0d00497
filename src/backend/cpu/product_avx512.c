/* Matrix products by vectors of 64 bytes. */
#include "backend/cpu/product.h"

#ifdef __AVX512F__
#include <immintrin.h>

/* Tiles of 12 x 2 and of 6 x 4 vectors leave of 32 registers what their operands need. */
#define TILE_ROWS 12
#define DOT_ROWS  6
enum { LANES = 16, DOT_SIDE = 4 };

typedef __m512 vec;
typedef __mmask16 lanes;

#define INLINE static inline __attribute__((always_inline))

INLINE vec vec_zero(void)
{
	return _mm512_setzero_ps();
}

INLINE vec vec_of(float x)
{
	return _mm512_set1_ps(x);
}

INLINE vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

INLINE lanes lanes_first(size_t count)
{
	return (lanes)((1u << count) - 1);
}

INLINE vec vec_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

INLINE vec vec_load_some(const float *p, lanes l)
{
	return _mm512_maskz_loadu_ps(l, p);
}

INLINE void vec_store(float *p, vec v)
{
	_mm512_storeu_ps(p, v);
}

INLINE void vec_store_some(float *p, lanes l, vec v)
{
	_mm512_mask_storeu_ps(p, l, v);
}

/* Half of a and half of b, each with its other half added: `own` are the lanes of b's half. */
#define FOLD(own, turned, a, b)                                                                              \
	_mm512_add_ps(_mm512_mask_blend_ps(own, a, b), turned(_mm512_mask_blend_ps(own, b, a)))
#define TURN_HALVES(v)   _mm512_shuffle_f32x4(v, v, 0x4E)
#define TURN_QUARTERS(v) _mm512_shuffle_f32x4(v, v, 0xB1)
#define TURN_PAIRS(v)    _mm512_permute_ps(v, 0x4E)
#define TURN_LANES(v)    _mm512_permute_ps(v, 0xB1)

INLINE vec vec_sums(const vec *v)
{
	vec a[8], b[4], c[2];
#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		a[i] = FOLD(0xFF00, TURN_HALVES, v[i], v[i + 8]);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		b[i] = FOLD(0xF0F0, TURN_QUARTERS, a[i], a[i + 4]);
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++)
		c[i] = FOLD(0xCCCC, TURN_PAIRS, b[i], b[i + 2]);
	return FOLD(0xAAAA, TURN_LANES, c[0], c[1]);
}

#include "backend/cpu/product.inc.h"

const struct products *const products_avx512 = &products;

#else

const struct products *const products_avx512 = NULL;

#endif
