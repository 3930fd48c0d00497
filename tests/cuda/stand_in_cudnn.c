/* The stand-in for cuDNN: handles and descriptors. */
#include "tests/cuda/stand_in_cudnn.h"

STANDS_IN(cudnn, version, cudnnGetVersion);
STANDS_IN(cudnn, word, cudnnGetErrorString);
STANDS_IN(cudnn, create, cudnnCreate);
STANDS_IN(cudnn, destroy, cudnnDestroy);
STANDS_IN(cudnn, set_stream, cudnnSetStream);
STANDS_IN(cudnn, tensor_create, cudnnCreateTensorDescriptor);
STANDS_IN(cudnn, tensor_destroy, cudnnDestroyTensorDescriptor);
STANDS_IN(cudnn, tensor_set, cudnnSetTensor4dDescriptor);
STANDS_IN(cudnn, filter_create, cudnnCreateFilterDescriptor);
STANDS_IN(cudnn, filter_destroy, cudnnDestroyFilterDescriptor);
STANDS_IN(cudnn, filter_set, cudnnSetFilter4dDescriptor);
STANDS_IN(cudnn, conv_create, cudnnCreateConvolutionDescriptor);
STANDS_IN(cudnn, conv_destroy, cudnnDestroyConvolutionDescriptor);
STANDS_IN(cudnn, conv_set, cudnnSetConvolution2dDescriptor);
STANDS_IN(cudnn, conv_set_math, cudnnSetConvolutionMathType);
STANDS_IN(cudnn, conv_set_groups, cudnnSetConvolutionGroupCount);
STANDS_IN(cudnn, activation_create, cudnnCreateActivationDescriptor);
STANDS_IN(cudnn, activation_destroy, cudnnDestroyActivationDescriptor);
STANDS_IN(cudnn, activation_set, cudnnSetActivationDescriptor);

static cudnn_status make(void **out, enum known known)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	struct object *o = work_memory(sizeof(*o));
	o->known = (int)known;
	*out = o;
	return CUDNN_OK;
}

static cudnn_status end(void *p, enum known known)
{
	struct object *o = as(p, known);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!o)
		return BAD_PARAM;
	o->known = 0;
	free(o);
	return CUDNN_OK;
}

size_t cudnnGetVersion(void)
{
	return 91900;
}

const char *cudnnGetErrorString(cudnn_status status)
{
	switch (status) {
	case CUDNN_OK:
		return "CUDNN_STATUS_SUCCESS";
	case NOT_INITIALIZED:
		return "CUDNN_STATUS_NOT_INITIALIZED";
	case BAD_PARAM:
		return "CUDNN_STATUS_BAD_PARAM";
	case NOT_SUPPORTED:
		return "CUDNN_STATUS_NOT_SUPPORTED";
	default:
		return "CUDNN_STATUS_EXECUTION_FAILED";
	}
}

cudnn_status cudnnCreate(cudnn_handle *h)
{
	return make(h, HANDLE);
}

cudnn_status cudnnDestroy(cudnn_handle h)
{
	return end(h, HANDLE);
}

cudnn_status cudnnSetStream(cudnn_handle h, cudaStream_t stream)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(h, HANDLE))
		return NOT_INITIALIZED;
	as(h, HANDLE)->stream = stream;
	return CUDNN_OK;
}

cudnn_status cudnnCreateTensorDescriptor(cudnn_tensor *t)
{
	return make(t, TENSOR);
}

cudnn_status cudnnDestroyTensorDescriptor(cudnn_tensor t)
{
	return end(t, TENSOR);
}

static cudnn_status set_sizes(struct object *o, cudnn_format format, cudnn_type type, int n, int c, int h,
                              int w)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!o || n <= 0 || c <= 0 || h <= 0 || w <= 0)
		return BAD_PARAM;
	/* channels-last only; of one pixel, both layouts are the same */
	bool pixel = format == CUDNN_NCHW && n == 1 && h == 1 && w == 1;
	if ((format != CUDNN_NHWC && !pixel) || (type != CUDNN_FLOAT && type != CUDNN_BF16))
		return NOT_SUPPORTED;
	o->type = type;
	o->n = n;
	o->c = c;
	o->h = h;
	o->w = w;
	return CUDNN_OK;
}

cudnn_status cudnnSetTensor4dDescriptor(cudnn_tensor t, cudnn_format format, cudnn_type type, int n, int c,
                                        int h, int w)
{
	return set_sizes(as(t, TENSOR), format, type, n, c, h, w);
}

cudnn_status cudnnCreateFilterDescriptor(cudnn_filter *f)
{
	return make(f, FILTER);
}

cudnn_status cudnnDestroyFilterDescriptor(cudnn_filter f)
{
	return end(f, FILTER);
}

cudnn_status cudnnSetFilter4dDescriptor(cudnn_filter f, cudnn_type type, cudnn_format format, int out, int in,
                                        int h, int w)
{
	return set_sizes(as(f, FILTER), format, type, out, in, h, w);
}

cudnn_status cudnnCreateConvolutionDescriptor(cudnn_conv *c)
{
	return make(c, CONV);
}

cudnn_status cudnnDestroyConvolutionDescriptor(cudnn_conv c)
{
	return end(c, CONV);
}

cudnn_status cudnnSetConvolution2dDescriptor(cudnn_conv c, int pad_h, int pad_w, int stride_h, int stride_w,
                                             int dilation_h, int dilation_w, cudnn_conv_mode mode,
                                             cudnn_type compute)
{
	struct object *o = as(c, CONV);
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!o || pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1 || dilation_h < 1 || dilation_w < 1)
		return BAD_PARAM;
	if (dilation_h != 1 || dilation_w != 1 || mode != CUDNN_IS_CROSS_CORRELATION ||
	    compute != CUDNN_FLOAT)
		return NOT_SUPPORTED;
	*o = (struct object){
	        .known = CONV, .pad = {pad_h, pad_w}, .stride = {stride_h, stride_w}, .groups = 1};
	return CUDNN_OK;
}

cudnn_status cudnnSetConvolutionMathType(cudnn_conv c, cudnn_math math)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(c, CONV) || math < CUDNN_IN_TF32 || math > CUDNN_IN_FP32)
		return BAD_PARAM;
	as(c, CONV)->math = math;
	return CUDNN_OK;
}

cudnn_status cudnnSetConvolutionGroupCount(cudnn_conv c, int groups)
{
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(c, CONV) || groups < 1)
		return BAD_PARAM;
	as(c, CONV)->groups = groups;
	return CUDNN_OK;
}

cudnn_status cudnnCreateActivationDescriptor(cudnn_activation *a)
{
	return make(a, ACTIVATION);
}

cudnn_status cudnnDestroyActivationDescriptor(cudnn_activation a)
{
	return end(a, ACTIVATION);
}

cudnn_status cudnnSetActivationDescriptor(cudnn_activation a, cudnn_activation_mode mode, cudnn_nan nan,
                                          double coefficient)
{
	(void)coefficient;
	if (emulated_fails())
		return EXECUTION_FAILED;
	if (!as(a, ACTIVATION) || nan < 0 || nan > 1)
		return BAD_PARAM;
	as(a, ACTIVATION)->nan = nan;
	return mode == CUDNN_RELU ? CUDNN_OK : NOT_SUPPORTED;
}
