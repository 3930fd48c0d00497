/*
 * A layer of a `sequential` model: a row of the family `layers`. In an experiment:
 *
 *   "model": {"kind": "sequential", "layers": [{"kind": "conv", "channels": 20, "kernel": 5}, "relu",
 *             {"kind": "max-pool", "kernel": 2}, {"kind": "linear", "width": 500}, "relu"]}
 *
 * The layer at place N of the list is called "N", as PyTorch's Sequential calls it.
 */
#ifndef SIGNSGD_MODELS_GRAPH_LAYER_H
#define SIGNSGD_MODELS_GRAPH_LAYER_H

#include "config/key.h"
#include "models/graph/net.h"

struct layer {
	struct row row;
	bool takes_relu; /* makes a ReLU that follows it by itself */
	/* Add the layer, with a ReLU behind it if `relu`; the value that comes out. */
	int (*add)(const void *state, struct net *n, const char *name, int in, bool relu);
};

extern const struct layer layer_conv, layer_norm, layer_relu, layer_tanh, layer_max_pool, layer_mean_pool,
        layer_global_mean, layer_flatten, layer_linear, layer_dropout, layer_block, layer_embed, layer_qrnn;

/* All of them; defined in src/registry.c, with all other families. */
extern const struct family family_layers;

#endif
