/* Nodes on images: the backend's layers, conversion from and to rows, shortcut A, residual addition. */
#include <string.h>
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
	n->env.be->image->statistics(n->env.queue, node->layer, statistics);
	for (size_t c = 0; c < channels; c++) {
		float variance = statistics[channels + c] * unbiased;
		running[c] = (1 - RUNNING_RATE) * running[c] + RUNNING_RATE * statistics[c];
		running[channels + c] = (1 - RUNNING_RATE) * running[channels + c] + RUNNING_RATE * variance;
	}
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
	memset(image + used, 0, (all - used) * sizeof *image);
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

/* The layout of an image value. */
struct layout {
	size_t block, groups, height, width;
};

static struct layout layout_of(const struct net *n, int value)
{
	struct image i = net_image(n, value, n->env.batch);
	size_t block = (size_t)n->env.be->image->block(&i);
	return (struct layout){block, ((size_t)i.channels + block - 1) / block, (size_t)i.height,
	                       (size_t)i.width};
}

static size_t place_of(const struct layout *l, size_t sample, size_t channel, size_t h, size_t w)
{
	size_t group = channel / l->block;
	return (((sample * l->groups + group) * l->height + h) * l->width + w) * l->block +
	       channel % l->block;
}

/*
 * Copy the shortcut's sampled pixels from the input to the output, or, back, from the output's gradient to
 * the input's: `run` channels at once, as many as are contiguous in both.
 */
static void sample_run(const struct net *n, const struct net_node *node, size_t channel, size_t run,
                       const float *from, float *to, bool back)
{
	struct layout in = layout_of(n, node->in[0]), out = layout_of(n, node->out);
	size_t stride = (size_t)node->stride;
	for (size_t s = 0; s < (size_t)n->env.batch; s++)
		for (size_t h = 0; h < out.height; h++)
			for (size_t w = 0; w < out.width; w++) {
				size_t a = place_of(&in, s, channel, h * stride, w * stride),
				       b = place_of(&out, s, channel, h, w);
				memcpy(to + (back ? a : b), from + (back ? b : a), run * sizeof *to);
			}
}

static void sample(const struct net *n, const struct net_node *node, const float *from, float *to, bool back)
{
	size_t channels = (size_t)net_size(n, node->in[0]).channels;
	struct layout in = layout_of(n, node->in[0]), out = layout_of(n, node->out);
	size_t most = in.block < out.block ? in.block : out.block;
	for (size_t c = 0; c < channels; c += most)
		sample_run(n, node, c, channels - c < most ? channels - c : most, from, to, back);
}

static size_t whole_floats(const struct net *n, int value)
{
	struct image whole = net_image(n, value, n->env.batch);
	return n->env.be->image->floats(&whole);
}

void net_subsample_forward(struct net *n, struct net_node *node)
{
	float *out = net_value_at(n, node->out);
	memset(out, 0, whole_floats(n, node->out) * sizeof *out);
	sample(n, node, net_value_at(n, node->in[0]), out, false);
}

void net_subsample_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	if (!d_in[0])
		return;
	memset(d_in[0], 0, whole_floats(n, node->in[0]) * sizeof *d_in[0]);
	sample(n, node, d_out, d_in[0], true);
}

void net_add_forward(struct net *n, struct net_node *node)
{
	const float *in[2] = {net_value_at(n, node->in[0]), net_value_at(n, node->in[1])};
	float *out = net_value_at(n, node->out);
	size_t floats = net_floats(n, node->out);
	const float *other = out == in[1] ? in[0] : in[1];
	if (out != in[0] && out != in[1])
		memcpy(out, in[0], floats * sizeof *out);
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
			memcpy(d_in[i], d_out, floats * sizeof *d_out);
		else if (node->flow[i] == FLOW_ADD)
			n->env.be->add(n->env.queue, floats, d_out, d_in[i]);
	}
}
