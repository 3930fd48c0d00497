/* oneDNN 2.x: layouts are structs, and a primitive is described in two steps. */
#include "backend/cpu/dnnl.h"

#if DNNL_VERSION_MAJOR == 2

static dnnl_status_t append_relu(dnnl_post_ops_t after)
{
	return dnnl_post_ops_append_eltwise(after, 1, dnnl_eltwise_relu, 0, 0);
}

void layout_open(struct layout *l, int dimensions, const dnnl_dims_t sizes, dnnl_format_tag_t tag)
{
	onednn_must(dnnl_memory_desc_init_by_tag(&l->md, dimensions, sizes, dnnl_f32, tag),
	            "lay out an array");
	l->open = true;
}

void layout_open_wanted(struct layout *l, const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, what, 0);
	l->open = md != NULL;
	if (md)
		l->md = *md;
}

void layout_clear(struct layout *l)
{
	l->open = false;
}

size_t layout_bytes(const struct layout *l)
{
	return l->open ? dnnl_memory_desc_get_size(&l->md) : 0;
}

bool layout_same(const struct layout *a, const struct layout *b)
{
	return dnnl_memory_desc_equal(&a->md, &b->md);
}

dnnl_memory_t layout_memory(const struct layout *l)
{
	dnnl_memory_t m = NULL;
	onednn_must(dnnl_memory_create(&m, &l->md, onednn_engine(), DNNL_MEMORY_NONE),
	            "describe an argument");
	return m;
}

static dnnl_status_t begin(dnnl_convolution_desc_t *d, enum conv_pass pass, dnnl_alg_kind_t method,
                           const struct conv_layouts *l, const struct conv_window *w)
{
	const dnnl_memory_desc_t *bias = l->bias.open ? &l->bias.md : NULL;
	switch (pass) {
	case CONV_FORWARD:
		return dnnl_convolution_forward_desc_init(d, dnnl_forward_training, method, &l->src.md,
		                                          &l->weights.md, bias, &l->dst.md, w->stride, w->pad,
		                                          w->pad);
	case CONV_BACK_DATA:
		return dnnl_convolution_backward_data_desc_init(d, method, &l->src.md, &l->weights.md,
		                                                &l->dst.md, w->stride, w->pad, w->pad);
	case CONV_BACK_WEIGHTS:
		break;
	}
	return dnnl_convolution_backward_weights_desc_init(d, method, &l->src.md, &l->weights.md, bias,
	                                                   &l->dst.md, w->stride, w->pad, w->pad);
}

dnnl_primitive_desc_t conv_describe(enum conv_pass pass, dnnl_alg_kind_t method, const struct conv_layouts *l,
                                    const struct conv_window *w, bool relu, const_dnnl_primitive_desc_t hint)
{
	dnnl_convolution_desc_t d;
	dnnl_primitive_desc_t pd = NULL;
	if (begin(&d, pass, method, l, w) != dnnl_success)
		return NULL;
	dnnl_primitive_attr_t a = attributes_open(relu ? append_relu : NULL);
	if (dnnl_primitive_desc_create(&pd, &d, a, onednn_engine(), hint) != dnnl_success)
		pd = NULL;
	dnnl_primitive_attr_destroy(a);
	return pd;
}

dnnl_primitive_desc_t reorder_describe(const struct layout *from, const struct layout *to)
{
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_attr_t a = attributes_open(NULL);
	onednn_must(dnnl_reorder_primitive_desc_create(&pd, &from->md, onednn_engine(), &to->md,
	                                               onednn_engine(), a),
	            "change between two layouts");
	dnnl_primitive_attr_destroy(a);
	return pd;
}

#endif
