/* Building the graph: nodes, values and tensors, one layer at a time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "models/graph/net_internal.h"

enum { SIDE_MAX = 1 << 15, CHANNELS_MAX = 1 << 24 };

void net_fail(struct net *n, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_user(&n->err, "%s", text);
}

void net_scheme(struct net *n, enum init_scheme scheme)
{
	n->scheme = scheme;
}

static bool failed(const struct net *n)
{
	return n->err.code != 0;
}

/* The array with capacity for one more element; capacities are powers of two. */
static void *grown(void *array, int count, size_t size)
{
	bool full = (count & (count - 1)) == 0; /* 0, 1, 2, 4, 8 ... */
	return full ? mem_resize(array, (count ? 2 * (size_t)count : 1) * size) : array;
}

struct net_node *net_add_node(struct net *n, enum net_kind kind, const char *name, int in)
{
	n->node = grown(n->node, n->n_nodes, sizeof *n->node);
	struct net_node *node = &n->node[n->n_nodes++];
	*node = (struct net_node){.kind = kind,
	                          .in = {in, -1},
	                          .out = -1,
	                          .weight = -1,
	                          .bias = -1,
	                          .keep = -1,
	                          .temp = -1,
	                          .more = -1};
	snprintf(node->name, sizeof node->name, "%s", name ? name : "");
	return node;
}

int net_add_value(struct net *n, struct net_node *node, bool rows, struct net_size size)
{
	n->value = grown(n->value, n->n_values, sizeof *n->value);
	struct net_value *v = &n->value[n->n_values];
	*v = (struct net_value){.rows = rows, .size = size, .producer = -1, .place = -1, .slot = -1};
	if (node) {
		v->producer = (int)(node - n->node);
		v->wanted = node->weight >= 0;
		for (int i = 0; i < 2; i++)
			v->wanted = v->wanted || (node->in[i] >= 0 && n->value[node->in[i]].wanted);
		node->out = n->n_values;
	}
	return n->n_values++;
}

int net_add_tensor(struct net *n, const char *layer, const char *part, enum init_role role, int rank,
                   const size_t *dims, size_t fan_in, size_t fan_out)
{
	n->tensor = grown(n->tensor, n->n_tensors, sizeof *n->tensor);
	struct net_tensor *t = &n->tensor[n->n_tensors];
	*t = (struct net_tensor){.tensor = {.rank = rank, .offset = n->n_params, .count = 1},
	                         .role = role,
	                         .fan_in = fan_in,
	                         .fan_out = fan_out};
	snprintf(t->tensor.name, sizeof t->tensor.name, "%s.%s", layer, part);
	for (int i = 0; i < rank; i++) {
		t->tensor.dims[i] = dims[i];
		t->tensor.count *= dims[i];
	}
	for (int i = 0; i < n->n_tensors; i++)
		if (!strcmp(n->tensor[i].tensor.name, t->tensor.name))
			net_fail(n, "two layers are called \"%s\"", layer);
	n->n_params += t->tensor.count;
	return n->n_tensors++;
}

struct net_size net_size(const struct net *n, int value)
{
	return n->value[value].size;
}

size_t net_width(const struct net *n, int value)
{
	struct net_size s = n->value[value].size;
	return (size_t)s.channels * (size_t)s.height * (size_t)s.width;
}

size_t net_rows_max(const struct net *n)
{
	return (size_t)n->env.batch * (size_t)(n->env.data.window > 0 ? n->env.data.window : 1);
}

size_t net_part_floats(const struct net *n, int value)
{
	if (n->value[value].rows)
		return n->rows * net_width(n, value);
	struct image whole = net_image(n, value, n->env.batch);
	return n->env.be->image->floats(&whole);
}

size_t net_stride(const struct net *n, int value)
{
	return (net_part_floats(n, value) + LINE - 1) / LINE * LINE;
}

size_t net_floats(const struct net *n, int value)
{
	return (n->parts - 1) * net_stride(n, value) + net_part_floats(n, value);
}

bool net_whole(const struct net *n, int value)
{
	return net_stride(n, value) == net_part_floats(n, value);
}

size_t net_together(const struct net *n, int value, int other)
{
	return net_whole(n, value) && net_whole(n, other) ? n->parts : 1;
}

/* The value as an image; adds a node that converts rows. */
static int as_image(struct net *n, int value)
{
	if (!n->value[value].rows)
		return value;
	if (n->env.data.window > 0) {
		net_fail(n, "a layer on images cannot follow a sequence of tokens");
		return value;
	}
	return net_add_value(n, net_add_node(n, NODE_FROM_ROWS, NULL, value), false, net_size(n, value));
}

static void refuse_tokens(struct net *n, int value)
{
	if (value == NET_INPUT && n->env.data.window > 0)
		net_fail(n, "a layer on numbers cannot read tokens: an embedding must come first");
}

int net_as_rows(struct net *n, int value)
{
	refuse_tokens(n, value);
	if (n->value[value].rows)
		return value;
	return net_add_value(n, net_add_node(n, NODE_TO_ROWS, NULL, value), true, net_size(n, value));
}

/* Add the node of an image layer with a window, which must fit into the image. */
static struct net_node *add_window(struct net *n, const char *name, int in, enum image_kind kind,
                                   int channels, struct net_window w)
{
	struct net_size s = net_size(n, in);
	struct image_spec spec = {.kind = kind,
	                          .in = {n->env.batch, s.channels, s.height, s.width},
	                          .out = {n->env.batch, channels, 0, 0},
	                          .kernel = {w.kernel, w.kernel},
	                          .stride = {w.stride, w.stride},
	                          .pad = {w.pad, w.pad},
	                          .groups = 1,
	                          .rows_in = n->value[in].rows,
	                          .back = true,
	                          .d_in = n->value[in].wanted};
	if (w.kernel < 1 || w.stride < 1 || w.pad < 0 || w.kernel > s.height + 2 * w.pad ||
	    w.kernel > s.width + 2 * w.pad || channels < 1 || channels > CHANNELS_MAX) {
		net_fail(n,
		         "layer \"%s\": a window of %d x %d (stride %d, padding %d) does not fit an image "
		         "of %d x "
		         "%d",
		         name, w.kernel, w.kernel, w.stride, w.pad, s.height, s.width);
		return NULL;
	}
	spec.out.height = image_window_out(s.height, w.kernel, w.stride, w.pad);
	spec.out.width = image_window_out(s.width, w.kernel, w.stride, w.pad);
	struct net_node *node = net_add_node(n, NODE_IMAGE, name, in);
	node->spec = spec;
	return node;
}

static int add_image_value(struct net *n, struct net_node *node)
{
	const struct image *o = &node->spec.out;
	return net_add_value(n, node, false, (struct net_size){o->channels, o->height, o->width});
}

int net_conv(struct net *n, const char *name, int in, int channels, struct net_window w, int groups,
             bool bias, bool relu)
{
	if (failed(n))
		return in;
	if (in != NET_INPUT || n->env.data.window > 0)
		in = as_image(n, in);
	int from = net_size(n, in).channels;
	if (groups < 1 || from % groups || channels % groups) {
		net_fail(n, "layer \"%s\": %d groups do not divide its %d input and %d output channels", name,
		         groups, from, channels);
		return in;
	}
	struct net_node *node = add_window(n, name, in, IMAGE_CONV, channels, w);
	if (!node)
		return in;
	size_t area = (size_t)w.kernel * (size_t)w.kernel, out = (size_t)channels,
	       fan_in = (size_t)(from / groups) * area;
	const size_t dims[4] = {out, (size_t)(from / groups), (size_t)w.kernel, (size_t)w.kernel};
	node->spec.groups = groups;
	node->spec.bias = bias;
	node->spec.relu = relu;
	node->weight =
	        net_add_tensor(n, name, "weight", ROLE_CONV, 4, dims, fan_in, out / (size_t)groups * area);
	if (bias)
		node->bias = net_add_tensor(n, name, "bias", ROLE_CONV_BIAS, 1, dims, fan_in, 0);
	node->multiply_adds = (double)fan_in * channels * node->spec.out.height * node->spec.out.width;
	return add_image_value(n, node);
}

int net_norm(struct net *n, const char *name, int in, bool relu)
{
	if (failed(n))
		return in;
	in = as_image(n, in);
	struct net_size s = net_size(n, in);
	size_t channels = (size_t)s.channels;
	struct image whole = {n->env.batch, s.channels, s.height, s.width};
	if (n->env.batch == 1 && s.height == 1 && s.width == 1) {
		net_fail(n,
		         "layer \"%s\": found one value a channel (a batch of 1 and images of 1 x 1), which "
		         "has "
		         "no variance to divide by; expected two or more for batch normalisation",
		         name);
		return in;
	}
	struct net_node *node = net_add_node(n, NODE_IMAGE, name, in);
	node->spec = (struct image_spec){.kind = IMAGE_NORM,
	                                 .in = whole,
	                                 .out = whole,
	                                 .groups = 1,
	                                 .relu = relu,
	                                 .back = true,
	                                 .d_in = n->value[in].wanted,
	                                 .epsilon = 1e-5f};
	node->weight = net_add_tensor(n, name, "weight", ROLE_ONE, 1, &channels, channels, channels);
	node->bias = net_add_tensor(n, name, "bias", ROLE_ZERO, 1, &channels, channels, channels);
	node->running = n->n_running;
	n->n_running += 2 * channels;
	return add_image_value(n, node);
}

static int add_pool(struct net *n, int in, enum image_kind kind, struct net_window w)
{
	if (failed(n))
		return in;
	in = as_image(n, in);
	if (w.pad > w.kernel / 2) {
		net_fail(n, "a pool's padding of %d is more than half of its window of %d", w.pad, w.kernel);
		return in;
	}
	struct net_node *node = add_window(n, kind == IMAGE_MAX_POOL ? "max-pool" : "mean-pool", in, kind,
	                                   net_size(n, in).channels, w);
	return node ? add_image_value(n, node) : in;
}

int net_max_pool(struct net *n, int in, struct net_window w)
{
	return add_pool(n, in, IMAGE_MAX_POOL, w);
}

int net_mean_pool(struct net *n, int in, struct net_window w)
{
	return add_pool(n, in, IMAGE_MEAN_POOL, w);
}

int net_global_mean(struct net *n, int in)
{
	if (failed(n))
		return in;
	in = as_image(n, in);
	struct net_size s = net_size(n, in);
	struct net_node *node = net_add_node(n, NODE_IMAGE, "global-mean", in);
	node->spec = (struct image_spec){.kind = IMAGE_MEAN_POOL,
	                                 .in = {n->env.batch, s.channels, s.height, s.width},
	                                 .out = {n->env.batch, s.channels, 1, 1},
	                                 .kernel = {s.height, s.width},
	                                 .stride = {s.height, s.width},
	                                 .groups = 1,
	                                 .back = true,
	                                 .d_in = n->value[in].wanted};
	return add_image_value(n, node);
}

int net_adaptive_mean(struct net *n, int in, int height, int width)
{
	if (failed(n))
		return in;
	struct net_size s = net_size(n, in);
	if (height < 1 || width < 1 || height > SIDE_MAX || width > SIDE_MAX) {
		net_fail(n, "an adaptive mean of %d x %d cannot be", height, width);
		return in;
	}
	in = net_as_rows(n, in);
	if (s.height == height && s.width == width)
		return in;
	struct net_node *node = net_add_node(n, NODE_ADAPTIVE, NULL, in);
	return net_add_value(n, node, true, (struct net_size){s.channels, height, width});
}

int net_add(struct net *n, int a, int b, bool relu)
{
	if (failed(n))
		return a;
	if (n->value[a].rows != n->value[b].rows)
		a = net_as_rows(n, a), b = net_as_rows(n, b);
	struct net_size s = net_size(n, a), t = net_size(n, b);
	if (s.channels != t.channels || s.height != t.height || s.width != t.width) {
		net_fail(n, "cannot add %d x %d x %d to %d x %d x %d", t.channels, t.height, t.width,
		         s.channels, s.height, s.width);
		return a;
	}
	struct net_node *node = net_add_node(n, NODE_ADD, NULL, a);
	node->in[1] = b;
	node->f = relu ? NET_RELU : NET_LINEAR;
	return net_add_value(n, node, n->value[a].rows, s);
}

int net_subsample(struct net *n, int in, int channels, int stride)
{
	if (failed(n))
		return in;
	in = as_image(n, in);
	struct net_size s = net_size(n, in);
	if (channels < s.channels || stride < 1) {
		net_fail(n, "a shortcut cannot lead from %d to %d channels with stride %d", s.channels,
		         channels, stride);
		return in;
	}
	if (channels == s.channels && stride == 1)
		return in;
	struct net_node *node = net_add_node(n, NODE_SUBSAMPLE, NULL, in);
	node->stride = stride;
	s = (struct net_size){channels, (s.height - 1) / stride + 1, (s.width - 1) / stride + 1};
	return net_add_value(n, node, false, s);
}

int net_activate(struct net *n, int in, enum net_activation f)
{
	if (failed(n) || f == NET_LINEAR)
		return in;
	refuse_tokens(n, in);
	struct net_node *node = net_add_node(n, NODE_ACTIVATE, NULL, in);
	node->f = f;
	return net_add_value(n, node, n->value[in].rows, net_size(n, in));
}

/* Weight [width][in] and bias of a layer on rows. */
static void add_matrix(struct net *n, struct net_node *node, size_t width, size_t in, enum init_role bias)
{
	const size_t dims[2] = {width, in};
	node->weight = net_add_tensor(n, node->name, "weight", ROLE_LINEAR, 2, dims, in, width);
	node->bias = net_add_tensor(n, node->name, "bias", bias, 1, dims, in, width);
	node->multiply_adds = (double)in * (double)width;
}

int net_linear(struct net *n, const char *name, int in, int width, enum net_activation f)
{
	if (failed(n))
		return in;
	if (width < 1 || width > CHANNELS_MAX) {
		net_fail(n, "layer \"%s\": a width of %d cannot be", name, width);
		return in;
	}
	in = net_as_rows(n, in);
	struct net_node *node = net_add_node(n, NODE_LINEAR, name, in);
	node->f = f;
	add_matrix(n, node, (size_t)width, net_width(n, in), ROLE_LINEAR_BIAS);
	return net_add_value(n, node, true, (struct net_size){width, 1, 1});
}

int net_dropout(struct net *n, int in, double rate, bool variational)
{
	if (failed(n) || rate == 0)
		return in;
	in = net_as_rows(n, in);
	struct net_node *node = net_add_node(n, NODE_DROPOUT, NULL, in);
	node->rate = rate;
	node->variational = variational && n->env.data.window > 0;
	node->draw = n->draws;
	size_t numbers = (node->variational ? (size_t)n->env.batch : net_rows_max(n)) * net_width(n, in);
	n->draws += (numbers + 3) / 4 * 4;
	return net_add_value(n, node, true, net_size(n, in));
}

/* The embedding's table of that name, or -1. */
static int find_table(const struct net *n, const char *name)
{
	for (int i = 0; i < n->n_nodes; i++)
		if (n->node[i].kind == NODE_EMBED && !strcmp(n->node[i].name, name))
			return n->node[i].weight;
	return -1;
}

void net_classify(struct net *n, const char *name, int in, const char *tied)
{
	if (failed(n))
		return;
	size_t classes = (size_t)n->env.data.n_classes;
	in = net_as_rows(n, in);
	struct net_node *node = net_add_node(n, NODE_CLASSIFY, name, in);
	if (!tied) {
		add_matrix(n, node, classes, net_width(n, in), ROLE_CLASSES_BIAS);
		return;
	}
	int table = find_table(n, tied);
	if (table < 0 || n->tensor[table].tensor.dims[1] != net_width(n, in)) {
		net_fail(n, "layer \"%s\" cannot be tied to \"%s\": its rows are %zu wide", name, tied,
		         net_width(n, in));
		return;
	}
	node->weight = table;
	node->bias =
	        net_add_tensor(n, name, "bias", ROLE_CLASSES_BIAS, 1, &classes, net_width(n, in), classes);
	node->multiply_adds = (double)classes * (double)net_width(n, in);
}

struct net *net_build(const void *state, const struct model_env *env)
{
	const struct data_shape *d = &env->data;
	struct net *n = mem_alloc(sizeof *n);
	n->state = state;
	n->env = *env;
	n->env.fuse = env->fuse > 1 ? env->fuse : 1;
	n->parts = 1;
	n->scheme = INIT_PYTORCH;
	n->scratch = -1;
	net_add_value(n, NULL, true,
	              d->window > 0 ? (struct net_size){1, 1, 1}
	                            : (struct net_size){d->channels, d->height, d->width});
	env->model->build(state, env, n);
	if (!failed(n) && (n->n_nodes == 0 || n->node[n->n_nodes - 1].kind != NODE_CLASSIFY))
		BUG("a network without an end");
	if (!failed(n))
		net_fold(n);
	return n;
}

void net_free_graph(struct net *n)
{
	mem_free(n->node);
	mem_free(n->value);
	mem_free(n->tensor);
	mem_free(n->place);
	mem_free(n);
}
