/*
 * Sums over a block's threads, in an order that depends on their number alone. All threads of the block call,
 * whole warps of them, and all get the result.
 */
#ifndef SIGNSGD_BACKEND_CUDA_REDUCE_CUH
#define SIGNSGD_BACKEND_CUDA_REDUCE_CUH

#include "backend/cuda/kernel.cuh"

enum { WARP = 32, WARPS_MOST = 32 };
#define WHOLE_WARP 0xffffffffu

static __device__ inline double warp_sum(double x)
{
	for (int offset = WARP / 2; offset > 0; offset /= 2)
		x += __shfl_xor_sync(WHOLE_WARP, x, offset);
	return x;
}

static __device__ inline double block_sum(double x)
{
	__shared__ double part[WARPS_MOST];
	x = warp_sum(x);
	if (blockDim.x == WARP)
		return x;
	if (threadIdx.x % WARP == 0)
		part[threadIdx.x / WARP] = x;
	__syncthreads();
	double sum = 0;
	for (unsigned w = 0; w < blockDim.x / WARP; w++)
		sum += part[w];
	__syncthreads(); /* the next sum writes there */
	return sum;
}

#endif
