/* The table of kernels. A line here checks and times a kernel on every backend. */
#include "check/kernel_table.h"

static uint64_t *abstain_if(const struct kernel_job *j)
{
	return j->policy == SIGN_ABSTAIN ? j->plane[1] : NULL;
}

static void run_sign_pack(const struct backend *b, struct kernel_job *j)
{
	b->sign_pack(j->queue, j->n, j->x, j->policy, &j->random, j->first, j->plane[0], abstain_if(j));
}

/* The policy is the kind of noise. */
static void run_noise_pack(const struct backend *b, struct kernel_job *j)
{
	const struct sign_noise noise = {.kind = (enum noise_kind)j->policy,
	                                 .scale = j->rate,
	                                 .size = j->beta,
	                                 .stream = stream_of(5, RNG_TEST, 2, 8)};
	b->noise_pack(j->queue, j->n, j->x, &noise, &j->random, j->first, j->plane[0]);
}

static void run_sign_unpack(const struct backend *b, struct kernel_job *j)
{
	b->sign_unpack(j->queue, j->n, j->vote, j->flag ? j->abstain : NULL, j->out[0]);
}

static void run_majority(const struct backend *b, struct kernel_job *j)
{
	struct votes votes = j->votes;
	if (!j->flag)
		votes.abstain = NULL;
	b->majority(j->queue, j->n, &votes, j->policy, &j->random, j->first, j->plane[0], abstain_if(j));
}

static void run_sign_apply(const struct backend *b, struct kernel_job *j)
{
	b->sign_apply(j->queue, j->n, j->vote, j->flag ? j->abstain : NULL, j->rate, j->decay, j->out[0]);
}

static void run_momentum(const struct backend *b, struct kernel_job *j)
{
	b->momentum(j->queue, j->n, j->beta, j->x, j->out[0]);
}

static void run_momentum_pack(const struct backend *b, struct kernel_job *j)
{
	b->momentum_pack(j->queue, j->n, j->beta, j->x, j->out[0], j->policy, &j->random, j->first,
	                 j->plane[0], abstain_if(j));
}

static void run_scale(const struct backend *b, struct kernel_job *j)
{
	b->scale(j->queue, j->n, j->rate, j->x, j->out[0]);
}

static void run_add(const struct backend *b, struct kernel_job *j)
{
	b->add(j->queue, j->n, j->x, j->out[0]);
}

static void run_descend(const struct backend *b, struct kernel_job *j)
{
	b->descend(j->queue, j->n, j->x, j->rate, j->decay, j->out[0]);
}

static void run_adam(const struct backend *b, struct kernel_job *j)
{
	b->adam(j->queue, j->n, j->x, j->beta, 0.999f, 1e-8f, 1.25f, 1.5f, j->rate, j->decay, j->out[0],
	        j->out[1], j->out[2]);
}

static void run_normal(const struct backend *b, struct kernel_job *j)
{
	b->normal(j->queue, j->n, j->rate, &j->random, j->first, j->x, j->out[0]);
}

/* beta is the setting between 0 and 1 */
static void run_dropout(const struct backend *b, struct kernel_job *j)
{
	b->dropout(j->queue, j->n, j->beta, &j->random, j->first, j->x, j->out[0]);
}

/* beta is the probability */
static void run_flip(const struct backend *b, struct kernel_job *j)
{
	b->flip(j->queue, j->n, (uint64_t)((double)j->beta * 0x1p32), &j->random, j->first, j->x, j->out[0]);
}

static void run_random_sign(const struct backend *b, struct kernel_job *j)
{
	b->random_sign(j->queue, j->n, &j->random, j->first, j->x, j->out[0]);
}

static void run_constant(const struct backend *b, struct kernel_job *j)
{
	b->constant(j->queue, j->n, j->rate, j->out[0]);
}

static void run_multiply(const struct backend *b, struct kernel_job *j)
{
	b->multiply(j->queue, j->n, j->x, j->y, j->out[0]);
}

static void run_sum_abs(const struct backend *b, struct kernel_job *j)
{
	b->sum_abs(j->queue, j->n, j->x, &j->loss->sum);
}

static void run_sum_square(const struct backend *b, struct kernel_job *j)
{
	b->sum_square(j->queue, j->n, j->x, &j->loss->sum);
}

static void run_dot(const struct backend *b, struct kernel_job *j)
{
	b->dot(j->queue, j->n, j->x, j->y, &j->loss->sum);
}

static void run_hash(const struct backend *b, struct kernel_job *j)
{
	b->hash(j->queue, j->n, 7, j->x, &j->loss->correct);
}

static void run_max_abs(const struct backend *b, struct kernel_job *j)
{
	b->max_abs(j->queue, j->n, j->x, &j->loss->sum);
}

static void run_gemm(const struct backend *b, struct kernel_job *j)
{
	b->gemm(j->queue, j->flag, j->other, j->rows, j->n, j->inner, j->rate, j->x, j->y, j->beta,
	        j->out[0]);
}

static void run_add_bias(const struct backend *b, struct kernel_job *j)
{
	b->add_bias(j->queue, j->rows, j->n, j->x, j->out[0]);
}

static void run_sum_rows(const struct backend *b, struct kernel_job *j)
{
	b->sum_rows(j->queue, j->rows, j->n, j->x, j->out[0]);
}

static void run_relu(const struct backend *b, struct kernel_job *j)
{
	b->relu(j->queue, j->n, j->out[0]);
}

static void run_relu_back(const struct backend *b, struct kernel_job *j)
{
	b->relu_back(j->queue, j->n, j->x, j->out[0]);
}

static void run_tanh(const struct backend *b, struct kernel_job *j)
{
	b->tanh(j->queue, j->n, j->out[0]);
}

static void run_tanh_back(const struct backend *b, struct kernel_job *j)
{
	b->tanh_back(j->queue, j->n, j->x, j->out[0]);
}

static void run_sigmoid(const struct backend *b, struct kernel_job *j)
{
	b->sigmoid(j->queue, j->n, j->out[0]);
}

static void run_sigmoid_back(const struct backend *b, struct kernel_job *j)
{
	b->sigmoid_back(j->queue, j->n, j->x, j->out[0]);
}

static void run_add_relu(const struct backend *b, struct kernel_job *j)
{
	b->add_relu(j->queue, j->n, j->x, j->out[0]);
}

/* A table of as many words as there are rows; y begins with their factors. */
static void run_embed(const struct backend *b, struct kernel_job *j)
{
	b->embed(j->queue, j->rows, j->n, j->label, j->flag ? j->y : NULL, j->x, j->out[0]);
}

static void run_embed_back(const struct backend *b, struct kernel_job *j)
{
	b->embed_back(j->queue, j->rows, j->n, j->label, j->flag ? j->y : NULL, j->x, j->out[0]);
}

static void run_recur(const struct backend *b, struct kernel_job *j)
{
	b->recur(j->queue, j->rows, j->n, j->x, j->y, j->out[1], j->out[0]);
}

/* what is only read may be the same */
static void run_recur_back(const struct backend *b, struct kernel_job *j)
{
	b->recur_back(j->queue, j->rows, j->n, j->x, j->y, j->x, j->out[0], j->out[1], j->out[2]);
}

/* Pairs of n / 2 numbers each, with a third of the rows and one more side by side. */
static size_t side_by_side(const struct kernel_job *j)
{
	return j->rows > 0 ? 1 + j->rows / 3 : 0;
}

static void run_pair(const struct backend *b, struct kernel_job *j)
{
	b->pair(j->queue, j->rows, side_by_side(j), j->n / 2, j->x, j->out[1], j->out[0]);
}

static void run_pair_back(const struct backend *b, struct kernel_job *j)
{
	b->pair_back(j->queue, j->rows, side_by_side(j), j->n / 2, j->x, j->out[0]);
}

/* Without back, the content of z is undefined: clear it. */
static void run_softmax_loss(const struct backend *b, struct kernel_job *j)
{
	b->softmax_loss(j->queue, j->rows, j->n, j->out[0], j->label, j->flag, j->rate, j->loss);
	if (!j->flag)
		b->constant(j->queue, j->rows * j->n, 0, j->out[0]);
}

/* Two channels where the number of pixels is even. */
static void run_pixels(const struct backend *b, struct kernel_job *j)
{
	const float factor[2] = {j->rate, j->beta}, shift[2] = {j->decay, j->rate};
	size_t channels = j->n % 2 ? 1 : 2;
	b->pixels(j->queue, 1, channels, j->n / channels, j->pixel, factor, shift, j->out[0]);
}

/* The images are bytes in out[0], the labels integers in out[1]; none of them is a NaN as a float. */
static void run_gather(const struct backend *b, struct kernel_job *j)
{
	j->gather.pixels = j->pixel;
	j->gather.labels = j->sample_label;
	b->gather(j->queue, &j->gather, j->rows, j->index, &j->random, (uint8_t *)j->out[0],
	          (int32_t *)(void *)j->out[1]);
}

/* name, call, shape, inputs, outputs, bytes, limit, allowed error, cancels */
const struct kernel kernel_table[] = {
        {"sign_pack", run_sign_pack, SHAPE_SIGN, 1, 0, 4 + 1.0 / 8, LIMIT_READ, 0, false},
        {"noise_pack", run_noise_pack, SHAPE_SIGN, 1, 0, 4 + 1.0 / 8, LIMIT_NONE, 0, false},
        {"sign_unpack", run_sign_unpack, SHAPE_SIGN, 0, 1, 4 + 1.0 / 8, LIMIT_FILL, 0, false},
        {"majority", run_majority, SHAPE_VOTE, 0, 0, 0, LIMIT_FOLD, 0, false},
        {"sign_apply", run_sign_apply, SHAPE_SIGN, 0, 1, 8 + 1.0 / 8, LIMIT_UPDATE, 0, false},
        {"momentum", run_momentum, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"momentum_pack", run_momentum_pack, SHAPE_SIGN, 1, 1, 12 + 1.0 / 8, LIMIT_TRIAD, 0, false},
        {"scale", run_scale, SHAPE_VECTOR, 1, 1, 8, LIMIT_COPY, 0, false},
        {"add", run_add, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"descend", run_descend, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"adam", run_adam, SHAPE_VECTOR, 1, 3, 28, LIMIT_NONE, 0, false},
        {"normal", run_normal, SHAPE_VECTOR, 1, 1, 8, LIMIT_NONE, 0, false},
        {"dropout", run_dropout, SHAPE_VECTOR, 1, 1, 8, LIMIT_NONE, 0, false},
        {"flip", run_flip, SHAPE_VECTOR, 1, 1, 8, LIMIT_NONE, 0, false},
        {"random_sign", run_random_sign, SHAPE_VECTOR, 1, 1, 8, LIMIT_NONE, 0, false},
        {"constant", run_constant, SHAPE_VECTOR, 0, 1, 4, LIMIT_FILL, 0, false},
        {"multiply", run_multiply, SHAPE_VECTOR, 2, 1, 12, LIMIT_TRIAD, 0, false},
        {"sum_abs", run_sum_abs, SHAPE_VECTOR, 1, 0, 4, LIMIT_READ, 1e-12, true},
        {"sum_square", run_sum_square, SHAPE_VECTOR, 1, 0, 4, LIMIT_READ, 1e-12, true},
        {"dot", run_dot, SHAPE_VECTOR, 2, 0, 8, LIMIT_READ, 1e-12, true},
        {"max_abs", run_max_abs, SHAPE_VECTOR, 1, 0, 4, LIMIT_READ, 0, false},
        {"hash", run_hash, SHAPE_VECTOR, 1, 0, 4, LIMIT_READ, 0, false},
        {"gemm", run_gemm, SHAPE_PRODUCT, 2, 1, 0, LIMIT_NONE, 1e-5, true},
        {"add_bias", run_add_bias, SHAPE_ROWS, 1, 1, 8, LIMIT_UPDATE, 0, false},
        {"sum_rows", run_sum_rows, SHAPE_ROWS, 1, 1, 4, LIMIT_READ, 0, false},
        {"relu", run_relu, SHAPE_VECTOR, 0, 1, 8, LIMIT_UPDATE, 0, false},
        {"relu_back", run_relu_back, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"tanh", run_tanh, SHAPE_VECTOR, 0, 1, 8, LIMIT_NONE, 1e-6, false},
        {"tanh_back", run_tanh_back, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"sigmoid", run_sigmoid, SHAPE_VECTOR, 0, 1, 8, LIMIT_NONE, 1e-6, false},
        {"sigmoid_back", run_sigmoid_back, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"add_relu", run_add_relu, SHAPE_VECTOR, 1, 1, 12, LIMIT_TRIAD, 0, false},
        {"embed", run_embed, SHAPE_TABLE, 2, 1, 8, LIMIT_NONE, 0, false},
        {"embed_back", run_embed_back, SHAPE_TABLE, 2, 1, 12, LIMIT_NONE, 0, false},
        {"recur", run_recur, SHAPE_ROWS, 2, 2, 12, LIMIT_NONE, 0, false},
        {"recur_back", run_recur_back, SHAPE_ROWS, 2, 3, 24, LIMIT_NONE, 0, false},
        {"pair", run_pair, SHAPE_ROWS, 1, 2, 6, LIMIT_NONE, 0, false},
        {"pair_back", run_pair_back, SHAPE_ROWS, 1, 1, 6, LIMIT_NONE, 0, false},
        {"softmax_loss", run_softmax_loss, SHAPE_ROWS, 0, 1, 8, LIMIT_NONE, 1e-5, false},
        {"pixels", run_pixels, SHAPE_VECTOR, 0, 1, 5, LIMIT_NONE, 0, false},
        {"gather", run_gather, SHAPE_IMAGES, 0, 2, 2, LIMIT_NONE, 0, false},
};

const size_t kernel_count = sizeof(kernel_table) / sizeof(kernel_table[0]);

double kernel_bytes(const struct kernel *k, const struct kernel_job *j)
{
	double planes = (double)j->votes.count * (j->flag ? 2 : 1) + (j->policy == SIGN_ABSTAIN ? 2 : 1);
	if (k->shape == SHAPE_VOTE)
		return planes * (double)sign_plane_bytes(j->n);
	if (k->shape == SHAPE_PRODUCT)
		return 4.0 * (double)(j->rows * j->inner + j->inner * j->n + 2 * j->rows * j->n);
	return k->bytes * (double)(j->rows * j->n);
}

size_t kernel_input_size(const struct kernel *k, const struct kernel_job *j, int input)
{
	if (input >= k->inputs)
		return 0;
	if (k->shape == SHAPE_PRODUCT)
		return input == 0 ? j->rows * j->inner : j->inner * j->n;
	return j->rows * j->n;
}
