/* The layers of `sequential`: each has its keys and a function that adds it to the network. */
#include <stddef.h>
#include "models/graph/layer.h"
#include "models/graph/residual.h"

enum { WINDOW_MAX = 1 << 15, WIDTH_MAX = 1 << 24 };

/* Keys that several layers share; their states begin with the window. */
struct window {
	int64_t kernel, stride, padding;
};

static struct net_window window_of(const struct window *w)
{
	return (struct net_window){(int)w->kernel, (int)(w->stride ? w->stride : w->kernel), (int)w->padding};
}

#define KERNEL_KEY                                                                                           \
	{                                                                                                    \
		.name = "kernel", .also = "kernel_size", .kind = KEY_INT,                                    \
		.offset = offsetof(struct window, kernel), .lowest = 1, .highest = WINDOW_MAX,               \
		.unit = "pixels", .help = "side of the window",                                              \
	}
#define STRIDE_KEY(DEFAULT, HELP)                                                                            \
	{                                                                                                    \
		.name = "stride", .kind = KEY_INT, .offset = offsetof(struct window, stride),                \
		.default_json = DEFAULT, .lowest = 1, .highest = WINDOW_MAX, .unit = "pixels", .help = HELP, \
	}
#define PADDING_KEY                                                                                          \
	{                                                                                                    \
		.name = "padding", .kind = KEY_INT, .offset = offsetof(struct window, padding),              \
		.default_json = "0", .lowest = 0, .highest = WINDOW_MAX, .unit = "pixels",                   \
		.help = "border around the image, on every side",                                            \
	}

/* --- convolution --------------------------------------------------------------------------------------- */

struct conv {
	struct window window;
	int64_t channels, groups;
	bool bias;
};

static int add_conv(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct conv *c = state;
	return net_conv(n, name, in, (int)c->channels, window_of(&c->window), (int)c->groups, c->bias, relu);
}

static const struct key conv_keys[] = {
        {.name = "channels",
         .also = "out_channels, out, filters",
         .kind = KEY_INT,
         .offset = offsetof(struct conv, channels),
         .lowest = 1,
         .highest = WIDTH_MAX,
         .help = "channels that come out"},
        KERNEL_KEY,
        STRIDE_KEY("1", "from window to window"),
        PADDING_KEY,
        {.name = "groups",
         .kind = KEY_INT,
         .offset = offsetof(struct conv, groups),
         .default_json = "1",
         .lowest = 1,
         .highest = WIDTH_MAX,
         .help = "number of groups of channels, each convolved by itself"},
        {.name = "bias",
         .kind = KEY_BOOL,
         .offset = offsetof(struct conv, bias),
         .default_json = "true",
         .help = "add a number to every channel"},
        {.name = NULL},
};

static const struct layer layer_conv = {
        .row = {.name = "conv",
                .about = "convolution (PyTorch's Conv2d)",
                .keys = conv_keys,
                .state_bytes = sizeof(struct conv)},
        .takes_relu = true,
        .add = add_conv,
};

/* --- normalisation and activations --------------------------------------------------------------------- */

static int add_norm(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)state;
	return net_norm(n, name, in, relu);
}

static const struct layer layer_norm = {
        .row = {.name = "norm",
                .about = "batch normalisation (PyTorch's BatchNorm2d): momentum 0.1, epsilon 1e-5",
                .formula = "Ioffe and Szegedy 2015: gamma (x - mean) / sqrt(variance + epsilon) + beta, mean "
                           "and variance of each channel over the batch, two values or more"},
        .takes_relu = true,
        .add = add_norm,
};

static int add_relu(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)state, (void)name, (void)relu;
	return net_activate(n, in, NET_RELU);
}

static const struct layer layer_relu = {
        .row = {.name = "relu", .about = "max(x, 0)"},
        .is_relu = true,
        .add = add_relu,
};

static int add_tanh(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)state, (void)name, (void)relu;
	return net_activate(n, in, NET_TANH);
}

static const struct layer layer_tanh = {
        .row = {.name = "tanh", .about = "hyperbolic tangent"},
        .add = add_tanh,
};

/* --- pools --------------------------------------------------------------------------------------------- */

static const struct key pool_keys[] = {
        KERNEL_KEY,
        STRIDE_KEY("null", "from window to window; absent: the window's side"),
        PADDING_KEY,
        {.name = NULL},
};

static int add_max_pool(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)name, (void)relu;
	return net_max_pool(n, in, window_of(state));
}

static const struct layer layer_max_pool = {
        .row = {.name = "max-pool",
                .about = "largest number of each window (PyTorch's MaxPool2d)",
                .keys = pool_keys,
                .state_bytes = sizeof(struct window)},
        .add = add_max_pool,
};

static int add_mean_pool(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)name, (void)relu;
	return net_mean_pool(n, in, window_of(state));
}

static const struct layer layer_mean_pool = {
        .row = {.name = "mean-pool",
                .about = "mean of each window, the border counted as zeros (PyTorch's AvgPool2d)",
                .keys = pool_keys,
                .state_bytes = sizeof(struct window)},
        .add = add_mean_pool,
};

static int add_global_mean(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)state, (void)name, (void)relu;
	return net_global_mean(n, in);
}

static const struct layer layer_global_mean = {
        .row = {.name = "global-mean", .about = "mean of each channel over the whole image"},
        .add = add_global_mean,
};

/* --- layers on rows ------------------------------------------------------------------------------------ */

static int add_flatten(const void *state, struct net *n, const char *name, int in, bool relu)
{
	(void)state, (void)n, (void)name, (void)relu;
	return in; /* a layer on rows flattens its input */
}

static const struct layer layer_flatten = {
        .row = {.name = "flatten",
                .about = "does nothing, because layers flatten their input themselves; it counts in the "
                         "list, so that names are those of a PyTorch Sequential that has one"},
        .add = add_flatten,
};

struct linear {
	int64_t width;
};

static int add_linear(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct linear *l = state;
	return net_linear(n, name, in, (int)l->width, relu ? NET_RELU : NET_LINEAR);
}

static const struct key linear_keys[] = {
        {.name = "width",
         .also = "out_features, out, units",
         .kind = KEY_INT,
         .offset = offsetof(struct linear, width),
         .lowest = 1,
         .highest = WIDTH_MAX,
         .help = "numbers that come out"},
        {.name = NULL},
};

static const struct layer layer_linear = {
        .row = {.name = "linear",
                .about = "fully connected layer",
                .keys = linear_keys,
                .state_bytes = sizeof(struct linear)},
        .takes_relu = true,
        .add = add_linear,
};

struct dropout {
	double rate;
	bool variational;
};

static int add_dropout(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct dropout *d = state;
	(void)name, (void)relu;
	return net_dropout(n, in, d->rate, d->variational);
}

static const struct key dropout_keys[] = {
        {.name = "rate",
         .also = "p, probability",
         .kind = KEY_REAL,
         .offset = offsetof(struct dropout, rate),
         .default_json = "0.5",
         .lowest = 0,
         .highest = 1,
         .below = true,
         .help = "share of the numbers that a step leaves out"},
        {.name = "variational",
         .kind = KEY_BOOL,
         .offset = offsetof(struct dropout, variational),
         .default_json = "false",
         .help = "text: the same numbers at all positions of a sequence (Gal and Ghahramani 2016)"},
        {.name = NULL},
};

static const struct layer layer_dropout = {
        .row = {.name = "dropout",
                .about =
                        "sets random numbers to 0 while training, and scales the others up to make up for it",
                .formula = "Srivastava et al. 2014",
                .keys = dropout_keys,
                .state_bytes = sizeof(struct dropout)},
        .add = add_dropout,
};

/* --- residual block ------------------------------------------------------------------------------------ */

struct block {
	int64_t channels, stride;
	bool bottleneck;
	int shortcut; /* enum residual_shortcut */
};

static int add_block(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct block *s = state;
	const struct residual_block b = {.name = name,
	                                 .channels = (int)s->channels,
	                                 .stride = (int)s->stride,
	                                 .bottleneck = s->bottleneck,
	                                 .shortcut = (enum residual_shortcut)s->shortcut};
	(void)relu;
	return residual_block(n, &b, in);
}

static const struct key block_keys[] = {
        {.name = "channels",
         .kind = KEY_INT,
         .offset = offsetof(struct block, channels),
         .lowest = 1,
         .highest = WIDTH_MAX / 4,
         .help = "of the block's convolutions"},
        {.name = "stride",
         .kind = KEY_INT,
         .offset = offsetof(struct block, stride),
         .default_json = "1",
         .lowest = 1,
         .highest = WINDOW_MAX,
         .unit = "pixels",
         .help = "of its first convolution of 3 x 3"},
        {.name = "bottleneck",
         .kind = KEY_BOOL,
         .offset = offsetof(struct block, bottleneck),
         .default_json = "false",
         .help = "1 x 1, 3 x 3 and 1 x 1 to four times as many channels, instead of two of 3 x 3"},
        RESIDUAL_SHORTCUT_KEY(struct block, shortcut),
        {.name = NULL},
};

static const struct layer layer_block = {
        .row = {.name = "block",
                .about = "residual block with normalisation and ReLU (torchvision's BasicBlock, Bottleneck)",
                .formula = "He et al. 2016: max(x + F(x), 0)",
                .keys = block_keys,
                .state_bytes = sizeof(struct block)},
        .add = add_block,
};

/* --- text ---------------------------------------------------------------------------------------------- */

struct embed {
	int64_t width;
	double dropout;
};

static int add_embed(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct embed *l = state;
	(void)relu;
	if (in != NET_INPUT)
		net_fail(n, "layer \"%s\": an embedding reads tokens, so it can only be the first layer",
		         name);
	return net_embed(n, name, (int)l->width, l->dropout);
}

static const struct key embed_keys[] = {
        {.name = "width",
         .kind = KEY_INT,
         .offset = offsetof(struct embed, width),
         .lowest = 1,
         .highest = WIDTH_MAX,
         .help = "numbers that stand for a token"},
        {.name = "dropout",
         .kind = KEY_REAL,
         .offset = offsetof(struct embed, dropout),
         .default_json = "0",
         .lowest = 0,
         .highest = 1,
         .below = true,
         .help = "share of the vocabulary that a step leaves out"},
        {.name = NULL},
};

static const struct layer layer_embed = {
        .row = {.name = "embed",
                .about = "a row of a table for every token; the first layer on text",
                .keys = embed_keys,
                .state_bytes = sizeof(struct embed)},
        .add = add_embed,
};

struct recurrent {
	int64_t width, window;
	double zoneout;
};

static int add_qrnn(const void *state, struct net *n, const char *name, int in, bool relu)
{
	const struct recurrent *l = state;
	(void)relu;
	return net_qrnn(n, name, in, (int)l->width, (int)l->window, l->zoneout);
}

static const struct key qrnn_keys[] = {
        {.name = "width",
         .kind = KEY_INT,
         .offset = offsetof(struct recurrent, width),
         .lowest = 1,
         .highest = WIDTH_MAX,
         .help = "numbers that come out at every position"},
        {.name = "window",
         .kind = KEY_INT,
         .offset = offsetof(struct recurrent, window),
         .default_json = "1",
         .lowest = 1,
         .highest = 2,
         .unit = "positions",
         .help = "positions that it sees at once"},
        {.name = "zoneout",
         .kind = KEY_REAL,
         .offset = offsetof(struct recurrent, zoneout),
         .default_json = "0",
         .lowest = 0,
         .highest = 1,
         .below = true,
         .help = "share of the cell that a position leaves as it was"},
        {.name = NULL},
};

static const struct layer layer_qrnn = {
        .row = {.name = "qrnn",
                .about = "quasi-recurrent layer over sequences, with fo-pooling",
                .formula = "Bradbury et al. 2017",
                .keys = qrnn_keys,
                .state_bytes = sizeof(struct recurrent)},
        .add = add_qrnn,
};

/* --- the family ---------------------------------------------------------------------------------------- */

static const struct row *const layers[] = {
        &layer_conv.row,        &layer_norm.row,
        &layer_relu.row,        &layer_tanh.row,
        &layer_max_pool.row,    &layer_mean_pool.row,
        &layer_global_mean.row, &layer_flatten.row,
        &layer_linear.row,      &layer_dropout.row,
        &layer_block.row,       &layer_embed.row,
        &layer_qrnn.row,        NULL,
};

const struct family family_layers = {
        .name = "layer", .plural = "layers", .about = "what a sequential model is made of", .rows = layers};
