/*
 * The end of a network: logits, softmax and cross-entropy, forward and backward in one pass. Rows are taken
 * in chunks, so that the logits of a large vocabulary need not all be in memory at once; the weight's
 * gradient is the sum over the chunks in their order.
 */
#include "models/graph/net_internal.h"

enum { CHUNK_BYTES = 16 << 20, CHUNK_ROWS = 128 };

/* As many rows as fit, but at least 128: each chunk reads and writes the whole weight gradient. */
static size_t chunk_rows(const struct net *n)
{
	size_t fit = CHUNK_BYTES / ((size_t)n->env.data.n_classes * sizeof(float));
	size_t rows = fit > CHUNK_ROWS ? fit : CHUNK_ROWS, all = net_rows_max(n);
	return rows < all ? rows : all;
}

size_t net_classify_scratch_bytes(const struct net *n, const struct net_node *node)
{
	(void)node;
	return (chunk_rows(n) + 1) * (size_t)n->env.data.n_classes * sizeof(float);
}

/* Rows of a part: those of a chunk. */
struct chunk {
	size_t part, first, rows;
};

/* dz [rows][classes] -> gradients of weight and bias (added to those of the chunks before) and of the input.
 */
static void chunk_back(struct net *n, const struct net_node *node, const struct chunk *c, float *dz)
{
	const struct backend *be = n->env.be;
	size_t classes = (size_t)n->env.data.n_classes, in = net_width(n, node->in[0]);
	const float *x = net_value_part(n, node->in[0], c->part) + c->first * in;
	float *sums = dz + chunk_rows(n) * classes, *bias = net_gradient(n, node->bias, c->part);
	bool more = c->first > 0;
	be->gemm(n->env.queue, true, false, classes, in, c->rows, 1, dz, x, more,
	         net_gradient(n, node->weight, c->part));
	be->sum_rows(n->env.queue, c->rows, classes, dz, more ? sums : bias);
	if (more)
		be->add(n->env.queue, classes, sums, bias);
	int slot = n->value[node->in[0]].slot;
	if (slot >= 0)
		be->gemm(n->env.queue, false, false, c->rows, in, classes, 1, dz,
		         net_parameter(n, node->weight), 0,
		         net_at(n, slot) + c->part * net_stride(n, node->in[0]) + c->first * in);
}

static void part_forward(struct net *n, struct net_node *node, size_t part)
{
	const struct backend *be = n->env.be;
	size_t classes = (size_t)n->env.data.n_classes, in = net_width(n, node->in[0]), step = chunk_rows(n);
	float *z = net_at(n, n->scratch); /* [chunk][classes], then [classes] */
	for (size_t first = 0; first < n->rows; first += step) {
		const struct chunk c = {part, first, n->rows - first < step ? n->rows - first : step};
		be->gemm(n->env.queue, false, true, c.rows, classes, in, 1,
		         net_value_part(n, node->in[0], part) + first * in, net_parameter(n, node->weight), 0,
		         z);
		be->add_bias(n->env.queue, c.rows, classes, net_parameter(n, node->bias), z);
		be->softmax_loss(n->env.queue, c.rows, classes, z, n->batch[part].label + first, n->training,
		                 1 / (float)n->rows, &n->loss[part]);
		if (n->training)
			chunk_back(n, node, &c, z);
	}
}

void net_classify_forward(struct net *n, struct net_node *node)
{
	n->env.be->memory->fill(n->env.queue, n->loss, 0, n->parts * sizeof *n->loss);
	for (size_t p = 0; p < n->parts; p++)
		part_forward(n, node, p);
}
