/* A stand-in for cuBLAS: the functions that the program calls, with the interface of the real ones. */
#include "backend/cuda/library.h"
#include "tests/cuda/stand_in.h"

/* Statuses of the real library. */
enum { NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { KNOWN = 0x626c6173, LEAST_WORKSPACE = 4 << 20 };

STANDS_IN(cublas, property, cublasGetProperty);
STANDS_IN(cublas, create, cublasCreate_v2);
STANDS_IN(cublas, destroy, cublasDestroy_v2);
STANDS_IN(cublas, set_stream, cublasSetStream_v2);
STANDS_IN(cublas, set_workspace, cublasSetWorkspace_v2);
STANDS_IN(cublas, gemm, cublasGemmEx);

struct handle {
	int known;
	cudaStream_t stream;
	void *workspace;
	size_t bytes;
};

static struct handle *known(cublas_handle h)
{
	struct handle *found = h;
	return found && found->known == KNOWN ? found : NULL;
}

cublas_status cublasGetProperty(cublas_property which, int *value)
{
	static const int version[] = {13, 1, 0};
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (which < 0 || which > 2 || !value)
		return INVALID_VALUE;
	*value = version[which];
	return CUBLAS_OK;
}

cublas_status cublasCreate_v2(cublas_handle *h)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	struct handle *made = work_memory(sizeof(*made));
	made->known = KNOWN;
	*h = made;
	return CUBLAS_OK;
}

cublas_status cublasDestroy_v2(cublas_handle h)
{
	struct handle *mine = known(h);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!mine)
		return NOT_INITIALIZED;
	mine->known = 0;
	free(mine);
	return CUBLAS_OK;
}

cublas_status cublasSetStream_v2(cublas_handle h, cudaStream_t stream)
{
	struct handle *mine = known(h);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!mine)
		return NOT_INITIALIZED;
	mine->stream = stream;
	mine->workspace = NULL;
	mine->bytes = 0;
	return CUBLAS_OK;
}

cublas_status cublasSetWorkspace_v2(cublas_handle h, void *workspace, size_t bytes)
{
	struct handle *mine = known(h);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!mine)
		return NOT_INITIALIZED;
	if ((uintptr_t)workspace % 256 != 0)
		return INVALID_VALUE;
	mine->workspace = workspace;
	mine->bytes = bytes;
	return CUBLAS_OK;
}

struct product {
	bool ta, tb;
	size_t m, n, k, lda, ldb, ldc;
	float alpha, beta;
	const float *a, *b;
	float *c;
	int bits;
	void *workspace;
	size_t bytes;
};

/* op(A), rounded, in columns of m numbers one behind the other. */
static double *columns_of(const float *a, bool transposed, size_t m, size_t k, size_t lda, int bits)
{
	double *out = work_memory(m * k * sizeof(*out));
	for (size_t l = 0; l < k; l++)
		for (size_t i = 0; i < m; i++)
			out[l * m + i] = with_bits(transposed ? a[i * lda + l] : a[l * lda + i], bits);
	return out;
}

static void multiply(void *arguments)
{
	struct product *p = arguments;
	double *a = columns_of(p->a, p->ta, p->m, p->k, p->lda, p->bits);
	double *b = columns_of(p->b, p->tb, p->k, p->n, p->ldb, p->bits);
	double *sum = work_memory(p->m * sizeof(*sum));
	memset(p->workspace, 0xff, p->bytes);
	for (size_t j = 0; j < p->n; j++) {
		memset(sum, 0, p->m * sizeof(*sum));
		for (size_t l = 0; l < p->k; l++)
			for (size_t i = 0; i < p->m; i++)
				sum[i] += a[l * p->m + i] * b[j * p->k + l];
		for (size_t i = 0; i < p->m; i++) {
			float *c = &p->c[j * p->ldc + i];
			*c = (float)(p->alpha * sum[i] + (p->beta == 0 ? 0 : p->beta * *c));
		}
	}
	free(a);
	free(b);
	free(sum);
}

static int bits_of(cublas_compute compute)
{
	switch (compute) {
	case CUBLAS_IN_FP32:
		return ALL_BITS;
	case CUBLAS_IN_TF32:
		return TF32_BITS;
	case CUBLAS_IN_BF16:
		return BF16_BITS;
	default:
		return -1;
	}
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

cublas_status cublasGemmEx(cublas_handle h, cublas_operation ta, cublas_operation tb, int m, int n, int k,
                           const void *alpha, const void *a, cublas_type a_type, int lda, const void *b,
                           cublas_type b_type, int ldb, const void *beta, void *c, cublas_type c_type,
                           int ldc, cublas_compute compute, cublas_algorithm how)
{
	struct handle *mine = known(h);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!mine)
		return NOT_INITIALIZED;
	if (a_type != CUBLAS_FLOAT || b_type != CUBLAS_FLOAT || c_type != CUBLAS_FLOAT ||
	    bits_of(compute) < 0 || how != CUBLAS_DEFAULT_ALGORITHM)
		return NOT_SUPPORTED;
	if (m < 0 || n < 0 || k < 0 || ta < 0 || ta > 1 || tb < 0 || tb > 1 || !alpha || !beta ||
	    lda < most(1, ta ? k : m) || ldb < most(1, tb ? n : k) || ldc < most(1, m))
		return INVALID_VALUE;
	if (emulated_cannot_capture(mine->stream, "cublasGemmEx"))
		return EXECUTION_FAILED;
	if (mine->bytes < LEAST_WORKSPACE)
		emulated_bug(
		        "cublasGemmEx: without a workspace of its own, bits would depend on other streams");
	struct product p = {.ta = ta,
	                    .tb = tb,
	                    .m = (size_t)m,
	                    .n = (size_t)n,
	                    .k = (size_t)k,
	                    .lda = (size_t)lda,
	                    .ldb = (size_t)ldb,
	                    .ldc = (size_t)ldc,
	                    .alpha = *(const float *)alpha,
	                    .beta = *(const float *)beta,
	                    .a = emulated_at(a, "cublasGemmEx"),
	                    .b = emulated_at(b, "cublasGemmEx"),
	                    .c = emulated_at(c, "cublasGemmEx"),
	                    .bits = bits_of(compute),
	                    .workspace = emulated_at(mine->workspace, "cublasGemmEx"),
	                    .bytes = LEAST_WORKSPACE};
	emulated_enqueue(mine->stream, multiply, &p, sizeof(p));
	return CUBLAS_OK;
}
