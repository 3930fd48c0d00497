/* Matrix product, tanh, sigmoid and softmax by definition: in double, rounded once at the end. */
#include <math.h>

#include "backend/ref/ref.h"

/* Element (i, j) of op(A) [rows][columns], stored as A [rows][columns], or [columns][rows]. */
static double element(const float *a, bool transposed, size_t rows, size_t columns, size_t i, size_t j)
{
	return transposed ? a[j * rows + i] : a[i * columns + j];
}

/* As in BLAS, a matrix with a factor of exactly 0 is not read. */
void ref_gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
              const float *b, float beta, float *c)
{
	for (size_t i = 0; i < m; i++) {
		for (size_t j = 0; j < n; j++) {
			double sum = 0;
			for (size_t l = 0; l < k && alpha != 0; l++)
				sum += element(a, ta, m, k, i, l) * element(b, tb, k, n, l, j);
			double old = beta == 0 ? 0 : (double)beta * c[i * n + j];
			c[i * n + j] = (float)((alpha == 0 ? 0 : alpha * sum) + old);
		}
	}
}

void ref_tanh(HOST_QUEUE, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = (float)tanh(y[i]);
}

void ref_sigmoid(HOST_QUEUE, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = (float)(1 / (1 + exp(-y[i])));
}

/* First of the largest. A NaN is never larger. */
static size_t largest_of(size_t n, const float *z)
{
	size_t best = 0;
	for (size_t j = 1; j < n; j++)
		if (z[j] > z[best])
			best = j;
	return best;
}

/*
 * A row with a NaN or an infinite largest logit has a NaN loss and is not correct. The label's gradient is
 * -(sum of the others) / sum, so that it keeps its sign when the label's probability rounds to 1.
 */
void ref_softmax_loss(HOST_QUEUE, size_t rows, size_t n, float *z, const int32_t *label, bool back,
                      float weight, struct loss *out)
{
	double loss = 0;
	for (size_t r = 0; r < rows; r++, z += n) {
		size_t best = largest_of(n, z), right = (size_t)label[r];
		double most = z[best], own = z[right], others = 0;
		for (size_t j = 0; j < n; j++)
			others += j == right ? 0 : exp(z[j] - most);
		double sum = others + exp(own - most);
		loss += log(sum) - (own - most);
		out->correct += best == right && !isnan(sum);
		for (size_t j = 0; back && j < n; j++)
			z[j] = (float)((j == right ? -others : exp(z[j] - most)) / sum * weight);
	}
	out->sum += loss;
}
