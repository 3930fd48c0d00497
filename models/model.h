/*
 * A model: a row of the family `models`.
 *
 * A model's parameters are one flat vector x [n]. A lane makes itself an instance with create(): the
 * memory that a gradient needs (activations, scratch), and constants that follow from the settings and the
 * seed. Instances share x, which they only read. Nothing is allocated after create().
 *
 * Beside x a model may have state that is never voted on: running statistics (of batch normalisation), which
 * the first honest worker's batches bring up to date and which serve eval(); and a carry, each worker's own
 * (the hidden state of a language model). Both are the caller's vectors, handed over in the batch.
 *
 * A model of a data set gets batches; a model without data (wants_data false) makes its own stochastic
 * gradients from (seed, worker, step).
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
	struct data_shape data;
	int batch;   /* samples a worker and step */
	int workers; /* M */
	uint64_t seed;
	const struct model *model; /* the row that is asked */
	/*
	 * How parameters begin: a scheme of models/init/init.h by number, 0 for the model's own.
	 */
	int init;
	/* create(): another instance of the same settings, with which to share what load() makes; or NULL. */
	void *sibling;
	bool profile; /* create(): measure the time of every layer */
};

/* A layer in words, for people. Times are sums since create(). */
struct layer_info {
	char name[64], kind[32], shape[48];
	size_t params;
	double multiply_adds;         /* of one sample (text: position), forward */
	double back_multiply_adds;    /* backward, as far as gradients are wanted */
	double forward_s, backward_s; /* with env.profile */
};

/* A named piece of x, in canonical layout. */
struct tensor {
	char name[64];
	int rank; /* at most 4 */
	size_t dims[4];
	size_t offset, count; /* in x */
};

/* What the theory of Bernstein et al. 2019 needs to know (PAPER.md, Theory). */
struct smoothness {
	double f0;       /* f at the starting point */
	double f_star;   /* lowest value of f */
	double l1_l;     /* |L|_1, sum of coordinate-wise smoothness constants */
	double l1_sigma; /* |sigma|_1, sum of per-coordinate noise deviations of ONE sample */
};

struct model {
	struct row row;
	bool wants_data;
	struct data_shape usual; /* samples that it was made for: what `bench` measures it with */

	/* Can these settings work? -1 and a sentence if not. NULL: always. Nothing is loaded yet. */
	int (*check)(const void *state, const struct model_env *env, struct err *e);
	size_t (*n_params)(const void *state, const struct model_env *env);
	/* Fill piece `index` of x; false behind the last. */
	bool (*tensor)(const void *state, const struct model_env *env, size_t index, struct tensor *t);
	/* Bytes that one instance takes, and bytes that all siblings share (NULL: none). */
	size_t (*lane_bytes)(const void *state, const struct model_env *env);
	size_t (*shared_bytes)(const void *state, const struct model_env *env);

	void *(*create)(const void *state, const struct model_env *env);
	void (*destroy)(void *instance);

	/*
	 * x has changed: make anew what instances keep of it (weights in a machine's own layout). To be
	 * called on the first of all siblings, before anything else reads x. NULL: nothing to do.
	 */
	void (*load)(void *instance, const float *x);

	/* The starting point, a function of the seed. x [n]. */
	void (*init)(void *instance, float *x);

	/* g [n] = mean gradient over the batch at x [n]; returns the mean loss there. Every g is written. */
	double (*grad)(void *instance, const float *x, const struct batch *batch, float *g);

	/*
	 * With data: *loss_sum = sum of losses over the batch (count <= env.batch), *hits = right answers.
	 * Without data: *loss_sum = f(x), *hits = 0; batch is NULL.
	 */
	void (*eval)(void *instance, const float *x, const struct batch *batch, double *loss_sum,
	             size_t *correct);

	/* Models without data: g = the exact gradient of f. NULL otherwise. */
	void (*exact)(void *instance, const float *x, float *g);

	/* State beside x; NULL where there is none. running: pieces of it, as tensor() of x. */
	size_t (*running_floats)(const void *state, const struct model_env *env);
	bool (*running)(const void *state, const struct model_env *env, size_t index, struct tensor *t);
	void (*init_running)(void *instance, float *running);
	size_t (*carry_floats)(const void *state, const struct model_env *env);

	/* Layer `index` in words; false behind the last. instance NULL: without times. NULL: not known. */
	bool (*layer)(const void *state, const struct model_env *env, const void *instance, size_t index,
	              struct layer_info *out);

	/* Networks: what create() and all the others work on (models/graph/net.h). NULL otherwise. */
	void (*build)(const void *state, const struct model_env *env, struct net *net);

	/* Constants of the theory at starting point x0. NULL: the model does not know them. */
	void (*theory)(void *instance, const float *x0, struct smoothness *out);
};

#endif
