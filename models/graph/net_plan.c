/*
 * Planning: how gradients flow, how long every buffer is used, and where it is.
 *
 * A place is a buffer with a size and a span of time. All places go into one block of memory, the largest
 * first, each at the lowest offset where it overlaps no place of an overlapping time. For networks this needs
 * at most a few per cent more than the optimum, and costs nothing while training.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "models/graph/net_internal.h"

enum { ALIGN = 64 };

static bool active(const struct net_node *node)
{
	return node->f != NET_LINEAR || (node->kind == NODE_IMAGE && node->spec.relu);
}

static bool reads_input_back(const struct net_node *node)
{
	bool weights = node->kind == NODE_LINEAR || node->kind == NODE_QRNN;
	return weights ||
	       (node->kind == NODE_IMAGE && (node->spec.kind == IMAGE_CONV || node->spec.kind == IMAGE_NORM));
}

static bool reads_output_back(const struct net_node *node)
{
	return active(node);
}

/* Does its backward pass change the gradient of its output in place? */
static bool spoils_gradient(const struct net_node *node)
{
	return active(node) || node->kind == NODE_DROPOUT;
}

static int time_back(const struct net *n, int node)
{
	return 2 * (n->n_nodes - 1) - node;
}

static size_t value_bytes(const struct net *n, int value)
{
	return (size_t)n->env.fuse * net_stride(n, value) * sizeof(float);
}

static int add_place(struct net *n, size_t bytes, int begin, int end)
{
	size_t size = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	n->place = mem_resize(n->place, ((size_t)n->n_places + 1) * sizeof *n->place);
	n->place[n->n_places] = (struct net_place){.bytes = size, .begin = begin, .end = end};
	return n->n_places++;
}

/* Last time at which the value itself is read. */
static int value_end(const struct net *n, int value)
{
	int producer = n->value[value].producer, end = producer < 0 ? 0 : producer;
	if (producer >= 0 && reads_output_back(&n->node[producer]))
		end = time_back(n, producer);
	for (int i = 0; i < n->n_nodes; i++) {
		const struct net_node *node = &n->node[i];
		if (node->in[0] != value && node->in[1] != value)
			continue;
		int read = reads_input_back(node) && node->in[0] == value ? time_back(n, i) : i;
		end = read > end ? read : end;
	}
	return end;
}

/* The place of an input that an elementwise node may overwrite, because nothing reads it later; or -1. */
static int overwritten(const struct net *n, int producer)
{
	const struct net_node *node = producer < 0 ? NULL : &n->node[producer];
	if (!node || (!net_adds(node, 1) && node->kind != NODE_ACTIVATE && node->kind != NODE_DROPOUT))
		return -1;
	for (int which = 1; which >= 0; which--) {
		int in = node->in[which];
		if (in > NET_INPUT && in != node->in[1 - which] && value_end(n, in) == producer)
			return n->value[in].place;
	}
	return -1;
}

static void place_values(struct net *n)
{
	bool tokens = n->env.data.window > 0;
	for (int v = tokens ? 1 : 0; v < n->n_values; v++) {
		int producer = n->value[v].producer, place = overwritten(n, producer);
		if (place >= 0) {
			n->value[v].place = place;
			n->place[place].end = value_end(n, v);
			continue;
		}
		n->value[v].place =
		        add_place(n, value_bytes(n, v), producer < 0 ? 0 : producer, value_end(n, v));
	}
}

/*
 * Is the gradient of `value` changed until `time`, by its producer or by a gradient that an earlier node adds
 * to it? Two inputs of node `add` may share their gradient's place only if neither changes it before the
 * other's producer has read it.
 */
static bool changes_before(const struct net *n, int value, int add, int time)
{
	int producer = n->value[value].producer;
	if (spoils_gradient(&n->node[producer]) && time_back(n, producer) <= time)
		return true;
	for (int i = 0; i < add; i++)
		if ((n->node[i].in[0] == value || n->node[i].in[1] == value) && time_back(n, i) <= time)
			return true;
	return false;
}

static bool may_share(const struct net *n, int add, int value, int other)
{
	int mine = n->value[value].producer, its = n->value[other].producer;
	if (mine < 0 || its < 0)
		return false;
	return !changes_before(n, value, add, time_back(n, its)) &&
	       !changes_before(n, other, add, time_back(n, mine));
}

/* Is this the place of value's gradient, which is still to be read at that time? */
static bool waits(const struct net *n, int value, int slot, int time)
{
	return n->value[value].slot == slot && time_back(n, n->value[value].producer) >= time;
}

/* May input number `which` of node i share the place of its output's gradient? */
static bool shares(const struct net *n, int i, int which)
{
	const struct net_node *node = &n->node[i];
	int slot = n->value[node->out].slot, other = node->in[1 - which];
	if (node->kind != NODE_ACTIVATE && node->kind != NODE_DROPOUT && !net_adds(node, which))
		return false;
	for (int v = 0; v < n->n_values; v++)
		if (v != node->out && v != other && waits(n, v, slot, time_back(n, i)))
			return false;
	if (other < 0 || !n->value[other].wanted || !net_adds(node, 1 - which))
		return true;
	return other != node->in[which] && may_share(n, i, node->in[which], other);
}

/* May node i leave what is to be added to this value's gradient to the producer, which reads it next? */
static bool leaves(const struct net *n, int i, int value)
{
	const struct net_node *producer = &n->node[n->value[value].producer];
	bool takes = producer->kind == NODE_IMAGE && producer->spec.kind == IMAGE_NORM;
	for (int before = 0; before < i; before++)
		if (n->node[before].in[0] == value || n->node[before].in[1] == value)
			return false;
	return takes && n->env.be->image->norm_adds;
}

static void add_to(struct net *n, int i, int which)
{
	struct net_node *node = &n->node[i];
	int value = node->in[which], producer = n->value[value].producer, now = time_back(n, i);
	node->flow[which] = FLOW_ADD;
	if (net_adds(node, which))
		return;
	bool later = leaves(n, i, value);
	node->temp = add_place(n, value_bytes(n, value), now, later ? time_back(n, producer) : now);
	if (!later)
		return;
	node->flow[which] = FLOW_LEAVE;
	n->node[producer].more = node->temp;
}

/* May the gradient of a normalisation's input take the place of its output, which its backward reads last? */
static bool ends_output(const struct net *n, int i)
{
	const struct net_node *node = &n->node[i];
	bool norm = node->kind == NODE_IMAGE && node->spec.kind == IMAGE_NORM;
	return norm && n->env.be->image->norm_adds && value_end(n, node->out) == time_back(n, i);
}

static void extend(struct net_place *p, int end)
{
	p->end = end > p->end ? end : p->end;
}

/* Decide how node i's gradient reaches its input number `which`. */
static void flow_to(struct net *n, int i, int which)
{
	struct net_node *node = &n->node[i];
	struct net_value *v = node->in[which] < 0 ? NULL : &n->value[node->in[which]];
	int now = time_back(n, i);
	node->flow[which] = FLOW_NONE;
	if (!v || !v->wanted)
		return;
	if (v->slot >= 0) {
		add_to(n, i, which);
		return;
	}
	int until = time_back(n, v->producer);
	if (node->out >= 0 && shares(n, i, which)) {
		node->flow[which] = FLOW_SHARE;
		v->slot = n->value[node->out].slot;
		extend(&n->place[v->slot], until);
		return;
	}
	node->flow[which] = FLOW_WRITE;
	if (which == 0 && ends_output(n, i)) {
		v->slot = n->value[node->out].place;
		extend(&n->place[v->slot], until);
		return;
	}
	v->slot = add_place(n, value_bytes(n, node->in[which]), now, until);
}

/* Set the place's offset: the lowest where it overlaps no earlier place of the same time. */
static void put(struct net *n, int *const done, int count, struct net_place *p)
{
	bool moved = true;
	p->offset = 0;
	while (moved) {
		moved = false;
		for (int i = 0; i < count; i++) {
			const struct net_place *q = &n->place[done[i]];
			bool same_time = q->begin <= p->end && p->begin <= q->end;
			bool same_span = q->offset < p->offset + p->bytes && p->offset < q->offset + q->bytes;
			if (same_time && same_span) {
				p->offset = q->offset + q->bytes;
				moved = true;
			}
		}
	}
}

static void put_all(struct net *n)
{
	int *done = mem_array((size_t)n->n_places, sizeof *done);
	bool *taken = mem_array((size_t)n->n_places, sizeof *taken);
	for (int count = 0; count < n->n_places; count++) {
		int largest = -1;
		for (int i = 0; i < n->n_places; i++)
			if (!taken[i] && (largest < 0 || n->place[i].bytes > n->place[largest].bytes))
				largest = i;
		struct net_place *p = &n->place[largest];
		put(n, done, count, p);
		taken[largest] = true;
		done[count] = largest;
		n->arena_bytes =
		        p->offset + p->bytes > n->arena_bytes ? p->offset + p->bytes : n->arena_bytes;
	}
	mem_free(done);
	mem_free(taken);
}

/* What a layer needs, and another one that does not run at the same time. */
static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Room for a layer's weights in the memory that the lanes share. */
static size_t share(struct net *n, const struct image_need *need)
{
	size_t at = n->shared_floats;
	n->shared_floats += (need->weights_floats + ALIGN - 1) / ALIGN * ALIGN;
	return at;
}

/* One layer for the batches of all workers, if the backend has the same bits then. Its parts must be what it
 * takes for one batch: images, one behind the other. */
static void open_joined(struct net *n, struct net_node *node)
{
	struct image_spec spec = node->spec;
	struct image_need need;
	if (n->env.fuse == 1 || !joins_layer(n->env.be->joins, &spec) || !net_whole(n, node->in[0]) ||
	    !net_whole(n, node->out))
		return;
	spec.in.count *= n->env.fuse;
	spec.out.count *= n->env.fuse;
	node->joined = n->env.be->image->open(&spec, &need);
	node->joined_shared = share(n, &need);
	node->need.scratch_bytes = larger(need.scratch_bytes, node->need.scratch_bytes);
}

/* Open the image layers, which say how much memory they need. */
static void open_layers(struct net *n)
{
	for (int i = 0; i < n->n_nodes; i++) {
		struct net_node *node = &n->node[i];
		if (node->kind != NODE_IMAGE)
			continue;
		node->layer = mem_array((size_t)n->env.fuse, sizeof(struct image_layer *));
		for (int p = 0; p < n->env.fuse; p++)
			node->layer[p] = n->env.be->image->open(&node->spec, &node->need);
		node->shared = share(n, &node->need);
		open_joined(n, node);
	}
}

void net_close_layers(struct net *n)
{
	for (int i = 0; i < n->n_nodes; i++) {
		struct net_node *node = &n->node[i];
		for (int p = 0; node->layer && p < n->env.fuse; p++)
			n->env.be->image->close(node->layer[p]);
		if (node->joined)
			n->env.be->image->close(node->joined);
		mem_free(node->layer);
		node->layer = NULL;
		node->joined = NULL;
	}
}

/* Bytes that a node keeps from forward to backward. */
static size_t keep_bytes(const struct net *n, const struct net_node *node)
{
	if (node->kind == NODE_QRNN)
		return net_qrnn_keep_bytes(n, node);
	if (node->kind == NODE_EMBED)
		return net_embed_keep_bytes(n, node);
	return node->kind == NODE_IMAGE ? node->need.keep_bytes : 0;
}

/* Bytes that it needs while it works. */
static size_t scratch_bytes(const struct net *n, const struct net_node *node)
{
	size_t statistics = 2 * (size_t)node->spec.out.channels * sizeof(float);
	if (node->kind == NODE_CLASSIFY)
		return net_classify_scratch_bytes(n, node);
	if (node->kind == NODE_QRNN)
		return net_qrnn_scratch_bytes(n, node);
	if (node->kind != NODE_IMAGE)
		return 0;
	return node->need.scratch_bytes > statistics ? node->need.scratch_bytes : statistics;
}

void net_plan(struct net *n)
{
	size_t scratch = 0;
	n->rows = net_rows_max(n);
	open_layers(n);
	place_values(n);
	for (int i = n->n_nodes - 1; i >= 0; i--)
		for (int which = 0; which < 2; which++)
			flow_to(n, i, which);
	for (int i = 0; i < n->n_nodes; i++) {
		size_t keep = keep_bytes(n, &n->node[i]), needs = scratch_bytes(n, &n->node[i]);
		n->node[i].keep_stride = (keep + ALIGN - 1) / ALIGN * ALIGN;
		if (keep > 0)
			n->node[i].keep = add_place(n, (size_t)n->env.fuse * n->node[i].keep_stride, i,
			                            time_back(n, i));
		scratch = needs > scratch ? needs : scratch;
	}
	if (scratch > 0)
		n->scratch = add_place(n, scratch, 0, 2 * (n->n_nodes - 1));
	put_all(n);
}
