/*
 * Layers' elementwise kernels, with the operations of plain.inc.h in their order: the same bits, but for tanh
 * and the logistic function, whose tanhf() and expf() are CUDA's.
 */
#include "backend/cuda/quad.cuh"

static __global__ void add_bias_quads(size_t all, size_t n, const float *bias, float *y)
{
	size_t i = quad_begin();
	if (i >= all)
		return;
	struct quad a = quad_load(y, i, all);
	size_t column = i % n;
#pragma unroll
	for (int k = 0; k < QUAD; k++) {
		a.v[k] += bias[column];
		column = column + 1 < n ? column + 1 : 0;
	}
	quad_store(a, y, i, all);
}

void cuda_add_bias(struct queue *q, size_t rows, size_t n, const float *bias, float *y)
{
	LAUNCH(q, add_bias_quads, cuda_blocks(rows * n, QUAD), CUDA_THREADS, rows * n, n, bias, y);
}

struct rectified {
	__device__ float operator()(float y) const
	{
		return y < 0 ? 0 : y;
	}
};

struct rectified_back {
	__device__ float operator()(float y, float dy) const
	{
		return y > 0 ? dy : 0;
	}
};

struct rectified_sum {
	__device__ float operator()(float x, float y) const
	{
		float sum = x + y;
		return sum < 0 ? 0 : sum;
	}
};

struct hyperbolic {
	__device__ float operator()(float y) const
	{
		return tanhf(y);
	}
};

struct hyperbolic_back {
	__device__ float operator()(float y, float dy) const
	{
		return dy * (1 - y * y);
	}
};

/* With e = e^-|y|: 1 / (1 + e) for positive y, e / (1 + e) for negative y, which loses no digits. */
struct logistic {
	__device__ float operator()(float y) const
	{
		float e = expf(-fabsf(y));
		return (y < 0 ? e : 1) / (1 + e);
	}
};

struct logistic_back {
	__device__ float operator()(float y, float dy) const
	{
		return dy * (y * (1 - y));
	}
};

void cuda_relu(struct queue *q, size_t n, float *y)
{
	quad_map_in(q, n, rectified{}, y, y);
}

void cuda_relu_back(struct queue *q, size_t n, const float *y, float *dy)
{
	quad_combine_in(q, n, rectified_back{}, y, dy, dy);
}

void cuda_add_relu(struct queue *q, size_t n, const float *x, float *y)
{
	quad_combine_in(q, n, rectified_sum{}, x, y, y);
}

void cuda_tanh(struct queue *q, size_t n, float *y)
{
	quad_map_in(q, n, hyperbolic{}, y, y);
}

void cuda_tanh_back(struct queue *q, size_t n, const float *y, float *dy)
{
	quad_combine_in(q, n, hyperbolic_back{}, y, dy, dy);
}

void cuda_sigmoid(struct queue *q, size_t n, float *y)
{
	quad_map_in(q, n, logistic{}, y, y);
}

void cuda_sigmoid_back(struct queue *q, size_t n, const float *y, float *dy)
{
	quad_combine_in(q, n, logistic_back{}, y, dy, dy);
}
