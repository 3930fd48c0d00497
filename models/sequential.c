/* A network from the experiment's list of layers (models/graph/layers.c), and a layer to the classes at its
 * end. */
#include <stddef.h>
#include <stdio.h>
#include "models/graph/layer.h"

enum { LAYERS_MOST = 1024 };

struct sequential {
	struct choices layers;
};

static void build(const void *state, const struct model_env *env, struct net *n)
{
	const struct choices *layers = &((const struct sequential *)state)->layers;
	int v = NET_INPUT;
	char name[24];
	(void)env;
	if (layers->count > LAYERS_MOST)
		net_fail(n, "found %zu layers, expected at most %d", layers->count, LAYERS_MOST);
	for (size_t i = 0; i < layers->count && layers->count <= LAYERS_MOST; i++) {
		const struct layer *layer = (const struct layer *)layers->at[i].row;
		bool relu = layer->takes_relu && i + 1 < layers->count &&
		            ((const struct layer *)layers->at[i + 1].row)->is_relu;
		snprintf(name, sizeof name, "%zu", i);
		v = layer->add(layers->at[i].state, n, name, v, relu);
		i += relu;
	}
	snprintf(name, sizeof name, "%zu", layers->count);
	net_classify(n, name, v, NULL);
}

static const struct key keys[] = {
        {.name = "layers",
         .kind = KEY_LIST,
         .offset = offsetof(struct sequential, layers),
         .default_json = "[]",
         .family = &family_layers,
         .help = "in order from the input; a fully connected layer to the classes follows the last"},
        {.name = NULL},
};

const struct model model_sequential = {
        .row = {.name = "sequential",
                .about = "the layers that the experiment lists, one behind the other",
                .formula = "tensors are called after the layer's place in the list, from 0, as in PyTorch's "
                           "Sequential; softmax and cross-entropy at the end",
                .keys = keys,
                .state_bytes = sizeof(struct sequential)},
        .build = build,
        NET_MODEL,
};
