/* The cpu backend for any processor: vectors of 16 bytes that the compiler maps to what there is. */
#define VECTOR_BYTES 16
#include "backend/cpu/vector.inc.h"
#include "backend/cpu/bits.inc.h"

/* Products of the lower halves of the lanes, 32 x 32 -> 64 bits. */
INLINE vword word_product(vword a, uint32_t b)
{
	for (unsigned i = 0; i < LANES_64; i++)
		a[i] = (a[i] & UINT32_MAX) * b;
	return a;
}

INLINE struct verdict weigh_word(const float *v)
{
	struct verdict r = {0, 0};
	for (unsigned i = 0; i < 64; i++) {
		uint64_t minus = v[i]<0, plus = v[i]> 0;
		r.minus |= minus << i;
		r.neither |= (1 - minus - plus) << i;
	}
	return r;
}

/* The signs of 64 values. *doubt gets a bit if one of them has no sign; the signs are then invalid. */
INLINE uint64_t scan_word(const float *v, vword *doubt)
{
	struct verdict r = weigh_word(v);
	*doubt |= r.neither;
	return r.minus;
}

INLINE bool doubtful(vword doubt)
{
	return (doubt[0] | doubt[1]) != 0;
}

#define LEVEL_NAME     "base"
#define LEVEL_SHOWN    "plain C"
#define LEVEL_PRODUCTS &products_blas
#include "backend/cpu/table.inc.h"

const struct cpu_level *const cpu_base = &level;
