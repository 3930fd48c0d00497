/* The backend `cuda`: its row. All that needs CUDA is in the module: see backend/cuda_row.h. */
#include "backend/cuda_row.h"

#ifdef SIGNSGD_CUDA
#define BUILT "built with " SIGNSGD_CUDA ", which is opened when it is needed"
#else
#define BUILT "this program was built without CUDA"
#endif

static const struct cuda_module *opened;

/* NULL and a sentence. */
static const struct cuda_module *module(struct err *e)
{
	if (opened || (opened = module_open("cuda", e)))
		return opened;
#ifndef SIGNSGD_CUDA
	err_prefix(e, BUILT);
#endif
	err_prefix(e, "cuda");
	return NULL;
}

static int row_open(struct backend *b, const void *state, struct err *e)
{
	static const struct cuda_settings defaults = {
	        .device = CUDA_DEVICE_LOCAL_RANK, .precision = CUDA_FP32, .graphs = true};
	return module(e) ? opened->open(b, state ? state : &defaults, e) : -1;
}

static void row_describe(bool load, void (*tell)(void *ctx, const char *name, const char *text), void *ctx)
{
	struct err e = {0};
	if (!load)
		tell(ctx, "backend cuda", BUILT);
	else if (module(&e))
		opened->describe(tell, ctx);
	else
		tell(ctx, "backend cuda", e.text);
}

static const struct key cuda_keys[] = {
        {.name = "device",
         .also = "gpu, gpu_id, device_id, device_index, ordinal",
         .kind = KEY_INT,
         .offset = offsetof(struct cuda_settings, device),
         .default_json = "\"local-rank\"",
         .lowest = 0,
         .highest = 1023,
         .word = "local-rank",
         .word_value = CUDA_DEVICE_LOCAL_RANK,
         .not_identity = true,
         .help = "the GPU, as the driver counts them from 0 (CUDA_VISIBLE_DEVICES says which it counts); "
                 "local-rank: this process's number among those that a launcher started on its machine, "
                 "modulo the number of GPUs"},
        {.name = "precision",
         .also = "dtype, amp, mixed_precision, math_mode, matmul_precision",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct cuda_settings, precision),
         .default_json = "\"fp32\"",
         .choices = (const char *const[]){"fp32", "tf32", "bf16", NULL},
         .help = "what the products of layers multiply: fp32, IEEE single precision; tf32 or bf16, numbers "
                 "of 10 or 7 bits behind the point on tensor cores, added up in single precision; with bf16 "
                 "cuDNN gives the results of convolutions in bf16 too. All else is single precision"},
        {.name = "graphs",
         .also = "cuda_graphs, cuda_graph, use_cuda_graph, graph",
         .kind = KEY_BOOL,
         .offset = offsetof(struct cuda_settings, graphs),
         .default_json = "true",
         .not_identity = true,
         .help = "capture what a worker's gradient is made of as CUDA graphs, and replay them; false: each "
                 "kernel is launched anew in every step. Changes no result"},
        {0},
};

extern const struct backend_row backend_cuda;
const struct backend_row backend_cuda = {
        .row = {.name = "cuda",
                .also = "gpu, nvidia, cudnn, cublas",
                .about = "an NVIDIA GPU: kernels in CUDA, products by cuBLAS, layers on images by cuDNN",
                .formula = "Signs, votes, random numbers and elementwise kernels (but tanh and sigmoid) have "
                           "the bits of `ref`; sums and products have the same bits on the same card model "
                           "with the same versions of the libraries",
                .keys = cuda_keys,
                .state_bytes = sizeof(struct cuda_settings)},
        .open = row_open,
        .describe = row_describe,
        .device = true,
};
