/* All kernels for the primitives above, in one table. Needs LEVEL_NAME, LEVEL_SHOWN and LEVEL_PRODUCTS. */
#include "backend/plain.inc.h"
#include "backend/rows_plain.inc.h"
#include "backend/cpu/random.inc.h"
#include "backend/cpu/sign.inc.h"
#include "backend/cpu/majority.inc.h"
#include "backend/cpu/sums.inc.h"
#include "backend/cpu/layers.inc.h"
#include "backend/cpu/bandwidth.inc.h"
#include "backend/cpu/norm.inc.h"
#include "backend/cpu/norm_pixels.inc.h"
#include "backend/cpu/pool.inc.h"
#include "backend/cpu/columns.inc.h"
#define IMAGE_BLOCK(i) cpu_image_block(i)
#include "backend/image_plain.inc.h"

static const struct products *level_products(void)
{
	return LEVEL_PRODUCTS;
}

static void level_multiply(const struct product *p)
{
	level_products()->multiply(p);
}

static const struct cpu_planes level_planes = {
        .moments = cpu_moments,
        .pixel_moments = cpu_pixel_moments,
        .normalise = cpu_normalise,
        .norm_sums = cpu_norm_sums,
        .pixel_slopes = cpu_pixel_slopes,
        .norm_back = cpu_norm_back,
        .max_pool = cpu_max_pool,
        .max_back = cpu_max_back,
        .mean_pool = cpu_mean_pool,
        .mean_back = cpu_mean_back,
        .relu_back = plain_relu_back,
        .columns = cpu_columns,
        .columns_turned = cpu_columns_turned,
        .columns_back = cpu_columns_back,
        .bias_relu = cpu_bias_relu,
        .pixel_sums = cpu_pixel_sums,
        .product = level_multiply,
};

static struct image_layer *level_image_open(const struct image_spec *spec, struct image_need *need)
{
	return cpu_image_open(&level_planes, spec, need);
}

static const struct image_kernels level_image = {
        .block = cpu_image_block,
        .norm_adds = true,
        .floats = cpu_image_floats,
        .to_rows = cpu_image_to_rows,
        .from_rows = cpu_image_from_rows,
        .subsample = plain_subsample,
        .subsample_back = plain_subsample_back,
        .adaptive = plain_adaptive,
        .adaptive_back = plain_adaptive_back,
        .open = level_image_open,
        .bind = cpu_image_bind,
        .close = cpu_image_close,
        .load = cpu_image_load,
        .forward = cpu_image_forward,
        .backward = cpu_image_backward,
        .weights_back = cpu_image_weights_back,
        .statistics = cpu_image_statistics,
};

static void level_fill(struct backend *b)
{
	b->sign_pack = cpu_sign_pack;
	b->noise_pack = cpu_noise_pack;
	b->sign_unpack = cpu_sign_unpack;
	b->majority = cpu_majority;
	b->sign_apply = cpu_sign_apply;
	b->momentum = plain_momentum;
	b->momentum_pack = cpu_momentum_pack;
	b->scale = plain_scale;
	b->add = plain_add;
	b->sum_scaled = plain_sum_scaled;
	b->descend = plain_descend;
	b->adam = plain_adam;
	b->normal = cpu_normal;
	b->dropout = cpu_dropout;
	b->flip = cpu_flip;
	b->random_sign = cpu_random_sign;
	b->constant = plain_constant;
	b->multiply = plain_multiply;
	b->sum_abs = cpu_sum_abs;
	b->sum_square = cpu_sum_square;
	b->dot = cpu_dot;
	b->max_abs = plain_max_abs;
	b->hash = plain_hash;
	b->add_bias = plain_add_bias;
	b->sum_rows = plain_sum_rows;
	b->relu = plain_relu;
	b->relu_back = plain_relu_back;
	b->tanh = cpu_tanh;
	b->tanh_back = plain_tanh_back;
	b->sigmoid = cpu_sigmoid;
	b->sigmoid_back = plain_sigmoid_back;
	b->add_relu = plain_add_relu;
	b->embed = plain_embed;
	b->embed_back = plain_embed_back;
	b->recur = plain_recur;
	b->recur_back = plain_recur_back;
	b->pair = plain_pair;
	b->pair_back = plain_pair_back;
	b->softmax_loss = cpu_softmax_loss;
	b->pixels = plain_pixels;
	b->gather = gather_on_host;
	b->image = &level_image;
	b->rows = &rows_loops;
}

static const struct cpu_level level = {
        .name = LEVEL_NAME,
        .shown = LEVEL_SHOWN,
        .fill = level_fill,
        .products = level_products,
        .baseline =
                {
                        .read = {baseline_read, baseline_read_halves},
                        .copy = baseline_copy,
                        .update = baseline_update,
                        .triad = baseline_triad,
                        .fill = baseline_fill,
                        .fold = baseline_fold,
                },
};
