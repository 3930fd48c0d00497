/*
 * Convolution by oneDNN.
 *
 * Each pass is first requested for the layouts that its values have: blocks of channels, and plain rows for
 * the network's own input. If oneDNN has only its reference loops for these (for example when groups do not
 * fit blocks), it may choose the layouts, or gets plain layouts, for which it has matrix products; values are
 * then converted to that layout and back in scratch memory.
 *
 * 3 x 3 convolutions of two or more whole blocks, and the gradients of their inputs, use Winograd's method
 * where oneDNN has it (F(4 x 4, 3 x 3): a quarter of the multiplications; errors near 1e-6 of the sum of
 * absolute values instead of 1e-7). It is not used where a ReLU follows at once, and never for gradients of
 * weights: there an exact zero must stay zero, because the sign law treats zeros in a special way, and
 * rounding would hide them.
 *
 * A layer is four programs, each a list of primitives with their arguments, made when the layer is opened.
 * An argument knows in which of the layer's memories it is and at which offset; bind() tells oneDNN.
 */
#include "backend/cpu/dnnl.h"

#include <string.h>

#include "backend/cpu/image.h"
#include "base/err.h"
#include "base/mem.h"

enum { MAX_STEPS = 8, MAX_ARGUMENTS = 6, MAX_SLOTS = 40 };

struct step {
	dnnl_primitive_t primitive;
	int count;
	dnnl_exec_arg_t argument[MAX_ARGUMENTS];
};

struct program {
	int count;
	struct step step[MAX_STEPS];
};

/* The memory of an argument: one that bind() names, or one that a call is given. */
enum base { BASE_IN, BASE_OUT, BASE_D_OUT, BASE_D_IN, BASE_WEIGHTS, BASE_SCRATCH, BASE_CALL };

struct slot {
	dnnl_memory_t memory;
	enum base base;
	size_t offset; /* bytes */
};

/* One pass. */
struct pass {
	dnnl_primitive_desc_t pd;
	struct conv_layouts wants;
};

struct cpu_conv {
	struct image_spec spec;
	struct conv_window window;
	struct conv_layouts given; /* weights: canonical */
	struct pass forward, back_data, back_weights;
	struct program load, run, input_back, weights_back;
	dnnl_memory_t w, dw, db;            /* what load() and backward() are given */
	size_t weights_bytes, bias_at;      /* of the shared weights; offset of the bias in them */
	size_t scratch_used, scratch_bytes; /* of the pass being planned, and the most of all passes */
	int slots;
	struct slot slot[MAX_SLOTS];
	dnnl_stream_t stream;
	float *weights;
};

static size_t rounded(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static dnnl_memory_t slot_add(struct cpu_conv *c, const struct layout *l, enum base base, size_t offset)
{
	if (c->slots == MAX_SLOTS)
		BUG("a convolution has too many arguments");
	struct slot *s = &c->slot[c->slots++];
	*s = (struct slot){layout_memory(l), base, offset};
	return s->memory;
}

static dnnl_memory_t scratch_add(struct cpu_conv *c, const struct layout *l)
{
	dnnl_memory_t m = slot_add(c, l, BASE_SCRATCH, c->scratch_used);
	c->scratch_used += rounded(layout_bytes(l));
	c->scratch_bytes = c->scratch_used > c->scratch_bytes ? c->scratch_used : c->scratch_bytes;
	return m;
}

static dnnl_memory_t weights_add(struct cpu_conv *c, const struct layout *l)
{
	dnnl_memory_t m = slot_add(c, l, BASE_WEIGHTS, c->weights_bytes);
	c->weights_bytes += rounded(layout_bytes(l));
	return m;
}

/* Append a primitive; its scratchpad is in the scratch memory. */
static struct step *step_add(struct cpu_conv *c, struct program *p, const_dnnl_primitive_desc_t pd)
{
	if (p->count == MAX_STEPS)
		BUG("a convolution has too many steps");
	struct step *s = &p->step[p->count++];
	struct layout pad = {0};
	onednn_must(dnnl_primitive_create(&s->primitive, pd), "make a primitive");
	layout_open_wanted(&pad, pd, dnnl_query_scratchpad_md);
	if (layout_bytes(&pad) > 0)
		s->argument[s->count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, scratch_add(c, &pad)};
	layout_clear(&pad);
	return s;
}

static void argument_add(struct step *s, int name, dnnl_memory_t memory)
{
	if (s->count == MAX_ARGUMENTS)
		BUG("a primitive has too many arguments");
	s->argument[s->count++] = (dnnl_exec_arg_t){name, memory};
}

static void reorder_add(struct cpu_conv *c, struct program *p, const struct layout *from,
                        dnnl_memory_t source, const struct layout *to, dnnl_memory_t target)
{
	dnnl_primitive_desc_t pd = reorder_describe(from, to);
	struct step *s = step_add(c, p, pd);
	argument_add(s, DNNL_ARG_FROM, source);
	argument_add(s, DNNL_ARG_TO, target);
	dnnl_primitive_desc_destroy(pd);
}

/* A value in the layout that a primitive needs; if it has another one, append a step that converts it. */
static dnnl_memory_t converted(struct cpu_conv *c, struct program *p, const struct layout *found,
                               enum base base, const struct layout *wanted)
{
	dnnl_memory_t source = slot_add(c, found, base, 0);
	if (layout_same(found, wanted))
		return source;
	dnnl_memory_t target = scratch_add(c, wanted);
	reorder_add(c, p, found, source, wanted, target);
	return target;
}

/* Where a primitive writes a value; taken() appends the step that converts it back. */
static dnnl_memory_t written(struct cpu_conv *c, const struct layout *found, enum base base,
                             const struct layout *made)
{
	return layout_same(found, made) ? slot_add(c, found, base, 0) : scratch_add(c, made);
}

static void taken(struct cpu_conv *c, struct program *p, dnnl_memory_t source, const struct layout *made,
                  const struct layout *found, enum base base)
{
	if (!layout_same(found, made))
		reorder_add(c, p, made, source, found, slot_add(c, found, base, 0));
}

/* --- which implementation ------------------------------------------------------------------------------ */

static bool is_reference(const_dnnl_primitive_desc_t pd)
{
	const char *name = "";
	onednn_must(dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name),
	            "name an implementation");
	return strstr(name, "ref") != NULL;
}

static void layouts_clear(struct conv_layouts *l)
{
	layout_clear(&l->src);
	layout_clear(&l->weights);
	layout_clear(&l->bias);
	layout_clear(&l->dst);
}

static void sizes_of(const struct image *i, dnnl_dims_t sizes)
{
	sizes[0] = i->count;
	sizes[1] = i->channels;
	sizes[2] = i->height;
	sizes[3] = i->width;
}

/* Layouts of all arrays. Weights of a grouped convolution have one more dimension. */
static void layouts_open(struct conv_layouts *l, const struct image_spec *s, dnnl_format_tag_t src,
                         dnnl_format_tag_t dst, bool canonical)
{
	dnnl_dims_t in, out, bias = {s->out.channels};
	dnnl_dims_t weights = {s->groups, s->out.channels / s->groups, s->in.channels / s->groups,
	                       s->kernel[0], s->kernel[1]};
	bool grouped = s->groups > 1;
	dnnl_format_tag_t plain = grouped ? dnnl_goihw : dnnl_oihw;
	sizes_of(&s->in, in);
	sizes_of(&s->out, out);
	layout_open(&l->src, 4, in, src);
	layout_open(&l->dst, 4, out, dst);
	layout_open(&l->weights, grouped ? 5 : 4, grouped ? weights : weights + 1,
	            canonical ? plain : dnnl_format_tag_any);
	if (s->bias)
		layout_open(&l->bias, 1, bias, dnnl_a);
}

static dnnl_format_tag_t blocked(const struct image *i)
{
	if (cpu_image_groups(i) == 1)
		return dnnl_nhwc;
	return cpu_image_block(i) == 16 ? dnnl_nChw16c : dnnl_nChw8c;
}

/*
 * Should this pass use Winograd's method, if oneDNN has it? Not with a single block of channels: 3 x 3 from
 * 16 to 16 channels of 32 x 32 pixels, 128 images, took 8 to 10 ms forward with it and 4.4 ms without.
 */
static bool is_for_winograd(const struct image_spec *s, enum conv_pass kind)
{
	bool three = s->kernel[0] == 3 && s->kernel[1] == 3 && s->stride[0] == 1 && s->stride[1] == 1;
	bool blocks = s->in.channels % 16 == 0 && s->out.channels % 16 == 0 && s->in.channels > 16 &&
	              s->out.channels > 16;
	return three && blocks && kind != CONV_BACK_WEIGHTS && !s->relu && s->groups == 1 && !s->rows_in;
}

static dnnl_primitive_desc_t try_layouts(struct cpu_conv *c, enum conv_pass kind, dnnl_alg_kind_t method,
                                         dnnl_format_tag_t src, dnnl_format_tag_t dst)
{
	struct conv_layouts l = {0};
	bool relu = c->spec.relu && kind == CONV_FORWARD;
	layouts_open(&l, &c->spec, src, dst, false);
	dnnl_primitive_desc_t pd = conv_describe(kind, method, &l, &c->window, relu, c->forward.pd);
	layouts_clear(&l);
	return pd;
}

/* Winograd's method; else the first of three requests that is not oneDNN's reference; else any. */
static dnnl_primitive_desc_t choose(struct cpu_conv *c, enum conv_pass kind)
{
	const dnnl_format_tag_t ways[3][2] = {
	        {c->spec.rows_in ? dnnl_nchw : blocked(&c->spec.in), blocked(&c->spec.out)},
	        {dnnl_format_tag_any, dnnl_format_tag_any},
	        {dnnl_nchw, dnnl_nchw}};
	dnnl_primitive_desc_t fallback = NULL;
	if (is_for_winograd(&c->spec, kind))
		fallback = try_layouts(c, kind, dnnl_convolution_winograd, ways[0][0], ways[0][1]);
	if (fallback)
		return fallback;
	for (int i = 0; i < 3; i++) {
		dnnl_primitive_desc_t pd =
		        try_layouts(c, kind, dnnl_convolution_direct, ways[i][0], ways[i][1]);
		if (pd && !is_reference(pd)) {
			dnnl_primitive_desc_destroy(fallback);
			return pd;
		}
		if (fallback)
			dnnl_primitive_desc_destroy(pd);
		else
			fallback = pd;
	}
	if (!fallback)
		die("oneDNN has no convolution for a kernel of %d x %d on %d x %d pixels", c->spec.kernel[0],
		    c->spec.kernel[1], c->spec.in.height, c->spec.in.width);
	return fallback;
}

static void pass_open(struct cpu_conv *c, struct pass *p, enum conv_pass kind)
{
	bool data = kind == CONV_BACK_DATA, weights = kind == CONV_BACK_WEIGHTS;
	p->pd = choose(c, kind);
	layout_open_wanted(&p->wants.src, p->pd, data ? dnnl_query_diff_src_md : dnnl_query_src_md);
	layout_open_wanted(&p->wants.weights, p->pd,
	                   weights ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
	layout_open_wanted(&p->wants.dst, p->pd,
	                   kind == CONV_FORWARD ? dnnl_query_dst_md : dnnl_query_diff_dst_md);
}

static void pass_close(struct pass *p)
{
	layouts_clear(&p->wants);
	if (p->pd)
		dnnl_primitive_desc_destroy(p->pd);
}

/* --- the programs -------------------------------------------------------------------------------------- */

static void plan_forward(struct cpu_conv *c, dnnl_memory_t weights, dnnl_memory_t bias)
{
	const struct pass *f = &c->forward;
	struct program *p = &c->run;
	c->scratch_used = 0;
	dnnl_memory_t src = converted(c, p, &c->given.src, BASE_IN, &f->wants.src);
	dnnl_memory_t dst = written(c, &c->given.dst, BASE_OUT, &f->wants.dst);
	struct step *s = step_add(c, p, f->pd);
	argument_add(s, DNNL_ARG_SRC, src);
	argument_add(s, DNNL_ARG_WEIGHTS, weights);
	if (bias)
		argument_add(s, DNNL_ARG_BIAS, bias);
	argument_add(s, DNNL_ARG_DST, dst);
	taken(c, p, dst, &f->wants.dst, &c->given.dst, BASE_OUT);
}

static void plan_back_data(struct cpu_conv *c, dnnl_memory_t weights)
{
	const struct pass *b = &c->back_data;
	struct program *p = &c->input_back;
	c->scratch_used = 0;
	dnnl_memory_t d_dst = converted(c, p, &c->given.dst, BASE_D_OUT, &b->wants.dst);
	dnnl_memory_t d_src = written(c, &c->given.src, BASE_D_IN, &b->wants.src);
	struct step *s = step_add(c, p, b->pd);
	argument_add(s, DNNL_ARG_DIFF_DST, d_dst);
	argument_add(s, DNNL_ARG_WEIGHTS, weights);
	argument_add(s, DNNL_ARG_DIFF_SRC, d_src);
	taken(c, p, d_src, &b->wants.src, &c->given.src, BASE_D_IN);
}

static void plan_back_weights(struct cpu_conv *c)
{
	const struct pass *b = &c->back_weights;
	struct program *p = &c->weights_back;
	c->scratch_used = 0;
	dnnl_memory_t src = converted(c, p, &c->given.src, BASE_IN, &b->wants.src);
	dnnl_memory_t d_dst = converted(c, p, &c->given.dst, BASE_D_OUT, &b->wants.dst);
	bool direct = layout_same(&b->wants.weights, &c->given.weights);
	c->dw = slot_add(c, &c->given.weights, BASE_CALL, 0);
	dnnl_memory_t made = direct ? c->dw : scratch_add(c, &b->wants.weights);
	struct step *s = step_add(c, p, b->pd);
	argument_add(s, DNNL_ARG_SRC, src);
	argument_add(s, DNNL_ARG_DIFF_DST, d_dst);
	argument_add(s, DNNL_ARG_DIFF_WEIGHTS, made);
	if (c->spec.bias) {
		c->db = slot_add(c, &c->given.bias, BASE_CALL, 0);
		argument_add(s, DNNL_ARG_DIFF_BIAS, c->db);
	}
	if (!direct)
		reorder_add(c, p, &b->wants.weights, made, &c->given.weights, c->dw);
}

/* The weights in the layout that a pass needs, in the shared memory. */
static dnnl_memory_t plan_load(struct cpu_conv *c, const struct pass *pass)
{
	dnnl_memory_t target = weights_add(c, &pass->wants.weights);
	c->scratch_used = 0;
	reorder_add(c, &c->load, &c->given.weights, c->w, &pass->wants.weights, target);
	return target;
}

static void plan(struct cpu_conv *c)
{
	bool data = c->spec.back && c->spec.d_in;
	c->w = slot_add(c, &c->given.weights, BASE_CALL, 0);
	dnnl_memory_t weights = plan_load(c, &c->forward), bias = NULL, turned = weights;
	if (data && !layout_same(&c->forward.wants.weights, &c->back_data.wants.weights))
		turned = plan_load(c, &c->back_data);
	if (c->spec.bias) {
		c->bias_at = c->weights_bytes;
		bias = weights_add(c, &c->given.bias);
	}
	plan_forward(c, weights, bias);
	if (data)
		plan_back_data(c, turned);
	if (c->spec.back)
		plan_back_weights(c);
}

static struct cpu_conv *conv_open(const struct cpu_planes *planes, const struct image_spec *s,
                                  struct image_need *need)
{
	(void)planes;
	struct cpu_conv *c = mem_alloc(sizeof(*c));
	onednn_one_thread();
	c->spec = *s;
	c->window = (struct conv_window){
	        .stride = {s->stride[0], s->stride[1]}, .dilation = {0, 0}, .pad = {s->pad[0], s->pad[1]}};
	onednn_must(dnnl_stream_create(&c->stream, onednn_engine(), dnnl_stream_default_flags),
	            "open a stream");
	layouts_open(&c->given, s, s->rows_in ? dnnl_nchw : blocked(&s->in), blocked(&s->out), true);
	pass_open(c, &c->forward, CONV_FORWARD);
	if (s->back && s->d_in)
		pass_open(c, &c->back_data, CONV_BACK_DATA);
	if (s->back)
		pass_open(c, &c->back_weights, CONV_BACK_WEIGHTS);
	plan(c);
	need->weights_floats = c->weights_bytes / sizeof(float);
	need->scratch_bytes = c->scratch_bytes;
	return c;
}

static void *start_of(const struct image_memory *m, enum base base)
{
	switch (base) {
	case BASE_IN:
		return (void *)(uintptr_t)m->in; /* oneDNN takes no const */
	case BASE_OUT:
		return m->out;
	case BASE_D_OUT:
		return m->d_out;
	case BASE_D_IN:
		return m->d_in;
	case BASE_WEIGHTS:
		return m->weights;
	case BASE_SCRATCH:
		return m->scratch;
	case BASE_CALL:
		break;
	}
	return NULL;
}

static void set_handle(dnnl_memory_t memory, const void *start)
{
	onednn_must(dnnl_memory_set_data_handle(memory, (void *)(uintptr_t)start), "use given memory");
}

static void conv_bind(struct cpu_conv *c, const struct image_memory *m)
{
	onednn_one_thread();
	c->weights = m->weights;
	for (int i = 0; i < c->slots; i++) {
		char *start = start_of(m, c->slot[i].base);
		if (start)
			set_handle(c->slot[i].memory, start + c->slot[i].offset);
	}
}

static void program_close(struct program *p)
{
	for (int i = 0; i < p->count; i++)
		dnnl_primitive_destroy(p->step[i].primitive);
}

static void conv_close(struct cpu_conv *c)
{
	program_close(&c->load);
	program_close(&c->run);
	program_close(&c->input_back);
	program_close(&c->weights_back);
	for (int i = 0; i < c->slots; i++)
		dnnl_memory_destroy(c->slot[i].memory);
	pass_close(&c->forward);
	pass_close(&c->back_data);
	pass_close(&c->back_weights);
	layouts_clear(&c->given);
	dnnl_stream_destroy(c->stream);
	mem_free(c);
}

static void execute(struct cpu_conv *c, const struct program *p)
{
	onednn_one_thread();
	for (int i = 0; i < p->count; i++)
		onednn_must(dnnl_primitive_execute(p->step[i].primitive, c->stream, p->step[i].count,
		                                   p->step[i].argument),
		            "compute a convolution");
}

static void conv_load(struct cpu_conv *c, const float *w, const float *b)
{
	set_handle(c->w, w);
	execute(c, &c->load);
	if (b)
		memcpy(c->weights + c->bias_at / sizeof(float), b, (size_t)c->spec.out.channels * sizeof(*b));
}

static void conv_forward(struct cpu_conv *c)
{
	execute(c, &c->run);
}

static void conv_input_back(struct cpu_conv *c)
{
	execute(c, &c->input_back);
}

static void conv_weights_back(struct cpu_conv *c, float *dw, float *db)
{
	set_handle(c->dw, dw);
	if (c->spec.bias)
		set_handle(c->db, db);
	execute(c, &c->weights_back);
}

const struct conv_way conv_dnnl = {
        .open = conv_open,
        .bind = conv_bind,
        .close = conv_close,
        .load = conv_load,
        .forward = conv_forward,
        .input_back = conv_input_back,
        .weights_back = conv_weights_back,
};
