/*
 * Embedding: a token's row of a table. Rows of sequences are position-major: row t * count + b is position t
 * of sequence b.
 *
 * Word dropout (Gal and Ghahramani 2016; Merity et al. 2018): in training each word is dropped with the given
 * probability, everywhere in the batch; the other words are divided by the probability to stay. Number `draw`
 * + word of the step's stream decides.
 */
#include "models/graph/net_internal.h"

int net_embed(struct net *n, const char *name, int width, double row_dropout)
{
	if (n->err.code)
		return NET_INPUT;
	if (n->env.data.window < 1 || n->env.data.n_classes < 1) {
		net_fail(n, "layer \"%s\": an embedding needs tokens, and the data set has none", name);
		return NET_INPUT;
	}
	if (width < 1) {
		net_fail(n, "layer \"%s\": an embedding of width %d cannot be", name, width);
		return NET_INPUT;
	}
	const size_t words = (size_t)n->env.data.n_classes, dims[2] = {words, (size_t)width};
	struct net_node *node = net_add_node(n, NODE_EMBED, name, NET_INPUT);
	node->rate = row_dropout;
	node->weight = net_add_tensor(n, name, "weight", ROLE_TABLE, 2, dims, (size_t)width, words);
	node->draw = n->draws;
	if (row_dropout > 0)
		n->draws += (words + 3) / 4 * 4;
	return net_add_value(n, node, true, (struct net_size){width, 1, 1});
}

size_t net_embed_keep_bytes(const struct net *n, const struct net_node *node)
{
	return node->rate > 0 ? (size_t)n->env.data.n_classes * sizeof(float) : 0;
}

/* The factors of the words' rows, where they are kept; NULL: 1. */
static float *factors(const struct net *n, const struct net_node *node, size_t part)
{
	return n->training ? net_keep_part(n, node, part) : NULL;
}

static void part_forward(struct net *n, const struct net_node *node, size_t part)
{
	const struct backend *be = n->env.be;
	const struct batch *b = &n->batch[part];
	size_t words = (size_t)n->env.data.n_classes;
	float *factor = factors(n, node, part);
	if (factor) {
		be->constant(n->env.queue, words, 1, factor);
		be->dropout(n->env.queue, words, (float)node->rate, walk_stream(n->walk, part), node->draw,
		            factor, factor);
	}
	be->embed(n->env.queue, n->rows, net_width(n, node->out), b->token, factor,
	          net_parameter(n, node->weight), net_value_part(n, node->out, part));
}

void net_embed_forward(struct net *n, struct net_node *node)
{
	for (size_t p = 0; p < n->parts; p++)
		part_forward(n, node, p);
}

/* Has the last layer, which runs backward first, written this table's gradient? */
static bool tied(const struct net *n, const struct net_node *node)
{
	return n->node[n->n_nodes - 1].weight == node->weight;
}

void net_embed_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	size_t bytes = n->tensor[node->weight].tensor.count * sizeof *d_out;
	(void)d_in;
	for (size_t p = 0; p < n->parts; p++) {
		float *g = net_gradient(n, node->weight, p);
		if (!tied(n, node))
			n->env.be->memory->fill(n->env.queue, g, 0, bytes);
		n->env.be->embed_back(n->env.queue, n->rows, net_width(n, node->out), n->batch[p].token,
		                      factors(n, node, p), d_out + p * net_stride(n, node->out), g);
	}
}
