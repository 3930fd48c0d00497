/*
 * The hash of floats (base/hash.h): four threads have the four lanes of a block, which is a chain of
 * multiplications; blocks are many. Sums are of integers, in which no order changes anything.
 */
#include "backend/cuda/reduce.cuh"
#include "base/hash_inline.h"

enum {
	BLOCK_FLOATS = HASH_BLOCK / sizeof(float),
	BLOCKS_AT_ONCE = WARP / HASH_LANES, /* of a warp */
	SHARES_MOST = 1024                  /* warps */
};
static_assert(SHARES_MOST * sizeof(uint64_t) <= CUDA_SCRATCH, "sums are larger than the scratch");

static __device__ inline uint64_t warp_total(uint64_t x)
{
	for (int offset = WARP / 2; offset > 0; offset /= 2)
		x += __shfl_xor_sync(WHOLE_WARP, x, offset);
	return x;
}

/* This thread's lane of floats x [n], at least one: two are a word, the last one alone is filled up. */
static __device__ inline uint64_t lane_of(uint64_t key, int lane, size_t n, const uint32_t *x)
{
	uint64_t value = hash_lane(key, lane);
	size_t whole = n / 2, w = (size_t)lane;
#pragma unroll 8
	for (; w < whole; w += HASH_LANES)
		value = hash_turn(value, x[2 * w] | (uint64_t)x[2 * w + 1] << 32);
	return n % 2 && w == whole ? hash_turn(value, x[2 * w]) : value;
}

static __global__ void hash_shares(size_t n, uint64_t seed, const uint32_t *x, uint64_t *share)
{
	int lane = (int)threadIdx.x % HASH_LANES, first = (int)threadIdx.x - lane;
	size_t blocks = (n + BLOCK_FLOATS - 1) / BLOCK_FLOATS;
	uint64_t sum = 0;
	for (size_t from = blockIdx.x * (size_t)BLOCKS_AT_ONCE; from < blocks;
	     from += gridDim.x * (size_t)BLOCKS_AT_ONCE) {
		size_t number = from + (size_t)(first / HASH_LANES), begin = number * BLOCK_FLOATS;
		size_t count = begin >= n ? 0 : n - begin < BLOCK_FLOATS ? n - begin : BLOCK_FLOATS;
		uint64_t key = hash_key(seed, number), value = lane_of(key, lane, count, x + begin);
		uint64_t h = hash_end(key, count * sizeof(float));
#pragma unroll
		for (int i = 0; i < HASH_LANES; i++)
			h = hash_end_lane(h, __shfl_sync(WHOLE_WARP, value, first + i));
		sum += count > 0 && lane == 0 ? h : 0;
	}
	sum = warp_total(sum);
	if (threadIdx.x == 0)
		share[blockIdx.x] = sum;
}

static __global__ void add_shares(unsigned shares, const uint64_t *share, uint64_t *out)
{
	uint64_t sum = 0;
	for (unsigned i = threadIdx.x; i < shares; i += WARP)
		sum += share[i];
	sum = warp_total(sum);
	if (threadIdx.x == 0)
		*out = sum;
}

void cuda_hash(struct queue *q, size_t n, uint64_t seed, const float *x, uint64_t *out)
{
	uint64_t *share = (uint64_t *)q->scratch;
	size_t warps = (n + BLOCKS_AT_ONCE * BLOCK_FLOATS - 1) / (BLOCKS_AT_ONCE * BLOCK_FLOATS);
	unsigned shares = warps == 0 ? 1 : warps < SHARES_MOST ? (unsigned)warps : SHARES_MOST;
	LAUNCH(q, hash_shares, shares, WARP, n, seed, (const uint32_t *)x, share);
	LAUNCH(q, add_shares, 1, WARP, shares, share, out);
}
