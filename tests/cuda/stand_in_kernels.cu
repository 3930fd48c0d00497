/* See tests/cuda/stand_in_kernels.h. */
#include "backend/cuda/kernel.cuh"
#include "tests/cuda/stand_in_kernels.h"

static __global__ void step(unsigned n, unsigned *x)
{
	size_t i = cuda_thread();
	if (i < n)
		x[i] = 2 * x[i] + 1;
}

void stand_in_step(struct queue *q, unsigned n, unsigned *x)
{
	LAUNCH(q, step, cuda_blocks(n, 1), CUDA_THREADS, n, x);
}

static __global__ void sum(const unsigned *__restrict__ x, unsigned *__restrict__ out, bool barriers)
{
	__shared__ unsigned part[STAND_IN_THREADS];
	unsigned t = threadIdx.x;
	part[t] = x[cuda_thread()];
	if (barriers)
		__syncthreads();
	for (unsigned n = STAND_IN_THREADS; n > 3; n /= 2) {
		if (t < n / 2)
			part[t] += part[t + n / 2];
		if (barriers)
			__syncthreads();
	}
	__syncthreads();
	if (t == 0)
		out[blockIdx.x] = part[0] + part[1] + part[2];
}

void stand_in_sum(struct queue *q, unsigned blocks, bool barriers, const unsigned *x, unsigned *out)
{
	LAUNCH(q, sum, blocks, STAND_IN_THREADS, x, out, barriers);
}

static __global__ void warps(const unsigned *x, unsigned *out)
{
	const unsigned all = 0xFFFFFFFFu, t = threadIdx.x, n = STAND_IN_THREADS;
	unsigned value = x[t];
	out[t] = __ballot_sync(all, value & 1);
	out[n + t] = __shfl_sync(all, value, 5);
	out[2 * n + t] = __shfl_up_sync(all, value, 3);
	out[3 * n + t] = __shfl_down_sync(all, value, 2, 16);
	out[4 * n + t] = __shfl_xor_sync(all, value, 9);
	double wide = __shfl_xor_sync(all, value + 0.5, 1);
	out[5 * n + t] = (unsigned)(2 * wide);
	__syncwarp();
	out[6 * n + t] = (unsigned)(__popc(value) + __ffs((int)value) + __clz((int)value));
}

void stand_in_warps(struct queue *q, const unsigned *x, unsigned *out)
{
	LAUNCH(q, warps, 1, STAND_IN_THREADS, x, out);
}

static __global__ void follow(unsigned *const *address, unsigned *out)
{
	*out = *DEVICE_AT(*address);
}

void stand_in_follow(struct queue *q, unsigned *const *address, unsigned *out)
{
	LAUNCH(q, follow, 1, 1, address, out);
}

static __global__ void count(unsigned *out)
{
	unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
	unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
	out[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
}

void stand_in_count(struct queue *q, unsigned *out)
{
	LAUNCH(q, count, dim3(2, 3, 2), dim3(4, 2, 2), out);
}

static __global__ void barrier_in_a_branch(int limit)
{
	if ((int)threadIdx.x < limit)
		__syncthreads();
	else
		__syncthreads();
}

static __global__ void barrier_after_the_end(int limit)
{
	if ((int)threadIdx.x >= limit)
		return;
	__syncthreads();
}

static __global__ void ballot_in_a_branch(unsigned mask)
{
	if (threadIdx.x & 1)
		(void)__ballot_sync(mask, 1);
}

static __global__ void ballot(unsigned mask)
{
	(void)__ballot_sync(mask, 1);
}

void stand_in_fault(struct queue *q, enum stand_in_fault fault)
{
	if (fault == BARRIER_IN_A_BRANCH)
		LAUNCH(q, barrier_in_a_branch, 1, 64, 40);
	else if (fault == BARRIER_AFTER_THE_END)
		LAUNCH(q, barrier_after_the_end, 1, 64, 40);
	else if (fault == BALLOT_IN_A_BRANCH)
		LAUNCH(q, ballot_in_a_branch, 1, 64, ~0u);
	else if (fault == HALF_A_WARP)
		LAUNCH(q, ballot, 1, 48, ~0u);
	else
		LAUNCH(q, ballot, 1, 64, 0xFFFFu);
}

void stand_in_no_threads(struct queue *q)
{
	LAUNCH(q, barrier_in_a_branch, 0, 64, 40);
}
