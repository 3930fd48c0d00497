/*
 * The door to cuBLAS (11 to 13) and cuDNN (8.9 and 9): the part of their C interfaces that we call, under
 * names of ours, and the tables of their functions. Their headers are not needed: the libraries are opened
 * when a layer first needs one, so that the program starts without them and a model of only products does
 * without cuDNN. tests/backend/test_cuda_library.c compares what stands here with the real headers.
 * Where they are looked for: see find.h.
 */
#ifndef SIGNSGD_BACKEND_CUDA_LIBRARY_H
#define SIGNSGD_BACKEND_CUDA_LIBRARY_H

#include <stddef.h>
#include <cuda_runtime_api.h>

#include "base/err.h"

/* How the libraries' types are passed. The test that compares function types says the real ones instead. */
#ifndef CUDA_LIBRARY_TYPES
typedef int cublas_status, cublas_operation, cublas_compute, cublas_algorithm, cublas_property, cublas_type;
typedef void *cublas_handle;
typedef int cudnn_status, cudnn_format, cudnn_type, cudnn_math, cudnn_conv_mode, cudnn_activation_mode;
typedef int cudnn_nan, cudnn_norm_mode, cudnn_forward_algorithm, cudnn_data_algorithm, cudnn_filter_algorithm;
typedef void *cudnn_handle, *cudnn_tensor, *cudnn_filter, *cudnn_conv, *cudnn_activation;
/* What an algorithm is expected to do. */
typedef struct cudnn_choice {
	int algorithm; /* of the kind that was asked for */
	cudnn_status status;
	float time;
	size_t memory;   /* bytes of workspace */
	int determinism; /* CUDNN_IS_DETERMINISTIC, or not */
	cudnn_math math;
	int reserved[3];
} cudnn_forward_choice, cudnn_data_choice, cudnn_filter_choice;
#endif

enum { CUBLAS_OK = 0, CUBLAS_PLAIN = 0, CUBLAS_TRANSPOSED = 1, CUBLAS_DEFAULT_ALGORITHM = -1 };
enum { CUBLAS_MAJOR = 0, CUBLAS_MINOR = 1, CUBLAS_PATCH = 2 };
enum { CUBLAS_FLOAT = 0 };
/* What a product of floats is computed in. */
enum { CUBLAS_IN_FP32 = 69, CUBLAS_IN_BF16 = 75, CUBLAS_IN_TF32 = 77 };

enum { CUDNN_OK = 0, CUDNN_8_UNSUPPORTED = 9, CUDNN_9_UNSUPPORTED = 3000 /* and up to 999 above it */ };
enum { CUDNN_FLOAT = 0, CUDNN_BF16 = 9 };
enum { CUDNN_NCHW = 0, CUDNN_NHWC = 1 };
enum { CUDNN_IN_TF32 = 0, CUDNN_IN_TENSOR_CORES = 1, CUDNN_IN_HALF = 2, CUDNN_IN_FP32 = 3 };
enum { CUDNN_IS_CROSS_CORRELATION = 1, CUDNN_RELU = 1, CUDNN_NAN_GOES = 0, CUDNN_NORM_SPATIAL = 1 };
enum { CUDNN_IS_DETERMINISTIC = 1 };
/* Algorithms of each kind, at most. */
enum { CUDNN_FORWARD_ALGORITHMS = 8, CUDNN_DATA_ALGORITHMS = 6, CUDNN_FILTER_ALGORITHMS = 7 };

/* Each member is the function whose name stands behind it. */
struct cublas {
	cublas_status (*create)(cublas_handle *handle);                         /* cublasCreate_v2 */
	cublas_status (*destroy)(cublas_handle handle);                         /* cublasDestroy_v2 */
	cublas_status (*property)(cublas_property which, int *value);           /* cublasGetProperty */
	cublas_status (*set_stream)(cublas_handle handle, cudaStream_t stream); /* cublasSetStream_v2 */
	/* cublasSetWorkspace_v2; set_stream() forgets it */
	cublas_status (*set_workspace)(cublas_handle handle, void *workspace, size_t bytes);
	/* cublasGemmEx: column-major */
	cublas_status (*gemm)(cublas_handle handle, cublas_operation ta, cublas_operation tb, int m, int n,
	                      int k, const void *alpha, const void *a, cublas_type a_type, int lda,
	                      const void *b, cublas_type b_type, int ldb, const void *beta, void *c,
	                      cublas_type c_type, int ldc, cublas_compute compute, cublas_algorithm how);
};

struct cudnn {
	size_t (*version)(void);                      /* cudnnGetVersion: 8904 or 91900 */
	const char *(*word)(cudnn_status status);     /* cudnnGetErrorString */
	cudnn_status (*create)(cudnn_handle *handle); /* cudnnCreate */
	cudnn_status (*destroy)(cudnn_handle handle); /* cudnnDestroy */
	cudnn_status (*set_stream)(cudnn_handle handle, cudaStream_t stream); /* cudnnSetStream */

	cudnn_status (*tensor_create)(cudnn_tensor *t); /* cudnnCreateTensorDescriptor */
	cudnn_status (*tensor_destroy)(cudnn_tensor t); /* cudnnDestroyTensorDescriptor */
	/* cudnnSetTensor4dDescriptor */
	cudnn_status (*tensor_set)(cudnn_tensor t, cudnn_format format, cudnn_type type, int n, int c, int h,
	                           int w);
	cudnn_status (*filter_create)(cudnn_filter *f); /* cudnnCreateFilterDescriptor */
	cudnn_status (*filter_destroy)(cudnn_filter f); /* cudnnDestroyFilterDescriptor */
	/* cudnnSetFilter4dDescriptor */
	cudnn_status (*filter_set)(cudnn_filter f, cudnn_type type, cudnn_format format, int out, int in,
	                           int h, int w);
	cudnn_status (*conv_create)(cudnn_conv *c); /* cudnnCreateConvolutionDescriptor */
	cudnn_status (*conv_destroy)(cudnn_conv c); /* cudnnDestroyConvolutionDescriptor */
	/* cudnnSetConvolution2dDescriptor */
	cudnn_status (*conv_set)(cudnn_conv c, int pad_h, int pad_w, int stride_h, int stride_w,
	                         int dilation_h, int dilation_w, cudnn_conv_mode mode, cudnn_type compute);
	cudnn_status (*conv_set_math)(cudnn_conv c, cudnn_math math); /* cudnnSetConvolutionMathType */
	cudnn_status (*conv_set_groups)(cudnn_conv c, int groups);    /* cudnnSetConvolutionGroupCount */
	cudnn_status (*activation_create)(cudnn_activation *a);       /* cudnnCreateActivationDescriptor */
	cudnn_status (*activation_destroy)(cudnn_activation a);       /* cudnnDestroyActivationDescriptor */
	/* cudnnSetActivationDescriptor */
	cudnn_status (*activation_set)(cudnn_activation a, cudnn_activation_mode mode, cudnn_nan nan,
	                               double coefficient);

	/* cudnnGetConvolution{Forward,BackwardData,BackwardFilter}Algorithm_v7: the best first, without
	 * trying any */
	cudnn_status (*forward_choices)(cudnn_handle handle, cudnn_tensor x, cudnn_filter w, cudnn_conv c,
	                                cudnn_tensor y, int most, int *count, cudnn_forward_choice *out);
	cudnn_status (*data_choices)(cudnn_handle handle, cudnn_filter w, cudnn_tensor dy, cudnn_conv c,
	                             cudnn_tensor dx, int most, int *count, cudnn_data_choice *out);
	cudnn_status (*filter_choices)(cudnn_handle handle, cudnn_tensor x, cudnn_tensor dy, cudnn_conv c,
	                               cudnn_filter dw, int most, int *count, cudnn_filter_choice *out);
	/* cudnnGetConvolution{Forward,BackwardData,BackwardFilter}WorkspaceSize */
	cudnn_status (*forward_workspace)(cudnn_handle handle, cudnn_tensor x, cudnn_filter w, cudnn_conv c,
	                                  cudnn_tensor y, cudnn_forward_algorithm how, size_t *bytes);
	cudnn_status (*data_workspace)(cudnn_handle handle, cudnn_filter w, cudnn_tensor dy, cudnn_conv c,
	                               cudnn_tensor dx, cudnn_data_algorithm how, size_t *bytes);
	cudnn_status (*filter_workspace)(cudnn_handle handle, cudnn_tensor x, cudnn_tensor dy, cudnn_conv c,
	                                 cudnn_filter dw, cudnn_filter_algorithm how, size_t *bytes);

	/* cudnnConvolution{Forward,BackwardData,BackwardFilter}: alpha and beta are floats of the host */
	cudnn_status (*forward)(cudnn_handle handle, const void *alpha, cudnn_tensor x_as, const void *x,
	                        cudnn_filter w_as, const void *w, cudnn_conv c, cudnn_forward_algorithm how,
	                        void *workspace, size_t bytes, const void *beta, cudnn_tensor y_as, void *y);
	cudnn_status (*data)(cudnn_handle handle, const void *alpha, cudnn_filter w_as, const void *w,
	                     cudnn_tensor dy_as, const void *dy, cudnn_conv c, cudnn_data_algorithm how,
	                     void *workspace, size_t bytes, const void *beta, cudnn_tensor dx_as, void *dx);
	cudnn_status (*filter)(cudnn_handle handle, const void *alpha, cudnn_tensor x_as, const void *x,
	                       cudnn_tensor dy_as, const void *dy, cudnn_conv c, cudnn_filter_algorithm how,
	                       void *workspace, size_t bytes, const void *beta, cudnn_filter dw_as, void *dw);
	/* cudnnConvolutionBiasActivationForward: y = activation(alpha1 x * w + alpha2 z + bias) */
	cudnn_status (*fused)(cudnn_handle handle, const void *alpha1, cudnn_tensor x_as, const void *x,
	                      cudnn_filter w_as, const void *w, cudnn_conv c, cudnn_forward_algorithm how,
	                      void *workspace, size_t bytes, const void *alpha2, cudnn_tensor z_as,
	                      const void *z, cudnn_tensor bias_as, const void *bias, cudnn_activation a,
	                      cudnn_tensor y_as, void *y);

	/* cudnnBatchNormalizationForwardTraining: running = factor * the batch's + (1 - factor) running, with
	 * the unbiased variance */
	cudnn_status (*norm)(cudnn_handle handle, cudnn_norm_mode mode, const void *alpha, const void *beta,
	                     cudnn_tensor x_as, const void *x, cudnn_tensor y_as, void *y,
	                     cudnn_tensor channels_as, const void *gamma, const void *shift, double factor,
	                     void *running_mean, void *running_variance, double epsilon, void *mean,
	                     void *inverse_deviation);
	/* cudnnBatchNormalizationBackward */
	cudnn_status (*norm_back)(cudnn_handle handle, cudnn_norm_mode mode, const void *alpha,
	                          const void *beta, const void *alpha_parameters, const void *beta_parameters,
	                          cudnn_tensor x_as, const void *x, cudnn_tensor dy_as, const void *dy,
	                          cudnn_tensor dx_as, void *dx, cudnn_tensor channels_as, const void *gamma,
	                          void *d_gamma, void *d_shift, double epsilon, const void *mean,
	                          const void *inverse_deviation);
};

/*
 * The library's functions, opened at the first call; NULL and a sentence (exit code 1) where it is not there,
 * is of another version, or lacks a function. It stays open. Any thread may call.
 */
const struct cublas *library_cublas(struct err *e);
const struct cudnn *library_cudnn(struct err *e);

/* The same where work cannot go on without it: dies with the sentence. */
const struct cublas *cublas_must_be_there(void);
const struct cudnn *cudnn_must_be_there(void);

/* For `version --devices`: "13.0.2 (/usr/lib/libcublas.so.13)", or the sentence. */
void library_cublas_text(size_t size, char text[]);
void library_cudnn_text(size_t size, char text[]);

/* Die unless the status is success: "cuBLAS cannot WHAT (status N)". */
void cublas_check(cublas_status status, const char *what);
void cudnn_check(cudnn_status status, const char *what);

#endif
