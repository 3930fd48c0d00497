/* Nodes on images: the backend's layers, conversion from and to rows, shortcut A, residual addition. */
#include "models/graph/net_internal.h"

/*
 * running = (1 - rate) running + rate batch's; the variance as PyTorch does it, unbiased: times
 * N / (N - 1) for N numbers a channel; N is at least 2 (net_norm()).
 */
static void move_running(const struct net *n, const struct net_node *node)
{
	size_t channels = (size_t)node->spec.out.channels;
	double numbers = (double)n->env.batch * node->spec.out.height * node->spec.out.width;
	float unbiased = (float)(numbers / (numbers - 1));
	float *running = n->batch->running + node->running, *statistics = net_at(n, n->scratch);
	const struct backend *be = n->env.be;
	be->image->statistics(n->env.queue, node->layer, statistics);
	be->scale(n->env.queue, channels, unbiased, statistics + channels, statistics + channels);
	be->scale(n->env.queue, 2 * channels, RUNNING_RATE, statistics, statistics);
	be->scale(n->env.queue, 2 * channels, 1 - RUNNING_RATE, running, running);
	be->add(n->env.queue, 2 * channels, statistics, running);
}

void net_image_forward(struct net *n, struct net_node *node)
{
	bool norm = node->spec.kind == IMAGE_NORM;
	const float *running = norm && !n->training ? n->batch->running + node->running : NULL;
	n->env.be->image->forward(n->env.queue, node->layer, n->training, running);
	if (norm && n->training && n->batch->running)
		move_running(n, node);
}

/* The layer was bound to d_in when the network was made. */
void net_image_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	(void)d_out;
	(void)d_in;
	n->env.be->image->backward(n->env.queue, node->layer, net_gradient(n, node->weight),
	                           net_gradient(n, node->bias));
}

/* rows -> image; samples that are not in this batch are zero. */
static void to_image(const struct net *n, int value, const float *rows, float *image)
{
	struct image present = net_image(n, value, n->batch->count),
	             whole = net_image(n, value, n->env.batch);
	size_t used = n->env.be->image->floats(&present), all = n->env.be->image->floats(&whole);
	n->env.be->image->from_rows(n->env.queue, &present, rows, image);
	n->env.be->memory->fill(n->env.queue, image + used, 0, (all - used) * sizeof *image);
}

static void to_rows(const struct net *n, int value, const float *image, float *rows)
{
	struct image present = net_image(n, value, n->batch->count);
	n->env.be->image->to_rows(n->env.queue, &present, image, rows);
}

void net_from_rows_forward(struct net *n, struct net_node *node)
{
	to_image(n, node->out, net_value_at(n, node->in[0]), net_value_at(n, node->out));
}

void net_from_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (d_in[0])
		to_rows(n, node->out, d_out, d_in[0]);
}

void net_to_rows_forward(struct net *n, struct net_node *node)
{
	to_rows(n, node->in[0], net_value_at(n, node->in[0]), net_value_at(n, node->out));
}

void net_to_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (d_in[0])
		to_image(n, node->in[0], d_out, d_in[0]);
}

static struct image_shortcut shortcut_of(const struct net *n, const struct net_node *node)
{
	return (struct image_shortcut){.in = net_image(n, node->in[0], n->env.batch),
	                               .out = net_image(n, node->out, n->env.batch),
	                               .stride = node->stride};
}

void net_subsample_forward(struct net *n, struct net_node *node)
{
	struct image_shortcut s = shortcut_of(n, node);
	n->env.be->image->subsample(n->env.queue, &s, net_value_at(n, node->in[0]),
	                            net_value_at(n, node->out));
}

void net_subsample_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	struct image_shortcut s = shortcut_of(n, node);
	if (d_in[0])
		n->env.be->image->subsample_back(n->env.queue, &s, d_out, d_in[0]);
}

void net_add_forward(struct net *n, struct net_node *node)
{
	const float *in[2] = {net_value_at(n, node->in[0]), net_value_at(n, node->in[1])};
	float *out = net_value_at(n, node->out);
	size_t floats = net_floats(n, node->out);
	const float *other = out == in[1] ? in[0] : in[1];
	if (out != in[0] && out != in[1])
		n->env.be->memory->copy(n->env.queue, out, in[0], floats * sizeof *out);
	if (node->f == NET_RELU)
		n->env.be->add_relu(n->env.queue, floats, other, out);
	else
		n->env.be->add(n->env.queue, floats, other, out);
}

/* Both inputs get the output's gradient. */
void net_add_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	size_t floats = net_floats(n, node->out);
	if (node->f == NET_RELU)
		n->env.be->relu_back(n->env.queue, floats, net_value_at(n, node->out), d_out);
	for (int i = 0; i < 2; i++) {
		if (node->flow[i] == FLOW_WRITE)
			n->env.be->memory->copy(n->env.queue, d_in[i], d_out, floats * sizeof *d_out);
		else if (node->flow[i] == FLOW_ADD)
			n->env.be->add(n->env.queue, floats, d_out, d_in[i]);
	}
}
