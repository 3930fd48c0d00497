/* Vector types of VECTOR_BYTES bytes, and operations that need no particular instruction. */
#include <stdint.h>
#include <string.h>

#include "backend/cpu/cpu.h"

enum { LANES_64 = VECTOR_BYTES / 8, LANES_32 = VECTOR_BYTES / 4 };

typedef uint64_t vword __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t vhalf __attribute__((vector_size(VECTOR_BYTES)));
typedef float vfloat __attribute__((vector_size(VECTOR_BYTES)));
typedef double vdouble __attribute__((vector_size(VECTOR_BYTES)));

#define INLINE static inline __attribute__((always_inline))

/* From any address. */
INLINE vword load_words(const uint64_t *p)
{
	vword v;
	memcpy(&v, p, sizeof(v));
	return v;
}

INLINE void store_words(uint64_t *p, vword v)
{
	memcpy(p, &v, sizeof(v));
}

INLINE vfloat load_floats(const float *p)
{
	vfloat v;
	memcpy(&v, p, sizeof(v));
	return v;
}

INLINE void store_floats(float *p, vfloat v)
{
	memcpy(p, &v, sizeof(v));
}

INLINE vword all_words(uint64_t word)
{
	return (vword){0} + word;
}

/* 0, 1, 2, ... */
INLINE vword lane_numbers(void)
{
	vword v = {0};
	for (unsigned lane = 0; lane < LANES_64; lane++)
		v[lane] = lane;
	return v;
}

/* The signs of 64 values, a bit each. */
struct verdict {
	uint64_t minus, neither;
};
