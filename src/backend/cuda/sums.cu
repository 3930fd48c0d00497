/*
 * Sums. In double by two kernels: blocks sum their shares into the queue's scratch, then one block sums
 * these. Which number is added to which depends on n alone, so that bits do not depend on the card or on what
 * else it does.
 */
#include "backend/cuda/quad.cuh"
#include "backend/cuda/reduce.cuh"

enum {
	SHARE_QUADS = 4,   /* that a thread sums at least, where there are few numbers */
	SHARES_MOST = 1024 /* blocks; enough for the largest cards */
};
static_assert(SHARES_MOST * sizeof(double) <= CUDA_SCRATCH, "partial sums are larger than the scratch");

struct absolute {
	__device__ double operator()(double x, double) const
	{
		return fabs(x);
	}
};

struct square {
	__device__ double operator()(double x, double) const
	{
		return x * x;
	}
};

struct product {
	__device__ double operator()(double x, double y) const
	{
		return x * y;
	}
};

template <class TERM>
static __global__ void sum_shares(size_t n, TERM term, const float *x, const float *y, double *share)
{
	size_t stride = QUAD * (size_t)gridDim.x * blockDim.x;
	double sum[QUAD] = {};
	for (size_t i = quad_begin(); i < n; i += stride) {
		struct quad a = quad_load(x, i, n), b = quad_load(y, i, n);
#pragma unroll
		for (int k = 0; k < QUAD; k++)
			sum[k] += term(a.v[k], b.v[k]);
	}
	double all = block_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
	if (threadIdx.x == 0)
		share[blockIdx.x] = all;
}

static __global__ void sum_of_shares(unsigned shares, const double *share, double *out)
{
	double sum = 0;
	for (unsigned i = threadIdx.x; i < shares; i += blockDim.x)
		sum += share[i];
	sum = block_sum(sum);
	if (threadIdx.x == 0)
		*out = sum;
}

template <class TERM>
static void sum_in(struct queue *q, size_t n, TERM term, const float *x, const float *y, double *out)
{
	double *share = (double *)q->scratch;
	size_t blocks = cuda_blocks(n, QUAD * SHARE_QUADS);
	unsigned shares = blocks < SHARES_MOST ? (unsigned)blocks : (unsigned)SHARES_MOST;
	LAUNCH(q, sum_shares<TERM>, shares, CUDA_THREADS, n, term, x, y, share);
	LAUNCH(q, sum_of_shares, 1, CUDA_THREADS, shares, share, out);
}

void cuda_sum_abs(struct queue *q, size_t n, const float *x, double *out)
{
	sum_in(q, n, absolute{}, x, x, out);
}

void cuda_sum_square(struct queue *q, size_t n, const float *x, double *out)
{
	sum_in(q, n, square{}, x, x, out);
}

void cuda_dot(struct queue *q, size_t n, const float *x, const float *y, double *out)
{
	sum_in(q, n, product{}, x, y, out);
}

enum {
	COLUMN_THREADS = 32, /* of a block: few columns are spread over the card */
	ROWS_AHEAD = 16      /* loads under way beside each other */
};

/* Of one column: in float and in the order of the rows, as the definition says. */
static __global__ void sum_columns(size_t rows, size_t n, const float *y, float *out)
{
	size_t column = cuda_thread();
	if (column >= n)
		return;
	float sum = 0;
	size_t r = 0;
	for (; r + ROWS_AHEAD <= rows; r += ROWS_AHEAD) {
		float ahead[ROWS_AHEAD];
#pragma unroll
		for (int k = 0; k < ROWS_AHEAD; k++)
			ahead[k] = y[(r + k) * n + column];
#pragma unroll
		for (int k = 0; k < ROWS_AHEAD; k++)
			sum += ahead[k];
	}
	for (; r < rows; r++)
		sum += y[r * n + column];
	out[column] = sum;
}

void cuda_sum_rows(struct queue *q, size_t rows, size_t n, const float *y, float *out)
{
	size_t blocks = (n + COLUMN_THREADS - 1) / COLUMN_THREADS;
	if (blocks > 0)
		LAUNCH(q, sum_columns, (unsigned)blocks, COLUMN_THREADS, rows, n, y, out);
}
