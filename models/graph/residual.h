/* The residual block of He et al. 2016, for whoever builds a network of them. */
#ifndef SIGNSGD_MODELS_RESNET_H
#define SIGNSGD_MODELS_RESNET_H

#include "models/graph/net.h"

/* Where a block changes the size: a convolution of 1 x 1 with normalisation, as torchvision does it, or the
 * paper's shortcut A, without parameters. */
enum resnet_shortcut { RESNET_PROJECTION, RESNET_A };

extern const char *const resnet_shortcut_names[]; /* order of enum resnet_shortcut */

#define RESNET_SHORTCUT_KEY(STATE, MEMBER)                                                                   \
	{                                                                                                    \
		.name = "shortcut", .kind = KEY_CHOICE, .offset = offsetof(STATE, MEMBER),                   \
		.default_json = "\"projection\"", .choices = resnet_shortcut_names,                          \
		.help = "where a block changes the size: a convolution of 1 x 1 with normalisation, or, "    \
		        "without parameters, every stride-th pixel and channels of zeros",                   \
	}

struct resnet_block {
	const char *name;     /* its tensors are NAME.conv1.weight and so on, as torchvision has them */
	int channels, stride; /* of its convolutions */
	bool bottleneck;
	enum resnet_shortcut shortcut;
};

/* max(in + F(in), 0): the value that comes out, four times as many channels behind a bottleneck. */
int resnet_block(struct net *n, const struct resnet_block *b, int in);

#endif
