/* All kernels for the primitives above, in one table. Needs LEVEL_NAME and LEVEL_SHOWN. */
#include "backend/plain.inc.h"
#include "backend/cpu_random.inc.h"
#include "backend/cpu_sign.inc.h"
#include "backend/cpu_majority.inc.h"
#include "backend/cpu_sums.inc.h"
#include "backend/cpu_layers.inc.h"
#include "backend/cpu_yard.inc.h"

static void level_fill(struct backend *b)
{
	b->sign_pack = cpu_sign_pack;
	b->sign_unpack = cpu_sign_unpack;
	b->majority = cpu_majority;
	b->sign_apply = cpu_sign_apply;
	b->momentum = plain_momentum;
	b->scale = plain_scale;
	b->add = plain_add;
	b->descend = plain_descend;
	b->adam = plain_adam;
	b->normal = cpu_normal;
	b->dropout = cpu_dropout;
	b->multiply = plain_multiply;
	b->sum_abs = cpu_sum_abs;
	b->sum_square = cpu_sum_square;
	b->dot = cpu_dot;
	b->add_bias = plain_add_bias;
	b->sum_rows = plain_sum_rows;
	b->relu = plain_relu;
	b->relu_back = plain_relu_back;
	b->tanh = cpu_tanh;
	b->tanh_back = plain_tanh_back;
	b->sigmoid = cpu_sigmoid;
	b->sigmoid_back = plain_sigmoid_back;
	b->add_relu = plain_add_relu;
	b->softmax_loss = cpu_softmax_loss;
	b->pixels = plain_pixels;
}

static const struct cpu_level level = {
        .name = LEVEL_NAME,
        .shown = LEVEL_SHOWN,
        .fill = level_fill,
        .yardstick =
                {
                        .read = {yard_read, yard_read_halves},
                        .copy = yard_copy,
                        .update = yard_update,
                        .triad = yard_triad,
                        .fill = yard_fill,
                        .fold = yard_fold,
                },
};
