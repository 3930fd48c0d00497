/*
 * The only door to oneDNN (2.x and 3.x): what convolutions need of it, the same for both interfaces.
 * backend/cpu/dnnl.c is common; of backend/cpu/dnnl_v2.c and backend/cpu/dnnl_v3.c the one that fits the
 * header is compiled.
 *
 * oneDNN runs on one thread here: lanes are the program's own threads, and a sum's order must not depend
 * on how many there are. This is a setting of the calling thread: call onednn_one_thread() on each thread
 * before anything is made or executed there.
 *
 * Everything is made when a layer is opened; a failure of the library dies with its sentence.
 */
#ifndef SIGNSGD_BACKEND_CPU_DNNL_H
#define SIGNSGD_BACKEND_CPU_DNNL_H

#include <stdbool.h>
#include <stddef.h>
#include <oneapi/dnnl/dnnl.h>

#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ
#error "this oneDNN runs on TBB or a thread pool; signsgd needs one built for OpenMP or without threads"
#endif

/* backend/cpu/dnnl.c */
dnnl_engine_t onednn_engine(void); /* the processor; made once */
void onednn_one_thread(void);
/* Dies unless the status is dnnl_success: "oneDNN cannot WHAT (status N)". */
void onednn_must(dnnl_status_t status, const char *what);
/*
 * Scratch memory is ours. `append` adds what follows the primitive's own work; NULL: nothing follows. Free
 * with dnnl_primitive_attr_destroy().
 */
dnnl_primitive_attr_t attributes_open(dnnl_status_t (*append)(dnnl_post_ops_t after));

/* backend/cpu/dnnl_v2.c or backend/cpu/dnnl_v3.c: all that follows */

/* The layout of an array of floats. Owned; freed by layout_clear(). */
struct layout {
	dnnl_memory_desc_t md;
	bool open;
};

void layout_open(struct layout *l, int dimensions, const dnnl_dims_t sizes, dnnl_format_tag_t tag);
/* The layout that a primitive needs for one of its arguments: dnnl_query_src_md, dnnl_query_scratchpad_md,
 * ... */
void layout_open_wanted(struct layout *l, const_dnnl_primitive_desc_t pd, dnnl_query_t what);
void layout_clear(struct layout *l);
size_t layout_bytes(const struct layout *l);
bool layout_same(const struct layout *a, const struct layout *b);
/* An argument of a primitive, still without memory. */
dnnl_memory_t layout_memory(const struct layout *l);

enum conv_pass { CONV_FORWARD, CONV_BACK_DATA, CONV_BACK_WEIGHTS };

/* The arrays of a convolution, each with a fixed layout or one that oneDNN chooses. */
struct conv_layouts {
	struct layout src, weights, bias /* not open: none */, dst;
};

struct conv_window {
	dnnl_dims_t stride, dilation, pad;
};

/*
 * NULL if oneDNN has no implementation. hint: the forward pass, for the others. method:
 * dnnl_convolution_direct, or dnnl_convolution_winograd.
 */
dnnl_primitive_desc_t conv_describe(enum conv_pass pass, dnnl_alg_kind_t method, const struct conv_layouts *l,
                                    const struct conv_window *w, bool relu, const_dnnl_primitive_desc_t hint);
dnnl_primitive_desc_t reorder_describe(const struct layout *from, const struct layout *to);

#endif
