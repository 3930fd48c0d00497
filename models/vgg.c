/*
 * VGG networks (Simonyan and Zisserman 2015, configuration A, without normalisation), as torchvision has
 * them: convolutions of 3 x 3, five pools, two wide fully connected layers with dropout. Names are
 * torchvision's: there a convolution and its ReLU count as two layers, and a pool as one.
 */
#include <stdio.h>
#include "models/classifier.h"

enum { POOL = 0 };

static const int configuration_a[] = {64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL};

enum { LAYERS = sizeof configuration_a / sizeof *configuration_a };

static int features(struct net *n)
{
	int v = NET_INPUT, place = 0;
	for (int i = 0; i < LAYERS; i++) {
		char name[32];
		snprintf(name, sizeof name, "features.%d", place);
		if (configuration_a[i] == POOL)
			v = net_max_pool(n, v, (struct net_window){2, 2, 0});
		else
			v = net_conv(n, name, v, configuration_a[i], (struct net_window){3, 1, 1}, 1, true,
			             true);
		place += configuration_a[i] == POOL ? 1 : 2;
	}
	return v;
}

static void build(const void *state, const struct model_env *env, struct net *n)
{
	const struct classifier *c = state;
	(void)env;
	net_scheme(n, INIT_VGG);
	int v = net_adaptive_mean(n, features(n), 7, 7);
	v = net_linear(n, "classifier.0", v, (int)c->hidden, NET_RELU);
	v = net_dropout(n, v, c->dropout, false);
	v = net_linear(n, "classifier.3", v, (int)c->hidden, NET_RELU);
	v = net_dropout(n, v, c->dropout, false);
	net_classify(n, "classifier.6", v, NULL);
}

const struct model model_vgg11 = {
        .row = {.name = "vgg11",
                .about = "VGG of 11 layers without normalisation, for images of 32 pixels and more",
                .formula = "Simonyan and Zisserman 2015, configuration A, as torchvision has it: 132,863,336 "
                           "parameters on ImageNet",
                .keys = classifier_keys,
                .state_bytes = sizeof(struct classifier)},
        .usual = {.channels = 3, .height = 224, .width = 224, .n_classes = 1000},
        .build = build,
        NET_MODEL,
};
