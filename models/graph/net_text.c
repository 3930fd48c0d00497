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

/* The factor of a word's row. */
static float factor_of(const struct net *n, const struct net_node *node, const struct stream *s, int32_t word)
{
	if (!n->training || node->rate == 0)
		return 1;
	bool stays = stream_uniform(s, node->draw + (uint64_t)word) >= (float)node->rate;
	return stays ? 1 / (1 - (float)node->rate) : 0;
}

void net_embed_forward(struct net *n, struct net_node *node)
{
	const struct batch *b = n->batch;
	struct stream s = stream_of(b->seed, RNG_DROPOUT, b->worker, b->step);
	size_t width = net_width(n, node->out);
	const float *table = net_parameter(n, node->weight);
	float *out = net_value_at(n, node->out);
	for (size_t r = 0; r < n->rows; r++)
		n->env.be->scale(n->env.queue, width, factor_of(n, node, &s, b->token[r]),
		                 table + (size_t)b->token[r] * width, out + r * width);
}

/* Has the last layer, which runs backward first, written this table's gradient? */
static bool tied(const struct net *n, const struct net_node *node)
{
	return n->node[n->n_nodes - 1].weight == node->weight;
}

/* Rows are added in their order, so that the sums are always the same. */
void net_embed_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	const struct batch *b = n->batch;
	struct stream s = stream_of(b->seed, RNG_DROPOUT, b->worker, b->step);
	size_t width = net_width(n, node->out);
	float *g = net_gradient(n, node->weight);
	(void)d_in;
	if (!tied(n, node))
		n->env.be->memory->fill(n->env.queue, g, 0, n->tensor[node->weight].tensor.count * sizeof *g);
	for (size_t r = 0; r < n->rows; r++) {
		float factor = factor_of(n, node, &s, b->token[r]), *d = d_out + r * width;
		if (factor == 0)
			continue;
		if (factor != 1)
			n->env.be->scale(n->env.queue, width, factor, d, d);
		n->env.be->add(n->env.queue, width, d, g + (size_t)b->token[r] * width);
	}
}
