/* Elementwise kernels of optimizers, with the operations of plain.inc.h in their order: the same bits. */
#include "backend/cuda/quad.cuh"

struct momentum_of {
	float fresh, beta;
	__device__ float operator()(float g, float v) const
	{
		return fresh * g + beta * v;
	}
};

struct scaled {
	float factor;
	__device__ float operator()(float x) const
	{
		return factor * x;
	}
};

struct sum_of {
	__device__ float operator()(float x, float y) const
	{
		return x + y;
	}
};

struct product_of {
	__device__ float operator()(float x, float y) const
	{
		return x * y;
	}
};

struct descended {
	float lr, decay;
	__device__ float operator()(float d, float x) const
	{
		return x - lr * (d + decay * x);
	}
};

/* A beta of 0 copies, so that a NaN in v does not stay. */
void cuda_momentum(struct queue *q, size_t n, float beta, const float *g, float *v)
{
	cuda_once("a momentum");
	if (beta != 0)
		quad_combine_in(q, n, momentum_of{1 - beta, beta}, g, v, v);
	else if (g != v)
		cuda_memory.copy(q, v, g, n * sizeof(*v));
}

void cuda_scale(struct queue *q, size_t n, float a, const float *x, float *out)
{
	quad_map_in(q, n, scaled{a}, x, out);
}

void cuda_add(struct queue *q, size_t n, const float *x, float *sum)
{
	quad_combine_in(q, n, sum_of{}, sum, x, sum);
}

void cuda_descend(struct queue *q, size_t n, const float *d, float lr, float decay, float *x)
{
	cuda_once("a step");
	quad_combine_in(q, n, descended{lr, decay}, d, x, x);
}

void cuda_multiply(struct queue *q, size_t n, const float *a, const float *x, float *out)
{
	quad_combine_in(q, n, product_of{}, a, x, out);
}

static __global__ void fill_quads(size_t n, float value, float *out)
{
	size_t i = quad_begin();
	if (i < n)
		quad_store(quad{{value, value, value, value}}, out, i, n);
}

void cuda_constant(struct queue *q, size_t n, float value, float *out)
{
	LAUNCH(q, fill_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, value, out);
}

struct adam {
	float b1, b2, fresh1, fresh2, eps, c1, c2, lr, decay;
};

static __global__ void adam_quads(size_t n, struct adam a, const float *g, float *m, float *s, float *x)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	struct quad grad = quad_load(g, i, n), first = quad_load(m, i, n), second = quad_load(s, i, n),
	            at = quad_load(x, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++) {
		first.v[k] = a.b1 * first.v[k] + a.fresh1 * grad.v[k];
		second.v[k] = a.b2 * second.v[k] + a.fresh2 * (grad.v[k] * grad.v[k]);
		at.v[k] -=
		        a.lr * (a.c1 * first.v[k] / (sqrtf(a.c2 * second.v[k]) + a.eps) + a.decay * at.v[k]);
	}
	quad_store(first, m, i, n);
	quad_store(second, s, i, n);
	quad_store(at, x, i, n);
}

void cuda_adam(struct queue *q, size_t n, const float *g, float b1, float b2, float eps, float c1, float c2,
               float lr, float decay, float *m, float *s, float *x)
{
	cuda_once("a step of Adam");
	const struct adam a = {b1, b2, 1 - b1, 1 - b2, eps, c1, c2, lr, decay};
	LAUNCH(q, adam_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, a, g, m, s, x);
}
