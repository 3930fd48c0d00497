/*
 * AlexNet as torchvision has it (Krizhevsky 2014, "One weird trick for parallelizing convolutional neural
 * networks"): five convolutions, three pools, two wide fully connected layers behind dropout. Names are
 * torchvision's.
 */
#include "models/classifier.h"

static int features(struct net *n)
{
	const struct net_window half = {3, 2, 0}, three = {3, 1, 1};
	int v = net_conv(n, "features.0", NET_INPUT, 64, (struct net_window){11, 4, 2}, 1, true, true);
	v = net_max_pool(n, v, half);
	v = net_conv(n, "features.3", v, 192, (struct net_window){5, 1, 2}, 1, true, true);
	v = net_max_pool(n, v, half);
	v = net_conv(n, "features.6", v, 384, three, 1, true, true);
	v = net_conv(n, "features.8", v, 256, three, 1, true, true);
	v = net_conv(n, "features.10", v, 256, three, 1, true, true);
	return net_max_pool(n, v, half);
}

static void build(const void *state, const struct model_env *env, struct net *n)
{
	const struct classifier *c = state;
	(void)env;
	int v = net_adaptive_mean(n, features(n), 6, 6);
	v = net_dropout(n, v, c->dropout, false);
	v = net_linear(n, "classifier.1", v, (int)c->hidden, NET_RELU);
	v = net_dropout(n, v, c->dropout, false);
	v = net_linear(n, "classifier.4", v, (int)c->hidden, NET_RELU);
	net_classify(n, "classifier.6", v, NULL);
}

const struct model model_alexnet = {
        .row = {.name = "alexnet",
                .about = "AlexNet, for images of 63 pixels and more",
                .formula = "Krizhevsky 2014, as torchvision has it: 61,100,840 parameters on ImageNet",
                .keys = classifier_keys,
                .state_bytes = sizeof(struct classifier)},
        .usual = {.channels = 3, .height = 224, .width = 224, .n_classes = 1000},
        .build = build,
        NET_MODEL,
};
