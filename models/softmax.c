/* Softmax regression: one layer from the sample to the classes. */
#include "models/dense.h"

static struct dense_shape shape_of(const struct model_env *env)
{
	return (struct dense_shape){.layers = 1,
	                            .width = {shape_features(&env->data), (size_t)env->data.n_classes}};
}

static size_t softmax_n_params(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(env);
	(void)state;
	return dense_n_params(&shape);
}

static bool softmax_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	struct dense_shape shape = shape_of(env);
	(void)state;
	return dense_tensor(&shape, index, t);
}

static size_t softmax_lane_bytes(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(env);
	(void)state;
	return dense_lane_bytes(&shape, env);
}

static void *softmax_create(const void *state, const struct model_env *env)
{
	struct dense_shape shape = shape_of(env);
	(void)state;
	return dense_create(&shape, env);
}

const struct model model_softmax = {
        .row = {.name = "softmax",
                .also = "logistic_regression, logistic, linear",
                .about = "softmax regression: one fully connected layer under cross-entropy",
                .formula = "loss = -ln softmax(W x + b)[label], mean over the batch"},
        .wants_data = true,
        .usual = {.channels = 1, .height = 28, .width = 28, .n_classes = 10},
        .n_params = softmax_n_params,
        .tensor = softmax_tensor,
        .lane_bytes = softmax_lane_bytes,
        .create = softmax_create,
        .destroy = dense_destroy,
        .init = dense_init,
        .grad = dense_grad,
        .grad_many = dense_grad_many,
        .eval = dense_eval,
};
