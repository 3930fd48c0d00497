/*
 * The stand-in for cuDNN: convolution. Of its lists of algorithms, the first is not deterministic, the second
 * is for other hardware, the third wants more memory than there is, the fourth computes in float16; the fifth
 * is what a careful caller takes. With SIGNSGD_STAND_IN_CARELESS in the environment it is not there.
 */
#include <stdlib.h>
#include "tests/cuda/stand_in_cudnn.h"

STANDS_IN(cudnn, forward_choices, cudnnGetConvolutionForwardAlgorithm_v7);
STANDS_IN(cudnn, data_choices, cudnnGetConvolutionBackwardDataAlgorithm_v7);
STANDS_IN(cudnn, filter_choices, cudnnGetConvolutionBackwardFilterAlgorithm_v7);
STANDS_IN(cudnn, forward_workspace, cudnnGetConvolutionForwardWorkspaceSize);
STANDS_IN(cudnn, data_workspace, cudnnGetConvolutionBackwardDataWorkspaceSize);
STANDS_IN(cudnn, filter_workspace, cudnnGetConvolutionBackwardFilterWorkspaceSize);
STANDS_IN(cudnn, forward, cudnnConvolutionForward);
STANDS_IN(cudnn, data, cudnnConvolutionBackwardData);
STANDS_IN(cudnn, filter, cudnnConvolutionBackwardFilter);
STANDS_IN(cudnn, fused, cudnnConvolutionBiasActivationForward);

/* Algorithms of all three kinds. */
enum { RANDOM = 0, CAREFUL = 1, FOREIGN = 2, HALF = 3, LARGE = 5 };

static const size_t large = (size_t)1 << 40;

/* A convolution: its descriptors as they are when it is asked for, and what it works on. */
struct conv {
	struct object x, w, y, how;
	int bits; /* of float factors */
	const void *in, *filters, *out_in /* the gradient of the output */;
	void *out;         /* result: y, dx or dw */
	const float *bias; /* fused with a ReLU, or NULL */
	void *workspace;
	size_t bytes;
	cudaStream_t stream;
};

static int out_size(int in, int kernel, int stride, int pad)
{
	return (in + 2 * pad - kernel) / stride + 1;
}

static cudnn_status agree(const struct conv *c)
{
	const struct object *x = &c->x, *w = &c->w, *y = &c->y, *how = &c->how;
	if (x->n != y->n || x->c != w->c * how->groups || y->c != w->n || w->n % how->groups != 0 ||
	    y->h != out_size(x->h, w->h, how->stride[0], how->pad[0]) ||
	    y->w != out_size(x->w, w->w, how->stride[1], how->pad[1]))
		return BAD_PARAM;
	if (x->type != y->type || x->type != w->type || (x->type == CUDNN_BF16 && how->math == CUDNN_IN_FP32))
		return NOT_SUPPORTED;
	return CUDNN_OK;
}

/* Status, and the convolution of these descriptors. */
static cudnn_status describe(struct conv *c, cudnn_handle h, cudnn_tensor x, cudnn_filter w, cudnn_conv how,
                             cudnn_tensor y)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(h, HANDLE))
		return NOT_INITIALIZED;
	if (!as(x, TENSOR) || !as(w, FILTER) || !as(how, CONV) || !as(y, TENSOR))
		return BAD_PARAM;
	*c = (struct conv){.x = *as(x, TENSOR),
	                   .w = *as(w, FILTER),
	                   .how = *as(how, CONV),
	                   .y = *as(y, TENSOR),
	                   .stream = as(h, HANDLE)->stream};
	c->bits = c->how.math == CUDNN_IN_FP32 ? ALL_BITS : TF32_BITS;
	return agree(c);
}

/* What the algorithm that a careful caller takes needs. */
static size_t needed(const struct conv *c)
{
	return 4096 + 16 * (size_t)(c->x.c + c->y.c);
}

static cudnn_status choices(const struct conv *c, int most, int *count, cudnn_forward_choice *out)
{
	int math = c->how.math;
	const cudnn_forward_choice all[] = {
	        {RANDOM, CUDNN_OK, 1, 0, !CUDNN_IS_DETERMINISTIC, math, {0}},
	        {FOREIGN, NOT_SUPPORTED, -1, 0, CUDNN_IS_DETERMINISTIC, math, {0}},
	        {LARGE, CUDNN_OK, 2, large, CUDNN_IS_DETERMINISTIC, math, {0}},
	        {HALF, CUDNN_OK, 3, 0, CUDNN_IS_DETERMINISTIC, CUDNN_IN_HALF, {0}},
	        {CAREFUL, CUDNN_OK, 4, needed(c), CUDNN_IS_DETERMINISTIC, math, {0}},
	};
	int n = (int)(sizeof(all) / sizeof(all[0])) - (getenv("SIGNSGD_STAND_IN_CARELESS") != NULL);
	if (most < 1)
		return BAD_PARAM;
	*count = most < n ? most : n;
	memcpy(out, all, (size_t)*count * sizeof(all[0]));
	return CUDNN_OK;
}

static cudnn_status workspace(const struct conv *c, int algorithm, size_t *bytes)
{
	if (algorithm == FOREIGN)
		return NOT_SUPPORTED;
	*bytes = algorithm == CAREFUL ? needed(c) : algorithm == LARGE ? large : 0;
	return CUDNN_OK;
}

cudnn_status cudnnGetConvolutionForwardAlgorithm_v7(cudnn_handle h, cudnn_tensor x, cudnn_filter w,
                                                    cudnn_conv how, cudnn_tensor y, int most, int *count,
                                                    cudnn_forward_choice *out)
{
	struct conv c;
	cudnn_status status = describe(&c, h, x, w, how, y);
	return status ? status : choices(&c, most, count, out);
}

cudnn_status cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnn_handle h, cudnn_filter w, cudnn_tensor dy,
                                                         cudnn_conv how, cudnn_tensor dx, int most,
                                                         int *count, cudnn_data_choice *out)
{
	return cudnnGetConvolutionForwardAlgorithm_v7(h, dx, w, how, dy, most, count, out);
}

cudnn_status cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnn_handle h, cudnn_tensor x, cudnn_tensor dy,
                                                           cudnn_conv how, cudnn_filter dw, int most,
                                                           int *count, cudnn_filter_choice *out)
{
	return cudnnGetConvolutionForwardAlgorithm_v7(h, x, dw, how, dy, most, count, out);
}

cudnn_status cudnnGetConvolutionForwardWorkspaceSize(cudnn_handle h, cudnn_tensor x, cudnn_filter w,
                                                     cudnn_conv how, cudnn_tensor y,
                                                     cudnn_forward_algorithm algorithm, size_t *bytes)
{
	struct conv c;
	cudnn_status status = describe(&c, h, x, w, how, y);
	return status ? status : workspace(&c, algorithm, bytes);
}

cudnn_status cudnnGetConvolutionBackwardDataWorkspaceSize(cudnn_handle h, cudnn_filter w, cudnn_tensor dy,
                                                          cudnn_conv how, cudnn_tensor dx,
                                                          cudnn_data_algorithm algorithm, size_t *bytes)
{
	return cudnnGetConvolutionForwardWorkspaceSize(h, dx, w, how, dy, algorithm, bytes);
}

cudnn_status cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnn_handle h, cudnn_tensor x, cudnn_tensor dy,
                                                            cudnn_conv how, cudnn_filter dw,
                                                            cudnn_filter_algorithm algorithm, size_t *bytes)
{
	return cudnnGetConvolutionForwardWorkspaceSize(h, x, dw, how, dy, algorithm, bytes);
}

static size_t numbers(const struct object *o)
{
	return (size_t)o->n * (size_t)o->c * (size_t)o->h * (size_t)o->w;
}

/* An array's numbers, as they are multiplied. */
static double *factors(const struct object *o, const void *from, int bits)
{
	double *to = work_memory(numbers(o) * sizeof(*to));
	for (size_t i = 0; i < numbers(o); i++) {
		float v;
		if (o->type == CUDNN_BF16) {
			uint32_t u = (uint32_t)((const uint16_t *)from)[i] << 16;
			memcpy(&v, &u, sizeof(v));
		} else {
			v = with_bits(((const float *)from)[i], bits);
		}
		to[i] = v;
	}
	return to;
}

static void results(const struct object *o, const double *from, void *to)
{
	for (size_t i = 0; i < numbers(o); i++) {
		float v = (float)from[i];
		if (o->type == CUDNN_BF16) {
			uint32_t u;
			v = with_bits(v, BF16_BITS);
			memcpy(&u, &v, sizeof(u));
			((uint16_t *)to)[i] = (uint16_t)(u >> 16);
		} else {
			((float *)to)[i] = v;
		}
	}
}

/* Where an output pixel meets an input pixel in a group: indices of the first number of each array. */
struct meeting {
	const struct conv *c;
	size_t x, y, w; /* w: of the group's first filter, and the pixel of the kernel */
	size_t in, out; /* channels of a group */
	size_t filter;  /* numbers of one filter */
};

static void meet_in(const struct conv *c, int n, int oy, int ox, int tap,
                    void (*meet)(const struct meeting *m, void *ctx), void *ctx)
{
	int ky = tap / c->w.w, kx = tap % c->w.w;
	int iy = oy * c->how.stride[0] - c->how.pad[0] + ky, ix = ox * c->how.stride[1] - c->how.pad[1] + kx;
	if (iy < 0 || ix < 0 || iy >= c->x.h || ix >= c->x.w)
		return;
	struct meeting m = {.c = c, .in = (size_t)c->w.c, .out = (size_t)(c->w.n / c->how.groups)};
	size_t taps = (size_t)c->w.h * (size_t)c->w.w;
	m.filter = taps * m.in;
	for (size_t g = 0; g < (size_t)c->how.groups; g++) {
		m.x = (((size_t)n * (size_t)c->x.h + (size_t)iy) * (size_t)c->x.w + (size_t)ix) *
		              (size_t)c->x.c +
		      g * m.in;
		m.y = (((size_t)n * (size_t)c->y.h + (size_t)oy) * (size_t)c->y.w + (size_t)ox) *
		              (size_t)c->y.c +
		      g * m.out;
		m.w = g * m.out * m.filter + (size_t)tap * m.in;
		meet(&m, ctx);
	}
}

static void for_meetings(const struct conv *c, void (*meet)(const struct meeting *m, void *ctx), void *ctx)
{
	for (int n = 0; n < c->y.n; n++)
		for (int oy = 0; oy < c->y.h; oy++)
			for (int ox = 0; ox < c->y.w; ox++)
				for (int tap = 0; tap < c->w.h * c->w.w; tap++)
					meet_in(c, n, oy, ox, tap, meet, ctx);
}

struct arrays {
	double *x, *w, *y;
};

static void meet_forward(const struct meeting *m, void *ctx)
{
	const struct arrays *a = ctx;
	for (size_t o = 0; o < m->out; o++) {
		const double *x = a->x + m->x, *w = a->w + m->w + o * m->filter;
		double sum = 0;
		for (size_t i = 0; i < m->in; i++)
			sum += x[i] * w[i];
		a->y[m->y + o] += sum;
	}
}

static void meet_data(const struct meeting *m, void *ctx)
{
	const struct arrays *a = ctx;
	for (size_t o = 0; o < m->out; o++) {
		const double *w = a->w + m->w + o * m->filter;
		double *x = a->x + m->x, dy = a->y[m->y + o];
		for (size_t i = 0; i < m->in; i++)
			x[i] += dy * w[i];
	}
}

static void meet_filter(const struct meeting *m, void *ctx)
{
	const struct arrays *a = ctx;
	for (size_t o = 0; o < m->out; o++) {
		const double *x = a->x + m->x;
		double *w = a->w + m->w + o * m->filter, dy = a->y[m->y + o];
		for (size_t i = 0; i < m->in; i++)
			w[i] += dy * x[i];
	}
}

static void add_bias_and_cut(const struct conv *c, double *y)
{
	for (size_t i = 0; i < numbers(&c->y); i++) {
		y[i] += c->bias[i % (size_t)c->y.c];
		y[i] = y[i] > 0 ? y[i] : 0; /* and so for a NaN */
	}
}

static void end_arrays(const struct conv *c, const struct arrays *a)
{
	memset(c->workspace, 0xff, c->bytes);
	free(a->x);
	free(a->w);
	free(a->y);
}

static double *zeros(const struct object *o)
{
	return work_memory(numbers(o) * sizeof(double));
}

static void run_forward(void *arguments)
{
	const struct conv *c = arguments;
	struct arrays a = {factors(&c->x, c->in, c->bits), factors(&c->w, c->filters, c->bits), zeros(&c->y)};
	for_meetings(c, meet_forward, &a);
	if (c->bias)
		add_bias_and_cut(c, a.y);
	results(&c->y, a.y, c->out);
	end_arrays(c, &a);
}

static void run_data(void *arguments)
{
	const struct conv *c = arguments;
	struct arrays a = {zeros(&c->x), factors(&c->w, c->filters, c->bits),
	                   factors(&c->y, c->out_in, c->bits)};
	for_meetings(c, meet_data, &a);
	results(&c->x, a.x, c->out);
	end_arrays(c, &a);
}

static void run_filter(void *arguments)
{
	const struct conv *c = arguments;
	struct arrays a = {factors(&c->x, c->in, c->bits), zeros(&c->w), factors(&c->y, c->out_in, c->bits)};
	for_meetings(c, meet_filter, &a);
	results(&c->w, a.w, c->out);
	end_arrays(c, &a);
}

/* The factors of what is added: only plain results are made here. */
static cudnn_status plain(const void *alpha, const void *beta)
{
	if (!alpha || !beta)
		return BAD_PARAM;
	return *(const float *)alpha == 1 && *(const float *)beta == 0 ? CUDNN_OK : NOT_SUPPORTED;
}

static cudnn_status run(struct conv *c, void (*work)(void *), int algorithm, void *space, size_t bytes,
                        const char *who)
{
	if (algorithm != CAREFUL)
		emulated_bug("%s: algorithm %d is not deterministic, or not for this hardware, or too large",
		             who, algorithm);
	if (bytes < needed(c) || !space)
		return BAD_PARAM;
	if (emulated_cannot_capture(c->stream, who))
		return EXECUTION_FAILED;
	if ((uintptr_t)space % 256 != 0)
		emulated_bug("%s: the workspace %p is no multiple of 256 bytes", who, space);
	c->workspace = array_at(space, who);
	c->bytes = needed(c);
	emulated_enqueue(c->stream, work, c, sizeof(*c));
	return CUDNN_OK;
}

cudnn_status cudnnConvolutionForward(cudnn_handle h, const void *alpha, cudnn_tensor x_as, const void *x,
                                     cudnn_filter w_as, const void *w, cudnn_conv how,
                                     cudnn_forward_algorithm algorithm, void *space, size_t bytes,
                                     const void *beta, cudnn_tensor y_as, void *y)
{
	struct conv c;
	cudnn_status status = describe(&c, h, x_as, w_as, how, y_as);
	if (status || (status = plain(alpha, beta)))
		return status;
	c.in = array_at(x, __func__);
	c.filters = array_at(w, __func__);
	c.out = array_at(y, __func__);
	return run(&c, run_forward, algorithm, space, bytes, __func__);
}

cudnn_status cudnnConvolutionBackwardData(cudnn_handle h, const void *alpha, cudnn_filter w_as, const void *w,
                                          cudnn_tensor dy_as, const void *dy, cudnn_conv how,
                                          cudnn_data_algorithm algorithm, void *space, size_t bytes,
                                          const void *beta, cudnn_tensor dx_as, void *dx)
{
	struct conv c;
	cudnn_status status = describe(&c, h, dx_as, w_as, how, dy_as);
	if (status || (status = plain(alpha, beta)))
		return status;
	c.filters = array_at(w, __func__);
	c.out_in = array_at(dy, __func__);
	c.out = array_at(dx, __func__);
	return run(&c, run_data, algorithm, space, bytes, __func__);
}

cudnn_status cudnnConvolutionBackwardFilter(cudnn_handle h, const void *alpha, cudnn_tensor x_as,
                                            const void *x, cudnn_tensor dy_as, const void *dy, cudnn_conv how,
                                            cudnn_filter_algorithm algorithm, void *space, size_t bytes,
                                            const void *beta, cudnn_filter dw_as, void *dw)
{
	struct conv c;
	cudnn_status status = describe(&c, h, x_as, dw_as, how, dy_as);
	if (status || (status = plain(alpha, beta)))
		return status;
	c.in = array_at(x, __func__);
	c.out_in = array_at(dy, __func__);
	c.out = array_at(dw, __func__);
	return run(&c, run_filter, algorithm, space, bytes, __func__);
}

/* Not for groups, nor for bfloat16, so that callers need another way too. */
cudnn_status cudnnConvolutionBiasActivationForward(cudnn_handle h, const void *alpha1, cudnn_tensor x_as,
                                                   const void *x, cudnn_filter w_as, const void *w,
                                                   cudnn_conv how, cudnn_forward_algorithm algorithm,
                                                   void *space, size_t bytes, const void *alpha2,
                                                   cudnn_tensor z_as, const void *z, cudnn_tensor bias_as,
                                                   const void *bias, cudnn_activation a, cudnn_tensor y_as,
                                                   void *y)
{
	struct conv c;
	const struct object *one = as(bias_as, TENSOR);
	cudnn_status status = describe(&c, h, x_as, w_as, how, y_as);
	if (status || (status = plain(alpha1, alpha2)))
		return status;
	if (!one || one->n != 1 || one->c != c.y.c || one->h != 1 || one->w != 1 || !as(z_as, TENSOR) || !z ||
	    !as(a, ACTIVATION))
		return BAD_PARAM;
	if (as(a, ACTIVATION)->nan != CUDNN_NAN_GOES)
		emulated_bug("%s: a ReLU that keeps NaN is supported for no convolution", __func__);
	if (c.how.groups != 1 || c.x.type != CUDNN_FLOAT)
		return NOT_SUPPORTED;
	c.in = array_at(x, __func__);
	c.filters = array_at(w, __func__);
	c.bias = array_at(bias, __func__);
	c.out = array_at(y, __func__);
	return run(&c, run_forward, algorithm, space, bytes, __func__);
}
