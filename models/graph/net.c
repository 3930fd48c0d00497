/* Networks at work: instances, the walk forward and back, and the functions of struct model. */
#include "models/graph/net.h"
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "models/graph/net_internal.h"

static void classify_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2])
{
	(void)n, (void)node, (void)d_out, (void)d_in; /* its forward did both passes */
}

const struct net_ops net_ops[NODE_KINDS] = {
        [NODE_IMAGE] = {NULL, net_image_forward, net_image_backward},
        [NODE_FROM_ROWS] = {"to image", net_from_rows_forward, net_from_rows_backward},
        [NODE_TO_ROWS] = {"flatten", net_to_rows_forward, net_to_rows_backward},
        [NODE_ADD] = {"add", net_add_forward, net_add_backward},
        [NODE_SUBSAMPLE] = {"shortcut A", net_subsample_forward, net_subsample_backward},
        [NODE_ADAPTIVE] = {"adaptive mean", net_adaptive_forward, net_adaptive_backward},
        [NODE_ACTIVATE] = {"activation", net_activate_forward, net_activate_backward},
        [NODE_LINEAR] = {"fully connected", net_linear_forward, net_linear_backward},
        [NODE_DROPOUT] = {"dropout", net_dropout_forward, net_dropout_backward},
        [NODE_EMBED] = {"embedding", net_embed_forward, net_embed_backward},
        [NODE_QRNN] = {"quasi-recurrent", net_qrnn_forward, net_qrnn_backward},
        [NODE_CLASSIFY] = {"softmax", net_classify_forward, classify_backward},
};

/* Where node's backward writes the gradient of input `which`. */
static float *gradient_of(const struct net *n, const struct net_node *node, int which)
{
	if (node->flow[which] == FLOW_NONE)
		return NULL;
	if ((node->flow[which] == FLOW_ADD && !net_adds(node, which)) || node->flow[which] == FLOW_LEAVE)
		return net_at(n, node->temp);
	return net_at(n, n->value[node->in[which]].slot);
}

/* --- batches ------------------------------------------------------------------------------------------ */

/* Images are copied into the network's input; samples that a single batch lacks become zeros. */
static void take_images(struct net *n, size_t part)
{
	size_t width = net_width(n, NET_INPUT), used = n->rows * width, all = (size_t)n->env.batch * width;
	float *in = net_value_part(n, NET_INPUT, part);
	n->env.be->memory->copy(n->env.queue, in, n->batch[part].x, used * sizeof *in);
	n->env.be->memory->fill(n->env.queue, in + used, 0, (all - used) * sizeof *in);
}

static void expect_size(const struct net *n, const struct batch *batch, int parts)
{
	bool tokens = n->env.data.window > 0;
	if (parts < 1 || parts > n->env.fuse || batch->count < 1 || batch->count > n->env.batch ||
	    ((tokens || parts > 1) && batch->count != n->env.batch) ||
	    (tokens && (batch->length < 1 || batch->length > n->env.data.window)))
		BUG("a batch of another size than the network was planned for");
}

/* Take the batches of a call. g: their gradients; NULL: without training. */
static void take(struct net *n, const float *x, int parts, const struct batch *batch, float *const *g)
{
	bool tokens = n->env.data.window > 0;
	for (int p = 0; p < parts; p++)
		expect_size(n, &batch[p], parts);
	n->x = x;
	n->g = g;
	n->parts = (size_t)parts;
	n->batch = batch;
	n->training = g != NULL;
	n->rows = (size_t)batch->count * (size_t)(tokens ? batch->length : 1);
}

static void take_input(struct net *n)
{
	for (size_t p = 0; p < n->parts && n->env.data.window == 0; p++)
		take_images(n, p);
}

/* --- walks -------------------------------------------------------------------------------------------- */

static void forward_through(struct net *n, struct net_node *node)
{
	double start = n->env.profile ? clock_s() : 0;
	net_ops[node->kind].forward(n, node);
	if (n->env.profile)
		node->forward_s += clock_s() - start;
}

static void forward(struct net *n)
{
	take_input(n);
	for (int i = 0; i < n->n_nodes; i++)
		forward_through(n, &n->node[i]);
}

static void back_through(struct net *n, struct net_node *node)
{
	float *const d_in[2] = {gradient_of(n, node, 0), gradient_of(n, node, 1)};
	float *d_out = node->out < 0 ? NULL : net_at(n, n->value[node->out].slot);
	net_ops[node->kind].backward(n, node, d_out, d_in);
	if (node->flow[0] == FLOW_ADD && !net_adds(node, 0))
		n->env.be->add(n->env.queue, net_floats(n, node->in[0]), d_in[0],
		               net_at(n, n->value[node->in[0]].slot));
}

/* The node that runs backward at this time of a walk; below 0: one runs forward. */
static int back_at(const struct net *n, int time)
{
	return time < n->n_nodes ? -1 : 2 * n->n_nodes - 1 - time;
}

static void work(void *instance, int time)
{
	struct net *n = instance;
	int i = back_at(n, time);
	if (time == 0)
		take_input(n);
	if (i < 0) {
		forward_through(n, &n->node[time]);
		return;
	}
	double start = n->env.profile ? clock_s() : 0;
	if (n->node[i].out < 0 || n->value[n->node[i].out].wanted)
		back_through(n, &n->node[i]);
	if (n->env.profile)
		n->node[i].backward_s += clock_s() - start;
}

static size_t below(const void *instance, int time)
{
	const struct net *n = instance;
	int i = back_at(n, time);
	return i < 0 ? n->n_params : n->node[i].below;
}

/* --- instances ---------------------------------------------------------------------------------------- */

/* Part of the memory of a value's gradient, if there is any. */
static float *part_of(const struct net *n, int value, float *gradient, size_t part)
{
	return gradient ? gradient + part * net_stride(n, value) : NULL;
}

/* Where a node leaves the gradient of what it adds: where it is wanted, or, if it is to be added to another
 * or nobody wants it, in place. */
static float *d_added_of(const struct net *n, const struct net_node *node)
{
	int slot = n->value[node->flow[1] == FLOW_WRITE ? node->in[1] : node->out].slot;
	return net_adds(node, 1) ? net_at(n, slot) : NULL;
}

/* The memory of a node's part. That of the first, but for the weights, is also that of a layer of all. */
static struct image_memory memory_of(const struct net *n, const struct net_node *node, size_t part)
{
	const int in = node->in[0], added = node->in[1], out = node->out;
	return (struct image_memory){.in = net_value_part(n, in, part),
	                             .out = net_value_part(n, out, part),
	                             .d_out = part_of(n, out, net_at(n, n->value[out].slot), part),
	                             .d_in = part_of(n, in, gradient_of(n, node, 0), part),
	                             .added = added < 0 ? NULL : net_value_part(n, added, part),
	                             .d_added = part_of(n, out, d_added_of(n, node), part),
	                             .more = part_of(n, out, net_at(n, node->more), part),
	                             .weights = n->shared + node->shared,
	                             .keep = net_keep_part(n, node, part),
	                             .scratch = net_at(n, n->scratch)};
}

static void bind(struct net *n)
{
	const struct image_kernels *k = n->env.be->image;
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		if (node->kind != NODE_IMAGE)
			continue;
		struct image_memory all = memory_of(n, node, 0);
		all.weights = n->shared + node->joined_shared;
		for (size_t p = 0; p < (size_t)n->env.fuse; p++) {
			const struct image_memory m = memory_of(n, node, p);
			k->bind(n->env.queue, node->layer[p], &m);
		}
		if (node->joined)
			k->bind(n->env.queue, node->joined, &all);
	}
}

/* For each node, where the gradients begin that are final when it has run backward: behind all parameters of
 * the nodes before it. */
static void set_below(struct net *n)
{
	size_t below = 0;
	for (int i = 0; i < n->n_nodes; i++) {
		const int own[2] = {n->node[i].weight, n->node[i].bias};
		n->node[i].below = below;
		for (int k = 0; k < 2; k++) {
			if (own[k] < 0)
				continue;
			const struct tensor *t = &n->tensor[own[k]].tensor;
			below = t->offset + t->count > below ? t->offset + t->count : below;
		}
	}
}

void *net_model_create(const void *state, const struct model_env *env)
{
	struct net *n = net_build(state, env), *sibling = env->sibling;
	if (n->err.code)
		BUG(n->err.text); /* check() has refused it before */
	net_plan(n);
	set_below(n);
	n->arena = env->be->memory->alloc(n->arena_bytes, "activations");
	n->owns_shared = !sibling;
	n->shared = sibling ? sibling->shared
	                    : env->be->memory->alloc(n->shared_floats * sizeof(float), "weights of layers");
	n->loss = env->be->memory->alloc((size_t)n->env.fuse * sizeof *n->loss, "loss");
	n->loss_seen = mem_array((size_t)n->env.fuse, sizeof *n->loss_seen);
	bind(n);
	const struct walk_kind kind = {.times = 2 * n->n_nodes,
	                               .n = n->n_params,
	                               .carry = n->n_carry,
	                               .draws = n->draws > 0,
	                               .instance = n,
	                               .work = work,
	                               .below = below};
	n->walk = walk_open(&n->env, &kind);
	return n;
}

void net_model_destroy(void *instance)
{
	struct net *n = instance;
	if (n->tail)
		net_model_destroy(n->tail);
	walk_close(n->walk);
	net_close_layers(n);
	mem_free(n->loss_seen);
	n->env.be->memory->release(n->arena);
	n->env.be->memory->release(n->loss);
	if (n->owns_shared)
		n->env.be->memory->release(n->shared);
	net_free_graph(n);
}

void net_model_load(void *instance, const float *x)
{
	struct net *n = instance;
	const struct image_kernels *k = n->env.be->image;
	n->x = x;
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		const float *w = net_parameter(n, node->weight), *b = net_parameter(n, node->bias);
		if (node->kind != NODE_IMAGE || !w)
			continue;
		k->load(n->env.queue, node->layer[0], w, b);
		if (node->joined)
			k->load(n->env.queue, node->joined, w, b);
	}
	n->env.be->memory->finish(n->env.queue);
}

void net_model_init(void *instance, float *x)
{
	const struct net *n = instance;
	for (int i = 0; i < n->n_tensors; i++)
		net_init_tensor(n, i, x);
}

/* Mean 0 and variance 1 of every channel. */
void net_model_init_running(void *instance, float *running)
{
	const struct net *n = instance;
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		size_t channels = (size_t)node->spec.out.channels;
		for (size_t c = 0; node->spec.kind == IMAGE_NORM && c < channels; c++) {
			running[node->running + c] = 0;
			running[node->running + channels + c] = 1;
		}
	}
}

/*
 * The instance for a batch of this size. In a batch that is shorter than planned, normalisation would count
 * samples that do not exist, so an instance of that size takes it. Only passes over all data end with such a
 * batch; steps have none. The experiment's check refuses sizes for which no instance can be made.
 */
static struct net *of_size(struct net *n, const float *x, int count)
{
	if (count == n->env.batch || n->n_running == 0)
		return n;
	if (!n->tail || n->tail->env.batch != count) {
		struct model_env env = n->env;
		env.batch = count;
		env.fuse = 1;
		env.sibling = NULL;
		if (n->tail)
			net_model_destroy(n->tail);
		n->tail = net_model_create(n->state, &env);
	}
	net_model_load(n->tail, x);
	return n->tail;
}

/* The losses of the call's batches. */
static const struct loss *losses_of(const struct net *n)
{
	n->env.be->memory->download(n->env.queue, n->loss_seen, n->loss, n->parts * sizeof *n->loss);
	return n->loss_seen;
}

static void grad_of(struct net *n, const float *x, int count, const struct batch *batch, float *const *g,
                    double *loss)
{
	take(n, x, count, batch, g);
	walk_gradient(n->walk, x, count, batch, g);
	const struct loss *found = losses_of(n);
	for (int p = 0; p < count; p++)
		loss[p] = found[p].sum / (double)n->rows;
}

double net_model_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	double loss;
	grad_of(of_size(instance, x, batch->count), x, 1, batch, &g, &loss);
	return loss;
}

void net_model_grad_many(void *instance, const float *x, int count, const struct batch *batch,
                         float *const *g, double *loss)
{
	grad_of(instance, x, count, batch, g, loss);
}

void net_model_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                    size_t *correct)
{
	struct net *n = instance;
	take(n, x, 1, batch, NULL);
	forward(n);
	const struct loss *loss = losses_of(n);
	*loss_sum = loss->sum;
	*correct = loss->correct;
}
