/* Matrix products by OpenBLAS, one thread a call: lanes are the program's own threads. */
#include <limits.h>

#include "backend/cpu/blas_library.h"
#include "backend/cpu/cpu.h"
#include "backend/cpu/product.h"

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

void blas_product(const struct product *p)
{
	/* some of its kernels for small matrices would multiply by 0, which a NaN survives */
	size_t k = p->alpha == 0 ? 0 : p->k;
	blas_library()->sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans,
	                      p->tb ? CblasTrans : CblasNoTrans, size_of(p->m), size_of(p->n), size_of(k),
	                      p->alpha, p->a, row_of(p->lda), p->b, row_of(p->ldb), p->beta, p->c,
	                      row_of(p->ldc));
}

void cpu_gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
              const float *b, float beta, float *c)
{
	blas_product(&(struct product){ta, tb, m, n, k, alpha, beta, a, b, c, .lda = ta ? m : k,
	                               .ldb = tb ? k : n, .ldc = n});
}
