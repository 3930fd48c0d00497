/*
 * Softmax and cross-entropy: a block a row. Exponentials and sums in double, as the definition says; only the
 * gradient's exponentials are in float, whose results they are. Rows leave their losses in the queue's
 * scratch, and one block adds them in an order that depends on the number of rows alone.
 */
#include "backend/cuda/kernel.cuh"
#include "backend/cuda/reduce.cuh"

/* What a row adds to the sums. */
struct row_loss {
	double loss, correct;
};

enum { ROWS_MOST = CUDA_SCRATCH / sizeof(struct row_loss), WARP_ENOUGH = 256 };

/* A number, and where it is. */
struct place {
	float value;
	size_t index;
};

/* The larger of two; of equal ones the first. A NaN is never larger. */
static __device__ inline struct place larger(struct place a, struct place b)
{
	return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

/* The first of the largest of a row; behind its end if it has none but NaN. */
static __device__ inline struct place block_largest(size_t n, const float *z)
{
	__shared__ float value[WARPS_MOST];
	__shared__ size_t index[WARPS_MOST];
	struct place best = {-INFINITY, n};
	for (size_t j = threadIdx.x; j < n; j += blockDim.x)
		best = larger(best, place{z[j], j});
	for (int offset = WARP / 2; offset > 0; offset /= 2)
		best = larger(best, place{__shfl_xor_sync(WHOLE_WARP, best.value, offset),
		                          __shfl_xor_sync(WHOLE_WARP, best.index, offset)});
	if (blockDim.x == WARP)
		return best;
	if (threadIdx.x % WARP == 0) {
		value[threadIdx.x / WARP] = best.value;
		index[threadIdx.x / WARP] = best.index;
	}
	__syncthreads();
	for (unsigned w = 0; w < blockDim.x / WARP; w++)
		best = larger(best, place{value[w], index[w]});
	return best;
}

static __global__ void softmax_rows(size_t n, float *z, const int32_t *label, bool back, float weight,
                                    struct row_loss *result)
{
	z += blockIdx.x * n;
	struct place best = block_largest(n, z);
	size_t right = (size_t)label[blockIdx.x];
	double most = best.value, own = z[right], others = 0;
	for (size_t j = threadIdx.x; j < n; j += blockDim.x)
		others += j == right ? 0 : exp(z[j] - most);
	others = block_sum(others);
	double sum = others + exp(own - most);
	if (threadIdx.x == 0)
		result[blockIdx.x] = {log(sum) - (own - most),
		                      best.index == right && !isnan(sum) ? 1.0 : 0.0};
	if (!back)
		return;
	float factor = (float)(weight / sum);
	for (size_t j = threadIdx.x; j < n; j += blockDim.x)
		z[j] = j == right ? (float)(-others / sum * weight) : expf(z[j] - best.value) * factor;
}

static __global__ void add_rows(unsigned rows, const struct row_loss *row, struct loss *out)
{
	double loss = 0, correct = 0;
	for (unsigned r = threadIdx.x; r < rows; r += blockDim.x) {
		loss += row[r].loss;
		correct += row[r].correct;
	}
	loss = block_sum(loss);
	correct = block_sum(correct);
	if (threadIdx.x == 0) {
		out->sum += loss;
		out->correct += (uint64_t)correct;
	}
}

/* Of the block that goes through n numbers. */
static int threads_for(size_t n)
{
	return n <= WARP_ENOUGH ? (int)WARP : (int)CUDA_THREADS;
}

void cuda_softmax_loss(struct queue *q, size_t rows, size_t n, float *z, const int32_t *label, bool back,
                       float weight, struct loss *out)
{
	struct row_loss *result = (struct row_loss *)q->scratch;
	for (size_t r = 0; r < rows; r += ROWS_MOST) {
		unsigned count = rows - r < ROWS_MOST ? (unsigned)(rows - r) : (unsigned)ROWS_MOST;
		LAUNCH(q, softmax_rows, count, threads_for(n), n, z + r * n, label + r, back, weight, result);
		LAUNCH(q, add_rows, 1, threads_for(count), count, result, out);
	}
}
