/* Normalisation with given statistics, and what cuDNN's normalisation leaves to do. */
#include "backend/cuda/image.h"
#include "backend/cuda/kernel.cuh"

/* Addresses inside of a structure are not translated, so they are parameters of the launch. */
static __global__ void normalise(size_t values, size_t n, const float *mean, const float *variance,
                                 const float *gamma, const float *beta, double epsilon, bool relu,
                                 const float *in, float *out)
{
	size_t i = cuda_thread(), c = i % n;
	if (i >= values)
		return;
	float scale = (float)(gamma[c] / sqrt(variance[c] + epsilon));
	float v = (in[i] - mean[c]) * scale + beta[c];
	out[i] = relu && v < 0 ? 0 : v;
}

void cuda_normalise(struct queue *q, size_t rows, size_t n, const struct cuda_channels *c, bool relu,
                    const float *in, float *out)
{
	LAUNCH(q, normalise, cuda_blocks(rows * n, 1), CUDA_THREADS, rows * n, n, c->mean, c->variance,
	       c->gamma, c->beta, (double)c->epsilon, relu, in, out);
}

static __global__ void biased(size_t n, double factor, const float *mean, const float *unbiased,
                              float *statistics)
{
	size_t c = cuda_thread();
	if (c >= n)
		return;
	statistics[c] = mean[c];
	statistics[n + c] = (float)(unbiased[c] * factor);
}

void cuda_norm_biased(struct queue *q, size_t n, size_t values, const float *mean, const float *unbiased,
                      float *statistics)
{
	double factor = values > 1 ? (double)(values - 1) / (double)values : 1;
	LAUNCH(q, biased, cuda_blocks(n, 1), CUDA_THREADS, n, factor, mean, unbiased, statistics);
}

static __global__ void single(size_t n, const float *in, float *mean, float *variance)
{
	size_t c = cuda_thread();
	if (c >= n)
		return;
	mean[c] = in[c];
	variance[c] = in[c] - in[c]; /* NaN, where the value is no number */
}

void cuda_norm_single(struct queue *q, size_t n, const float *in, float *mean, float *variance)
{
	LAUNCH(q, single, cuda_blocks(n, 1), CUDA_THREADS, n, in, mean, variance);
}

/* The gradients of ref's backward pass, for sums of one summand. */
static __global__ void single_back(size_t n, const float *mean, const float *variance, const float *gamma,
                                   double epsilon, const float *in, const float *dy, float *dx,
                                   float *d_gamma, float *d_beta)
{
	size_t c = cuda_thread();
	if (c >= n)
		return;
	double spread = sqrt(variance[c] + epsilon), d = dy[c], u = ((double)in[c] - mean[c]) / spread;
	if (dx)
		dx[c] = (float)(gamma[c] / spread * (d - (d + u * (d * u))));
	d_gamma[c] = (float)(d * u);
	d_beta[c] = (float)d;
}

void cuda_norm_single_back(struct queue *q, size_t n, const struct cuda_channels *c, const float *in,
                           const float *dy, float *dx, float *d_gamma, float *d_beta)
{
	LAUNCH(q, single_back, cuda_blocks(n, 1), CUDA_THREADS, n, c->mean, c->variance, c->gamma,
	       (double)c->epsilon, in, dy, dx, d_gamma, d_beta);
}
