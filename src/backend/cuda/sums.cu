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

struct size_or_zero {
	__device__ double operator()(double x, double) const
	{
		return isnan(x) ? 0 : fabs(x);
	}
};

template <class TERM, class FOLD>
static __global__ void fold_shares(size_t n, TERM term, FOLD fold, const float *x, const float *y,
                                   double *share)
{
	size_t stride = QUAD * (size_t)gridDim.x * blockDim.x;
	double all[QUAD] = {};
	for (size_t i = quad_begin(); i < n; i += stride) {
		struct quad a = quad_load(x, i, n), b = quad_load(y, i, n);
#pragma unroll
		for (int k = 0; k < QUAD; k++)
			all[k] = fold(all[k], term(a.v[k], b.v[k]));
	}
	double one = block_fold(fold(fold(all[0], all[1]), fold(all[2], all[3])), fold);
	if (threadIdx.x == 0)
		share[blockIdx.x] = one;
}

template <class FOLD>
static __global__ void fold_of_shares(unsigned shares, FOLD fold, const double *share, double *out)
{
	double all = 0;
	for (unsigned i = threadIdx.x; i < shares; i += blockDim.x)
		all = fold(all, share[i]);
	all = block_fold(all, fold);
	if (threadIdx.x == 0)
		*out = all;
}

template <class TERM, class FOLD>
static void fold_in(struct queue *q, size_t n, TERM term, FOLD fold, const float *x, const float *y,
                    double *out)
{
	double *share = (double *)q->scratch;
	size_t blocks = cuda_blocks(n, QUAD * SHARE_QUADS);
	unsigned shares = blocks < SHARES_MOST ? (unsigned)blocks : SHARES_MOST;
	LAUNCH(q, (fold_shares<TERM, FOLD>), shares, CUDA_THREADS, n, term, fold, x, y, share);
	LAUNCH(q, fold_of_shares<FOLD>, 1, CUDA_THREADS, shares, fold, share, out);
}

void cuda_sum_abs(struct queue *q, size_t n, const float *x, double *out)
{
	fold_in(q, n, absolute{}, plus{}, x, x, out);
}

void cuda_sum_square(struct queue *q, size_t n, const float *x, double *out)
{
	fold_in(q, n, square{}, plus{}, x, x, out);
}

void cuda_dot(struct queue *q, size_t n, const float *x, const float *y, double *out)
{
	fold_in(q, n, product{}, plus{}, x, y, out);
}

void cuda_max_abs(struct queue *q, size_t n, const float *x, double *out)
{
	fold_in(q, n, size_or_zero{}, larger{}, x, x, out);
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
