/*
 * What every *.cu file includes: how a kernel is launched. The build without a GPU (tests/cuda) compiles the
 * same files as C++ for the processor and brings a LAUNCH of its own.
 */
#ifndef SIGNSGD_BACKEND_CUDA_KERNEL_CUH
#define SIGNSGD_BACKEND_CUDA_KERNEL_CUH

#include <cuda_runtime.h>

#include "backend/cuda/cuda.h"
#include "base/rng_inline.h"

/* Threads of a block, where nothing speaks for another number. */
enum { CUDA_THREADS = 256 };

#ifndef LAUNCH
/* kernel<<<blocks, threads>>>(...) in the queue; blocks may be a dim3. Parameters are copied at once. */
#define LAUNCH(q, kernel, blocks, threads, ...)                                                              \
	do {                                                                                                 \
		cuda_here();                                                                                 \
		kernel<<<blocks, threads, 0, (q)->stream>>>(__VA_ARGS__);                                    \
		cuda_check(cudaGetLastError(), #kernel);                                                     \
	} while (0)
/* In a kernel: an address of the machine that was read from memory or stood inside a structure. Addresses
 * that are parameters of the launch need nothing. */
#define DEVICE_AT(address) (address)
#endif

/* Blocks for n elements, `each` a thread; at least one, so that a launch is valid. */
static inline unsigned cuda_blocks(size_t n, size_t each)
{
	size_t block = CUDA_THREADS * each, blocks = (n + block - 1) / block;
	return blocks > 0 ? (unsigned)blocks : 1;
}

/* The number of this thread in the whole (one-dimensional) launch. */
static __device__ inline size_t cuda_thread(void)
{
	return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
