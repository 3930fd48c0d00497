/*
 * Folding: `add` behind a normalisation becomes part of it, where the backend's normalisations can add
 * (image_kernels.norm_adds). What is normalised is then not written before the other value is added to it,
 * and the ReLU's mask, the gradient of the other value and the sums of the pass back take one reading. Names,
 * the order of parameters and all bits stay as they are.
 */
#include "models/graph/net_internal.h"

static int readers_of(const struct net *n, int value)
{
	int count = 0;
	for (int i = 0; i < n->n_nodes; i++)
		for (int which = 0; which < 2; which++)
			count += n->node[i].in[which] == value;
	return count;
}

/*
 * The node before node `add` that can do its work: a normalisation which gives one of its inputs, without a
 * ReLU and read by nothing else. As it will run in the place of `add`, no node with parameters may stand
 * between: the order of nodes is that of parameters and of running statistics; and nothing else may read what
 * it normalises: the order of nodes is that in which gradients of a value are added up. Or -1.
 */
static int normalisation_before(const struct net *n, int add)
{
	for (int i = add - 1; i >= 0; i--) {
		const struct net_node *node = &n->node[i];
		bool norm = node->kind == NODE_IMAGE && node->spec.kind == IMAGE_NORM,
		     input = node->out == n->node[add].in[0] || node->out == n->node[add].in[1];
		if (norm && input && !node->spec.relu && !node->spec.add && readers_of(n, node->out) == 1 &&
		    readers_of(n, node->in[0]) == 1)
			return i;
		if (node->weight >= 0)
			return -1;
	}
	return -1;
}

static void remove_node(struct net *n, int gone)
{
	n->n_nodes--;
	for (int i = gone; i < n->n_nodes; i++)
		n->node[i] = n->node[i + 1];
	for (int v = 0; v < n->n_values; v++)
		n->value[v].producer -= n->value[v].producer > gone;
}

static void remove_value(struct net *n, int gone)
{
	n->n_values--;
	for (int v = gone; v < n->n_values; v++)
		n->value[v] = n->value[v + 1];
	for (int i = 0; i < n->n_nodes; i++) {
		struct net_node *node = &n->node[i];
		node->out -= node->out > gone;
		for (int which = 0; which < 2; which++)
			node->in[which] -= node->in[which] > gone;
	}
}

/* Node `add` becomes normalisation `norm`, which adds the other input. */
static void fold(struct net *n, int norm, int add)
{
	const struct net_node was = n->node[add];
	int between = n->node[norm].out, other = was.in[was.in[0] == between];
	n->node[add] = n->node[norm];
	n->node[add].in[1] = other;
	n->node[add].out = was.out;
	n->node[add].spec.add = true;
	n->node[add].spec.relu = was.f == NET_RELU;
	remove_node(n, norm);
	remove_value(n, between);
}

/* Without a machine, as long as settings are only checked, a network has all its nodes. */
void net_fold(struct net *n)
{
	bool can = n->env.be && n->env.be->image->norm_adds;
	for (int i = 0; can && i < n->n_nodes; i++) {
		int norm = n->node[i].kind == NODE_ADD ? normalisation_before(n, i) : -1;
		if (norm >= 0)
			fold(n, norm, i--);
	}
}
