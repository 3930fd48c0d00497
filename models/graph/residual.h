/* The residual block of He et al. 2016, from which the residual networks are built. */
#ifndef SIGNSGD_MODELS_GRAPH_RESIDUAL_H
#define SIGNSGD_MODELS_GRAPH_RESIDUAL_H

#include "models/graph/net.h"

/* The shortcut of a block that changes the size: a convolution of 1 x 1 with normalisation, as in
 * torchvision, or the paper's shortcut A, which has no parameters. */
enum residual_shortcut { SHORTCUT_PROJECTION, SHORTCUT_A };

extern const char *const residual_shortcut_names[]; /* order of enum residual_shortcut */

#define RESIDUAL_SHORTCUT_KEY(STATE, MEMBER)                                                                 \
	{                                                                                                    \
		.name = "shortcut", .kind = KEY_CHOICE, .offset = offsetof(STATE, MEMBER),                   \
		.default_json = "\"projection\"", .choices = residual_shortcut_names,                        \
		.help = "where a block changes the size: a convolution of 1 x 1 with normalisation, or, "    \
		        "without parameters, every stride-th pixel and channels of zeros",                   \
	}

struct residual_block {
	const char *name;     /* of its tensors: NAME.conv1.weight and so on, as in torchvision */
	int channels, stride; /* of its convolutions */
	bool bottleneck;
	enum residual_shortcut shortcut;
};

/* Add the block; returns the value max(in + F(in), 0). That of a bottleneck has 4 * channels channels. */
int residual_block(struct net *n, const struct residual_block *b, int in);

#endif
