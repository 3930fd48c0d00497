/*
 * Internals of a network, for models/graph/net*.c only.
 *
 * Forward, nodes run in the order in which they were added; backward, in reverse order. The last node is the
 * loss, which runs forward and backward in one call. Time is counted in nodes: node i runs forward at time i
 * and backward at time 2 (N - 1) - i; a walk (walk.h) counts the last node twice. Every buffer is used from
 * one time to another; buffers whose times do not overlap may share memory (net_plan.c).
 *
 * The files by layer, lowest first: net_fold.c; net_build.c; the kinds of node (net_image.c, net_rows.c,
 * net_text.c, net_qrnn.c, net_classify.c); net_plan.c; net.c; net_model.c.
 */
#ifndef SIGNSGD_MODELS_GRAPH_NET_INTERNAL_H
#define SIGNSGD_MODELS_GRAPH_NET_INTERNAL_H

#include "models/graph/net.h"
#include "models/graph/walk.h"

enum { LINE = 16 /* floats */ };

enum net_kind {
	NODE_IMAGE, /* convolution, normalisation, pools: spec says which */
	NODE_FROM_ROWS,
	NODE_TO_ROWS,
	NODE_ADD,
	NODE_SUBSAMPLE,
	NODE_ADAPTIVE,
	NODE_ACTIVATE,
	NODE_LINEAR,
	NODE_DROPOUT,
	NODE_EMBED,
	NODE_QRNN,
	NODE_CLASSIFY,
	NODE_KINDS
};

/* How a node's gradient reaches one of its inputs. */
enum net_flow {
	FLOW_NONE,  /* it is not needed */
	FLOW_WRITE, /* written into the input's gradient */
	FLOW_SHARE, /* the input's gradient is the output's gradient, in the same memory */
	FLOW_ADD,   /* written to the node's temp, then added */
	FLOW_LEAVE  /* written to the node's temp, for the input's producer to add (image_memory.more) */
};

struct net_place {
	size_t bytes, offset; /* in the arena */
	int begin, end;       /* times, both included */
};

struct net_value {
	bool rows;            /* as rows; else an image */
	struct net_size size; /* of each sample or position */
	bool wanted;          /* its gradient is needed */
	int producer;         /* node; -1: the batch */
	int place, slot;      /* of the value and of its gradient; -1: none */
};

struct net_tensor {
	struct tensor tensor;
	enum init_role role;
	size_t fan_in, fan_out;
};

struct net_node {
	enum net_kind kind;
	char name[48];
	int in[2]; /* values; -1: none; norm: the second is added to what it gives (net_fold.c) */
	int out;   /* value; -1: the loss */
	enum net_flow flow[2];
	int weight, bias;             /* tensors; -1: none */
	struct image_spec spec;       /* NODE_IMAGE */
	struct image_need need;       /* NODE_IMAGE */
	struct image_layer **layer;   /* [fuse] */
	struct image_layer *joined;   /* of all parts at once; NULL: there is none */
	size_t shared, joined_shared; /* NODE_IMAGE: floats into the shared memory, of these two */
	enum net_activation f;        /* linear, activate; ADD: NET_RELU or NET_LINEAR */
	int stride;                   /* subsample */
	int kernel;                   /* QRNN: positions */
	double rate;                  /* dropout, zoneout */
	bool variational;
	size_t draw;           /* dropout: its first random number in the step's stream */
	size_t running, carry; /* floats into the batch's vectors */
	int keep, temp, more;  /* places; -1: none; more: of the output's gradient, a summand left for it */
	size_t keep_stride;    /* bytes from part to part */
	double multiply_adds;  /* of a sample, forward */
	size_t below;          /* earlier nodes may still write gradients of x's first `below` floats */
	double forward_s, backward_s;
};

struct net {
	const void *state; /* the row's settings */
	struct model_env env;
	struct err err;
	enum init_scheme scheme; /* the model's own */
	struct net_node *node;
	struct net_value *value;
	struct net_tensor *tensor;
	int n_nodes, n_values, n_tensors;
	size_t n_params, n_running, n_carry, draws;

	struct net_place *place;
	int n_places, scratch; /* scratch: a place */
	size_t arena_bytes, shared_floats;

	char *arena;
	float *shared;
	bool owns_shared;
	struct net *tail; /* of another batch size, for normalisation; or NULL */

	struct walk *walk;      /* of gradients */
	struct loss *loss;      /* [fuse] on the machine */
	struct loss *loss_seen; /* [fuse] */

	/* Of the current call: */
	const float *x;
	size_t parts;              /* batches */
	const struct batch *batch; /* [parts] */
	float *const *g;           /* [parts] */
	bool training;
	size_t rows; /* of each batch: samples; text: positions of all sequences */
};

/* The functions of a kind of node. */
struct net_ops {
	const char *shown;
	void (*forward)(struct net *n, struct net_node *node);
	/* d_out -> d_in[2] (NULL: not needed), of all parts; parameters' gradients into n->g. */
	void (*backward)(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
};

extern const struct net_ops net_ops[NODE_KINDS];

/* net_fold.c */
void net_fold(struct net *n);

/* net_build.c */
struct net *net_build(const void *state, const struct model_env *env);
void net_free_graph(struct net *n);
struct net_node *net_add_node(struct net *n, enum net_kind kind, const char *name, int in);
int net_add_value(struct net *n, struct net_node *node, bool rows, struct net_size size);
int net_add_tensor(struct net *n, const char *layer, const char *part, enum init_role role, int rank,
                   const size_t *dims, size_t fan_in, size_t fan_out);
/* The value as rows; adds a node that flattens an image. */
int net_as_rows(struct net *n, int value);
size_t net_width(const struct net *n, int value);
/* Rows of a full batch. */
size_t net_rows_max(const struct net *n);
/* Floats of a value that the current call uses: of one part; from part to part; from the first to the last.
 */
size_t net_part_floats(const struct net *n, int value);
size_t net_stride(const struct net *n, int value);
size_t net_floats(const struct net *n, int value);
/* Does a part end where the next one begins? */
bool net_whole(const struct net *n, int value);
/* Parts that one call may work on: all, if both values are without gaps; else 1. */
size_t net_together(const struct net *n, int value, int other);

/* net_plan.c */
void net_plan(struct net *n);
/* Close the image layers that it has opened. */
void net_close_layers(struct net *n);

/* Is the gradient of this input the node's own after a ReLU, if there is one: is the input added to another?
 */
static inline bool net_adds(const struct net_node *node, int which)
{
	return node->kind == NODE_ADD || (node->kind == NODE_IMAGE && node->spec.add && which == 1);
}

/* The memory of values and parameters while the network runs. */
static inline float *net_at(const struct net *n, int place)
{
	return place < 0 ? NULL : (float *)(void *)(n->arena + n->place[place].offset);
}

static inline float *net_value_at(const struct net *n, int value)
{
	return value < 0 ? NULL : net_at(n, n->value[value].place);
}

static inline float *net_value_part(const struct net *n, int value, size_t part)
{
	return net_value_at(n, value) + part * net_stride(n, value);
}

/* Of what a node keeps from forward to backward. */
static inline float *net_keep_part(const struct net *n, const struct net_node *node, size_t part)
{
	char *keep = (char *)net_at(n, node->keep);
	return keep ? (float *)(void *)(keep + part * node->keep_stride) : NULL;
}

/* Where the worker of a part has what it carries along. */
static inline float *net_carry(const struct net *n, size_t part)
{
	return n->training ? walk_carry(n->walk, part) : n->batch[part].carry;
}

static inline struct image net_image(const struct net *n, int value, int count)
{
	struct net_size s = n->value[value].size;
	return (struct image){count, s.channels, s.height, s.width};
}

static inline const float *net_parameter(const struct net *n, int tensor)
{
	return tensor < 0 ? NULL : n->x + n->tensor[tensor].tensor.offset;
}
static inline float *net_gradient(const struct net *n, int tensor, size_t part)
{
	return tensor < 0 ? NULL : n->g[part] + n->tensor[tensor].tensor.offset;
}

/* Kinds of node, by file: net_image.c, net_rows.c, net_text.c, net_classify.c. */
void net_image_forward(struct net *n, struct net_node *node);
void net_image_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_from_rows_forward(struct net *n, struct net_node *node);
void net_from_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_to_rows_forward(struct net *n, struct net_node *node);
void net_to_rows_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_subsample_forward(struct net *n, struct net_node *node);
void net_subsample_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_add_forward(struct net *n, struct net_node *node);
void net_add_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_adaptive_forward(struct net *n, struct net_node *node);
void net_adaptive_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_activate_forward(struct net *n, struct net_node *node);
void net_activate_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_linear_forward(struct net *n, struct net_node *node);
void net_linear_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_dropout_forward(struct net *n, struct net_node *node);
void net_dropout_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_embed_forward(struct net *n, struct net_node *node);
void net_embed_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_qrnn_forward(struct net *n, struct net_node *node);
void net_qrnn_backward(struct net *n, struct net_node *node, float *d_out, float *const d_in[2]);
void net_classify_forward(struct net *n, struct net_node *node);
size_t net_classify_scratch_bytes(const struct net *n, const struct net_node *node);
size_t net_embed_keep_bytes(const struct net *n, const struct net_node *node);
size_t net_qrnn_keep_bytes(const struct net *n, const struct net_node *node);
size_t net_qrnn_scratch_bytes(const struct net *n, const struct net_node *node);

/* net_init.c: the initial values of one tensor, a function of the seed and the tensor's index. */
void net_init_tensor(const struct net *n, int tensor, float *x);

#endif
