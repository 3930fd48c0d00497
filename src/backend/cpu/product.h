/*
 * Matrix products of our own. Libraries choose their kernels, and with them the order of sums, by the number
 * of rows; here the order of an element's sum follows from n, k and the way A and B are stored alone. So rows
 * of many workers can be multiplied in one call with the bits that each worker has by itself
 * (backend/joins.h), and the bits do not change with a library's version.
 */
#ifndef SIGNSGD_BACKEND_CPU_PRODUCT_H
#define SIGNSGD_BACKEND_CPU_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/memory.h"

/*
 * C [m][n] = alpha op(A) op(B) + beta C, where op transposes if ta / tb: op(A) is [m][k], op(B) is [k][n].
 * Rows, as stored, are lda, ldb and ldc floats apart, at least as many as they have elements. Matrices with a
 * factor of 0 are not read. C overlaps neither A nor B.
 */
struct product {
	bool ta, tb;
	size_t m, n, k;
	float alpha, beta;
	const float *a, *b;
	float *c;
	size_t lda, ldb, ldc;
};

/* One way to multiply. */
struct products {
	void (*multiply)(const struct product *p);
	/* The same of dense rows: `gemm` of a backend. */
	void (*gemm)(struct queue *q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,
	             const float *a, const float *b, float beta, float *c);
	bool steady; /* the order of an element's sum does not depend on m */
};

/* A product of dense rows. */
static inline struct product product_dense(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,
                                           const float *a, const float *b, float beta, float *c)
{
	return (struct product){ta, tb, m, n, k, alpha, beta, a, b, c, ta ? m : k, tb ? k : n, n};
}

/* By fused multiplications and additions of vectors; NULL if the compiler cannot produce them. */
extern const struct products *const products_avx2, *const products_avx512;

/* By OpenBLAS (blas.c), where the processor has neither. */
extern const struct products products_blas;

#endif
