/*
 * The quasi-recurrent layer (Bradbury, Merity, Xiong and Socher 2017, "Quasi-recurrent neural networks",
 * section 2.1), with fo-pooling:
 *
 *   [Z F O]_t = W x_t + b                       kernel 1: W [3 width][in]
 *             = W [x_t, x_(t-1)] + b            kernel 2: W [3 width][2 in], the present input first
 *   Z = tanh(Z), F = sigmoid(F), O = sigmoid(O)
 *   C_t = F_t Z_t + (1 - F_t) C_(t-1)           the cell
 *   H_t = O_t C_t                               the layer's output
 *
 * So F is the share of the new candidate Z, as in pytorch-qrnn; the paper writes its complement. Zoneout
 * (Krueger et al. 2017): in training a number of F becomes 0 with the given probability, and the cell is
 * then kept as it was; in evaluation F is multiplied by 1 - zoneout.
 *
 * Carry: C of the last position, and with kernel 2 the last input, both read at the beginning of a batch and
 * written at its end; zero at the start. Gradients do not flow into it: back-propagation through time is
 * truncated at the batch's first position.
 *
 * The rows of W and b for Z, F and O are contiguous, so each gate is one matrix product and a dense matrix.
 */
#include <stdio.h>
#include "models/graph/net_internal.h"

enum { GATES = 3 };

/* A layer's sizes, and the memory that it keeps from forward to backward. */
struct qrnn {
	size_t part;
	size_t rows, count, in, width; /* in: of one position, both of kernel 2 counted */
	float *gate[GATES];            /* Z, F, O: [rows][width] */
	float *cell;                   /* C [rows][width] */
	float *before;                 /* [count][width] C as it was carried in */
	float *pairs;                  /* kernel 2: [rows][in], [x_t, x_(t-1)] */
};

static struct qrnn qrnn_of(const struct net *n, const struct net_node *node, size_t part)
{
	size_t width = net_width(n, node->out), all = net_rows_max(n) * width;
	float *keep = net_keep_part(n, node, part);
	struct qrnn q = {.part = part,
	                 .rows = n->rows,
	                 .count = (size_t)n->batch[part].count,
	                 .in = net_width(n, node->in[0]) * (size_t)node->kernel,
	                 .width = width,
	                 .gate = {keep, keep + all, keep + 2 * all},
	                 .cell = keep + 3 * all,
	                 .before = keep + 4 * all};
	q.pairs = q.before + (size_t)n->env.batch * width;
	return q;
}

static size_t pairs_floats(const struct net *n, const struct net_node *node)
{
	return node->kernel == 2 ? net_rows_max(n) * 2 * net_width(n, node->in[0]) : 0;
}

size_t net_qrnn_keep_bytes(const struct net *n, const struct net_node *node)
{
	size_t width = net_width(n, node->out);
	return (4 * net_rows_max(n) * width + (size_t)n->env.batch * width + pairs_floats(n, node)) *
	       sizeof(float);
}

size_t net_qrnn_scratch_bytes(const struct net *n, const struct net_node *node)
{
	size_t width = net_width(n, node->out);
	return (net_rows_max(n) * width + (size_t)n->env.batch * width + pairs_floats(n, node)) *
	       sizeof(float);
}

int net_qrnn(struct net *n, const char *name, int in, int width, int kernel, double zoneout)
{
	if (n->err.code)
		return in;
	if (n->env.data.window < 1) {
		net_fail(n, "layer \"%s\": a recurrent layer needs sequences, and the data set has none",
		         name);
		return in;
	}
	if (width < 1 || kernel < 1 || kernel > 2) {
		net_fail(n, "layer \"%s\": a recurrent layer of width %d and kernel %d cannot be", name,
		         width, kernel);
		return in;
	}
	in = net_as_rows(n, in);
	char linear[sizeof((struct net_node *)0)->name + 8];
	size_t from = net_width(n, in), fan_in = (size_t)kernel * from, gates = GATES * (size_t)width,
	       batch = (size_t)n->env.batch;
	const size_t dims[2] = {gates, fan_in};
	struct net_node *node = net_add_node(n, NODE_QRNN, name, in);
	snprintf(linear, sizeof linear, "%s.linear", node->name);
	node->kernel = kernel;
	node->rate = zoneout;
	node->weight = net_add_tensor(n, linear, "weight", ROLE_LINEAR, 2, dims, fan_in, gates);
	node->bias = net_add_tensor(n, linear, "bias", ROLE_LINEAR_BIAS, 1, dims, fan_in, gates);
	node->multiply_adds = (double)fan_in * (double)gates;
	node->carry = n->n_carry;
	n->n_carry += batch * (size_t)width + (kernel == 2 ? batch * from : 0);
	node->draw = n->draws;
	if (zoneout > 0)
		n->draws += (net_rows_max(n) * (size_t)width + 3) / 4 * 4;
	return net_add_value(n, node, true, (struct net_size){width, 1, 1});
}

/* x [rows][in] -> Z, F, O. */
static void make_gates(const struct net *n, const struct net_node *node, const struct qrnn *q, const float *x)
{
	const struct backend *be = n->env.be;
	size_t floats = q->rows * q->width;
	float stays = (float)(1 - node->rate), *forget = q->gate[1];
	for (size_t i = 0; i < GATES; i++) {
		be->gemm(n->env.queue, false, true, q->rows, q->width, q->in, 1, x,
		         net_parameter(n, node->weight) + i * q->width * q->in, 0, q->gate[i]);
		be->add_bias(n->env.queue, q->rows, q->width, net_parameter(n, node->bias) + i * q->width,
		             q->gate[i]);
	}
	be->tanh(n->env.queue, floats, q->gate[0]);
	be->sigmoid(n->env.queue, floats, forget);
	be->sigmoid(n->env.queue, floats, q->gate[2]);
	if (node->rate == 0)
		return;
	if (n->training) /* the kernel divides by what stays; a gate does not */
		be->dropout(n->env.queue, floats, (float)node->rate, walk_stream(n->walk, q->part),
		            node->draw, forget, forget);
	be->scale(n->env.queue, floats, stays, forget, forget);
}

static void part_forward(struct net *n, const struct net_node *node, size_t part)
{
	const struct backend *be = n->env.be;
	struct qrnn q = qrnn_of(n, node, part);
	size_t step = q.count * q.width, last = q.rows * q.width - step; /* numbers of a position */
	float *carried = net_carry(n, part) + node->carry;
	const float *x = net_value_part(n, node->in[0], part);
	if (node->kernel == 2) {
		be->pair(n->env.queue, q.rows, q.count, q.in / 2, x, carried + (size_t)n->env.batch * q.width,
		         q.pairs);
		x = q.pairs;
	}
	make_gates(n, node, &q, x);
	be->memory->copy(n->env.queue, q.before, carried, step * sizeof *carried);
	be->recur(n->env.queue, q.rows / q.count, step, q.gate[1], q.gate[0], q.before, q.cell);
	be->memory->copy(n->env.queue, carried, q.cell + last, step * sizeof *carried);
	be->multiply(n->env.queue, q.rows * q.width, q.gate[2], q.cell, net_value_part(n, node->out, part));
}

void net_qrnn_forward(struct net *n, struct net_node *node)
{
	for (size_t p = 0; p < n->parts; p++)
		part_forward(n, node, p);
}

/* d_out = dL/dH -> the gradients of the gates before their functions, in their places. d [rows][width] and
 * d_cell [count][width] are scratch; O's gradient takes the place of C. */
static void gates_back(const struct net *n, struct qrnn *q, const float *d_out, float *d, float *d_cell)
{
	const struct backend *be = n->env.be;
	size_t step = q->count * q->width, floats = q->rows * q->width;
	be->multiply(n->env.queue, floats, d_out, q->gate[2], d);
	be->memory->fill(n->env.queue, d_cell, 0, step * sizeof *d_cell);
	be->recur_back(n->env.queue, q->rows / q->count, step, d, q->cell, q->before, d_cell, q->gate[0],
	               q->gate[1]);
	be->multiply(n->env.queue, floats, d_out, q->cell, q->cell);
	be->sigmoid_back(n->env.queue, floats, q->gate[2], q->cell);
	q->gate[2] = q->cell;
}

/* d_out [rows][width] -> d_in [rows][in of one position]; NULL: not needed. */
static void part_backward(struct net *n, const struct net_node *node, size_t part, const float *d_out,
                          float *d_in)
{
	const struct backend *be = n->env.be;
	struct qrnn q = qrnn_of(n, node, part);
	bool two = node->kernel == 2;
	float *d = net_at(n, n->scratch), *d_cell = d + net_rows_max(n) * q.width,
	      *d_pairs = d_cell + (size_t)n->env.batch * q.width, *d_x = two ? d_pairs : d_in;
	const float *x = two ? q.pairs : net_value_part(n, node->in[0], part);
	gates_back(n, &q, d_out, d, d_cell);
	for (size_t i = 0; i < GATES; i++) {
		size_t at = i * q.width * q.in;
		be->gemm(n->env.queue, true, false, q.width, q.in, q.rows, 1, q.gate[i], x, 0,
		         net_gradient(n, node->weight, part) + at);
		be->sum_rows(n->env.queue, q.rows, q.width, q.gate[i],
		             net_gradient(n, node->bias, part) + i * q.width);
		if (d_in)
			be->gemm(n->env.queue, false, false, q.rows, q.in, q.width, 1, q.gate[i],
			         net_parameter(n, node->weight) + at, i > 0, d_x);
	}
	if (d_in && two)
		be->pair_back(n->env.queue, q.rows, q.count, q.in / 2, d_pairs, d_in);
}

void net_qrnn_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	for (size_t p = 0; p < n->parts; p++)
		part_backward(n, node, p, d_out + p * net_stride(n, node->out),
		              d_in[0] ? d_in[0] + p * net_stride(n, node->in[0]) : NULL);
}
