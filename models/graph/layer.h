/*
 * A layer of a `sequential` model: a row of the family `layers`. In an experiment:
 *
 *   "model": {"kind": "sequential", "layers": [{"kind": "conv", "channels": 20, "kernel": 5}, "relu",
 *             {"kind": "max-pool", "kernel": 2}, {"kind": "linear", "width": 500}, "relu"]}
 *
 * Layer N of the list is called "N", as in PyTorch's Sequential.
 */
#ifndef SIGNSGD_MODELS_GRAPH_LAYER_H
#define SIGNSGD_MODELS_GRAPH_LAYER_H

#include "config/key.h"
#include "models/graph/net.h"

struct layer {
	struct row row;
	bool is_relu;
	bool takes_relu; /* can compute a ReLU that follows it */
	/* Add the layer to the network, followed by a ReLU if `relu`. Returns its output value. */
	int (*add)(const void *state, struct net *n, const char *name, int in, bool relu);
};

/* All layers (models/graph/layers.c). models/sequential.c uses it, because it may not call the registry. */
extern const struct family family_layers;

#endif
