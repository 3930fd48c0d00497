/*
 * Compressor `top-k`: the largest coordinates of each layer, or of the whole vector, and nothing of the
 * others, which are remembered and said later.
 *
 * A message: its length (compressor/code.h), and range by range what compressor/sparse.h makes of it.
 */
#include <string.h>
#include "compressor/scaled.h"
#include "compressor/sparse.h"

struct top_k {
	struct scaled_keys scaled;
	double share;
	int sends; /* enum top_k_sends */
	bool error_feedback;
};

enum top_k_sends { SENDS_VALUES, SENDS_SIGNS };

static struct sparse_form form_of(const struct top_k *s)
{
	return (struct sparse_form){.share = s->share, .signs = s->sends == SENDS_SIGNS};
}

static const struct layers *ranges_of(const void *state, const struct layers *layers)
{
	return scaled_by_layer(state) ? layers : NULL;
}

static size_t top_k_most(const void *state, const struct layers *layers, size_t n)
{
	const struct sparse_form form = form_of(state);
	const struct layers *ranges = ranges_of(state, layers);
	size_t bytes = CODE_LENGTH_BYTES;
	for (size_t i = 0; i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, n, i);
		bytes += sparse_bytes(&form, r.end - r.begin);
	}
	return bytes;
}

static size_t top_k_memory_floats(const void *state, size_t n)
{
	return ((const struct top_k *)state)->error_feedback ? n : 0;
}

/* The memory e becomes p = v + e, and then what of it is not said. A sign says all of its coordinate. */
static void top_k_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                         size_t end, float *memory, void *push)
{
	const struct sparse_form form = form_of(job->state);
	const struct layers *ranges = ranges_of(job->state, job->layers);
	const struct stream coins = stream_of(job->seed, RNG_ZERO, worker, job->step);
	unsigned char *at = (unsigned char *)push + CODE_LENGTH_BYTES;
	(void)begin, (void)end; /* one piece: 0..n */
	for (size_t i = 0; memory && i < job->n; i++)
		memory[i] += v[i];
	for (size_t i = 0; i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, job->n, i);
		size_t d = r.end - r.begin;
		sparse_write(&form, (memory ? memory : v) + r.begin, d, r.begin, &coins, at);
		if (memory)
			sparse_forget(&form, at, d, memory + r.begin);
		at += sparse_bytes(&form, d);
	}
	code_set_length(push, (size_t)(at - (unsigned char *)push));
}

static const char *top_k_refuses(const void *state, const struct layers *layers, size_t n,
                                 const void *message, size_t bytes)
{
	const struct sparse_form form = form_of(state);
	const struct layers *ranges = ranges_of(state, layers);
	const unsigned char *at = (const unsigned char *)message + CODE_LENGTH_BYTES;
	const char *wrong = NULL;
	if (bytes != top_k_most(state, layers, n))
		return "has another length than so many coordinates need";
	if (code_length(message) != bytes)
		return "says another length than it has";
	for (size_t i = 0; !wrong && i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, n, i);
		wrong = sparse_refuses(&form, at, r.end - r.begin);
		at += sparse_bytes(&form, r.end - r.begin);
	}
	return wrong;
}

static void top_k_floats(const void *state, const struct layers *layers, size_t n, const void *message,
                         float *out)
{
	const struct sparse_form form = form_of(state);
	const struct layers *ranges = ranges_of(state, layers);
	const unsigned char *at = (const unsigned char *)message + CODE_LENGTH_BYTES;
	for (size_t i = 0; i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, n, i);
		sparse_read(&form, at, r.end - r.begin, out + r.begin);
		at += sparse_bytes(&form, r.end - r.begin);
	}
}

static const struct message_code top_k_code = {
        .most = top_k_most, .refuses = top_k_refuses, .floats = top_k_floats};

static const struct key top_k_keys[] = {
        {.name = "share",
         .also = "k, ratio, compress_ratio, compression_ratio, density, sparsity, fraction",
         .kind = KEY_REAL,
         .offset = offsetof(struct top_k, share),
         .default_json = "0.01",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .help = "of the d coordinates of a range: k = max(1, floor(share d)) of them are said"},
        {.name = "sends",
         .also = "mode, payload",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct top_k, sends),
         .default_json = "\"values\"",
         .choices = (const char *const[]){"values", "signs", NULL},
         .help = "what is said of them: values, or signs alone, as in Sparse-SignSGD, whose 0 is a fair "
                 "coin"},
        {.name = "error_feedback",
         .also = "ef, memory, use_memory, residual, error_compensation",
         .kind = KEY_BOOL,
         .offset = offsetof(struct top_k, error_feedback),
         .default_json = "true",
         .help = "what is not said is remembered, and added to the next vector"},
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"layer\""},
        SCALED_TWO_WAY,
        {0},
};

const struct compressor compressor_top_k = {
        .row = {.name = "top-k",
                .also = "topk, top_k_sparsification, sparsification, dgc, s3gd, s3gd_mv, sparse_signsgd",
                .about = "the largest coordinates alone; the others are remembered and said later",
                .formula = "p = v_m + e_m; of each range of `scope`, which has d coordinates, the k = max(1, "
                           "floor(share d)) of largest |p|, of as large ones those of lower number; e_m <- p "
                           "with 0 there, e_m = 0 at first. Stich et al. 2018; with signs Park and Lee 2023, "
                           "whose vote over them is a mean here. Up: 4 bytes and of each range 8 k bytes; "
                           "with \"signs\": 4 bytes and of each range 4 k + ceil(k / 8) bytes. n floats of "
                           "memory a worker",
                .keys = top_k_keys,
                .state_bytes = sizeof(struct top_k)},
        .aggregator = "mean",
        .says = MESSAGE_CODED,
        .code = &top_k_code,
        .two_way = scaled_two_way,
        .memory_floats = top_k_memory_floats,
        .encode = top_k_encode,
};
