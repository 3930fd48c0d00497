/*
 * Networks: a static graph of layers, described once by a model's row and planned once for a fixed batch.
 *
 * A row's build() adds layers one by one; each reads values that exist already and returns a new value. Value
 * NET_INPUT is the batch: images, or tokens. A value is either an image (channels x height x width, in the
 * machine's own layout) or rows (`width` numbers for each sample, or for each position of a sequence). A
 * layer on rows first flattens an image, in NCHW order. A layer without effect adds nothing.
 *
 * Parameters have PyTorch's names and layouts, NAME.weight and NAME.bias, in the order in which the layers
 * were added. If something cannot be built, the first error sentence is kept, and the rest of build() has no
 * effect; check() returns this sentence.
 *
 * The functions net_model_* implement struct model for every row that has a build(): see NET_MODEL.
 */
#ifndef SIGNSGD_MODELS_GRAPH_NET_H
#define SIGNSGD_MODELS_GRAPH_NET_H

#include "models/init/init.h"
#include "models/model.h"

enum { NET_INPUT = 0 };

enum net_activation { NET_LINEAR, NET_RELU, NET_TANH };

/* A window that moves over an image; height and width alike. */
struct net_window {
	int kernel, stride, pad;
};

/* Convolution with `channels` output channels; groups = 1: an ordinary convolution. */
int net_conv(struct net *n, const char *name, int in, int channels, struct net_window w, int groups,
             bool bias, bool relu);
/*
 * Batch normalisation: momentum 0.1, epsilon 1e-5 (PyTorch's defaults). A single value a channel has no
 * variance, so a batch of 1 on 1 x 1 is refused, as PyTorch does.
 */
int net_norm(struct net *n, const char *name, int in, bool relu);
int net_max_pool(struct net *n, int in, struct net_window w);
int net_mean_pool(struct net *n, int in, struct net_window w);
/* Mean over the whole image. */
int net_global_mean(struct net *n, int in);
/* PyTorch's AdaptiveAvgPool2d: rows of channels * height * width. */
int net_adaptive_mean(struct net *n, int in, int height, int width);
/* a + b, residual addition; with relu, max(., 0) follows. */
int net_add(struct net *n, int a, int b, bool relu);
/* He et al. 2016, shortcut A: takes every stride-th pixel, adds channels of zeros. It has no parameters. */
int net_subsample(struct net *n, int in, int channels, int stride);
int net_activate(struct net *n, int in, enum net_activation f);
/* Fully connected. */
int net_linear(struct net *n, const char *name, int in, int width, enum net_activation f);
/*
 * Dropout: a number is kept with probability 1 - rate and divided by that probability; the others become 0.
 * Variational (Gal and Ghahramani 2016): one mask for all positions of a sequence. Masks are a function of
 * seed, worker, step and position in the network. eval() drops nothing.
 */
int net_dropout(struct net *n, int in, double rate, bool variational);
/*
 * Embedding: each token becomes its row of a table; rows have `width` numbers. row_dropout: the probability
 * that a word is dropped, at all its positions (Merity et al. 2018).
 */
int net_embed(struct net *n, const char *name, int width, double row_dropout);
/*
 * Quasi-recurrent layer (Bradbury et al. 2017), fo-pooling, over rows of sequences; models/graph/net_qrnn.c
 * has the formula. kernel: 1 or 2 positions. zoneout: the probability that a number of the cell keeps
 * its previous value.
 */
int net_qrnn(struct net *n, const char *name, int in, int width, int kernel, double zoneout);
/*
 * The last layer of every network: a fully connected layer to the classes, softmax and cross-entropy, with
 * the mean over all rows. tied: the name of an embedding whose table is also the layer's weight; or NULL.
 */
void net_classify(struct net *n, const char *name, int in, const char *tied);

/* Set the model's own scheme (models/init/init.h). If it is not set: INIT_PYTORCH. */
void net_scheme(struct net *n, enum init_scheme scheme);

/* Refuse to build, with a sentence. The first one is kept. */
void net_fail(struct net *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Channels (or width) of a value, and its height and width (1 x 1 for rows). */
struct net_size {
	int channels, height, width;
};
struct net_size net_size(const struct net *n, int value);

int net_model_check(const void *state, const struct model_env *env, struct err *e);
size_t net_model_n_params(const void *state, const struct model_env *env);
bool net_model_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t);
size_t net_model_lane_bytes(const void *state, const struct model_env *env);
size_t net_model_shared_bytes(const void *state, const struct model_env *env);
size_t net_model_running_floats(const void *state, const struct model_env *env);
bool net_model_running(const void *state, const struct model_env *env, size_t index, struct tensor *t);
size_t net_model_carry_floats(const void *state, const struct model_env *env);
bool net_model_layer(const void *state, const struct model_env *env, const void *instance, size_t index,
                     struct layer_info *out);
void *net_model_create(const void *state, const struct model_env *env);
void net_model_destroy(void *instance);
void net_model_init(void *instance, float *x);
void net_model_init_running(void *instance, float *running);
void net_model_load(void *instance, const float *x);
double net_model_grad(void *instance, const float *x, const struct batch *batch, float *g);
void net_model_grad_many(void *instance, const float *x, int count, const struct batch *batch,
                         float *const *g, double *loss);
void net_model_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                    size_t *correct);

/* All members of a struct model except the row and build(). */
#define NET_MODEL                                                                                            \
	.wants_data = true, .check = net_model_check, .n_params = net_model_n_params,                        \
	.tensor = net_model_tensor, .lane_bytes = net_model_lane_bytes,                                      \
	.shared_bytes = net_model_shared_bytes, .running_floats = net_model_running_floats,                  \
	.running = net_model_running, .carry_floats = net_model_carry_floats, .layer = net_model_layer,      \
	.create = net_model_create, .destroy = net_model_destroy, .init = net_model_init,                    \
	.init_running = net_model_init_running, .load = net_model_load, .grad = net_model_grad,              \
	.grad_many = net_model_grad_many, .eval = net_model_eval

#endif
