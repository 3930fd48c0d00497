/* Layers on pictures: those of the machine, the way from and to rows, shortcut A, residual addition. */
#include <string.h>
#include "models/net_inside.h"

/* Batch normalisation moves its running statistics by this much (PyTorch's default). */
#define RUNNING_RATE 0.1f

/*
 * running = (1 - rate) running + rate batch's; the variance as PyTorch does it, unbiased: times
 * N / (N - 1) for N numbers a channel.
 */
static void move_running(const struct net *n, const struct net_node *node)
{
	size_t channels = (size_t)node->spec.out.channels;
	double numbers = (double)n->env.batch * node->spec.out.height * node->spec.out.width;
	float unbiased = numbers > 1 ? (float)(numbers / (numbers - 1)) : 1;
	float *running = n->batch->running + node->running, *statistics = net_at(n, n->scratch);
	n->env.be->image->statistics(node->layer, statistics);
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
	n->env.be->image->forward(node->layer, n->training, running);
	if (norm && n->training && n->batch->running)
		move_running(n, node);
}

/* The layer was bound to its own d_in when the network was made. */
void net_image_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	(void)d_out;
	(void)d_in;
	n->env.be->image->backward(node->layer, net_gradient(n, node->weight), net_gradient(n, node->bias));
}

/* rows -> picture; samples that are not in this batch are zero. */
static void to_image(const struct net *n, int value, const float *rows, float *image)
{
	struct image present = net_image(n, value, n->batch->count),
	             whole = net_image(n, value, n->env.batch);
	size_t used = n->env.be->image->floats(&present), all = n->env.be->image->floats(&whole);
	n->env.be->image->from_rows(&present, rows, image);
	memset(image + used, 0, (all - used) * sizeof *image);
}

static void to_rows(const struct net *n, int value, const float *image, float *rows)
{
	struct image present = net_image(n, value, n->batch->count);
	n->env.be->image->to_rows(&present, image, rows);
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

/* What both directions of the shortcut walk over: small is the narrower, larger picture's sampled pixels. */
struct sampling {
	size_t block, stride;
	size_t blocks_in, height_in, width_in;
	size_t blocks_out, height, width; /* of the output */
};

static struct sampling sampling_of(const struct net *n, const struct net_node *node)
{
	struct net_size in = net_size(n, node->in[0]), out = net_size(n, node->out);
	struct image one = {1, 1, 1, 1};
	size_t block = n->env.be->image->floats(&one);
	return (struct sampling){.block = block,
	                         .stride = (size_t)node->stride,
	                         .blocks_in = ((size_t)in.channels + block - 1) / block,
	                         .height_in = (size_t)in.height,
	                         .width_in = (size_t)in.width,
	                         .blocks_out = ((size_t)out.channels + block - 1) / block,
	                         .height = (size_t)out.height,
	                         .width = (size_t)out.width};
}

/* Where block c of pixel (h, w) of the output comes from, and where it lies, in sample s. */
static size_t place_in(const struct sampling *m, size_t s, size_t c, size_t h, size_t w)
{
	return (((s * m->blocks_in + c) * m->height_in + h * m->stride) * m->width_in + w * m->stride) *
	       m->block;
}

static size_t place_out(const struct sampling *m, size_t s, size_t c, size_t h, size_t w)
{
	return (((s * m->blocks_out + c) * m->height + h) * m->width + w) * m->block;
}

/* Copies the sampled pixels from the input to the output, or, back, from the output's gradient to the
 * input's.
 */
static void sample(const struct net *n, const struct sampling *m, const float *from, float *to, bool back)
{
	for (size_t s = 0; s < (size_t)n->env.batch; s++)
		for (size_t c = 0; c < m->blocks_in; c++)
			for (size_t h = 0; h < m->height; h++)
				for (size_t w = 0; w < m->width; w++) {
					size_t in = place_in(m, s, c, h, w), out = place_out(m, s, c, h, w);
					memcpy(to + (back ? in : out), from + (back ? out : in),
					       m->block * sizeof *to);
				}
}

/* Gradients of the channels that fill up the input's last block, which are the output's own and not its. */
static void clear_filling(const struct net *n, const struct net_node *node, const struct sampling *m,
                          float *d_in)
{
	size_t channels = (size_t)net_size(n, node->in[0]).channels, used = channels % m->block;
	if (used == 0)
		return;
	for (size_t s = 0; s < (size_t)n->env.batch; s++)
		for (size_t h = 0; h < m->height; h++)
			for (size_t w = 0; w < m->width; w++)
				memset(d_in + place_in(m, s, m->blocks_in - 1, h, w) + used, 0,
				       (m->block - used) * sizeof *d_in);
}

static size_t whole_floats(const struct net *n, int value)
{
	struct image whole = net_image(n, value, n->env.batch);
	return n->env.be->image->floats(&whole);
}

void net_subsample_forward(struct net *n, struct net_node *node)
{
	struct sampling m = sampling_of(n, node);
	float *out = net_value_at(n, node->out);
	memset(out, 0, whole_floats(n, node->out) * sizeof *out);
	sample(n, &m, net_value_at(n, node->in[0]), out, false);
}

void net_subsample_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	struct sampling m = sampling_of(n, node);
	if (!d_in[0])
		return;
	memset(d_in[0], 0, whole_floats(n, node->in[0]) * sizeof *d_in[0]);
	sample(n, &m, d_out, d_in[0], true);
	clear_filling(n, node, &m, d_in[0]);
}

void net_add_forward(struct net *n, struct net_node *node)
{
	const float *a = net_value_at(n, node->in[0]), *b = net_value_at(n, node->in[1]);
	float *out = net_value_at(n, node->out);
	size_t floats = net_floats(n, node->out);
	memcpy(out, a, floats * sizeof *out);
	if (node->f == NET_RELU)
		n->env.be->add_relu(floats, b, out);
	else
		n->env.be->add(floats, b, out);
}

/* The gradient goes to both as it is; net.c sees to where it is added. */
void net_add_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	size_t floats = net_floats(n, node->out);
	if (node->f == NET_RELU)
		n->env.be->relu_back(floats, net_value_at(n, node->out), d_out);
	for (int i = 0; i < 2; i++) {
		if (node->flow[i] == FLOW_WRITE)
			memcpy(d_in[i], d_out, floats * sizeof *d_out);
		else if (node->flow[i] == FLOW_ADD)
			n->env.be->add(floats, d_out, d_in[i]);
	}
}
