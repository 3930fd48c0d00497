/*
 * A model: a row of the family `models`. models/graph builds networks from layers, models/init says how their
 * parameters begin, models/toy has problems with known answers.
 *
 * A model's parameters are one flat vector x [n]. Every lane has an instance, made by create(): the memory
 * that a gradient needs (activations, scratch), and constants that follow from the settings and the seed.
 * Instances share x and only read it. Nothing is allocated after create().
 *
 * x, g, running statistics and carries are the machine's memory (backend/memory.h), except those that init()
 * and init_running() write, which are the host's. An instance works in the queue of its environment; load(),
 * grad(), eval(), exact() and theory() finish it.
 *
 * Beside x a model may have state that is never voted on: running statistics (of batch normalisation), which
 * the batches of one honest worker (the BN owner) update and eval() uses; and a carry, which every worker has
 * of its own (the hidden state of a language model). Both are vectors of the caller, passed in the batch.
 *
 * A model with data gets batches. A model without data (wants_data false) makes its own stochastic gradients
 * from (seed, worker, step).
 */
#ifndef SIGNSGD_MODELS_MODEL_H
#define SIGNSGD_MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/backend.h"
#include "base/err.h"
#include "config/key.h"
#include "base/shape.h"

struct model;
struct net;

struct model_env {
	const struct backend *be;
	struct queue *queue; /* create(): of the lane that the instance belongs to */
	struct data_shape data;
	int batch;   /* samples a worker and step */
	int fuse;    /* create(): batches of so many workers at once; 0: 1 */
	int workers; /* M */
	uint64_t seed;
	const struct model *model; /* the row itself */
	/* How parameters begin: an enum init_scheme (models/init/init.h); 0: the model's own. */
	int init;
	/* create(): an instance of the same settings that shares what load() makes; or NULL. */
	void *sibling;
	bool profile; /* create(): measure the time of every layer */
};

/* A layer described for people. Times are sums since create(). */
struct layer_info {
	char name[64], kind[32], shape[48];
	size_t params;
	double multiply_adds;         /* of one sample (text: position), forward */
	double back_multiply_adds;    /* backward, as far as gradients are wanted */
	double forward_s, backward_s; /* with env.profile */
};

/* A named range of x, in canonical layout. */
struct tensor {
	char name[64];
	int rank; /* at most 4 */
	size_t dims[4];
	size_t offset, count; /* in x */
	bool variance;        /* of running statistics: variances, never below 0; else means */
};

/* Running statistics move by this much towards those of a batch (PyTorch's default). */
#define RUNNING_RATE 0.1f

/* The constants in the theory of Bernstein et al. 2019. */
struct smoothness {
	double f0;       /* f at the starting point */
	double f_star;   /* lowest value of f */
	double l1_l;     /* |L|_1, sum of coordinate-wise smoothness constants */
	double l1_sigma; /* |sigma|_1, sum of per-coordinate noise deviations of ONE sample */
};

struct model {
	struct row row;
	bool wants_data;
	struct data_shape usual; /* the samples it was made for; `bench` measures with them */

	/* -1 and a sentence if these settings cannot work. NULL: they always can. No data is loaded yet. */
	int (*check)(const void *state, const struct model_env *env, struct err *e);
	size_t (*n_params)(const void *state, const struct model_env *env);
	/* Describe tensor `index` of x; false behind the last. */
	bool (*tensor)(const void *state, const struct model_env *env, size_t index, struct tensor *t);
	/* Bytes of one instance, and bytes that all siblings share (NULL: none). */
	size_t (*lane_bytes)(const void *state, const struct model_env *env);
	size_t (*shared_bytes)(const void *state, const struct model_env *env);

	void *(*create)(const void *state, const struct model_env *env);
	void (*destroy)(void *instance);

	/*
	 * x has changed: convert it again to what instances keep (weights in the machine's own layout). Call
	 * it on the first of all siblings, before anything else reads x. NULL: nothing to do.
	 */
	void (*load)(void *instance, const float *x);

	/* The starting point, a function of the seed. x [n], of the host. */
	void (*init)(void *instance, float *x);

	/* g [n] = mean gradient over the batch at x [n]; returns the mean loss there. Every g is written. */
	double (*grad)(void *instance, const float *x, const struct batch *batch, float *g);

	/*
	 * grad() of several workers at once, with the bits of one after the other: loss[i] and g[i] [n] are
	 * those of batch[i]; 1 <= count <= env.fuse, all of env.batch samples. What belongs to one worker
	 * (gradients of parameters, statistics, random numbers, running, carry, ready) stays its own; the
	 * pass forward and that of the input gradients are shared as far as the backend says
	 * (backend/joins.h). It shares most where batches stand one behind the other in memory. Arrays are
	 * the host's, and what they point to is the machine's. NULL: the model has none.
	 */
	void (*grad_many)(void *instance, const float *x, int count, const struct batch *batch,
	                  float *const *g, double *loss);

	/*
	 * With data: *loss_sum = sum of losses over the batch (count <= env.batch), *correct = samples whose
	 * largest logit is the label's. Without data: *loss_sum = f(x), *correct = 0; batch is NULL.
	 */
	void (*eval)(void *instance, const float *x, const struct batch *batch, double *loss_sum,
	             size_t *correct);

	/* Models without data: g = the exact gradient of f. NULL otherwise. */
	void (*exact)(void *instance, const float *x, float *g);

	/* State beside x; NULL: none. running() describes its tensors, as tensor() those of x: the means of a
	 * normalisation, then its variances, and so on. */
	size_t (*running_floats)(const void *state, const struct model_env *env);
	bool (*running)(const void *state, const struct model_env *env, size_t index, struct tensor *t);
	void (*init_running)(void *instance, float *running);
	size_t (*carry_floats)(const void *state, const struct model_env *env);

	/* Describe layer `index`; false behind the last. instance NULL: without times. NULL: no layers. */
	bool (*layer)(const void *state, const struct model_env *env, const void *instance, size_t index,
	              struct layer_info *out);

	/* Networks: describe the graph that all other functions work on (models/graph/net.h). NULL: no
	 * network. */
	void (*build)(const void *state, const struct model_env *env, struct net *net);

	/* Constants of the theory at starting point x0. NULL: unknown. */
	void (*theory)(void *instance, const float *x0, struct smoothness *out);
};

#endif
