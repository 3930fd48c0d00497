/* cuBLAS and cuDNN: see library.h; they are opened by find.c. */
#include "backend/cuda/library.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "backend/cuda/cuda.h"
#include "backend/cuda/find.h"

static struct cublas cublas;
static const struct library_function cublas_functions[] = {
        {"cublasCreate_v2", &cublas.create},
        {"cublasDestroy_v2", &cublas.destroy},
        {"cublasGetProperty", &cublas.property},
        {"cublasSetStream_v2", &cublas.set_stream},
        {"cublasSetWorkspace_v2", &cublas.set_workspace},
        {"cublasGemmEx", &cublas.gemm},
};

static bool know_cublas(struct library *l)
{
	int part[3] = {0};
	for (int which = CUBLAS_MAJOR; which <= CUBLAS_PATCH; which++)
		if (cublas.property(which, &part[which]) != CUBLAS_OK) {
			err_world(&l->why, "%s (%s) does not say its version", l->name, l->file);
			return false;
		}
	snprintf(l->version, sizeof(l->version), "%d.%d.%d", part[0], part[1], part[2]);
	return library_between(l, part[0], 11, 14, "11 to 13");
}

static struct cudnn cudnn;
static const struct library_function cudnn_functions[] = {
        {"cudnnGetVersion", &cudnn.version},
        {"cudnnGetErrorString", &cudnn.word},
        {"cudnnCreate", &cudnn.create},
        {"cudnnDestroy", &cudnn.destroy},
        {"cudnnSetStream", &cudnn.set_stream},
        {"cudnnCreateTensorDescriptor", &cudnn.tensor_create},
        {"cudnnDestroyTensorDescriptor", &cudnn.tensor_destroy},
        {"cudnnSetTensor4dDescriptor", &cudnn.tensor_set},
        {"cudnnCreateFilterDescriptor", &cudnn.filter_create},
        {"cudnnDestroyFilterDescriptor", &cudnn.filter_destroy},
        {"cudnnSetFilter4dDescriptor", &cudnn.filter_set},
        {"cudnnCreateConvolutionDescriptor", &cudnn.conv_create},
        {"cudnnDestroyConvolutionDescriptor", &cudnn.conv_destroy},
        {"cudnnSetConvolution2dDescriptor", &cudnn.conv_set},
        {"cudnnSetConvolutionMathType", &cudnn.conv_set_math},
        {"cudnnSetConvolutionGroupCount", &cudnn.conv_set_groups},
        {"cudnnCreateActivationDescriptor", &cudnn.activation_create},
        {"cudnnDestroyActivationDescriptor", &cudnn.activation_destroy},
        {"cudnnSetActivationDescriptor", &cudnn.activation_set},
        {"cudnnGetConvolutionForwardAlgorithm_v7", &cudnn.forward_choices},
        {"cudnnGetConvolutionBackwardDataAlgorithm_v7", &cudnn.data_choices},
        {"cudnnGetConvolutionBackwardFilterAlgorithm_v7", &cudnn.filter_choices},
        {"cudnnGetConvolutionForwardWorkspaceSize", &cudnn.forward_workspace},
        {"cudnnGetConvolutionBackwardDataWorkspaceSize", &cudnn.data_workspace},
        {"cudnnGetConvolutionBackwardFilterWorkspaceSize", &cudnn.filter_workspace},
        {"cudnnConvolutionForward", &cudnn.forward},
        {"cudnnConvolutionBackwardData", &cudnn.data},
        {"cudnnConvolutionBackwardFilter", &cudnn.filter},
        {"cudnnConvolutionBiasActivationForward", &cudnn.fused},
        {"cudnnBatchNormalizationForwardTraining", &cudnn.norm},
        {"cudnnBatchNormalizationBackward", &cudnn.norm_back},
};

/* cuDNN 8 counts 8904 for 8.9.4, cuDNN 9 counts 91900 for 9.19.0. */
static bool know_cudnn(struct library *l)
{
	int v = (int)cudnn.version(), base = v < 90000 ? 1000 : 10000;
	int major = v / base, minor = v % base / 100;
	snprintf(l->version, sizeof(l->version), "%d.%d.%d", major, minor, v % 100);
	return library_between(l, 100 * major + minor, 809, 1000, "8.9 or 9");
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static struct library cublas_library = {.name = "cuBLAS",
                                        .files = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"},
                                        .functions = cublas_functions,
                                        .count = COUNT(cublas_functions),
                                        .know = know_cublas};
static struct library cudnn_library = {.name = "cuDNN",
                                       .files = {"libcudnn.so.9", "libcudnn.so.8"},
                                       .functions = cudnn_functions,
                                       .count = COUNT(cudnn_functions),
                                       .know = know_cudnn};

static void open_cublas(void)
{
	library_open(&cublas_library);
}

static void open_cudnn(void)
{
	library_open(&cudnn_library);
}

static const struct library *cublas_opened(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_cublas);
	return &cublas_library;
}

static const struct library *cudnn_opened(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_cudnn);
	return &cudnn_library;
}

const struct cublas *library_cublas(struct err *e)
{
	return library_table(cublas_opened(), &cublas, e);
}

const struct cudnn *library_cudnn(struct err *e)
{
	return library_table(cudnn_opened(), &cudnn, e);
}

const struct cublas *cublas_must_be_there(void)
{
	if (!cublas_opened()->open)
		die("%s", cublas_library.why.text);
	return &cublas;
}

const struct cudnn *cudnn_must_be_there(void)
{
	if (!cudnn_opened()->open)
		die("%s", cudnn_library.why.text);
	return &cudnn;
}

void library_cublas_text(size_t size, char text[])
{
	library_text(cublas_opened(), size, text);
}

void library_cudnn_text(size_t size, char text[])
{
	library_text(cudnn_opened(), size, text);
}

void cublas_check(cublas_status status, const char *what)
{
	if (status != CUBLAS_OK)
		cuda_library_failed("cuBLAS cannot %s (status %d)", what, status);
}

void cudnn_check(cudnn_status status, const char *what)
{
	if (status != CUDNN_OK)
		cuda_library_failed("cuDNN cannot %s: %s (status %d)", what, cudnn.word(status), status);
}
