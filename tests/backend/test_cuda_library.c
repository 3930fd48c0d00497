/*
 * What src/backend/cuda/library.h says of cuBLAS and cuDNN, against their headers, where these are: a
 * compiler reads both. And what is said where the libraries are not, or are no libraries.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A member of a table and the function that it stands for. */
static const char *const functions[][3] = {
        {"cublas", "create", "cublasCreate_v2"},
        {"cublas", "destroy", "cublasDestroy_v2"},
        {"cublas", "property", "cublasGetProperty"},
        {"cublas", "set_stream", "cublasSetStream_v2"},
        {"cublas", "set_workspace", "cublasSetWorkspace_v2"},
        {"cublas", "gemm", "cublasGemmEx"},
        {"cudnn", "version", "cudnnGetVersion"},
        {"cudnn", "word", "cudnnGetErrorString"},
        {"cudnn", "create", "cudnnCreate"},
        {"cudnn", "destroy", "cudnnDestroy"},
        {"cudnn", "set_stream", "cudnnSetStream"},
        {"cudnn", "tensor_create", "cudnnCreateTensorDescriptor"},
        {"cudnn", "tensor_destroy", "cudnnDestroyTensorDescriptor"},
        {"cudnn", "tensor_set", "cudnnSetTensor4dDescriptor"},
        {"cudnn", "filter_create", "cudnnCreateFilterDescriptor"},
        {"cudnn", "filter_destroy", "cudnnDestroyFilterDescriptor"},
        {"cudnn", "filter_set", "cudnnSetFilter4dDescriptor"},
        {"cudnn", "conv_create", "cudnnCreateConvolutionDescriptor"},
        {"cudnn", "conv_destroy", "cudnnDestroyConvolutionDescriptor"},
        {"cudnn", "conv_set", "cudnnSetConvolution2dDescriptor"},
        {"cudnn", "conv_set_math", "cudnnSetConvolutionMathType"},
        {"cudnn", "conv_set_groups", "cudnnSetConvolutionGroupCount"},
        {"cudnn", "activation_create", "cudnnCreateActivationDescriptor"},
        {"cudnn", "activation_destroy", "cudnnDestroyActivationDescriptor"},
        {"cudnn", "activation_set", "cudnnSetActivationDescriptor"},
        {"cudnn", "forward_choices", "cudnnGetConvolutionForwardAlgorithm_v7"},
        {"cudnn", "data_choices", "cudnnGetConvolutionBackwardDataAlgorithm_v7"},
        {"cudnn", "filter_choices", "cudnnGetConvolutionBackwardFilterAlgorithm_v7"},
        {"cudnn", "forward_workspace", "cudnnGetConvolutionForwardWorkspaceSize"},
        {"cudnn", "data_workspace", "cudnnGetConvolutionBackwardDataWorkspaceSize"},
        {"cudnn", "filter_workspace", "cudnnGetConvolutionBackwardFilterWorkspaceSize"},
        {"cudnn", "forward", "cudnnConvolutionForward"},
        {"cudnn", "data", "cudnnConvolutionBackwardData"},
        {"cudnn", "filter", "cudnnConvolutionBackwardFilter"},
        {"cudnn", "fused", "cudnnConvolutionBiasActivationForward"},
        {"cudnn", "norm", "cudnnBatchNormalizationForwardTraining"},
        {"cudnn", "norm_back", "cudnnBatchNormalizationBackward"},
};

/* Our types and theirs. */
static const char *const types[][2] = {
        {"cublas_status", "cublasStatus_t"},
        {"cublas_operation", "cublasOperation_t"},
        {"cublas_compute", "cublasComputeType_t"},
        {"cublas_algorithm", "cublasGemmAlgo_t"},
        {"cublas_property", "libraryPropertyType"},
        {"cublas_type", "cudaDataType"},
        {"cublas_handle", "cublasHandle_t"},
        {"cudnn_status", "cudnnStatus_t"},
        {"cudnn_format", "cudnnTensorFormat_t"},
        {"cudnn_type", "cudnnDataType_t"},
        {"cudnn_math", "cudnnMathType_t"},
        {"cudnn_conv_mode", "cudnnConvolutionMode_t"},
        {"cudnn_activation_mode", "cudnnActivationMode_t"},
        {"cudnn_nan", "cudnnNanPropagation_t"},
        {"cudnn_norm_mode", "cudnnBatchNormMode_t"},
        {"cudnn_forward_algorithm", "cudnnConvolutionFwdAlgo_t"},
        {"cudnn_data_algorithm", "cudnnConvolutionBwdDataAlgo_t"},
        {"cudnn_filter_algorithm", "cudnnConvolutionBwdFilterAlgo_t"},
        {"cudnn_handle", "cudnnHandle_t"},
        {"cudnn_tensor", "cudnnTensorDescriptor_t"},
        {"cudnn_filter", "cudnnFilterDescriptor_t"},
        {"cudnn_conv", "cudnnConvolutionDescriptor_t"},
        {"cudnn_activation", "cudnnActivationDescriptor_t"},
        {"cudnn_forward_choice", "cudnnConvolutionFwdAlgoPerf_t"},
        {"cudnn_data_choice", "cudnnConvolutionBwdDataAlgoPerf_t"},
        {"cudnn_filter_choice", "cudnnConvolutionBwdFilterAlgoPerf_t"},
};

static const char *const values[][2] = {
        {"CUBLAS_OK", "CUBLAS_STATUS_SUCCESS"},
        {"CUBLAS_PLAIN", "CUBLAS_OP_N"},
        {"CUBLAS_TRANSPOSED", "CUBLAS_OP_T"},
        {"CUBLAS_DEFAULT_ALGORITHM", "CUBLAS_GEMM_DEFAULT"},
        {"CUBLAS_MAJOR", "MAJOR_VERSION"},
        {"CUBLAS_MINOR", "MINOR_VERSION"},
        {"CUBLAS_PATCH", "PATCH_LEVEL"},
        {"CUBLAS_FLOAT", "CUDA_R_32F"},
        {"CUBLAS_IN_FP32", "CUBLAS_COMPUTE_32F_PEDANTIC"},
        {"CUBLAS_IN_BF16", "CUBLAS_COMPUTE_32F_FAST_16BF"},
        {"CUBLAS_IN_TF32", "CUBLAS_COMPUTE_32F_FAST_TF32"},
        {"CUDNN_OK", "CUDNN_STATUS_SUCCESS"},
        {"(CUDNN_MAJOR < 9 ? CUDNN_8_UNSUPPORTED : CUDNN_9_UNSUPPORTED)", "CUDNN_STATUS_NOT_SUPPORTED"},
        {"CUDNN_FLOAT", "CUDNN_DATA_FLOAT"},
        {"CUDNN_BF16", "CUDNN_DATA_BFLOAT16"},
        {"CUDNN_NCHW", "CUDNN_TENSOR_NCHW"},
        {"CUDNN_NHWC", "CUDNN_TENSOR_NHWC"},
        {"CUDNN_IN_TF32", "CUDNN_DEFAULT_MATH"},
        {"CUDNN_IN_TENSOR_CORES", "CUDNN_TENSOR_OP_MATH"},
        {"CUDNN_IN_HALF", "CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION"},
        {"CUDNN_IN_FP32", "CUDNN_FMA_MATH"},
        {"CUDNN_IS_CROSS_CORRELATION", "CUDNN_CROSS_CORRELATION"},
        {"CUDNN_RELU", "CUDNN_ACTIVATION_RELU"},
        {"CUDNN_NAN_GOES", "CUDNN_NOT_PROPAGATE_NAN"},
        {"CUDNN_NORM_SPATIAL", "CUDNN_BATCHNORM_SPATIAL"},
        {"CUDNN_IS_DETERMINISTIC", "CUDNN_DETERMINISTIC"},
        {"CUDNN_FORWARD_ALGORITHMS", "CUDNN_CONVOLUTION_FWD_ALGO_COUNT"},
        {"CUDNN_DATA_ALGORITHMS", "CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT"},
        {"CUDNN_FILTER_ALGORITHMS", "CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT"},
};

/* The members of one choice, ours and theirs. */
static const char *const members[][2] = {
        {"algorithm", "algo"}, {"status", "status"},           {"time", "time"},
        {"memory", "memory"},  {"determinism", "determinism"}, {"math", "mathType"}};

static const char folders[] = "${CUDA_HOME:+-isystem $CUDA_HOME/include} -isystem /usr/local/cuda/include";

TestSuite(cuda_library, .init = cli_open, .fini = cli_close);

/* Does the compiler take the file of the test's folder? */
static bool compiles(const char *file)
{
	return process_shell("cc -std=gnu11 -Wall -Werror -Wno-deprecated-declarations -Wno-enum-compare "
	                     "-fsyntax-only -I. -Isrc %s %s/%s",
	                     folders, cli_folder, file);
}

static bool headers_are_here(struct buf *code)
{
	buf_add(code, "#include <stddef.h>\n#include <cublas_v2.h>\n#include <cudnn.h>\n");
	cli_write("headers.c", code->text);
	if (process_shell("cc -fsyntax-only -Wno-deprecated-declarations %s %s/headers.c 2>/dev/null",
	                  folders, cli_folder))
		return true;
	printf("skipped: the headers of cuBLAS and cuDNN are not here\n");
	return false;
}

/* With their types in the place of ours, a member is a pointer to the function. */
Test(cuda_library, functions_have_the_types_of_the_headers)
{
	struct buf code = {0};
	if (headers_are_here(&code)) {
		buf_add(&code, "#define CUDA_LIBRARY_TYPES\n");
		for (size_t i = 0; i < COUNT(types); i++)
			buf_format(&code, "typedef %s %s;\n", types[i][1], types[i][0]);
		buf_add(&code, "#include \"backend/cuda/library.h\"\n");
		for (size_t i = 0; i < COUNT(functions); i++)
			buf_format(&code,
			           "_Static_assert(__builtin_types_compatible_p(__typeof__(((struct %s "
			           "*)0)->%s), "
			           "__typeof__(&%s)), \"%s\");\n",
			           functions[i][0], functions[i][1], functions[i][2], functions[i][2]);
		cli_write("functions.c", code.text);
		cr_expect(compiles("functions.c"));
	}
	buf_clear(&code);
}

/* Ours are passed as theirs are: numbers as an int, the rest as a pointer; and values are equal. */
Test(cuda_library, types_and_values_are_those_of_the_headers)
{
	struct buf code = {0};
	if (headers_are_here(&code)) {
		buf_add(&code, "#include \"backend/cuda/library.h\"\n");
		for (size_t i = 0; i < COUNT(types); i++)
			buf_format(&code, "_Static_assert(sizeof(%s) == sizeof(%s), \"%s\");\n", types[i][0],
			           types[i][1], types[i][0]);
		for (size_t i = 0; i < COUNT(values); i++)
			buf_format(&code, "_Static_assert((int)(%s) == (int)%s, \"%s\");\n", values[i][0],
			           values[i][1], values[i][1]);
		for (size_t i = 0; i < COUNT(members); i++)
			for (size_t t = COUNT(types) - 3; t < COUNT(types); t++)
				buf_format(&code,
				           "_Static_assert(offsetof(%s, %s) == offsetof(%s, %s), \"%s\");\n",
				           types[t][0], members[i][0], types[t][1], members[i][1],
				           members[i][0]);
		cli_write("values.c", code.text);
		cr_expect(compiles("values.c"));
	}
	buf_clear(&code);
}
