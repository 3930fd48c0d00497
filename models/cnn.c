/* ByzFL's cnn_mnist: two convolutions of 5 x 5, each with a pool, and two fully connected layers. */
#include "models/graph/net.h"

static void build(const void *state, const struct model_env *env, struct net *n)
{
	const struct net_window five = {5, 1, 0}, half = {2, 2, 0};
	(void)state;
	(void)env;
	int v = net_conv(n, "conv1", NET_INPUT, 20, five, 1, true, true);
	v = net_max_pool(n, v, half);
	v = net_conv(n, "conv2", v, 50, five, 1, true, true);
	v = net_max_pool(n, v, half);
	v = net_linear(n, "fc1", v, 500, NET_RELU);
	net_classify(n, "fc2", v, NULL);
}

const struct model model_cnn = {
        .row = {.name = "cnn",
                .also = "convnet, conv_net, cnn_mnist",
                .about = "small convolutional network for grey images (ByzFL's cnn_mnist)",
                .formula = "conv 20@5, ReLU, max pool 2, conv 50@5, ReLU, max pool 2, 500, ReLU, classes: "
                           "431,080 "
                           "parameters on 28 x 28"},
        .usual = {.channels = 1, .height = 28, .width = 28, .n_classes = 10},
        .build = build,
        NET_MODEL,
};
