/*
 * Stands where CUDA's header of this name does, in the build without a GPU. In C++ it has what kernels are
 * written in, on the processor: the threads of a block are run one after the other, and one that has to wait
 * for others is left where it is and gone on with later (tests/cuda/emulated_block.c).
 */
#ifndef SIGNSGD_TESTS_CUDA_RUNTIME_H
#define SIGNSGD_TESTS_CUDA_RUNTIME_H

#include <cuda_runtime_api.h>
#include <stdint.h>

/* Of kernels and threads; tests/cuda/emulated_block.c is plain C. */
struct uint3 {
	unsigned x, y, z;
};

#ifdef __cplusplus
#include <cmath>
#include <cstring>
#include <tuple>
#include <type_traits>

using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;

struct dim3 {
	unsigned x, y, z;
	constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c)
	{
	}
	operator uint3() const
	{
		return {x, y, z};
	}
};

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__      static /* blocks are run one after the other */
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

extern "C" {
#endif

/* Where the thread is that runs now. */
extern struct uint3 emulated_thread, emulated_block, emulated_threads, emulated_blocks;

/*
 * In place of kernel<<<blocks, threads, 0, stream>>>: call(parameters), with a copy of `bytes` bytes, runs in
 * every thread. What is wrong with it is told by cudaGetLastError().
 */
void emulated_launch(cudaStream_t stream, const char *kernel, struct uint3 blocks, struct uint3 threads,
                     void (*call)(const void *parameters), const void *parameters, size_t bytes);

/* All threads of the block come here, at this line, before one goes on. */
void emulated_barrier(const char *file, int line);

enum emulated_meeting { EMULATED_SYNC, EMULATED_BALLOT, EMULATED_SHUFFLE };

/*
 * All 32 threads of the warp come here, at this line, before one goes on. SHUFFLE: what lane `from` brought
 * as `value`; BALLOT: the lanes, as bits, that brought another value than 0.
 */
uint64_t emulated_meet(enum emulated_meeting kind, unsigned mask, uint64_t value, int from, const char *file,
                       int line);

/* The number of this thread in its warp. */
int emulated_lane(void);

#ifdef __cplusplus
/* As tests/cuda/emulated.h says. */
void *emulated_at(const void *address, const char *who);
}

#define threadIdx emulated_thread
#define blockIdx  emulated_block
#define blockDim  emulated_threads
#define gridDim   emulated_blocks
static const int warpSize = 32;

#define LAUNCH(q, kernel, blocks, threads, ...)                                                              \
	do {                                                                                                 \
		cuda_here();                                                                                 \
		emulated_call_all((q)->stream, #kernel, kernel, blocks, threads, __VA_ARGS__);               \
		cuda_check(cudaGetLastError(), #kernel);                                                     \
	} while (0)

#define DEVICE_AT(address) emulated_pointer(address, "a kernel")

template <typename T> static inline T *emulated_pointer(T *address, const char *who)
{
	return (T *)emulated_at((const void *)address, who);
}

/* A parameter of the launch as the kernel declares it; addresses become those of the processor. */
template <typename P, typename A> static inline P emulated_parameter(const A &given, const char *kernel)
{
	if constexpr (std::is_pointer_v<P> && std::is_arithmetic_v<A>)
		return nullptr; /* NULL */
	else if constexpr (std::is_pointer_v<P>)
		return (P)emulated_at((const void *)static_cast<P>(given), kernel);
	else
		return static_cast<P>(given);
}

template <typename... P> struct emulated_call {
	void (*kernel)(P...);
	std::tuple<P...> parameters;
	static void run(const void *self)
	{
		const emulated_call *c = static_cast<const emulated_call *>(self);
		std::apply(c->kernel, c->parameters);
	}
};

template <typename... P, typename... A>
static inline void emulated_call_all(cudaStream_t stream, const char *name, void (*kernel)(P...), dim3 blocks,
                                     dim3 threads, const A &...given)
{
	static_assert(sizeof...(P) == sizeof...(A), "a kernel is launched with what it does not take");
	static_assert((sizeof(P) + ... + 0) <= 4096, "the parameters of a launch are at most 4 KB");
	static_assert((std::is_trivially_copyable_v<P> && ...), "a parameter is copied byte by byte");
	emulated_call<P...> call = {kernel, std::tuple<P...>(emulated_parameter<P>(given, name)...)};
	emulated_launch(stream, name, blocks, threads, emulated_call<P...>::run, &call, sizeof call);
}

#define __syncthreads() emulated_barrier(__FILE__, __LINE__)
#define __syncwarp(...) ((void)emulated_meet(EMULATED_SYNC, ~0u, 0, 0, __FILE__, __LINE__))
#define __ballot_sync(mask, predicate)                                                                       \
	((unsigned)emulated_meet(EMULATED_BALLOT, mask, (predicate) ? 1 : 0, 0, __FILE__, __LINE__))
#define __any_sync(mask, predicate) (__ballot_sync(mask, predicate) != 0)
#define __all_sync(mask, predicate) (__ballot_sync(mask, predicate) == ~0u)
#define __shfl_sync(mask, value, ...)                                                                        \
	emulated_shuffle(mask, value, emulated_from_lane(__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_up_sync(mask, value, ...)                                                                     \
	emulated_shuffle(mask, value, emulated_from_below(__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, ...)                                                                   \
	emulated_shuffle(mask, value, emulated_from_above(__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, ...)                                                                    \
	emulated_shuffle(mask, value, emulated_from_across(__VA_ARGS__), __FILE__, __LINE__)

/* From which lane, in a warp that is cut into parts of `width` lanes; who has no such lane keeps its own. */
static inline int emulated_from_lane(int lane, int width = 32)
{
	return (emulated_lane() & ~(width - 1)) | (lane & (width - 1));
}
static inline int emulated_from_below(unsigned distance, int width = 32)
{
	int lane = emulated_lane();
	return (int)distance > (lane & (width - 1)) ? lane : lane - (int)distance;
}
static inline int emulated_from_above(unsigned distance, int width = 32)
{
	int lane = emulated_lane();
	return (lane & (width - 1)) + (int)distance >= width ? lane : lane + (int)distance;
}
static inline int emulated_from_across(int bits, int width = 32)
{
	int lane = emulated_lane(), other = lane ^ bits;
	return (other & ~(width - 1)) > (lane & ~(width - 1)) ? lane : other;
}

template <typename T>
static inline T emulated_shuffle(unsigned mask, T value, int from, const char *file, int line)
{
	static_assert(sizeof value <= 8 && std::is_arithmetic_v<T>,
	              "numbers of at most 8 bytes are shuffled");
	uint64_t bits = 0;
	memcpy(&bits, &value, sizeof value);
	bits = emulated_meet(EMULATED_SHUFFLE, mask, bits, from, file, line);
	memcpy(&value, &bits, sizeof value);
	return value;
}

#include "device_functions.h"
#endif

#endif
