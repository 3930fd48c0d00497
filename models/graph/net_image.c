/* Nodes on images: the backend's layers, conversion from and to rows, shortcut A, residual addition. */
#include "models/graph/net_internal.h"

/*
 * running = (1 - rate) running + rate batch's; the variance as PyTorch does it, unbiased: times
 * N / (N - 1) for N numbers a channel; N is at least 2 (net_norm()).
 */
static void move_running(const struct net *n, const struct net_node *node, size_t part)
{
	size_t channels = (size_t)node->spec.out.channels;
	double numbers = (double)n->env.batch * node->spec.out.height * node->spec.out.width;
	float unbiased = (float)(numbers / (numbers - 1));
	float *running = n->batch[part].running + node->running, *statistics = net_at(n, n->scratch);
	const struct backend *be = n->env.be;
	be->image->statistics(n->env.queue, node->layer[part], statistics);
	be->scale(n->env.queue, channels, unbiased, statistics + channels, statistics + channels);
	be->scale(n->env.queue, 2 * channels, RUNNING_RATE, statistics, statistics);
	be->scale(n->env.queue, 2 * channels, 1 - RUNNING_RATE, running, running);
	be->add(n->env.queue, 2 * channels, statistics, running);
}

/* The layer of all parts, if it can take this call; a group that is not full runs part by part. */
static struct image_layer *joined_of(const struct net *n, const struct net_node *node)
{
	return n->parts == (size_t)n->env.fuse ? node->joined : NULL;
}

static void part_forward(struct net *n, struct net_node *node, size_t part)
{
	bool norm = node->spec.kind == IMAGE_NORM;
	const struct batch *b = &n->batch[part];
	const float *running = norm && !n->training ? b->running + node->running : NULL;
	n->env.be->image->forward(n->env.queue, node->layer[part], n->training, running);
	if (norm && n->training && b->running)
		move_running(n, node, part);
}

void net_image_forward(struct net *n, struct net_node *node)
{
	struct image_layer *joined = joined_of(n, node);
	if (joined)
		n->env.be->image->forward(n->env.queue, joined, n->training, NULL);
	for (size_t p = 0; p < n->parts && !joined; p++)
		part_forward(n, node, p);
}

/* The layers were bound to these when the network was made. What a normalisation adds gets the gradient of
 * its output, in which the ReLU's mask is by then. */
void net_image_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	const struct image_kernels *k = n->env.be->image;
	struct image_layer *joined = joined_of(n, node);
	if (joined)
		k->backward(n->env.queue, joined, NULL, NULL);
	for (size_t p = 0; p < n->parts; p++) {
		float *dw = net_gradient(n, node->weight, p), *db = net_gradient(n, node->bias, p);
		if (!joined)
			k->backward(n->env.queue, node->layer[p], dw, db);
		else if (dw)
			k->weights_back(n->env.queue, node->layer[p], dw, db);
	}
	if (node->flow[1] == FLOW_ADD)
		n->env.be->add(n->env.queue, net_floats(n, node->out), d_out, d_in[1]);
}

/* rows -> image; samples that are not in this batch, which is then the only one, are zero. */
static void to_image(const struct net *n, int from, const float *rows, int to, float *image)
{
	size_t step = net_together(n, from, to), floats = net_part_floats(n, to);
	struct image present = net_image(n, to, (int)step * n->batch->count);
	size_t used = n->env.be->image->floats(&present), all = step * floats;
	for (size_t p = 0; p < n->parts; p += step) {
		float *at = image + p * net_stride(n, to);
		n->env.be->image->from_rows(n->env.queue, &present, rows + p * net_stride(n, from), at);
		n->env.be->memory->fill(n->env.queue, at + used, 0, (all - used) * sizeof *image);
	}
}

static void to_rows(const struct net *n, int from, const float *image, int to, float *rows)
{
	size_t step = net_together(n, from, to);
	struct image present = net_image(n, from, (int)step * n->batch->count);
	for (size_t p = 0; p < n->parts; p += step)
		n->env.be->image->to_rows(n->env.queue, &present, image + p * net_stride(n, from),
		                          rows + p * net_stride(n, to));
}

void net_from_rows_forward(struct net *n, struct net_node *node)
{
	to_image(n, node->in[0], net_value_at(n, node->in[0]), node->out, net_value_at(n, node->out));
}

void net_from_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (d_in[0])
		to_rows(n, node->out, d_out, node->in[0], d_in[0]);
}

void net_to_rows_forward(struct net *n, struct net_node *node)
{
	to_rows(n, node->in[0], net_value_at(n, node->in[0]), node->out, net_value_at(n, node->out));
}

void net_to_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (d_in[0])
		to_image(n, node->out, d_out, node->in[0], d_in[0]);
}

/* Of as many parts as go in one call. */
static struct image_shortcut shortcut_of(const struct net *n, const struct net_node *node, size_t step)
{
	return (struct image_shortcut){.in = net_image(n, node->in[0], (int)step * n->env.batch),
	                               .out = net_image(n, node->out, (int)step * n->env.batch),
	                               .stride = node->stride};
}

void net_subsample_forward(struct net *n, struct net_node *node)
{
	size_t step = net_together(n, node->in[0], node->out);
	struct image_shortcut s = shortcut_of(n, node, step);
	for (size_t p = 0; p < n->parts; p += step)
		n->env.be->image->subsample(n->env.queue, &s, net_value_part(n, node->in[0], p),
		                            net_value_part(n, node->out, p));
}

void net_subsample_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	size_t step = net_together(n, node->in[0], node->out);
	struct image_shortcut s = shortcut_of(n, node, step);
	for (size_t p = 0; p < n->parts && d_in[0]; p += step)
		n->env.be->image->subsample_back(n->env.queue, &s, d_out + p * net_stride(n, node->out),
		                                 d_in[0] + p * net_stride(n, node->in[0]));
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
