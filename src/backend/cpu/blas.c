/* Matrix products by OpenBLAS, one thread a call: lanes are the program's own threads. */
#include <limits.h>

#include "backend/cpu/blas_library.h"
#include "backend/cpu/product.h"
#include "base/err.h"

static blasint size_of(size_t n)
{
	if (n > INT_MAX)
		BUG("a matrix has more than 2^31 - 1 rows or columns");
	return (blasint)n;
}

/* BLAS wants a row length of at least 1, even of an empty matrix. */
static blasint row_of(size_t n)
{
	return n > 0 ? size_of(n) : 1;
}

static void multiply(const struct product *p)
{
	/* some of its kernels for small matrices would multiply by 0, which a NaN survives */
	size_t k = p->alpha == 0 ? 0 : p->k;
	blas_library()->sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans,
	                      p->tb ? CblasTrans : CblasNoTrans, size_of(p->m), size_of(p->n), size_of(k),
	                      p->alpha, p->a, row_of(p->lda), p->b, row_of(p->ldb), p->beta, p->c,
	                      row_of(p->ldc));
}

static void gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 const float *b, float beta, float *c)
{
	const struct product p = product_dense(ta, tb, m, n, k, alpha, a, b, beta, c);
	multiply(&p);
}

const struct products products_blas = {.multiply = multiply, .gemm = gemm};
