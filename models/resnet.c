/*
 * Residual networks (He et al. 2016). For CIFAR: a convolution of 3 x 3 to 16 channels, three stages of
 * (depth - 2) / 6 basic blocks with 16, 32 and 64 channels, and a global mean (section 4.2 of the paper). For
 * ImageNet: four stages with 64 to 512 channels; on images of less than 64 pixels these begin, as is usual
 * for CIFAR, with a convolution of 3 x 3 and without a pool. Names are torchvision's.
 */
#include "models/graph/residual.h"
#include <stddef.h>
#include <stdio.h>

struct resnet {
	int shortcut; /* enum residual_shortcut */
};

enum { NAME_SIZE = 48 };

struct stages {
	int channels, count;
	const int *blocks; /* [count] */
	bool bottleneck;
};

static int add_stages(struct net *n, const struct resnet *r, const struct stages *all, int in)
{
	for (int s = 0; s < all->count; s++)
		for (int i = 0; i < all->blocks[s]; i++) {
			char name[NAME_SIZE];
			snprintf(name, sizeof name, "layer%d.%d", s + 1, i);
			const struct residual_block b = {.name = name,
			                                 .channels = all->channels << s,
			                                 .stride = s > 0 && i == 0 ? 2 : 1,
			                                 .bottleneck = all->bottleneck,
			                                 .shortcut = (enum residual_shortcut)r->shortcut};
			in = residual_block(n, &b, in);
		}
	return in;
}

static void finish(struct net *n, int v)
{
	net_scheme(n, INIT_RESNET);
	net_classify(n, "fc", net_global_mean(n, v), NULL);
}

static void build_cifar(const struct resnet *r, struct net *n, int depth)
{
	const int blocks[3] = {(depth - 2) / 6, (depth - 2) / 6, (depth - 2) / 6};
	const struct stages all = {16, 3, blocks, false};
	int v = net_conv(n, "conv1", NET_INPUT, 16, (struct net_window){3, 1, 1}, 1, false, false);
	finish(n, add_stages(n, r, &all, net_norm(n, "bn1", v, true)));
}

enum { SMALL_IMAGE = 64 };

static void build_imagenet(const struct resnet *r, struct net *n, const int blocks[4], bool bottleneck)
{
	const struct stages all = {64, 4, blocks, bottleneck};
	bool small = net_size(n, NET_INPUT).height < SMALL_IMAGE;
	const struct net_window window = small ? (struct net_window){3, 1, 1} : (struct net_window){7, 2, 3};
	int v = net_conv(n, "conv1", NET_INPUT, 64, window, 1, false, false);
	v = net_norm(n, "bn1", v, true);
	if (!small)
		v = net_max_pool(n, v, (struct net_window){3, 2, 1});
	finish(n, add_stages(n, r, &all, v));
}

static const struct key keys[] = {
        RESIDUAL_SHORTCUT_KEY(struct resnet, shortcut),
        {.name = NULL},
};

#define CIFAR_ROW(DEPTH, PARAMETERS)                                                                         \
	static void build_##DEPTH(const void *state, const struct model_env *env, struct net *n)             \
	{                                                                                                    \
		(void)env;                                                                                   \
		build_cifar(state, n, DEPTH);                                                                \
	}                                                                                                    \
	const struct model model_resnet##DEPTH = {                                                           \
	        .row = {.name = "resnet" #DEPTH,                                                             \
	                .about = "residual network of " #DEPTH " layers for CIFAR",                          \
	                .formula = "He et al. 2016, section 4.2; " PARAMETERS                                \
	                           " parameters with 10 classes and projections",                            \
	                .keys = keys,                                                                        \
	                .state_bytes = sizeof(struct resnet)},                                               \
	        .usual = {.channels = 3, .height = 32, .width = 32, .n_classes = 10},                        \
	        .build = build_##DEPTH,                                                                      \
	        NET_MODEL,                                                                                   \
	}

#define IMAGENET_ROW(DEPTH, BOTTLENECK, SIDE, CLASSES, PARAMETERS, ...)                                      \
	static void build_##DEPTH(const void *state, const struct model_env *env, struct net *n)             \
	{                                                                                                    \
		(void)env;                                                                                   \
		build_imagenet(state, n, (const int[4]){__VA_ARGS__}, BOTTLENECK);                           \
	}                                                                                                    \
	const struct model model_resnet##DEPTH = {                                                           \
	        .row = {.name = "resnet" #DEPTH,                                                             \
	                .about = "residual network of " #DEPTH                                               \
	                         " layers; images below 64 pixels begin with 3 x 3 and no pool",             \
	                .formula =                                                                           \
	                        "He et al. 2016, table 1, as torchvision has it; parameters: " PARAMETERS,   \
	                .keys = keys,                                                                        \
	                .state_bytes = sizeof(struct resnet)},                                               \
	        .usual = {.channels = 3, .height = SIDE, .width = SIDE, .n_classes = CLASSES},               \
	        .build = build_##DEPTH,                                                                      \
	        NET_MODEL,                                                                                   \
	}

CIFAR_ROW(20, "272,474");
CIFAR_ROW(32, "466,906");
CIFAR_ROW(44, "661,338");
CIFAR_ROW(56, "855,770");
CIFAR_ROW(110, "1,730,714");
IMAGENET_ROW(18, false, 32, 10, "11,689,512 on ImageNet, 11,173,962 on CIFAR-10", 2, 2, 2, 2);
IMAGENET_ROW(34, false, 224, 1000, "21,797,672 on ImageNet", 3, 4, 6, 3);
IMAGENET_ROW(50, true, 224, 1000, "25,557,032 on ImageNet", 3, 4, 6, 3);
