/*
 * Four neighbouring numbers, which one thread works on: one load and one store of 16 bytes each, where the
 * address allows it. Ranges may begin anywhere and have any size.
 */
#ifndef SIGNSGD_BACKEND_CUDA_QUAD_CUH
#define SIGNSGD_BACKEND_CUDA_QUAD_CUH

#include "backend/cuda/kernel.cuh"

enum { QUAD = 4 };

struct alignas(QUAD * sizeof(float)) quad {
	float v[QUAD];
};

/* Where this thread's quad begins. */
static __device__ inline size_t quad_begin(void)
{
	return QUAD * cuda_thread();
}

static __device__ inline bool quad_whole(const float *at, size_t i, size_t n)
{
	return n - i >= QUAD && (size_t)at % sizeof(struct quad) == 0;
}

/* Numbers i .. i + 3 of x[n], i < n; 0 behind the end. */
static __device__ inline struct quad quad_load(const float *x, size_t i, size_t n)
{
	if (quad_whole(x + i, i, n))
		return *(const struct quad *)(x + i);
	struct quad q;
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		q.v[k] = i + k < n ? x[i + k] : 0;
	return q;
}

static __device__ inline void quad_store(struct quad q, float *x, size_t i, size_t n)
{
	if (quad_whole(x + i, i, n)) {
		*(struct quad *)(x + i) = q;
		return;
	}
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		if (i + k < n)
			x[i + k] = q.v[k];
}

/* out[i] = f(x[i]); out may be x. */
template <class F> static __global__ void quad_map(size_t n, F f, const float *x, float *out)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	struct quad a = quad_load(x, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		a.v[k] = f(a.v[k]);
	quad_store(a, out, i, n);
}

/* out[i] = f(x[i], y[i]); out may be either. */
template <class F>
static __global__ void quad_combine(size_t n, F f, const float *x, const float *y, float *out)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	struct quad a = quad_load(x, i, n), b = quad_load(y, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		a.v[k] = f(a.v[k], b.v[k]);
	quad_store(a, out, i, n);
}

template <class F> static void quad_map_in(struct queue *q, size_t n, F f, const float *x, float *out)
{
	LAUNCH(q, quad_map<F>, cuda_blocks(n, QUAD), CUDA_THREADS, n, f, x, out);
}

template <class F>
static void quad_combine_in(struct queue *q, size_t n, F f, const float *x, const float *y, float *out)
{
	LAUNCH(q, quad_combine<F>, cuda_blocks(n, QUAD), CUDA_THREADS, n, f, x, y, out);
}

#endif
