/* What is known of a network without an instance: sizes, names, memory, descriptions of layers. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "models/graph/net_internal.h"

/* Parameters are counted in an int64 in files, and a vector of them in bytes in a size_t. */
#define PARAMETERS_MAX 0x1p40

/* Numbers that a layer gives for a batch, and multiply-adds that it takes for a sample: far above what a
 * machine can do, and far below what sizes in bytes can count. */
#define OUTPUT_MAX        0x1p40
#define MULTIPLY_ADDS_MAX 0x1p50

/* In double, because what cannot be counted in a size_t may have wrapped round to little. */
static int check_sizes(const struct net *n, struct err *e)
{
	double params = 0, rows = (double)net_rows_max(n);
	for (int i = 0; i < n->n_tensors; i++) {
		double count = 1;
		for (int d = 0; d < n->tensor[i].tensor.rank; d++)
			count *= (double)n->tensor[i].tensor.dims[d];
		params += count;
	}
	if (params > PARAMETERS_MAX)
		return err_user(e, "the network has %.4g parameters, expected at most %.0f", params,
		                PARAMETERS_MAX);
	for (int i = 0; i < n->n_values; i++) {
		struct net_size s = n->value[i].size;
		double numbers = rows * s.channels * s.height * s.width;
		if (numbers > OUTPUT_MAX)
			return err_user(e, "a layer gives %.4g numbers a batch, expected at most %.0f",
			                numbers, OUTPUT_MAX);
	}
	for (int i = 0; i < n->n_nodes; i++)
		if (n->node[i].multiply_adds > MULTIPLY_ADDS_MAX)
			return err_user(
			        e, "layer \"%s\" takes %.4g multiply-adds a sample, expected at most %.0f",
			        n->node[i].name, n->node[i].multiply_adds, MULTIPLY_ADDS_MAX);
	return 0;
}

int net_model_check(const void *state, const struct model_env *env, struct err *e)
{
	struct net *n = net_build(state, env);
	int rc = n->err.code ? err_user(e, "%s", n->err.text) : check_sizes(n, e);
	net_free_graph(n);
	return rc;
}

size_t net_model_n_params(const void *state, const struct model_env *env)
{
	struct net *n = net_build(state, env);
	size_t count = n->n_params;
	net_free_graph(n);
	return count;
}

bool net_model_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	struct net *n = net_build(state, env);
	bool there = index < (size_t)n->n_tensors;
	if (there)
		*t = n->tensor[index].tensor;
	net_free_graph(n);
	return there;
}

size_t net_model_running_floats(const void *state, const struct model_env *env)
{
	struct net *n = net_build(state, env);
	size_t count = n->n_running;
	net_free_graph(n);
	return count;
}

size_t net_model_carry_floats(const void *state, const struct model_env *env)
{
	struct net *n = net_build(state, env);
	size_t count = n->n_carry;
	net_free_graph(n);
	return count;
}

/* Two tensors for each normalisation, under PyTorch's names. */
bool net_model_running(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	struct net *n = net_build(state, env);
	size_t norm = 0;
	bool found = false;
	for (int i = 0; i < n->n_nodes && !found; i++) {
		const struct net_node *node = &n->node[i];
		if (node->kind != NODE_IMAGE || node->spec.kind != IMAGE_NORM || norm++ != index / 2)
			continue;
		size_t channels = (size_t)node->spec.out.channels;
		*t = (struct tensor){.rank = 1,
		                     .dims = {channels},
		                     .offset = node->running + index % 2 * channels,
		                     .count = channels,
		                     .variance = index % 2};
		snprintf(t->name, sizeof t->name, "%s.%s", node->name,
		         index % 2 ? "running_var" : "running_mean");
		found = true;
	}
	net_free_graph(n);
	return found;
}

/* Plan the network only to know its sizes. */
static void measure(const void *state, const struct model_env *env, size_t *arena, size_t *shared)
{
	struct net *n = net_build(state, env);
	net_plan(n);
	*arena = n->arena_bytes + walk_bytes(&n->env, n->n_carry);
	*shared = n->shared_floats * sizeof(float);
	net_close_layers(n);
	net_free_graph(n);
}

size_t net_model_lane_bytes(const void *state, const struct model_env *env)
{
	size_t arena, shared;
	measure(state, env, &arena, &shared);
	return arena + (size_t)(env->fuse > 1 ? env->fuse : 1) * sizeof(struct loss);
}

size_t net_model_shared_bytes(const void *state, const struct model_env *env)
{
	size_t arena, shared;
	measure(state, env, &arena, &shared);
	return shared;
}

static const char *image_word(enum image_kind kind)
{
	const char *const words[] = {"convolution", "normalisation", "max pool", "mean pool"};
	return words[kind];
}

static void describe_kind(const struct net_node *node, char *out, size_t size)
{
	const struct image_spec *s = &node->spec;
	const char *word = net_ops[node->kind].shown ? net_ops[node->kind].shown : image_word(s->kind);
	const char *added = s->add ? ", add" : "";
	const char *after = node->f == NET_RELU || s->relu ? ", ReLU" : node->f == NET_TANH ? ", tanh" : "";
	if (node->kind == NODE_IMAGE && s->kind != IMAGE_NORM)
		snprintf(out, size, "%s %dx%d/%d%s", word, s->kernel[0], s->kernel[1], s->stride[0], after);
	else
		snprintf(out, size, "%s%s%s", word, added, after);
}

static void describe(const struct net *n, const struct net_node *node, struct layer_info *out)
{
	int directions = node->weight < 0 ? 0 : n->value[node->in[0]].wanted ? 2 : 1;
	*out = (struct layer_info){.multiply_adds = node->multiply_adds,
	                           .back_multiply_adds = directions * node->multiply_adds,
	                           .forward_s = node->forward_s,
	                           .backward_s = node->backward_s};
	snprintf(out->name, sizeof out->name, "%s", node->name);
	describe_kind(node, out->kind, sizeof out->kind);
	if (node->out < 0) {
		snprintf(out->shape, sizeof out->shape, "%d", n->env.data.n_classes);
	} else {
		struct net_size s = net_size(n, node->out);
		if (s.height * s.width == 1)
			snprintf(out->shape, sizeof out->shape, "%d", s.channels);
		else
			snprintf(out->shape, sizeof out->shape, "%d x %d x %d", s.channels, s.height,
			         s.width);
	}
	/* a table that the last layer shares is counted at the embedding */
	bool borrowed = node->kind == NODE_CLASSIFY && node->weight >= 0 && node->bias != node->weight + 1;
	if (node->weight >= 0 && !borrowed)
		out->params += n->tensor[node->weight].tensor.count;
	if (node->bias >= 0)
		out->params += n->tensor[node->bias].tensor.count;
}

bool net_model_layer(const void *state, const struct model_env *env, const void *instance, size_t index,
                     struct layer_info *out)
{
	const struct net *made = instance;
	struct net *n = made ? NULL : net_build(state, env);
	const struct net *graph = made ? made : n;
	bool there = index < (size_t)graph->n_nodes;
	if (there)
		describe(graph, &graph->node[index], out);
	if (n)
		net_free_graph(n);
	return there;
}
