/* The multi-layer perceptron: any hidden widths, ReLU or tanh between the layers. */
#include <stddef.h>
#include <stdint.h>
#include "models/dense.h"

struct mlp {
	struct ints hidden;
	int activation; /* enum activation */
};

static struct dense_shape shape_of(const struct mlp *mlp, const struct model_env *env)
{
	struct dense_shape shape = {.layers = (int)mlp->hidden.count + 1,
	                            .activation = (enum activation)mlp->activation};
	shape.width[0] = shape_features(&env->data);
	for (size_t i = 0; i < mlp->hidden.count; i++)
		shape.width[i + 1] = (size_t)mlp->hidden.at[i];
	shape.width[shape.layers] = (size_t)env->data.n_classes;
	return shape;
}

static int mlp_check(const void *state, const struct model_env *env, struct err *e)
{
	const struct mlp *mlp = state;
	(void)env;
	if (mlp->hidden.count <= DENSE_HIDDEN_MAX)
		return 0;
	return err_user(e, "hidden: found %zu widths, expected at most %d", mlp->hidden.count,
	                DENSE_HIDDEN_MAX);
}

static size_t mlp_n_params(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(state, env);
	return dense_n_params(&shape);
}

static bool mlp_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	struct dense_shape shape = shape_of(state, env);
	return dense_tensor(&shape, index, t);
}

static size_t mlp_lane_bytes(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(state, env);
	return dense_lane_bytes(&shape, env);
}

static void *mlp_create(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(state, env);
	return dense_create(&shape, env);
}

static const char *const activation_names[] = {"relu", "tanh", NULL}; /* order of enum activation */

static const struct key mlp_keys[] = {
        {.name = "hidden",
         .also = "hidden_sizes, hidden_layers, hidden_dim, hidden_size, layers, widths",
         .kind = KEY_INTS,
         .offset = offsetof(struct mlp, hidden),
         .default_json = "[100]",
         .lowest = 1,
         .highest = 65536,
         .help = "widths of the hidden layers, at most 16 of them"},
        {.name = "activation",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct mlp, activation),
         .default_json = "\"relu\"",
         .choices = activation_names,
         .help = "what follows every layer but the last"},
        {.name = NULL},
};

const struct model model_mlp = {
        .row = {.name = "mlp",
                .also = "dnn, fc, fully_connected, feedforward, perceptron",
                .about = "multi-layer perceptron: fully connected layers under softmax and cross-entropy",
                .formula =
                        "h_0 = x, h_l = activation(W_l h_(l-1) + b_l), loss = -ln softmax(W h + b)[label], "
                        "mean over the batch",
                .keys = mlp_keys,
                .state_bytes = sizeof(struct mlp)},
        .wants_data = true,
        .usual = {.channels = 1, .height = 28, .width = 28, .n_classes = 10},
        .check = mlp_check,
        .n_params = mlp_n_params,
        .tensor = mlp_tensor,
        .lane_bytes = mlp_lane_bytes,
        .create = mlp_create,
        .destroy = dense_destroy,
        .init = dense_init,
        .grad = dense_grad,
        .grad_many = dense_grad_many,
        .eval = dense_eval,
};
