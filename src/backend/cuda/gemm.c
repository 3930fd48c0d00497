/* Products of matrices, by cuBLAS. */
#include <limits.h>

#include "backend/cuda/cuda.h"
#include "backend/cuda/library.h"

void cuda_products_close(struct queue *q)
{
	if (!q->products)
		return;
	cublas_check(cublas_must_be_there()->destroy(q->products), "let go of this device");
	cuda_memory.release(q->workspace);
	q->products = q->workspace = NULL;
}

/*
 * One handle and one workspace a queue: with a workspace of its own, what cuBLAS computes does not depend on
 * what other queues do.
 */
void cuda_products_open(struct queue *q)
{
	struct err none = {0};
	const struct cublas *library = library_cublas(&none);
	cublas_handle handle = NULL;
	if (!library)
		return;
	q->workspace = cuda_memory.alloc(CUDA_WORKSPACE, "the workspace of products");
	cublas_check(library->create(&handle), "use this device");
	cublas_check(library->set_stream(handle, q->stream), "work in a stream");
	/* after the stream, which takes the workspace away */
	cublas_check(library->set_workspace(handle, q->workspace, CUDA_WORKSPACE), "work in given memory");
	q->products = handle;
}

static cublas_compute compute(enum cuda_precision precision)
{
	switch (precision) {
	case CUDA_TF32:
		return CUBLAS_IN_TF32;
	case CUDA_BF16:
		return CUBLAS_IN_BF16;
	case CUDA_FP32:
		break;
	}
	return CUBLAS_IN_FP32;
}

/* C = beta C, without reading it for 0. */
static void scale_only(struct queue *q, size_t n, float beta, float *c)
{
	if (beta == 0)
		cuda_memory.fill(q, c, 0, n * sizeof(*c));
	else if (beta != 1)
		cuda_scale(q, n, beta, c, c);
}

/* cuBLAS counts columns first: to it, rows of a matrix are the columns of its transpose, and
 * C' = op(B)' op(A)'. */
void cuda_gemm_in(struct queue *q, enum cuda_precision precision, bool ta, bool tb, size_t m, size_t n,
                  size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                  float *c, size_t ldc)
{
	const struct cublas *library = cublas_must_be_there();
	if (m > INT_MAX || n > INT_MAX || k > INT_MAX || lda > INT_MAX || ldb > INT_MAX || ldc > INT_MAX)
		die("cuBLAS cannot multiply %zu x %zu and %zu x %zu numbers: expected at most %d rows and "
		    "columns",
		    m, k, k, n, INT_MAX);
	cuda_here();
	cublas_check(library->gemm(q->products, tb ? CUBLAS_TRANSPOSED : CUBLAS_PLAIN,
	                           ta ? CUBLAS_TRANSPOSED : CUBLAS_PLAIN, (int)n, (int)m, (int)k, &alpha, b,
	                           CUBLAS_FLOAT, (int)ldb, a, CUBLAS_FLOAT, (int)lda, &beta, c, CUBLAS_FLOAT,
	                           (int)ldc, compute(precision), CUBLAS_DEFAULT_ALGORITHM),
	             "multiply two matrices");
}

static void product(struct queue *q, enum cuda_precision precision, bool ta, bool tb, size_t m, size_t n,
                    size_t k, float alpha, const float *a, const float *b, float beta, float *c)
{
	if (m == 0 || n == 0)
		return;
	if (k == 0 || alpha == 0)
		scale_only(q, m * n, beta, c);
	else
		cuda_gemm_in(q, precision, ta, tb, m, n, k, alpha, a, ta ? m : k, b, tb ? k : n, beta, c, n);
}

#define DEFINE_GEMM(name, precision)                                                                         \
	static void name(struct queue *q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,       \
	                 const float *a, const float *b, float beta, float *c)                               \
	{                                                                                                    \
		product(q, precision, ta, tb, m, n, k, alpha, a, b, beta, c);                                \
	}
DEFINE_GEMM(gemm_fp32, CUDA_FP32)
DEFINE_GEMM(gemm_tf32, CUDA_TF32)
DEFINE_GEMM(gemm_bf16, CUDA_BF16)

cuda_gemm_fn *const cuda_gemm[CUDA_PRECISIONS] = {
        [CUDA_FP32] = gemm_fp32, [CUDA_TF32] = gemm_tf32, [CUDA_BF16] = gemm_bf16};
