/* The residual block: two or three convolutions with normalisation, a shortcut, and their sum. */
#include "models/graph/residual.h"
#include <stdio.h>

const char *const residual_shortcut_names[] = {"projection", "A", NULL};

enum { NAME_SIZE = 48 };

/* NAME.PIECE of a block, for a layer. */
static const char *of_block(const struct residual_block *b, const char *piece, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s.%s", b->name, piece);
	return out;
}

static int conv_norm(struct net *n, const struct residual_block *b, int number, int in, int channels,
                     struct net_window w, bool relu)
{
	char name[NAME_SIZE], piece[16];
	snprintf(piece, sizeof piece, "conv%d", number);
	int v = net_conv(n, of_block(b, piece, name), in, channels, w, 1, false, false);
	snprintf(piece, sizeof piece, "bn%d", number);
	return net_norm(n, of_block(b, piece, name), v, relu);
}

static int skip(struct net *n, const struct residual_block *b, int in, int channels)
{
	char name[NAME_SIZE];
	if (net_size(n, in).channels == channels && b->stride == 1)
		return in;
	if (b->shortcut == SHORTCUT_A)
		return net_subsample(n, in, channels, b->stride);
	int v = net_conv(n, of_block(b, "downsample.0", name), in, channels,
	                 (struct net_window){1, b->stride, 0}, 1, false, false);
	return net_norm(n, of_block(b, "downsample.1", name), v, false);
}

int residual_block(struct net *n, const struct residual_block *b, int in)
{
	const struct net_window one = {1, 1, 0}, three = {3, 1, 1}, first = {3, b->stride, 1};
	int v, channels = b->bottleneck ? 4 * b->channels : b->channels;
	if (b->bottleneck) {
		v = conv_norm(n, b, 1, in, b->channels, one, true);
		v = conv_norm(n, b, 2, v, b->channels, first, true);
		v = conv_norm(n, b, 3, v, channels, one, false);
	} else {
		v = conv_norm(n, b, 1, in, channels, first, true);
		v = conv_norm(n, b, 2, v, channels, three, false);
	}
	return net_add(n, skip(n, b, in, channels), v, true);
}
