/* The initial values of a network's tensors, by scheme and role. */
#include <math.h>
#include "models/graph/net_internal.h"

enum law { LAW_CONSTANT, LAW_UNIFORM, LAW_NORMAL };

/* How one tensor begins: a constant, uniform in +-size, or normal with deviation size. */
struct beginning {
	enum law law;
	float size;
};

static struct beginning as_pytorch(const struct net_tensor *t)
{
	if (t->role == ROLE_TABLE)
		return (struct beginning){LAW_NORMAL, 1};
	return (struct beginning){LAW_UNIFORM, 1 / sqrtf((float)t->fan_in)};
}

static bool is_bias(const struct net_tensor *t)
{
	return t->role == ROLE_CONV_BIAS || t->role == ROLE_LINEAR_BIAS || t->role == ROLE_CLASSES_BIAS;
}

static struct beginning as_torchvision(const struct net_tensor *t, bool vgg)
{
	if (t->role == ROLE_CONV)
		return (struct beginning){LAW_NORMAL, sqrtf(2 / (float)t->fan_out)};
	if (vgg && t->role == ROLE_LINEAR)
		return (struct beginning){LAW_NORMAL, 0.01f};
	if (vgg && is_bias(t))
		return (struct beginning){LAW_CONSTANT, 0};
	return as_pytorch(t);
}

static struct beginning as_awd(const struct net_tensor *t)
{
	if (t->role == ROLE_TABLE)
		return (struct beginning){LAW_UNIFORM, 0.1f};
	if (t->role == ROLE_CLASSES_BIAS)
		return (struct beginning){LAW_CONSTANT, 0};
	return as_pytorch(t);
}

static struct beginning beginning_of(const struct net_tensor *t, enum init_scheme scheme)
{
	if (t->role == ROLE_ONE || t->role == ROLE_ZERO)
		return (struct beginning){LAW_CONSTANT, t->role == ROLE_ONE};
	switch (scheme) {
	case INIT_RESNET:
	case INIT_VGG:
		return as_torchvision(t, scheme == INIT_VGG);
	case INIT_HE:
	case INIT_GLOROT:
		if (is_bias(t))
			return (struct beginning){LAW_CONSTANT, 0};
		if (scheme == INIT_HE)
			return (struct beginning){LAW_NORMAL, sqrtf(2 / (float)t->fan_in)};
		return (struct beginning){LAW_UNIFORM, sqrtf(6 / (float)(t->fan_in + t->fan_out))};
	case INIT_AWD:
		return as_awd(t);
	default:
		return as_pytorch(t);
	}
}

void net_init_tensor(const struct net *n, int tensor, float *x)
{
	const struct net_tensor *t = &n->tensor[tensor];
	enum init_scheme chosen = (enum init_scheme)n->env.init;
	struct beginning b = beginning_of(t, chosen == INIT_MODEL ? n->scheme : chosen);
	struct stream draw = stream_of(n->env.seed, RNG_INIT, 0, (uint64_t)tensor);
	float *at = x + t->tensor.offset;
	for (size_t i = 0; i < t->tensor.count; i++) {
		float four[4];
		if (b.law == LAW_NORMAL && i % 4 == 0)
			stream_normal4(&draw, i / 4, four);
		if (b.law == LAW_NORMAL)
			at[i] = b.size * four[i % 4];
		else if (b.law == LAW_UNIFORM)
			at[i] = b.size * (2 * stream_uniform(&draw, i) - 1);
		else
			at[i] = b.size;
	}
}
