/* Matrix products by OpenBLAS, one thread a call: lanes are the program's own threads. */
#include <limits.h>

#include "backend/cpu/blas_library.h"
#include "backend/cpu/cpu.h"

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

void cpu_gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
              const float *b, float beta, float *c)
{
	if (alpha == 0)
		k = 0; /* some of its kernels for small matrices would multiply by 0, which a NaN survives */
	blas_library()->sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
	                      size_of(m), size_of(n), size_of(k), alpha, a, row_of(ta ? m : k), b,
	                      row_of(tb ? k : n), beta, c, row_of(n));
}
