/* The table of the backend `guarded`: every kernel is ref's, on what is behind its addresses. */
#include "backend/guarded/guarded.h"
#include "backend/backend.h"
#include "base/err.h"

extern const struct backend_row backend_ref;

static struct backend ref;

/* Defines guarded_NAME: what `call` does, in the queue q. */
#define GUARDED(name, parameters, call)                                                                      \
	static void guarded_##name parameters                                                                \
	{                                                                                                    \
		guarded_begin(q);                                                                            \
		call;                                                                                        \
		guarded_end(q);                                                                              \
	}

#define KERNEL(name, parameters, ...) GUARDED(name, parameters, ref.name(NULL, __VA_ARGS__))
#define IMAGE(name, parameters, ...)  GUARDED(image_##name, parameters, ref.image->name(NULL, __VA_ARGS__))

static const void *at(const void *address)
{
	return guarded_at(address);
}

static void *to(void *address)
{
	return guarded_at(address);
}

KERNEL(sign_pack,
       (struct queue * q, size_t n, const float *v, enum sign_policy zero, const struct stream *coins,
        size_t first, uint64_t *vote, uint64_t *abstain),
       n, at(v), zero, coins, first, to(vote), to(abstain))
KERNEL(noise_pack,
       (struct queue * q, size_t n, const float *v, const struct sign_noise *noise,
        const struct stream *coins, size_t first, uint64_t *vote),
       n, at(v), noise, coins, first, to(vote))
KERNEL(sign_unpack, (struct queue * q, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v), n,
       at(vote), at(abstain), to(v))
KERNEL(sign_apply,
       (struct queue * q, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr, float decay,
        float *x),
       n, at(vote), at(abstain), lr, decay, to(x))
KERNEL(momentum, (struct queue * q, size_t n, float beta, const float *g, float *v), n, beta, at(g), to(v))
KERNEL(scale, (struct queue * q, size_t n, float a, const float *x, float *out), n, a, at(x), to(out))
KERNEL(add, (struct queue * q, size_t n, const float *x, float *sum), n, at(x), to(sum))
KERNEL(descend, (struct queue * q, size_t n, const float *d, float lr, float decay, float *x), n, at(d), lr,
       decay, to(x))
KERNEL(adam,
       (struct queue * q, size_t n, const float *g, float b1, float b2, float eps, float c1, float c2,
        float lr, float decay, float *m, float *s, float *x),
       n, at(g), b1, b2, eps, c1, c2, lr, decay, to(m), to(s), to(x))
KERNEL(normal,
       (struct queue * q, size_t n, float sigma, const struct stream *s, size_t first, const float *mean,
        float *out),
       n, sigma, s, first, at(mean), to(out))
KERNEL(dropout,
       (struct queue * q, size_t n, float rate, const struct stream *s, size_t first, const float *x,
        float *out),
       n, rate, s, first, at(x), to(out))
KERNEL(momentum_pack,
       (struct queue * q, size_t n, float beta, const float *g, float *v, enum sign_policy zero,
        const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain),
       n, beta, at(g), to(v), zero, coins, first, to(vote), to(abstain))
KERNEL(flip,
       (struct queue * q, size_t n, uint64_t limit, const struct stream *s, size_t first, const float *x,
        float *out),
       n, limit, s, first, at(x), to(out))
KERNEL(random_sign,
       (struct queue * q, size_t n, const struct stream *s, size_t first, const float *x, float *out), n, s,
       first, at(x), to(out))
KERNEL(constant, (struct queue * q, size_t n, float value, float *out), n, value, to(out))
KERNEL(multiply, (struct queue * q, size_t n, const float *a, const float *x, float *out), n, at(a), at(x),
       to(out))
KERNEL(sum_abs, (struct queue * q, size_t n, const float *x, double *out), n, at(x), to(out))
KERNEL(sum_square, (struct queue * q, size_t n, const float *x, double *out), n, at(x), to(out))
KERNEL(dot, (struct queue * q, size_t n, const float *x, const float *y, double *out), n, at(x), at(y),
       to(out))
KERNEL(max_abs, (struct queue * q, size_t n, const float *x, double *out), n, at(x), to(out))
KERNEL(hash, (struct queue * q, size_t n, uint64_t seed, const float *x, uint64_t *out), n, seed, at(x),
       to(out))
KERNEL(gemm,
       (struct queue * q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
        const float *b, float beta, float *c),
       ta, tb, m, n, k, alpha, at(a), at(b), beta, to(c))
KERNEL(add_bias, (struct queue * q, size_t rows, size_t n, const float *bias, float *y), rows, n, at(bias),
       to(y))
KERNEL(sum_rows, (struct queue * q, size_t rows, size_t n, const float *y, float *out), rows, n, at(y),
       to(out))
KERNEL(relu, (struct queue * q, size_t n, float *y), n, to(y))
KERNEL(relu_back, (struct queue * q, size_t n, const float *y, float *dy), n, at(y), to(dy))
KERNEL(tanh, (struct queue * q, size_t n, float *y), n, to(y))
KERNEL(tanh_back, (struct queue * q, size_t n, const float *y, float *dy), n, at(y), to(dy))
KERNEL(sigmoid, (struct queue * q, size_t n, float *y), n, to(y))
KERNEL(sigmoid_back, (struct queue * q, size_t n, const float *y, float *dy), n, at(y), to(dy))
KERNEL(add_relu, (struct queue * q, size_t n, const float *x, float *y), n, at(x), to(y))
KERNEL(embed,
       (struct queue * q, size_t count, size_t width, const int32_t *token, const float *factor,
        const float *table, float *out),
       count, width, at(token), at(factor), at(table), to(out))
KERNEL(embed_back,
       (struct queue * q, size_t count, size_t width, const int32_t *token, const float *factor,
        const float *d, float *d_table),
       count, width, at(token), at(factor), at(d), to(d_table))
KERNEL(recur,
       (struct queue * q, size_t steps, size_t n, const float *f, const float *z, const float *start,
        float *cell),
       steps, n, at(f), at(z), at(start), to(cell))
KERNEL(recur_back,
       (struct queue * q, size_t steps, size_t n, const float *d, const float *cell, const float *start,
        float *d_cell, float *z, float *f),
       steps, n, at(d), at(cell), at(start), to(d_cell), to(z), to(f))
KERNEL(pair, (struct queue * q, size_t rows, size_t count, size_t n, const float *x, float *last, float *out),
       rows, count, n, at(x), to(last), to(out))
KERNEL(pair_back, (struct queue * q, size_t rows, size_t count, size_t n, const float *d, float *d_x), rows,
       count, n, at(d), to(d_x))
KERNEL(softmax_loss,
       (struct queue * q, size_t rows, size_t n, float *z, const int32_t *label, bool back, float weight,
        struct loss *out),
       rows, n, to(z), at(label), back, weight, to(out))
KERNEL(pixels,
       (struct queue * q, size_t images, size_t channels, size_t plane, const uint8_t *p, const float *factor,
        const float *shift, float *out),
       images, channels, plane, at(p), factor, shift, to(out))

/* The description is the host's, the data set is not. */
static void guarded_gather(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                           const struct stream *coins, uint8_t *out, int32_t *label)
{
	struct gather behind = *from;
	behind.pixels = at(from->pixels);
	behind.labels = at(from->labels);
	guarded_begin(q);
	ref.gather(NULL, &behind, count, at(index), coins, to(out), to(label));
	guarded_end(q);
}

/* The list of votes is the host's, the votes are not. */
static void guarded_majority(struct queue *q, size_t n, const struct votes *b, enum sign_policy tie,
                             const struct stream *coins, size_t first, uint64_t *pull_vote,
                             uint64_t *pull_abstain)
{
	const uint64_t *vote[VOTES_MOST], *abstain[VOTES_MOST];
	if (b->count > VOTES_MOST)
		BUG("more votes than a run has workers");
	for (int m = 0; m < b->count; m++) {
		vote[m] = at(b->vote[m]);
		abstain[m] = b->abstain ? at(b->abstain[m]) : NULL;
	}
	const struct votes behind = {.count = b->count, .vote = vote, .abstain = b->abstain ? abstain : NULL};
	guarded_begin(q);
	ref.majority(NULL, n, &behind, tie, coins, first, to(pull_vote), to(pull_abstain));
	guarded_end(q);
}

/* Nor are the vectors of a list. */
static void guarded_sum_scaled(struct queue *q, size_t n, int count, const float *const *x, float a,
                               float *out)
{
	const float *behind[VOTES_MOST];
	if (count > VOTES_MOST)
		BUG("more vectors than a run has workers");
	for (int m = 0; m < count; m++)
		behind[m] = at(x[m]);
	guarded_begin(q);
	ref.sum_scaled(NULL, n, count, behind, a, to(out));
	guarded_end(q);
}

IMAGE(to_rows, (struct queue * q, const struct image *i, const float *image, float *rows), i, at(image),
      to(rows))
IMAGE(from_rows, (struct queue * q, const struct image *i, const float *rows, float *image), i, at(rows),
      to(image))
IMAGE(subsample, (struct queue * q, const struct image_shortcut *s, const float *in, float *out), s, at(in),
      to(out))
IMAGE(subsample_back, (struct queue * q, const struct image_shortcut *s, const float *d_out, float *d_in), s,
      at(d_out), to(d_in))
IMAGE(adaptive,
      (struct queue * q, size_t planes, const int sides[2], const int out[2], const float *x, float *y),
      planes, sides, out, at(x), to(y))
IMAGE(adaptive_back,
      (struct queue * q, size_t planes, const int sides[2], const int out[2], const float *dy, float *dx),
      planes, sides, out, at(dy), to(dx))
IMAGE(load, (struct queue * q, struct image_layer *l, const float *w, const float *b), l, at(w), at(b))
IMAGE(forward, (struct queue * q, struct image_layer *l, bool training, const float *running), l, training,
      at(running))
IMAGE(backward, (struct queue * q, struct image_layer *l, float *dw, float *db), l, to(dw), to(db))
IMAGE(weights_back, (struct queue * q, struct image_layer *l, float *dw, float *db), l, to(dw), to(db))
IMAGE(statistics, (struct queue * q, const struct image_layer *l, float *statistics), l, to(statistics))

static void guarded_image_bind(struct queue *q, struct image_layer *l, const struct image_memory *m)
{
	const struct image_memory behind = {.in = at(m->in),
	                                    .out = to(m->out),
	                                    .d_out = to(m->d_out),
	                                    .d_in = to(m->d_in),
	                                    .added = at(m->added),
	                                    .d_added = to(m->d_added),
	                                    .more = at(m->more),
	                                    .weights = to(m->weights),
	                                    .keep = to(m->keep),
	                                    .scratch = to(m->scratch)};
	guarded_begin(q);
	ref.image->bind(NULL, l, &behind);
	guarded_end(q);
}

static struct image_kernels image = {
        .to_rows = guarded_image_to_rows,
        .from_rows = guarded_image_from_rows,
        .subsample = guarded_image_subsample,
        .subsample_back = guarded_image_subsample_back,
        .adaptive = guarded_image_adaptive,
        .adaptive_back = guarded_image_adaptive_back,
        .bind = guarded_image_bind,
        .load = guarded_image_load,
        .forward = guarded_image_forward,
        .backward = guarded_image_backward,
        .weights_back = guarded_image_weights_back,
        .statistics = guarded_image_statistics,
};

static int guarded_row_open(struct backend *b, const void *state, struct err *e)
{
	(void)state;
	guarded_open();
	if (backend_ref.open(&ref, NULL, e))
		return -1;
	image.block = ref.image->block;
	image.norm_adds = ref.image->norm_adds;
	image.floats = ref.image->floats;
	image.open = ref.image->open;
	image.close = ref.image->close;
	*b = (struct backend){
	        .name = "guarded",
	        .detail = "plain C, memory that only kernels can touch",
	        .memory = &guarded_memory,
	        .keeps_data = true,
	        .sign_pack = guarded_sign_pack,
	        .noise_pack = guarded_noise_pack,
	        .sign_unpack = guarded_sign_unpack,
	        .majority = guarded_majority,
	        .sign_apply = guarded_sign_apply,
	        .momentum = guarded_momentum,
	        .scale = guarded_scale,
	        .add = guarded_add,
	        .sum_scaled = guarded_sum_scaled,
	        .descend = guarded_descend,
	        .adam = guarded_adam,
	        .normal = guarded_normal,
	        .dropout = guarded_dropout,
	        .momentum_pack = guarded_momentum_pack,
	        .flip = guarded_flip,
	        .random_sign = guarded_random_sign,
	        .constant = guarded_constant,
	        .multiply = guarded_multiply,
	        .sum_abs = guarded_sum_abs,
	        .sum_square = guarded_sum_square,
	        .dot = guarded_dot,
	        .max_abs = guarded_max_abs,
	        .hash = guarded_hash,
	        .gemm = guarded_gemm,
	        .add_bias = guarded_add_bias,
	        .sum_rows = guarded_sum_rows,
	        .relu = guarded_relu,
	        .relu_back = guarded_relu_back,
	        .tanh = guarded_tanh,
	        .tanh_back = guarded_tanh_back,
	        .sigmoid = guarded_sigmoid,
	        .sigmoid_back = guarded_sigmoid_back,
	        .add_relu = guarded_add_relu,
	        .embed = guarded_embed,
	        .embed_back = guarded_embed_back,
	        .recur = guarded_recur,
	        .recur_back = guarded_recur_back,
	        .pair = guarded_pair,
	        .pair_back = guarded_pair_back,
	        .softmax_loss = guarded_softmax_loss,
	        .pixels = guarded_pixels,
	        .gather = guarded_gather,
	        .image = &image,
	        .rows = ref.rows,
	        .joins = ref.joins,
	};
	return 0;
}

extern const struct backend_row backend_guarded;
const struct backend_row backend_guarded = {
        .row = {.name = "guarded",
                .about = "the kernels of `ref` on memory that nothing else can touch: ends the program where "
                         "another part of it does. For who writes a backend or a model"},
        .open = guarded_row_open,
};
