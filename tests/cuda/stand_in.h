/* What the stand-ins of cuBLAS and cuDNN share: they compute late, in the stream, on the processor. */
#ifndef SIGNSGD_TESTS_CUDA_STAND_IN_H
#define SIGNSGD_TESTS_CUDA_STAND_IN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cuda/emulated.h"

/* Declares `function`, shown to who opens the library, with the interface that the program's table has for
 * it. */
#define STANDS_IN(table, member, function)                                                                   \
	__attribute__((visibility("default"))) extern __typeof__(*((struct table *)NULL)->member) function

/* Bits of the fraction that an arithmetic leaves of its factors. */
enum { ALL_BITS = 23, TF32_BITS = 10, BF16_BITS = 7 };

/* x with so many bits, rounded to the nearest (the even one of two). NaN and infinity stay. */
static inline float with_bits(float x, int bits)
{
	uint32_t u, drop = (uint32_t)(ALL_BITS - bits);
	if (drop == 0 || x != x || x - x != 0)
		return x;
	memcpy(&u, &x, sizeof(u));
	u += (1u << (drop - 1)) - 1 + (u >> drop & 1);
	u &= ~((1u << drop) - 1);
	memcpy(&x, &u, sizeof(x));
	return x;
}

/* Memory for a piece of work; the test ends without. */
static inline void *work_memory(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);
	if (!p)
		emulated_bug("the stand-in of a library has no memory for %zu bytes", bytes);
	return p;
}

#endif
