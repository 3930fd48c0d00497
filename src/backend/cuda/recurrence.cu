/*
 * Kernels of language models: rows of a table, the recurrence of a QRNN, pairs of positions. Each of them is
 * one launch for a whole batch.
 */
#include "backend/cuda/kernel.cuh"

/* --- embedding ---------------------------------------------------------------------------------------- */

enum { EMBED_THREADS = 128, EMBED_WARPS = EMBED_THREADS / 32 };

/* A block for each row. */
static __global__ void embed_rows(size_t width, const int32_t *token, const float *factor, const float *table,
                                  float *out)
{
	size_t row = blockIdx.x, word = (size_t)token[row];
	float by = factor ? factor[word] : 1;
	for (size_t i = threadIdx.x; i < width; i += blockDim.x)
		out[row * width + i] = by * table[word * width + i];
}

void cuda_embed(struct queue *q, size_t count, size_t width, const int32_t *token, const float *factor,
                const float *table, float *out)
{
	if (count > 0)
		LAUNCH(q, embed_rows, (unsigned)count, EMBED_THREADS, width, token, factor, table, out);
}

/* Has an earlier row the token of this one? Asked by a whole block. */
static __device__ bool seen_before(size_t row, const int32_t *token, int32_t own)
{
	__shared__ int seen;
	if (threadIdx.x == 0)
		seen = 0;
	__syncthreads();
	for (size_t r = threadIdx.x; r < row; r += EMBED_THREADS)
		if (token[r] == own)
			seen = 1; /* whoever finds one writes the same */
	__syncthreads();
	return seen;
}

/*
 * A block for each row, of which those work that have the first of their token: they add all rows of it, in
 * order, EMBED_THREADS tokens at a time. So a row of the table has one writer, and its sum one order.
 */
static __global__ void embed_sums(size_t count, size_t width, const int32_t *token, const float *factor,
                                  const float *d, float *d_table)
{
	__shared__ unsigned same[EMBED_WARPS];
	size_t row = blockIdx.x;
	int32_t own = token[row];
	float by = factor ? factor[own] : 1, *sum = d_table + (size_t)own * width;
	if (by == 0 || seen_before(row, token, own))
		return;
	for (size_t first = row; first < count; first += EMBED_THREADS) {
		size_t mine = first + threadIdx.x;
		unsigned found = __ballot_sync(0xFFFFFFFFu, mine < count && token[mine] == own);
		if (threadIdx.x % 32 == 0)
			same[threadIdx.x / 32] = found;
		__syncthreads();
		for (unsigned warp = 0; warp < EMBED_WARPS; warp++)
			for (unsigned left = same[warp]; left != 0; left &= left - 1) {
				const float *more =
				        d + (first + 32 * warp + (unsigned)__ffs((int)left) - 1) * width;
				for (size_t i = threadIdx.x; i < width; i += EMBED_THREADS)
					sum[i] += by * more[i];
			}
		__syncthreads();
	}
}

void cuda_embed_back(struct queue *q, size_t count, size_t width, const int32_t *token, const float *factor,
                     const float *d, float *d_table)
{
	if (count > 0)
		LAUNCH(q, embed_sums, (unsigned)count, EMBED_THREADS, count, width, token, factor, d,
		       d_table);
}

/* --- recurrence --------------------------------------------------------------------------------------- */

/* A column of numbers is a thread's, from the first position to the last. */
static __global__ void recur_columns(size_t steps, size_t n, const float *f, const float *z,
                                     const float *start, float *cell)
{
	size_t i = cuda_thread();
	if (i >= n)
		return;
	float now = start[i];
	for (size_t at = i; at < steps * n; at += n) {
		now = f[at] * z[at] + (1 - f[at]) * now;
		cell[at] = now;
	}
}

void cuda_recur(struct queue *q, size_t steps, size_t n, const float *f, const float *z, const float *start,
                float *cell)
{
	if (steps > 0)
		LAUNCH(q, recur_columns, cuda_blocks(n, 1), CUDA_THREADS, steps, n, f, z, start, cell);
}

static __global__ void recur_columns_back(size_t steps, size_t n, const float *d, const float *cell,
                                          const float *start, float *d_cell, float *z, float *f)
{
	size_t i = cuda_thread();
	if (i >= n)
		return;
	float behind = d_cell[i];
	for (size_t t = steps; t-- > 0;) {
		size_t at = t * n + i;
		float before = t > 0 ? cell[at - n] : start[i];
		float c = behind + d[at], candidate = z[at], share = f[at], left = 1 - share;
		z[at] = c * share * (1 - candidate * candidate);
		f[at] = c * (candidate - before) * (share * left);
		behind = c * left;
	}
	d_cell[i] = behind;
}

void cuda_recur_back(struct queue *q, size_t steps, size_t n, const float *d, const float *cell,
                     const float *start, float *d_cell, float *z, float *f)
{
	if (steps > 0)
		LAUNCH(q, recur_columns_back, cuda_blocks(n, 1), CUDA_THREADS, steps, n, d, cell, start,
		       d_cell, z, f);
}

/* --- pairs of positions ------------------------------------------------------------------------------- */

/* The thread that reads a number of `last` is the one that replaces it. */
static __global__ void pair_numbers(size_t rows, size_t count, size_t n, const float *x, float *last,
                                    float *out)
{
	size_t i = cuda_thread(), r = i / n;
	if (i >= rows * n)
		return;
	float *both = out + 2 * r * n + i % n;
	both[0] = x[i];
	both[n] = r < count ? last[i] : x[i - count * n];
	if (r < count)
		last[i] = x[i + (rows - count) * n];
}

void cuda_pair(struct queue *q, size_t rows, size_t count, size_t n, const float *x, float *last, float *out)
{
	if (n > 0)
		LAUNCH(q, pair_numbers, cuda_blocks(rows * n, 1), CUDA_THREADS, rows, count, n, x, last, out);
}

static __global__ void pair_gradients(size_t rows, size_t count, size_t n, const float *d, float *d_x)
{
	size_t i = cuda_thread(), r = i / n, both = 2 * r * n + i % n;
	if (i >= rows * n)
		return;
	d_x[i] = r + count < rows ? d[both] + d[both + (2 * count + 1) * n] : d[both];
}

void cuda_pair_back(struct queue *q, size_t rows, size_t count, size_t n, const float *d, float *d_x)
{
	if (n > 0)
		LAUNCH(q, pair_gradients, cuda_blocks(rows * n, 1), CUDA_THREADS, rows, count, n, d, d_x);
}
