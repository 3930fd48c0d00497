/* The reference backend: plain C, the definition of every kernel. */
#include <math.h>

#include "backend/plain.inc.h"
#include "backend/rows_plain.inc.h"
#include "backend/ref/ref.h"

static void ref_normal(HOST_QUEUE, size_t n, float sigma, const struct stream *s, size_t first,
                       const float *mean, float *out)
{
	for (size_t i = 0; i < n; i += 4) {
		float z[4];
		stream_normal4(s, (first + i) / 4, z);
		for (size_t j = i; j < i + 4 && j < n; j++)
			out[j] = mean[j] + sigma * z[j - i];
	}
}

static void ref_dropout(HOST_QUEUE, size_t n, float rate, const struct stream *s, size_t first,
                        const float *x, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = stream_uniform(s, first + i) >= rate ? x[i] / (1 - rate) : 0;
}

static void ref_flip(HOST_QUEUE, size_t n, uint64_t limit, const struct stream *s, size_t first,
                     const float *x, float *out)
{
	uint32_t word[4] = {0};
	for (size_t i = 0; i < n; i++) {
		if (i % 4 == 0)
			stream_block(s, (first + i) / 4, word);
		out[i] = word[i % 4] < limit ? -x[i] : x[i];
	}
}

/* The definition of the pair: one kernel after the other. */
static void ref_momentum_pack(HOST_QUEUE, size_t n, float beta, const float *g, float *v,
                              enum sign_policy zero, const struct stream *coins, size_t first, uint64_t *vote,
                              uint64_t *abstain)
{
	plain_momentum(queue, n, beta, g, v);
	ref_sign_pack(queue, n, v, zero, coins, first, vote, abstain);
}

static void ref_sum_abs(HOST_QUEUE, size_t n, const float *x, double *out)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += fabs(x[i]);
	*out = sum;
}

static void ref_dot(HOST_QUEUE, size_t n, const float *x, const float *y, double *out)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * y[i];
	*out = sum;
}

static void ref_sum_square(HOST_QUEUE, size_t n, const float *x, double *out)
{
	ref_dot(queue, n, x, x, out);
}

static int ref_open(struct backend *b, const void *state, struct err *e)
{
	(void)state, (void)e;
	*b = (struct backend){
	        .name = "ref",
	        .detail = "plain C",
	        .memory = &memory_host,
	        .sign_pack = ref_sign_pack,
	        .noise_pack = ref_noise_pack,
	        .sign_unpack = ref_sign_unpack,
	        .majority = ref_majority,
	        .sign_apply = ref_sign_apply,
	        .momentum = plain_momentum,
	        .momentum_pack = ref_momentum_pack,
	        .scale = plain_scale,
	        .add = plain_add,
	        .descend = plain_descend,
	        .adam = plain_adam,
	        .normal = ref_normal,
	        .dropout = ref_dropout,
	        .flip = ref_flip,
	        .random_sign = ref_random_sign,
	        .constant = plain_constant,
	        .multiply = plain_multiply,
	        .sum_abs = ref_sum_abs,
	        .sum_square = ref_sum_square,
	        .dot = ref_dot,
	        .max_abs = plain_max_abs,
	        .hash = plain_hash,
	        .gemm = ref_gemm,
	        .add_bias = plain_add_bias,
	        .sum_rows = plain_sum_rows,
	        .relu = plain_relu,
	        .relu_back = plain_relu_back,
	        .tanh = ref_tanh,
	        .tanh_back = plain_tanh_back,
	        .sigmoid = ref_sigmoid,
	        .sigmoid_back = plain_sigmoid_back,
	        .add_relu = plain_add_relu,
	        .embed = plain_embed,
	        .embed_back = plain_embed_back,
	        .recur = plain_recur,
	        .recur_back = plain_recur_back,
	        .pair = plain_pair,
	        .pair_back = plain_pair_back,
	        .softmax_loss = ref_softmax_loss,
	        .pixels = plain_pixels,
	        .gather = ref_gather,
	        .image = &ref_image,
	        .rows = &rows_loops,
	};
	return 0;
}

extern const struct backend_row backend_ref;
const struct backend_row backend_ref = {
        .row = {.name = "ref",
                .about = "plain C loops: the definition of every kernel, slow",
                .formula = NULL},
        .open = ref_open,
};
