/*
 * One matrix product, as the cpu backend's layers ask for it:
 * C [m][n] = alpha op(A) op(B) + beta C, rows of A, B and C `lda`, `ldb` and `ldc` floats apart (as they are
 * stored). With beta = 0, C is written without being read.
 */
#ifndef SIGNSGD_BACKEND_CPU_PRODUCT_H
#define SIGNSGD_BACKEND_CPU_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

struct product {
	bool ta, tb;
	size_t m, n, k;
	float alpha, beta;
	const float *a, *b;
	float *c;
	size_t lda, ldb, ldc;
};

/* backend/cpu/blas.c: by OpenBLAS, which chooses the order of an element's sum by m, too. */
void blas_product(const struct product *p);

#endif
