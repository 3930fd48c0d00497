/*
 * Convolution by cuDNN, and what stands around it: weights are [out][kernel h][kernel w][in / groups] to it,
 * and plain rows become an image first. Of the algorithms, in the order in which cuDNN expects them to be
 * fast, the first is taken that is deterministic and whose workspace fits; none is tried, so that every
 * process and every resumed run takes the same one, and the choice for a shape is made once for all lanes.
 * Where there is none, the pass is made of products (columns.h).
 *
 * With the precision bf16, cuDNN gets numbers that are rounded to bfloat16 (input, weights, the gradient of
 * the output), adds products in float32, and gives results in bfloat16, which become float32 again; bias and
 * ReLU are applied behind that. The gradient of the bias is always summed from the float32 numbers.
 *
 * weights: the filters, in float32 or bfloat16, then the bias, each padded to whole lines.
 */
#include <stdio.h>

#include "backend/cuda/columns.h"
#include "backend/cuda/library.h"
#include "base/mem.h"

/* What an algorithm may use. */
static const size_t most_workspace = (size_t)256 << 20;

/* Where a workspace begins, in bytes: cuDNN names no alignment, and everybody brings it what cudaMalloc()
 * gives.
 */
enum { WORKSPACE_ALIGN = 256, SCRATCH_ALIGN = 64 };

/* One of the three computations. */
struct pass {
	cudnn_conv how; /* with the kind of arithmetic that the algorithm was announced with */
	int algorithm;
	cudnn_math math;
	size_t workspace; /* bytes */
	bool columns;     /* by columns.h, without cuDNN */
};

struct cuda_conv {
	enum cuda_precision precision;
	bool bf16;
	cudnn_tensor in, out, bias;
	cudnn_filter filter;
	cudnn_activation relu;
	struct pass forward, data, weights;
	bool fused; /* bias and ReLU by cuDNN, as long as it does not say that it cannot */
	size_t taps, in_channels,
	        filters; /* pixels of a kernel, channels of a group, numbers of all filters */
	/* Places in the scratch, in bytes, behind the workspace. */
	size_t image, rounded_in, rounded_out, d_filters, rounded_d_filters;
};

static cudnn_tensor tensor_open(const struct cudnn *library, cudnn_format format, cudnn_type type,
                                const struct image *i)
{
	cudnn_tensor t = NULL;
	cudnn_check(library->tensor_create(&t), "describe an image");
	cudnn_check(library->tensor_set(t, format, type, i->count, i->channels, i->height, i->width),
	            "describe an image");
	return t;
}

static void describe_arrays(const struct cudnn *library, struct cuda_conv *c, const struct image_spec *s)
{
	cudnn_type type = c->bf16 ? CUDNN_BF16 : CUDNN_FLOAT;
	c->in = tensor_open(library, CUDNN_NHWC, type, &s->in);
	c->out = tensor_open(library, CUDNN_NHWC, type, &s->out);
	c->bias = tensor_open(library, CUDNN_NCHW, type, &(struct image){1, s->out.channels, 1, 1});
	cudnn_check(library->filter_create(&c->filter), "describe a filter");
	cudnn_check(library->filter_set(c->filter, type, CUDNN_NHWC, s->out.channels, (int)c->in_channels,
	                                s->kernel[0], s->kernel[1]),
	            "describe a filter");
	cudnn_check(library->activation_create(&c->relu), "describe a ReLU");
	/* cuDNN fuses no ReLU that has to keep NaN */
	cudnn_check(library->activation_set(c->relu, CUDNN_RELU, CUDNN_NAN_GOES, 0), "describe a ReLU");
}

static cudnn_conv describe_conv(const struct cudnn *library, const struct image_spec *s)
{
	cudnn_conv how = NULL;
	cudnn_check(library->conv_create(&how), "describe a convolution");
	cudnn_check(library->conv_set(how, s->pad[0], s->pad[1], s->stride[0], s->stride[1], 1, 1,
	                              CUDNN_IS_CROSS_CORRELATION, CUDNN_FLOAT),
	            "describe a convolution");
	cudnn_check(library->conv_set_groups(how, s->groups), "describe a convolution");
	return how;
}

enum { MOST_CHOICES = CUDNN_FORWARD_ALGORITHMS };

/* The arithmetic that the precision asks for; CUDNN_IN_TF32 is what cuDNN does with floats if it may. */
static cudnn_math wanted_math(const struct cuda_conv *c)
{
	if (c->bf16)
		return CUDNN_IN_TENSOR_CORES;
	return c->precision == CUDA_FP32 ? CUDNN_IN_FP32 : CUDNN_IN_TF32;
}

/* The choices for one pass of the convolution. */
static cudnn_status list(const struct cudnn *l, cudnn_handle h, const struct cuda_conv *c,
                         const struct pass *p, int *count, cudnn_forward_choice *found)
{
	if (p == &c->forward)
		return l->forward_choices(h, c->in, c->filter, p->how, c->out, MOST_CHOICES, count, found);
	if (p == &c->data)
		return l->data_choices(h, c->filter, c->out, p->how, c->in, MOST_CHOICES, count, found);
	return l->filter_choices(h, c->in, c->out, p->how, c->filter, MOST_CHOICES, count, found);
}

static cudnn_status measure(const struct cudnn *l, cudnn_handle h, const struct cuda_conv *c, struct pass *p)
{
	if (p == &c->forward)
		return l->forward_workspace(h, c->in, c->filter, p->how, c->out, p->algorithm, &p->workspace);
	if (p == &c->data)
		return l->data_workspace(h, c->filter, c->out, p->how, c->in, p->algorithm, &p->workspace);
	return l->filter_workspace(h, c->in, c->out, p->how, c->filter, p->algorithm, &p->workspace);
}

static bool unsupported(cudnn_status status)
{
	return status == CUDNN_8_UNSUPPORTED || status / 1000 == CUDNN_9_UNSUPPORTED / 1000;
}

/* Float32 stays float32; else the arithmetic that the choice was made for, unless it is in float16. */
static bool takes(const struct cudnn *l, cudnn_handle h, const struct cuda_conv *c, struct pass *p,
                  const cudnn_forward_choice *choice)
{
	cudnn_math math = wanted_math(c);
	if (choice->status != CUDNN_OK || choice->determinism != CUDNN_IS_DETERMINISTIC ||
	    choice->math == CUDNN_IN_HALF)
		return false;
	if (math != CUDNN_IN_FP32)
		math = choice->math;
	cudnn_check(l->conv_set_math(p->how, math), "compute in the precision");
	p->math = math;
	p->algorithm = choice->algorithm;
	cudnn_status status = measure(l, h, c, p);
	if (unsupported(status))
		return false;
	cudnn_check(status, "say how much memory an algorithm needs");
	return p->workspace <= most_workspace;
}

/* Sets the pass's algorithm; p->how is there. */
static void choose(const struct cudnn *l, cudnn_handle h, const struct cuda_conv *c,
                   const struct image_spec *s, struct pass *p)
{
	cudnn_forward_choice found[MOST_CHOICES];
	int count = 0;
	cudnn_check(l->conv_set_math(p->how, wanted_math(c)), "compute in the precision");
	cudnn_check(list(l, h, c, p, &count, found), "list its algorithms for a convolution");
	for (int i = 0; i < count; i++)
		if (takes(l, h, c, p, &found[i]))
			return;
	p->columns = true;
	p->workspace = cuda_columns_bytes(s);
}

enum { FORWARD, WEIGHTS, DATA, PASSES };

/* What was chosen for a shape in a precision, which all lanes have. */
struct chosen {
	struct chosen *next;
	enum cuda_precision precision;
	struct image_spec spec;
	bool made[PASSES];
	struct pass pass[PASSES];
};

static bool same_image(const struct image *a, const struct image *b)
{
	return a->count == b->count && a->channels == b->channels && a->height == b->height &&
	       a->width == b->width;
}

static bool same_pair(const int a[2], const int b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

static bool same_shape(const struct image_spec *a, const struct image_spec *b)
{
	return same_image(&a->in, &b->in) && same_image(&a->out, &b->out) &&
	       same_pair(a->kernel, b->kernel) && same_pair(a->stride, b->stride) &&
	       same_pair(a->pad, b->pad) && a->groups == b->groups;
}

/* Of this shape; while the planning handle is ours. Lives as long as the process. */
static struct chosen *chosen_for(enum cuda_precision precision, const struct image_spec *s)
{
	static struct chosen *all;
	for (struct chosen *at = all; at; at = at->next)
		if (at->precision == precision && same_shape(&at->spec, s))
			return at;
	struct chosen *fresh = mem_alloc(sizeof(*fresh));
	*fresh = (struct chosen){.next = all, .precision = precision, .spec = *s};
	return all = fresh;
}

static void choose_pass(const struct cudnn *l, cudnn_handle h, const struct cuda_conv *c,
                        const struct image_spec *s, struct pass *p, int which)
{
	struct chosen *known = chosen_for(c->precision, s);
	cudnn_conv how = describe_conv(l, s);
	if (!known->made[which]) {
		p->how = how;
		choose(l, h, c, s, p);
		known->made[which] = true;
		known->pass[which] = *p;
	}
	*p = known->pass[which];
	p->how = how;
	if (!p->columns)
		cudnn_check(l->conv_set_math(p->how, p->math), "compute in the precision");
}

static void choose_all(const struct cudnn *l, struct cuda_conv *c, const struct image_spec *s)
{
	cudnn_handle h = cuda_planning_begin();
	choose_pass(l, h, c, s, &c->forward, FORWARD);
	if (s->back)
		choose_pass(l, h, c, s, &c->weights, WEIGHTS);
	if (s->back && s->d_in)
		choose_pass(l, h, c, s, &c->data, DATA);
	cuda_planning_end();
	c->fused = c->fused && !c->forward.columns;
}

/* `bytes` more of the scratch, and where they are. */
static size_t place(struct image_need *need, bool wanted, size_t bytes)
{
	size_t at = need->scratch_bytes;
	if (wanted)
		need->scratch_bytes += (bytes + 63) / 64 * 64;
	return at;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void place_all(struct cuda_conv *c, const struct image_spec *s, struct image_need *need)
{
	size_t in = cuda_image_floats(&s->in), out = cuda_image_floats(&s->out);
	place(need, true,
	      larger(c->forward.workspace, larger(c->data.workspace, c->weights.workspace)) +
	              WORKSPACE_ALIGN - SCRATCH_ALIGN);
	c->image = place(need, s->rows_in, in * sizeof(float));
	c->rounded_in = place(need, c->bf16, in * sizeof(uint16_t));
	c->rounded_out = place(need, c->bf16, out * sizeof(uint16_t));
	c->d_filters = place(need, s->back, c->filters * sizeof(float));
	c->rounded_d_filters = place(need, s->back && c->bf16, c->filters * sizeof(uint16_t));
	/* load() has no scratch, so the filters that it rounds lie behind the rounded ones */
	need->weights_floats = cuda_whole_lines(c->filters) * (c->bf16 ? 2 : 1) +
	                       (s->bias ? cuda_whole_lines((size_t)s->out.channels) : 0);
}

struct cuda_conv *cuda_conv_open(enum cuda_precision precision, const struct image_spec *s,
                                 struct image_need *need)
{
	const struct cudnn *library = cudnn_must_be_there();
	struct cuda_conv *c = mem_alloc(sizeof(*c));
	c->precision = precision;
	c->bf16 = precision == CUDA_BF16;
	c->fused = s->bias && s->relu && !c->bf16;
	c->taps = (size_t)s->kernel[0] * (size_t)s->kernel[1];
	c->in_channels = (size_t)(s->in.channels / s->groups);
	c->filters = (size_t)s->out.channels * c->taps * c->in_channels;
	describe_arrays(library, c, s);
	choose_all(library, c, s);
	place_all(c, s, need);
	return c;
}

void cuda_conv_close(struct cuda_conv *c)
{
	if (!c)
		return;
	const struct cudnn *library = cudnn_must_be_there();
	cudnn_tensor tensors[] = {c->in, c->out, c->bias};
	cudnn_conv ways[] = {c->forward.how, c->data.how, c->weights.how};
	for (int i = 0; i < 3; i++) {
		cudnn_check(library->tensor_destroy(tensors[i]), "let go of an image");
		if (ways[i])
			cudnn_check(library->conv_destroy(ways[i]), "let go of a convolution");
	}
	cudnn_check(library->filter_destroy(c->filter), "let go of a filter");
	cudnn_check(library->activation_destroy(c->relu), "let go of a ReLU");
	mem_free(c);
}

/* The filters in float32, and the bias. */
static float *filters_of(const struct image_layer *l)
{
	return l->memory.weights + (l->conv->bf16 ? cuda_whole_lines(l->conv->filters) : 0);
}

static float *bias_of(const struct image_layer *l)
{
	return filters_of(l) + cuda_whole_lines(l->conv->filters);
}

static void *scratch_at(const struct image_layer *l, size_t place)
{
	return (char *)l->memory.scratch + place;
}

static void *workspace_of(const struct image_layer *l)
{
	uintptr_t at = (uintptr_t)l->memory.scratch;
	return (char *)l->memory.scratch + (WORKSPACE_ALIGN - at % WORKSPACE_ALIGN) % WORKSPACE_ALIGN;
}

void cuda_conv_load(struct queue *q, struct image_layer *l, const float *w, const float *b)
{
	const struct cuda_conv *c = l->conv;
	size_t out = (size_t)l->spec.out.channels;
	cuda_transpose(q, out, c->in_channels, c->taps, w, filters_of(l));
	if (c->bf16)
		cuda_to_bf16(q, c->filters, filters_of(l), (uint16_t *)(void *)l->memory.weights);
	if (l->spec.bias)
		cuda_memory.copy(q, bias_of(l), b, out * sizeof(*b));
}

/* Numbers as cuDNN gets them: where they are, or rounded. */
static const void *given(struct queue *q, const struct image_layer *l, size_t n, const float *x, size_t place)
{
	if (!l->conv->bf16)
		return x;
	cuda_to_bf16(q, n, x, scratch_at(l, place));
	return scratch_at(l, place);
}

/* Where cuDNN puts a result that should come to x, */
static void *taken(const struct image_layer *l, float *x, size_t place)
{
	return l->conv->bf16 ? scratch_at(l, place) : (void *)x;
}

/* and what is to be done when it is there. */
static void arrived(struct queue *q, const struct image_layer *l, size_t n, float *x, size_t place)
{
	if (l->conv->bf16)
		cuda_from_bf16(q, n, scratch_at(l, place), x);
}

/* The input, channels-last, */
static const float *image_of(struct queue *q, const struct image_layer *l)
{
	const struct image *i = &l->spec.in;
	float *image = scratch_at(l, l->conv->image);
	if (!l->spec.rows_in)
		return l->memory.in;
	cuda_transpose(q, (size_t)i->count, (size_t)i->channels, cuda_image_pixels(i), l->memory.in, image);
	return image;
}

/* and as cuDNN gets it. */
static const void *input(struct queue *q, const struct image_layer *l)
{
	return given(q, l, cuda_image_floats(&l->spec.in), image_of(q, l), l->conv->rounded_in);
}

static const float one = 1, zero = 0;

/* With bias and ReLU in one. false: cuDNN has no such thing for this convolution. */
static bool forward_fused(struct queue *q, struct image_layer *l, const void *in)
{
	struct cuda_conv *c = l->conv;
	const struct pass *p = &c->forward;
	float *out = l->memory.out;
	cudnn_status status = cudnn_must_be_there()->fused(
	        cuda_layers_handle(q), &one, c->in, in, c->filter, l->memory.weights, p->how, p->algorithm,
	        workspace_of(l), p->workspace, &zero, c->out, out, c->bias, bias_of(l), c->relu, c->out, out);
	c->fused = !unsupported(status);
	if (c->fused)
		cudnn_check(status, "convolve");
	return c->fused;
}

/* Without bias and ReLU. */
static void forward_plain(struct queue *q, const struct image_layer *l, const void *in)
{
	const struct cuda_conv *c = l->conv;
	const struct pass *p = &c->forward;
	float *out = l->memory.out;
	cudnn_check(cudnn_must_be_there()->forward(cuda_layers_handle(q), &one, c->in, in, c->filter,
	                                           l->memory.weights, p->how, p->algorithm, workspace_of(l),
	                                           p->workspace, &zero, c->out,
	                                           taken(l, out, c->rounded_out)),
	            "convolve");
	arrived(q, l, cuda_image_floats(&l->spec.out), out, c->rounded_out);
}

void cuda_conv_forward(struct queue *q, struct image_layer *l)
{
	const struct image *o = &l->spec.out;
	float *out = l->memory.out;
	if (l->conv->forward.columns) {
		cuda_columns_forward(q, l->conv->precision, &l->spec, image_of(q, l), filters_of(l),
		                     workspace_of(l), out);
	} else {
		const void *in = input(q, l);
		if (l->conv->fused && forward_fused(q, l, in))
			return;
		forward_plain(q, l, in);
	}
	if (l->spec.bias)
		cuda_add_bias(q, (size_t)o->count * cuda_image_pixels(o), (size_t)o->channels, bias_of(l),
		              out);
	if (l->spec.relu)
		cuda_relu(q, cuda_image_floats(o), out);
}

/* d_out as cuDNN gets it. */
static void filters_gradient(struct queue *q, const struct image_layer *l, const void *d_out,
                             float *d_filters)
{
	const struct cuda_conv *c = l->conv;
	const struct pass *p = &c->weights;
	if (p->columns) {
		cuda_columns_weights(q, l->conv->precision, &l->spec, image_of(q, l), l->memory.d_out,
		                     workspace_of(l), d_filters);
		return;
	}
	const void *in = input(q, l);
	cudnn_check(cudnn_must_be_there()->filter(cuda_layers_handle(q), &one, c->in, in, c->out, d_out,
	                                          p->how, p->algorithm, workspace_of(l), p->workspace, &zero,
	                                          c->filter, taken(l, d_filters, c->rounded_d_filters)),
	            "find the gradient of the weights of a convolution");
	arrived(q, l, c->filters, d_filters, c->rounded_d_filters);
}

/* The rounded input is no longer needed: its place takes the gradient. */
static void input_gradient(struct queue *q, struct image_layer *l, const void *d_out)
{
	const struct cuda_conv *c = l->conv;
	const struct pass *p = &c->data;
	if (p->columns) {
		cuda_columns_input(q, l->conv->precision, &l->spec, filters_of(l), l->memory.d_out,
		                   workspace_of(l), l->memory.d_in);
		return;
	}
	cudnn_check(cudnn_must_be_there()->data(cuda_layers_handle(q), &one, c->filter, l->memory.weights,
	                                        c->out, d_out, p->how, p->algorithm, workspace_of(l),
	                                        p->workspace, &zero, c->in,
	                                        taken(l, l->memory.d_in, c->rounded_in)),
	            "find the gradient of the input of a convolution");
	arrived(q, l, cuda_image_floats(&l->spec.in), l->memory.d_in, c->rounded_in);
}

void cuda_conv_backward(struct queue *q, struct image_layer *l, float *dw, float *db)
{
	const struct cuda_conv *c = l->conv;
	const struct image *o = &l->spec.out;
	float *d_filters = scratch_at(l, c->d_filters);
	size_t n = cuda_image_floats(o);
	if (l->spec.relu)
		cuda_relu_back(q, n, l->memory.out, l->memory.d_out);
	if (l->spec.bias)
		cuda_sum_pixels(q, (size_t)o->count * cuda_image_pixels(o), (size_t)o->channels,
		                l->memory.d_out, db);
	const void *d_out = given(q, l, n, l->memory.d_out, c->rounded_out);
	filters_gradient(q, l, d_out, d_filters);
	cuda_transpose(q, (size_t)l->spec.out.channels, c->taps, c->in_channels, d_filters, dw);
	if (l->spec.d_in)
		input_gradient(q, l, d_out);
}
