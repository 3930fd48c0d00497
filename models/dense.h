/*
 * A stack of fully connected layers under softmax and cross-entropy: what `softmax` and `mlp` share.
 *
 * Layer l maps width[l] to width[l + 1] numbers: y = x W' + b. In the parameter vector W [out][in],
 * row-major, is followed by b [out]. An activation follows every layer except the last. A single layer is
 * called "fc", several are "fc1", "fc2", ...; their tensors NAME.weight and NAME.bias have PyTorch's names
 * and layouts.
 *
 * Starting point: every number uniform in +-1/sqrt(in) (nn.Linear's default); number i of tensor t is
 * number i of the stream (seed, RNG_INIT, 0, t).
 *
 * The functions with an instance are those of struct model.
 */
#ifndef SIGNSGD_MODELS_DENSE_H
#define SIGNSGD_MODELS_DENSE_H

#include "models/model.h"

enum { DENSE_HIDDEN_MAX = 16, DENSE_LAYERS_MAX = DENSE_HIDDEN_MAX + 1 };

enum activation { ACTIVATION_RELU, ACTIVATION_TANH };

struct dense_shape {
	int layers;                         /* 1 to DENSE_LAYERS_MAX */
	size_t width[DENSE_LAYERS_MAX + 1]; /* features, hidden widths, classes */
	enum activation activation;
};

size_t dense_n_params(const struct dense_shape *shape);
bool dense_tensor(const struct dense_shape *shape, size_t index, struct tensor *t);
size_t dense_lane_bytes(const struct dense_shape *shape, const struct model_env *env);

void *dense_create(const struct dense_shape *shape, const struct model_env *env);
void dense_destroy(void *instance);
void dense_init(void *instance, float *x);
double dense_grad(void *instance, const float *x, const struct batch *batch, float *g);
void dense_grad_many(void *instance, const float *x, int count, const struct batch *batch, float *const *g,
                     double *loss);
void dense_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum, size_t *correct);

#endif
