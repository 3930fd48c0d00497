/* Layers' elementwise kernels, with the operations of plain.inc.h in their order: the same bits. */
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

static __global__ void forget_quads(size_t n, const float *f, const float *z, const float *before,
                                    float *cell)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	struct quad share = quad_load(f, i, n), fresh = quad_load(z, i, n), old = quad_load(before, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		old.v[k] = share.v[k] * fresh.v[k] + (1 - share.v[k]) * old.v[k];
	quad_store(old, cell, i, n);
}

void cuda_forget(struct queue *q, size_t n, const float *f, const float *z, const float *before, float *cell)
{
	LAUNCH(q, forget_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, f, z, before, cell);
}

/* One number: d_cell, z and f become the gradients of the cell before, and before tanh and sigmoid. */
static __device__ inline void forget_back_of(float d, float before, float *d_cell, float *z, float *f)
{
	float dc = *d_cell + d, candidate = *z, share = *f, left = 1 - share;
	*z = dc * share * (1 - candidate * candidate);
	*f = dc * (candidate - before) * (share * left);
	*d_cell = dc * left;
}

static __global__ void forget_back_quads(size_t n, const float *d, const float *before, float *d_cell,
                                         float *z, float *f)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	struct quad own = quad_load(d, i, n), old = quad_load(before, i, n), next = quad_load(d_cell, i, n),
	            candidate = quad_load(z, i, n), share = quad_load(f, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		forget_back_of(own.v[k], old.v[k], &next.v[k], &candidate.v[k], &share.v[k]);
	quad_store(next, d_cell, i, n);
	quad_store(candidate, z, i, n);
	quad_store(share, f, i, n);
}

void cuda_forget_back(struct queue *q, size_t n, const float *d, const float *before, float *d_cell, float *z,
                      float *f)
{
	LAUNCH(q, forget_back_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, d, before, d_cell, z, f);
}
