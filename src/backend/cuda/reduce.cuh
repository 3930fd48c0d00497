/*
 * Sums and the like over a block's threads, in an order that depends on their number alone. All threads of
 * the block call, whole warps of them, and all get the result. A fold is a barrier for them.
 */
#ifndef SIGNSGD_BACKEND_CUDA_REDUCE_CUH
#define SIGNSGD_BACKEND_CUDA_REDUCE_CUH

#include "backend/cuda/kernel.cuh"

enum { WARP = 32, WARPS_MOST = 32 };
#define WHOLE_WARP 0xffffffffu

struct plus {
	__device__ double operator()(double x, double y) const
	{
		return x + y;
	}
};

/* Of numbers that are at least 0. */
struct larger {
	__device__ double operator()(double x, double y) const
	{
		return x > y ? x : y;
	}
};

template <class F> static __device__ inline double warp_fold(double x, F f)
{
	for (int offset = WARP / 2; offset > 0; offset /= 2)
		x = f(x, __shfl_xor_sync(WHOLE_WARP, x, offset));
	return x;
}

/* f of all of the block's numbers; f(0, x) is x. */
template <class F> static __device__ inline double block_fold(double x, F f)
{
	__shared__ double part[WARPS_MOST];
	x = warp_fold(x, f);
	if (blockDim.x == WARP) {
		__syncwarp(); /* a shuffle orders no memory, and callers read before the fold what one writes
		                 behind it */
		return x;
	}
	if (threadIdx.x % WARP == 0)
		part[threadIdx.x / WARP] = x;
	__syncthreads();
	double all = 0;
	for (unsigned w = 0; w < blockDim.x / WARP; w++)
		all = f(all, part[w]);
	__syncthreads(); /* the next fold writes there */
	return all;
}

static __device__ inline double block_sum(double x)
{
	return block_fold(x, plus{});
}

#endif
