/*
 * Elementwise kernels as plain loops: their only definition. ref.c and every level of the cpu backend include
 * this file and compile the same lines for different vector registers. IEEE arithmetic without fused
 * operations gives the same bits everywhere.
 *
 * Input and output may be the same array (out == x), but must not overlap otherwise.
 */
#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "base/hash.h"

/* Tells the compiler that no iteration reads what another one wrote. */
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

static void plain_momentum(HOST_QUEUE, size_t n, float beta, const float *g, float *v)
{
	if (beta == 0) {
		memmove(v, g, n * sizeof(*v));
		return;
	}
	float fresh = 1 - beta;
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		v[i] = fresh * g[i] + beta * v[i];
}

static void plain_scale(HOST_QUEUE, size_t n, float a, const float *x, float *out)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		out[i] = a * x[i];
}

static void plain_add(HOST_QUEUE, size_t n, const float *x, float *sum)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

static void plain_descend(HOST_QUEUE, size_t n, const float *d, float lr, float decay, float *x)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		x[i] -= lr * (d[i] + decay * x[i]);
}

static void plain_adam(HOST_QUEUE, size_t n, const float *g, float b1, float b2, float eps, float c1,
                       float c2, float lr, float decay, float *m, float *s, float *x)
{
	float fresh1 = 1 - b1, fresh2 = 1 - b2;
	INDEPENDENT
	for (size_t i = 0; i < n; i++) {
		m[i] = b1 * m[i] + fresh1 * g[i];
		s[i] = b2 * s[i] + fresh2 * (g[i] * g[i]);
		x[i] -= lr * (c1 * m[i] / (sqrtf(c2 * s[i]) + eps) + decay * x[i]);
	}
}

static void plain_constant(HOST_QUEUE, size_t n, float value, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = value;
}

static void plain_multiply(HOST_QUEUE, size_t n, const float *a, const float *x, float *out)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		out[i] = a[i] * x[i];
}

/* As integers, in whose order the sizes of floats stand; any order of the loop gives the same. */
static void plain_hash(HOST_QUEUE, size_t n, uint64_t seed, const float *x, uint64_t *out)
{
	*out = hash_blocks(seed, 0, x, n * sizeof *x);
}

static void plain_max_abs(HOST_QUEUE, size_t n, const float *x, double *out)
{
	const uint32_t infinite = 0x7f800000u;
	uint32_t most = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t size;
		memcpy(&size, x + i, sizeof size);
		size &= 0x7fffffffu;
		size = size > infinite ? 0 : size;
		most = size > most ? size : most;
	}
	float largest;
	memcpy(&largest, &most, sizeof largest);
	*out = largest;
}

static void plain_add_bias(HOST_QUEUE, size_t rows, size_t n, const float *bias, float *y)
{
	for (size_t r = 0; r < rows; r++)
		plain_add(queue, n, bias, y + r * n);
}

static void plain_sum_rows(HOST_QUEUE, size_t rows, size_t n, const float *y, float *out)
{
	memset(out, 0, n * sizeof(*out));
	for (size_t r = 0; r < rows; r++)
		plain_add(queue, n, y + r * n, out);
}

static void plain_relu(HOST_QUEUE, size_t n, float *y)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		y[i] = y[i] < 0 ? 0 : y[i];
}

static void plain_relu_back(HOST_QUEUE, size_t n, const float *y, float *dy)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dy[i] = y[i] > 0 ? dy[i] : 0;
}

static void plain_tanh_back(HOST_QUEUE, size_t n, const float *y, float *dy)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dy[i] *= 1 - y[i] * y[i];
}

static void plain_sigmoid_back(HOST_QUEUE, size_t n, const float *y, float *dy)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dy[i] *= y[i] * (1 - y[i]);
}

static void plain_add_relu(HOST_QUEUE, size_t n, const float *x, float *y)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++) {
		float sum = x[i] + y[i];
		y[i] = sum < 0 ? 0 : sum;
	}
}

static void plain_embed(HOST_QUEUE, size_t count, size_t width, const int32_t *token, const float *factor,
                        const float *table, float *out)
{
	for (size_t r = 0; r < count; r++) {
		size_t t = (size_t)token[r];
		plain_scale(queue, width, factor ? factor[t] : 1, table + t * width, out + r * width);
	}
}

/* sum += a x */
static void plain_add_scaled(size_t n, float a, const float *x, float *sum)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		sum[i] += a * x[i];
}

static void plain_embed_back(HOST_QUEUE, size_t count, size_t width, const int32_t *token,
                             const float *factor, const float *d, float *d_table)
{
	for (size_t r = 0; r < count; r++) {
		size_t t = (size_t)token[r];
		float a = factor ? factor[t] : 1;
		if (a != 0)
			plain_add_scaled(width, a, d + r * width, d_table + t * width);
	}
}

static void plain_cell(size_t n, const float *f, const float *z, const float *before, float *cell)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		cell[i] = f[i] * z[i] + (1 - f[i]) * before[i];
}

static void plain_recur(HOST_QUEUE, size_t steps, size_t n, const float *f, const float *z,
                        const float *start, float *cell)
{
	for (size_t t = 0; t < steps; t++)
		plain_cell(n, f + t * n, z + t * n, t > 0 ? cell + (t - 1) * n : start, cell + t * n);
}

static void plain_cell_back(size_t n, const float *d, const float *before, float *d_cell, float *z, float *f)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++) {
		float dc = d_cell[i] + d[i], candidate = z[i], share = f[i], left = 1 - share;
		z[i] = dc * share * (1 - candidate * candidate);
		f[i] = dc * (candidate - before[i]) * (share * left);
		d_cell[i] = dc * left;
	}
}

static void plain_recur_back(HOST_QUEUE, size_t steps, size_t n, const float *d, const float *cell,
                             const float *start, float *d_cell, float *z, float *f)
{
	for (size_t t = steps; t-- > 0;)
		plain_cell_back(n, d + t * n, t > 0 ? cell + (t - 1) * n : start, d_cell, z + t * n,
		                f + t * n);
}

static void plain_pair(HOST_QUEUE, size_t rows, size_t count, size_t n, const float *x, float *last,
                       float *out)
{
	for (size_t r = 0; r < rows; r++) {
		const float *before = r < count ? last + r * n : x + (r - count) * n;
		memcpy(out + 2 * r * n, x + r * n, n * sizeof(*x));
		memcpy(out + (2 * r + 1) * n, before, n * sizeof(*x));
	}
	memcpy(last, x + (rows - count) * n, count * n * sizeof(*x));
}

static void plain_pair_back(HOST_QUEUE, size_t rows, size_t count, size_t n, const float *d, float *d_x)
{
	for (size_t r = 0; r < rows; r++) {
		memcpy(d_x + r * n, d + 2 * r * n, n * sizeof(*d));
		if (r + count < rows)
			plain_add(queue, n, d + (2 * (r + count) + 1) * n, d_x + r * n);
	}
}

static void plain_plane(size_t n, const uint8_t *p, float factor, float shift, float *out)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		out[i] = (float)p[i] * factor + shift;
}

static void plain_pixels(HOST_QUEUE, size_t images, size_t channels, size_t plane, const uint8_t *p,
                         const float *factor, const float *shift, float *out)
{
	for (size_t i = 0; i < images * channels; i++)
		plain_plane(plane, p + i * plane, factor[i % channels], shift[i % channels], out + i * plane);
}
