/* The stand-in for cuDNN: batch normalisation. */
#include <math.h>

#include "tests/cuda/stand_in_cudnn.h"

STANDS_IN(cudnn, norm, cudnnBatchNormalizationForwardTraining);
STANDS_IN(cudnn, norm_back, cudnnBatchNormalizationBackward);

struct norm {
	size_t channels, values; /* values of a channel, which stand `channels` apart */
	const float *x, *dy, *gamma, *beta, *saved_mean, *saved_inverse;
	float *y, *dx, *d_gamma, *d_beta, *mean, *inverse, *running_mean, *running_variance;
	double factor, epsilon;
};

static double mean_of(const struct norm *n, const float *x, double shift, bool square)
{
	double sum = 0;
	for (size_t i = 0; i < n->values; i++) {
		double v = x[i * n->channels] - shift;
		sum += square ? v * v : v;
	}
	return sum / (double)n->values;
}

static void train(void *arguments)
{
	const struct norm *n = arguments;
	for (size_t c = 0; c < n->channels; c++) {
		double mean = mean_of(n, n->x + c, 0, false), variance = mean_of(n, n->x + c, mean, true);
		double inverse = 1 / sqrt(variance + n->epsilon), others = 1 - n->factor;
		double unbiased = variance * (double)n->values / (double)(n->values - 1);
		n->mean[c] = (float)mean;
		n->inverse[c] = (float)inverse;
		n->running_mean[c] = (float)(mean * n->factor + n->running_mean[c] * others);
		n->running_variance[c] = (float)(unbiased * n->factor + n->running_variance[c] * others);
		for (size_t i = c; i < n->values * n->channels; i += n->channels)
			n->y[i] = (float)((n->x[i] - mean) * inverse * n->gamma[c] + n->beta[c]);
	}
}

static void back(void *arguments)
{
	const struct norm *n = arguments;
	for (size_t c = 0; c < n->channels; c++) {
		double mean = n->saved_mean[c], inverse = n->saved_inverse[c], sum = 0, sum_u = 0;
		for (size_t i = c; i < n->values * n->channels; i += n->channels) {
			sum += n->dy[i];
			sum_u += n->dy[i] * (n->x[i] - mean) * inverse;
		}
		n->d_beta[c] = (float)sum;
		n->d_gamma[c] = (float)sum_u;
		for (size_t i = c; i < n->values * n->channels; i += n->channels) {
			double u = (n->x[i] - mean) * inverse;
			double centred = n->dy[i] - (sum + u * sum_u) / (double)n->values;
			n->dx[i] = (float)(n->gamma[c] * inverse * centred);
		}
	}
}

static bool same(const struct object *a, const struct object *b)
{
	return a && b && a->type == b->type && a->n == b->n && a->c == b->c && a->h == b->h && a->w == b->w;
}

/* Of one value there is no variance. */
static cudnn_status describe(struct norm *n, cudnn_handle h, cudnn_norm_mode mode, cudnn_tensor x,
                             cudnn_tensor y, cudnn_tensor channels, double epsilon)
{
	const struct object *a = as(x, TENSOR), *c = as(channels, TENSOR);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(h, HANDLE))
		return NOT_INITIALIZED;
	if (!same(a, as(y, TENSOR)) || !c || c->n != 1 || c->h != 1 || c->w != 1 || c->c != a->c ||
	    epsilon < 0)
		return BAD_PARAM;
	if (mode != CUDNN_NORM_SPATIAL || a->type != CUDNN_FLOAT || c->type != CUDNN_FLOAT)
		return NOT_SUPPORTED;
	*n = (struct norm){.channels = (size_t)a->c,
	                   .values = (size_t)a->n * (size_t)a->h * (size_t)a->w,
	                   .epsilon = epsilon};
	return n->values > 1 ? CUDNN_OK : BAD_PARAM;
}

static bool plain(const void *alpha, const void *beta)
{
	return alpha && beta && *(const float *)alpha == 1 && *(const float *)beta == 0;
}

cudnn_status cudnnBatchNormalizationForwardTraining(cudnn_handle h, cudnn_norm_mode mode, const void *alpha,
                                                    const void *beta, cudnn_tensor x_as, const void *x,
                                                    cudnn_tensor y_as, void *y, cudnn_tensor channels_as,
                                                    const void *gamma, const void *shift, double factor,
                                                    void *running_mean, void *running_variance,
                                                    double epsilon, void *mean, void *inverse)
{
	struct norm n;
	cudnn_status status = describe(&n, h, mode, x_as, y_as, channels_as, epsilon);
	if (status)
		return status;
	if (!plain(alpha, beta))
		return NOT_SUPPORTED;
	n.x = array_at(x, __func__);
	n.y = array_at(y, __func__);
	n.gamma = array_at(gamma, __func__);
	n.beta = array_at(shift, __func__);
	n.running_mean = array_at(running_mean, __func__);
	n.running_variance = array_at(running_variance, __func__);
	n.mean = array_at(mean, __func__);
	n.inverse = array_at(inverse, __func__);
	n.factor = factor;
	if (emulated_cannot_capture(as(h, HANDLE)->stream, __func__))
		return EXECUTION_FAILED;
	emulated_enqueue(as(h, HANDLE)->stream, train, &n, sizeof(n));
	return CUDNN_OK;
}

cudnn_status cudnnBatchNormalizationBackward(cudnn_handle h, cudnn_norm_mode mode, const void *alpha,
                                             const void *beta, const void *alpha_parameters,
                                             const void *beta_parameters, cudnn_tensor x_as, const void *x,
                                             cudnn_tensor dy_as, const void *dy, cudnn_tensor dx_as, void *dx,
                                             cudnn_tensor channels_as, const void *gamma, void *d_gamma,
                                             void *d_shift, double epsilon, const void *mean,
                                             const void *inverse)
{
	struct norm n;
	cudnn_status status = describe(&n, h, mode, x_as, dy_as, channels_as, epsilon);
	if (status)
		return status;
	if (!same(as(x_as, TENSOR), as(dx_as, TENSOR)) || dx == dy || dx == x)
		return BAD_PARAM;
	if (!plain(alpha, beta) || !plain(alpha_parameters, beta_parameters))
		return NOT_SUPPORTED;
	n.x = array_at(x, __func__);
	n.dy = array_at(dy, __func__);
	n.dx = array_at(dx, __func__);
	n.gamma = array_at(gamma, __func__);
	n.d_gamma = array_at(d_gamma, __func__);
	n.d_beta = array_at(d_shift, __func__);
	n.saved_mean = array_at(mean, __func__);
	n.saved_inverse = array_at(inverse, __func__);
	if (emulated_cannot_capture(as(h, HANDLE)->stream, __func__))
		return EXECUTION_FAILED;
	emulated_enqueue(as(h, HANDLE)->stream, back, &n, sizeof(n));
	return CUDNN_OK;
}
