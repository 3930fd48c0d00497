/* Nodes on rows: fully connected, activations, dropout, adaptive mean. */
#include "models/graph/net_internal.h"

static void activate(const struct net *net, enum net_activation f, size_t n, float *y)
{
	if (f == NET_RELU)
		net->env.be->relu(net->env.queue, n, y);
	else if (f == NET_TANH)
		net->env.be->tanh(net->env.queue, n, y);
}

/* dy = dy f'(.), by the activation's output y. */
static void activate_back(const struct net *net, enum net_activation f, size_t n, const float *y, float *dy)
{
	if (f == NET_RELU)
		net->env.be->relu_back(net->env.queue, n, y, dy);
	else if (f == NET_TANH)
		net->env.be->tanh_back(net->env.queue, n, y, dy);
}

void net_activate_forward(struct net *n, struct net_node *node)
{
	float *out = net_value_at(n, node->out);
	size_t floats = net_floats(n, node->out);
	if (out != net_value_at(n, node->in[0]))
		n->env.be->memory->copy(n->env.queue, out, net_value_at(n, node->in[0]),
		                        floats * sizeof *out);
	activate(n, node->f, floats, out);
}

void net_activate_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	size_t floats = net_floats(n, node->out);
	activate_back(n, node->f, floats, net_value_at(n, node->out), d_out);
	if (d_in[0] && d_in[0] != d_out)
		n->env.be->memory->copy(n->env.queue, d_in[0], d_out, floats * sizeof *d_out);
}

/* c = a op(b), for all parts: a has the shape of value `from`, c that of value `to`, b is the same for all.
 */
static void product(const struct net *n, bool tb, int from, const float *a, const float *b, int to, float *c)
{
	const struct backend *be = n->env.be;
	size_t in = net_width(n, from), out = net_width(n, to), step = 1;
	if (joins_product(be->joins, tb, n->rows, out, in))
		step = net_together(n, from, to);
	for (size_t p = 0; p < n->parts; p += step)
		be->gemm(n->env.queue, false, tb, step * n->rows, out, in, 1, a + p * net_stride(n, from), b,
		         0, c + p * net_stride(n, to));
}

void net_linear_forward(struct net *n, struct net_node *node)
{
	size_t out = net_width(n, node->out), step = net_together(n, node->out, node->out);
	float *y = net_value_at(n, node->out);
	product(n, true, node->in[0], net_value_at(n, node->in[0]), net_parameter(n, node->weight), node->out,
	        y);
	for (size_t p = 0; p < n->parts; p += step)
		n->env.be->add_bias(n->env.queue, step * n->rows, out, net_parameter(n, node->bias),
		                    net_value_part(n, node->out, p));
	activate(n, node->f, net_floats(n, node->out), y);
}

void net_linear_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	const struct backend *be = n->env.be;
	size_t out = net_width(n, node->out), in = net_width(n, node->in[0]);
	activate_back(n, node->f, net_floats(n, node->out), net_value_at(n, node->out), d_out);
	for (size_t p = 0; p < n->parts; p++) {
		const float *dy = d_out + p * net_stride(n, node->out);
		be->gemm(n->env.queue, true, false, out, in, n->rows, 1, dy,
		         net_value_part(n, node->in[0], p), 0, net_gradient(n, node->weight, p));
		be->sum_rows(n->env.queue, n->rows, out, dy, net_gradient(n, node->bias, p));
	}
	if (d_in[0])
		product(n, false, node->out, d_out, net_parameter(n, node->weight), node->in[0], d_in[0]);
}

/* out = x times the step's mask, each worker's its own. Variational: the same mask for every position. */
static void mask(const struct net *n, const struct net_node *node, const float *x, float *out)
{
	size_t width = net_width(n, node->out);
	for (size_t p = 0; p < n->parts; p++) {
		const struct batch *b = &n->batch[p];
		size_t turns = node->variational ? (size_t)b->length : 1, floats = n->rows / turns * width,
		       at = p * net_stride(n, node->out);
		for (size_t t = 0; t < turns; t++, at += floats)
			n->env.be->dropout(n->env.queue, floats, (float)node->rate, walk_stream(n->walk, p),
			                   node->draw, x + at, out + at);
	}
}

void net_dropout_forward(struct net *n, struct net_node *node)
{
	const float *in = net_value_at(n, node->in[0]);
	float *out = net_value_at(n, node->out);
	if (n->training)
		mask(n, node, in, out);
	else if (out != in)
		n->env.be->memory->copy(n->env.queue, out, in, net_floats(n, node->out) * sizeof *out);
}

void net_dropout_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (d_in[0])
		mask(n, node, d_out, d_in[0]);
}

/* Planes of one part and their sizes, of the input and of the output. */
struct adaptive {
	size_t planes;
	int from[2], to[2];
};

static struct adaptive adaptive_of(const struct net *n, const struct net_node *node)
{
	struct net_size in = net_size(n, node->in[0]), out = net_size(n, node->out);
	return (struct adaptive){
	        n->rows * (size_t)in.channels, {in.height, in.width}, {out.height, out.width}};
}

void net_adaptive_forward(struct net *n, struct net_node *node)
{
	struct adaptive a = adaptive_of(n, node);
	size_t step = net_together(n, node->in[0], node->out);
	for (size_t p = 0; p < n->parts; p += step)
		n->env.be->image->adaptive(n->env.queue, step * a.planes, a.from, a.to,
		                           net_value_part(n, node->in[0], p),
		                           net_value_part(n, node->out, p));
}

void net_adaptive_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	struct adaptive a = adaptive_of(n, node);
	size_t step = net_together(n, node->in[0], node->out);
	for (size_t p = 0; p < n->parts && d_in[0]; p += step)
		n->env.be->image->adaptive_back(n->env.queue, step * a.planes, a.from, a.to,
		                                d_out + p * net_stride(n, node->out),
		                                d_in[0] + p * net_stride(n, node->in[0]));
}
