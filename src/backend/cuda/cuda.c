/* The module's table, and the table of kernels: see backend/cuda/cuda.h. */
#include "backend/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda/device.h"
#include "backend/cuda/library.h"

extern const struct backend_row backend_cpu;
extern const struct cuda_module signsgd_module_cuda;

enum { TEXT = 512, ROUNDING_CAPABILITY = 80 };

static char details[CUDA_PRECISIONS][TEXT];
static const char *const precision_names[] = {"fp32", "tf32", "bf16"};

/* ", cuBLAS 13.0.2": of the text, which goes on behind the version. */
static void add_library(char detail[TEXT], const char *name, bool there, const char *text)
{
	size_t length = strlen(detail);
	if (there)
		snprintf(detail + length, (size_t)TEXT - length, ", %s %.*s", name, (int)strcspn(text, " "),
		         text);
	else
		snprintf(detail + length, (size_t)TEXT - length, ", no %s", name);
}

/* All that decides the bits: "NVIDIA H200, compute capability 9.0, tf32, CUDA 13.0, cuBLAS 13.0.2, no cuDNN".
 */
static void write_detail(int precision)
{
	char version[16], text[TEXT], *detail = details[precision];
	int runtime = 0;
	struct err e = {0};
	cuda_check(cudaRuntimeGetVersion(&runtime), "asking for the version");
	snprintf(detail, (size_t)TEXT, "%s, %s, CUDA %s", cuda_device_name(), precision_names[precision],
	         cuda_version(runtime, version));
	library_cublas_text(sizeof text, text);
	add_library(detail, "cuBLAS", library_cublas(&e), text);
	library_cudnn_text(sizeof text, text);
	add_library(detail, "cuDNN", library_cudnn(&e), text);
}

/*
 * Products of rounded numbers, where the result file will say that there were any: libraries take float32 in
 * silence where tensor cores cannot round or the environment forbids it.
 */
static int check_precision(int precision, struct err *e)
{
	const char *allowed = getenv("NVIDIA_TF32_OVERRIDE"), *name = precision_names[precision];
	int capability = cuda_machine.capability;
	if (precision != CUDA_FP32 && capability < ROUNDING_CAPABILITY)
		return err_world(e, "precision: found \"%s\" on %s; expected \"fp32\", or at least %d.%d",
		                 name, cuda_device_name(), ROUNDING_CAPABILITY / 10,
		                 ROUNDING_CAPABILITY % 10);
	if (precision == CUDA_TF32 && allowed && strcmp(allowed, "0") == 0)
		return err_world(e, "precision: found \"%s\", which NVIDIA_TF32_OVERRIDE=0 forbids", name);
	return 0;
}

/*
 * What may take several workers' batches at once (backend/joins.h). cuBLAS and cuDNN promise the same bits
 * for the same sizes alone, so products and convolutions run batch by batch. This is the one place where more
 * can be switched on: a function that is true for the cards, versions and sizes for which it was measured
 * that a joined call gives the bits of single ones.
 */
static const struct joins joins = {.product = NULL};

/* The sum stays in the second-level cache of the device for as long as it is shorter. */
static void sum_scaled(struct queue *q, size_t n, int count, const float *const *x, float a, float *out)
{
	cuda_memory.copy(q, out, x[0], n * sizeof *out);
	for (int m = 1; m < count; m++)
		cuda_add(q, n, x[m], out);
	cuda_scale(q, n, a, out, out);
}

static int cuda_open(struct backend *b, const struct cuda_settings *s, struct err *e)
{
	struct backend host;
	if (cuda_device_open(s->device, e) || check_precision(s->precision, e) ||
	    backend_cpu.open(&host, NULL, e))
		return err_prefix(e, "cuda");
	write_detail(s->precision);
	*b = (struct backend){
	        .name = "cuda",
	        .detail = details[s->precision],
	        .memory = &cuda_memory,
	        .keeps_data = true,
	        .sign_pack = cuda_sign_pack,
	        .noise_pack = cuda_noise_pack,
	        .sign_unpack = cuda_sign_unpack,
	        .majority = cuda_majority,
	        .sign_apply = cuda_sign_apply,
	        .momentum = cuda_momentum,
	        .momentum_pack = cuda_momentum_pack,
	        .scale = cuda_scale,
	        .add = cuda_add,
	        .sum_scaled = sum_scaled,
	        .descend = cuda_descend,
	        .adam = cuda_adam,
	        .normal = cuda_normal,
	        .dropout = cuda_dropout,
	        .flip = cuda_flip,
	        .random_sign = cuda_random_sign,
	        .constant = cuda_constant,
	        .multiply = cuda_multiply,
	        .sum_abs = cuda_sum_abs,
	        .sum_square = cuda_sum_square,
	        .dot = cuda_dot,
	        .max_abs = cuda_max_abs,
	        .hash = cuda_hash,
	        .gemm = cuda_gemm[s->precision],
	        .add_bias = cuda_add_bias,
	        .sum_rows = cuda_sum_rows,
	        .relu = cuda_relu,
	        .relu_back = cuda_relu_back,
	        .tanh = cuda_tanh,
	        .tanh_back = cuda_tanh_back,
	        .sigmoid = cuda_sigmoid,
	        .sigmoid_back = cuda_sigmoid_back,
	        .add_relu = cuda_add_relu,
	        .embed = cuda_embed,
	        .embed_back = cuda_embed_back,
	        .recur = cuda_recur,
	        .recur_back = cuda_recur_back,
	        .pair = cuda_pair,
	        .pair_back = cuda_pair_back,
	        .softmax_loss = cuda_softmax_loss,
	        .pixels = cuda_pixels,
	        .gather = cuda_gather,
	        .image = &cuda_image[s->precision],
	        .rows = host.rows,
	        .joins = &joins,
	        .captures = s->graphs ? &cuda_captures : NULL,
	        .rules = &cuda_rules,
	};
	return 0;
}

static void cuda_describe(void (*tell)(void *ctx, const char *name, const char *text), void *ctx)
{
	char text[TEXT];
	cuda_devices_describe(tell, ctx);
	library_cublas_text(sizeof text, text);
	tell(ctx, "cuBLAS", text);
	library_cudnn_text(sizeof text, text);
	tell(ctx, "cuDNN", text);
}

MODULE_TABLE const struct cuda_module signsgd_module_cuda = {
        .head = {SIGNSGD_VERSION, SIGNSGD_COMMIT},
        .open = cuda_open,
        .describe = cuda_describe,
};
