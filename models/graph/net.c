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
	if (node->flow[which] == FLOW_ADD && node->kind != NODE_ADD)
		return net_at(n, node->temp);
	return net_at(n, n->value[node->in[which]].slot);
}

/* --- walks -------------------------------------------------------------------------------------------- */

static void forward(struct net *n)
{
	for (int i = 0; i < n->n_nodes; i++) {
		double start = n->env.profile ? clock_s() : 0;
		net_ops[n->node[i].kind].forward(n, &n->node[i]);
		if (n->env.profile)
			n->node[i].forward_s += clock_s() - start;
	}
}

static void back_through(struct net *n, struct net_node *node)
{
	float *const d_in[2] = {gradient_of(n, node, 0), gradient_of(n, node, 1)};
	float *d_out = node->out < 0 ? NULL : net_at(n, n->value[node->out].slot);
	net_ops[node->kind].backward(n, node, d_out, d_in);
	if (node->flow[0] == FLOW_ADD && node->kind != NODE_ADD)
		n->env.be->add(n->env.queue, net_floats(n, node->in[0]), d_in[0],
		               net_at(n, n->value[node->in[0]].slot));
}

static void backward(struct net *n)
{
	for (int i = n->n_nodes - 1; i >= 0; i--) {
		double start = n->env.profile ? clock_s() : 0;
		if (n->node[i].out < 0 || n->value[n->node[i].out].wanted)
			back_through(n, &n->node[i]);
		batch_ready(n->batch, n->node[i].below);
		if (n->env.profile)
			n->node[i].backward_s += clock_s() - start;
	}
}

/* Take a batch. Images are copied into the network's input; missing samples become zeros. */
static void take(struct net *n, const float *x, const struct batch *batch, bool training, float *g)
{
	bool tokens = n->env.data.window > 0;
	if (batch->count < 1 || batch->count > n->env.batch || (tokens && batch->count != n->env.batch) ||
	    (tokens && (batch->length < 1 || batch->length > n->env.data.window)))
		BUG("a batch of another size than the network was planned for");
	n->x = x;
	n->g = g;
	n->batch = batch;
	n->training = training;
	n->rows = (size_t)batch->count * (size_t)(tokens ? batch->length : 1);
	if (tokens)
		return;
	size_t width = net_width(n, NET_INPUT), used = n->rows * width, all = (size_t)n->env.batch * width;
	float *in = net_value_at(n, NET_INPUT);
	n->env.be->memory->copy(n->env.queue, in, batch->x, used * sizeof *in);
	n->env.be->memory->fill(n->env.queue, in + used, 0, (all - used) * sizeof *in);
}

/* --- instances ---------------------------------------------------------------------------------------- */

static void bind(struct net *n)
{
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		if (node->kind != NODE_IMAGE)
			continue;
		const struct image_memory m = {.in = net_value_at(n, node->in[0]),
		                               .out = net_value_at(n, node->out),
		                               .d_out = net_at(n, n->value[node->out].slot),
		                               .d_in = gradient_of(n, node, 0),
		                               .weights = n->shared + node->shared,
		                               .keep = net_at(n, node->keep),
		                               .scratch = net_at(n, n->scratch)};
		n->env.be->image->bind(n->env.queue, node->layer, &m);
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
	n->loss = env->be->memory->alloc(sizeof *n->loss, "loss");
	bind(n);
	return n;
}

static void close_layers(struct net *n)
{
	for (int i = 0; i < n->n_nodes; i++)
		if (n->node[i].layer)
			n->env.be->image->close(n->node[i].layer);
}

void net_model_destroy(void *instance)
{
	struct net *n = instance;
	if (n->tail)
		net_model_destroy(n->tail);
	close_layers(n);
	n->env.be->memory->release(n->arena);
	n->env.be->memory->release(n->loss);
	if (n->owns_shared)
		n->env.be->memory->release(n->shared);
	net_free_graph(n);
}

void net_model_load(void *instance, const float *x)
{
	struct net *n = instance;
	n->x = x;
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		if (node->kind == NODE_IMAGE && node->weight >= 0)
			n->env.be->image->load(n->env.queue, node->layer, net_parameter(n, node->weight),
			                       net_parameter(n, node->bias));
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
		env.sibling = NULL;
		if (n->tail)
			net_model_destroy(n->tail);
		n->tail = net_model_create(n->state, &env);
	}
	net_model_load(n->tail, x);
	return n->tail;
}

static struct loss loss_of(const struct net *n)
{
	struct loss loss;
	n->env.be->memory->download(n->env.queue, &loss, n->loss, sizeof loss);
	return loss;
}

double net_model_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	struct net *n = of_size(instance, x, batch->count);
	take(n, x, batch, true, g);
	forward(n);
	backward(n);
	return loss_of(n).sum / (double)n->rows;
}

void net_model_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                    size_t *correct)
{
	struct net *n = instance;
	take(n, x, batch, false, NULL);
	forward(n);
	struct loss loss = loss_of(n);
	*loss_sum = loss.sum;
	*correct = loss.correct;
}
