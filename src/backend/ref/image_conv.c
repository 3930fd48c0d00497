/* Convolution by definition. */
#include <string.h>

#include "backend/ref/image.h"

/* Channels of one group, and weights of one output channel. */
struct sizes {
	int in, out;   /* channels of a group */
	size_t filter; /* [in][kernel h][kernel w] */
	size_t weights;
};

static struct sizes sizes_of(const struct image_spec *s)
{
	struct sizes z = {.in = s->in.channels / s->groups, .out = s->out.channels / s->groups};
	z.filter = (size_t)z.in * (size_t)s->kernel[0] * (size_t)s->kernel[1];
	z.weights = (size_t)s->out.channels * z.filter;
	return z;
}

void ref_conv_need(const struct image_spec *s, struct image_need *need)
{
	need->weights_floats = sizes_of(s).weights + (s->bias ? (size_t)s->out.channels : 0);
}

void ref_conv_load(struct image_layer *l, const float *w, const float *b)
{
	size_t weights = sizes_of(&l->spec).weights;
	memcpy(l->memory.weights, w, weights * sizeof(*w));
	if (l->spec.bias)
		memcpy(l->memory.weights + weights, b, (size_t)l->spec.out.channels * sizeof(*b));
}

/* Weight of output channel o for the c-th input channel of its group. */
static size_t weight_at(const struct image_spec *s, int o, int c, int ky, int kx)
{
	int in = s->in.channels / s->groups;
	return (((size_t)o * (size_t)in + (size_t)c) * (size_t)s->kernel[0] + (size_t)ky) *
	               (size_t)s->kernel[1] +
	       (size_t)kx;
}

static double one_output(const struct image_layer *l, int n, int o, int y, int x)
{
	const struct image_spec *s = &l->spec;
	struct sizes z = sizes_of(s);
	double sum = s->bias ? l->memory.weights[z.weights + (size_t)o] : 0;
	for (int c = 0; c < z.in; c++)
		for (int ky = 0; ky < s->kernel[0]; ky++)
			for (int kx = 0; kx < s->kernel[1]; kx++) {
				int iy = y * s->stride[0] - s->pad[0] + ky;
				int ix = x * s->stride[1] - s->pad[1] + kx;
				if (iy < 0 || iy >= s->in.height || ix < 0 || ix >= s->in.width)
					continue;
				sum += (double)l->memory.weights[weight_at(s, o, c, ky, kx)] *
				       l->memory.in[ref_at(&s->in, n, o / z.out * z.in + c, iy, ix)];
			}
	return sum;
}

void ref_conv_forward(struct image_layer *l)
{
	const struct image *out = &l->spec.out;
	for (int n = 0; n < out->count; n++)
		for (int o = 0; o < out->channels; o++)
			for (int y = 0; y < out->height; y++)
				for (int x = 0; x < out->width; x++) {
					double sum = one_output(l, n, o, y, x);
					l->memory.out[ref_at(out, n, o, y, x)] =
					        l->spec.relu && sum < 0 ? 0 : (float)sum;
				}
}

static void mask_by_output(struct image_layer *l)
{
	for (size_t i = 0; i < ref_image_floats(&l->spec.out); i++)
		l->memory.d_out[i] = l->memory.out[i] > 0 ? l->memory.d_out[i] : 0;
}

/* The output coordinate that kernel coordinate k connects with input coordinate i, or -1. */
static int output_of(int i, int k, int stride, int pad, int outputs)
{
	int place = i + pad - k;
	return place >= 0 && place % stride == 0 && place / stride < outputs ? place / stride : -1;
}

static double one_input_gradient(const struct image_layer *l, int n, int c, int iy, int ix)
{
	const struct image_spec *s = &l->spec;
	struct sizes z = sizes_of(s);
	int group = c / z.in;
	double sum = 0;
	for (int ky = 0; ky < s->kernel[0]; ky++)
		for (int kx = 0; kx < s->kernel[1]; kx++) {
			int y = output_of(iy, ky, s->stride[0], s->pad[0], s->out.height);
			int x = output_of(ix, kx, s->stride[1], s->pad[1], s->out.width);
			for (int o = group * z.out; o < (group + 1) * z.out && y >= 0 && x >= 0; o++)
				sum += (double)l->memory.weights[weight_at(s, o, c % z.in, ky, kx)] *
				       l->memory.d_out[ref_at(&s->out, n, o, y, x)];
		}
	return sum;
}

static void input_gradient(struct image_layer *l)
{
	const struct image *in = &l->spec.in;
	for (int n = 0; n < in->count; n++)
		for (int c = 0; c < in->channels; c++)
			for (int y = 0; y < in->height; y++)
				for (int x = 0; x < in->width; x++)
					l->memory.d_in[ref_at(in, n, c, y, x)] =
					        (float)one_input_gradient(l, n, c, y, x);
}

static double one_weight_gradient(const struct image_layer *l, int o, int c, int ky, int kx)
{
	const struct image_spec *s = &l->spec;
	struct sizes z = sizes_of(s);
	double sum = 0;
	for (int n = 0; n < s->out.count; n++)
		for (int y = 0; y < s->out.height; y++)
			for (int x = 0; x < s->out.width; x++) {
				int iy = y * s->stride[0] - s->pad[0] + ky;
				int ix = x * s->stride[1] - s->pad[1] + kx;
				if (iy < 0 || iy >= s->in.height || ix < 0 || ix >= s->in.width)
					continue;
				sum += (double)l->memory.d_out[ref_at(&s->out, n, o, y, x)] *
				       l->memory.in[ref_at(&s->in, n, o / z.out * z.in + c, iy, ix)];
			}
	return sum;
}

static double one_bias_gradient(const struct image_layer *l, int o)
{
	const struct image *out = &l->spec.out;
	double sum = 0;
	for (int n = 0; n < out->count; n++)
		for (int y = 0; y < out->height; y++)
			for (int x = 0; x < out->width; x++)
				sum += l->memory.d_out[ref_at(out, n, o, y, x)];
	return sum;
}

void ref_conv_weights_back(struct image_layer *l, float *dw, float *db)
{
	const struct image_spec *s = &l->spec;
	for (int o = 0; o < s->out.channels; o++) {
		for (int c = 0; c < s->in.channels / s->groups; c++)
			for (int ky = 0; ky < s->kernel[0]; ky++)
				for (int kx = 0; kx < s->kernel[1]; kx++)
					dw[weight_at(s, o, c, ky, kx)] =
					        (float)one_weight_gradient(l, o, c, ky, kx);
		if (s->bias)
			db[o] = (float)one_bias_gradient(l, o);
	}
}

void ref_conv_backward(struct image_layer *l, float *dw, float *db)
{
	if (l->spec.relu)
		mask_by_output(l);
	if (dw)
		ref_conv_weights_back(l, dw, db);
	if (l->spec.d_in)
		input_gradient(l);
}
