/*
 * How the parameters of a network begin. A scheme gives each role of tensor its distribution. Fans are
 * counted as in PyTorch: fan_in = numbers that one output number reads, fan_out = output channels * kernel
 * area (width of a linear layer).
 *
 * The numbers of tensor t (in the order of the model) are those of the stream (seed, RNG_INIT, 0, t).
 */
#ifndef SIGNSGD_MODELS_INIT_INIT_H
#define SIGNSGD_MODELS_INIT_INIT_H

/* The role of a tensor in its layer. */
enum init_role {
	ROLE_CONV, /* weight of a convolution */
	ROLE_CONV_BIAS,
	ROLE_LINEAR, /* weight of a fully connected or recurrent layer */
	ROLE_LINEAR_BIAS,
	ROLE_TABLE,        /* of an embedding */
	ROLE_CLASSES_BIAS, /* of the last layer */
	ROLE_ONE,          /* 1 under every scheme */
	ROLE_ZERO          /* 0 under every scheme */
};

enum init_scheme {
	INIT_MODEL,   /* as the model's own reference implementation */
	INIT_PYTORCH, /* PyTorch's own layers: uniform in +-1/sqrt(fan_in); tables N(0, 1) */
	INIT_RESNET,  /* torchvision's ResNets: convolutions N(0, 2 / fan_out); the rest as PyTorch */
	INIT_VGG,     /* torchvision's VGGs: the same, linear N(0, 0.01^2), all biases 0 */
	INIT_HE,      /* He et al. 2015: all weights N(0, 2 / fan_in), biases 0 */
	INIT_GLOROT,  /* Glorot and Bengio 2010: uniform in +-sqrt(6 / (fan_in + fan_out)), biases 0 */
	INIT_AWD      /* Merity et al. 2018: tables uniform in +-0.1, last bias 0, the rest as PyTorch */
};

#endif
