/* The cpu backend's layers on images: layout, pools, and the dispatch by kind. */
#include "backend/cpu/image.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

size_t cpu_image_floats(const struct image *i)
{
	return (size_t)i->count * cpu_image_groups(i) * cpu_image_plane(i);
}

void cpu_image_to_rows(HOST_QUEUE, const struct image *i, const float *image, float *rows)
{
	size_t block = (size_t)cpu_image_block(i), pixels = (size_t)i->height * (size_t)i->width;
	for (size_t n = 0; n < (size_t)i->count * cpu_image_groups(i); n++, image += pixels * block)
		for (size_t c = 0; c < block; c++, rows += pixels)
			for (size_t p = 0; p < pixels; p++)
				rows[p] = image[p * block + c];
}

void cpu_image_from_rows(HOST_QUEUE, const struct image *i, const float *rows, float *image)
{
	size_t block = (size_t)cpu_image_block(i), pixels = (size_t)i->height * (size_t)i->width;
	for (size_t n = 0; n < (size_t)i->count * cpu_image_groups(i); n++, image += pixels * block)
		for (size_t c = 0; c < block; c++, rows += pixels)
			for (size_t p = 0; p < pixels; p++)
				image[p * block + c] = rows[p];
}

/* 8 does not divide them. */
static bool is_odd(const struct image *i)
{
	return i->channels % 8 != 0;
}

static bool is_one_block(const struct image *i)
{
	return cpu_image_groups(i) == 1;
}

/* Plain rows of few channels fill no vectors in any way: what counts is the output, which oneDNN likes even.
 */
static const struct conv_way *way_of(const struct image_spec *s)
{
	bool whole = (s->rows_in || is_one_block(&s->in)) && is_one_block(&s->out);
	bool odd = (!s->rows_in && is_odd(&s->in)) || is_odd(&s->out);
	return s->groups == 1 && whole && odd ? &conv_columns : &conv_dnnl;
}

bool cpu_image_joins(const struct image_spec *one)
{
	return way_of(one) == &conv_columns;
}

struct image_layer *cpu_image_open(const struct cpu_planes *planes, const struct image_spec *spec,
                                   struct image_need *need)
{
	struct image_layer *l = mem_alloc(sizeof(*l));
	l->spec = *spec;
	l->planes = planes;
	*need = (struct image_need){0};
	switch (spec->kind) {
	case IMAGE_CONV:
		l->way = way_of(spec);
		l->conv = l->way->open(planes, spec, need);
		break;
	case IMAGE_NORM:
		cpu_norm_need(spec, need);
		break;
	case IMAGE_MAX_POOL:
		need->keep_bytes = cpu_image_floats(&spec->out) * sizeof(int32_t);
		break;
	case IMAGE_MEAN_POOL:
		break;
	}
	return l;
}

void cpu_image_bind(HOST_QUEUE, struct image_layer *l, const struct image_memory *m)
{
	l->memory = *m;
	if (l->conv)
		l->way->bind(l->conv, m);
}

void cpu_image_close(struct image_layer *l)
{
	if (!l)
		return;
	if (l->conv)
		l->way->close(l->conv);
	mem_free(l);
}

void cpu_image_load(HOST_QUEUE, struct image_layer *l, const float *w, const float *b)
{
	if (l->conv)
		l->way->load(l->conv, w, b);
	else if (l->spec.kind == IMAGE_NORM)
		cpu_norm_load(l, w, b);
}

static struct pool_window window_of(const struct image_spec *s)
{
	return (struct pool_window){.in = {s->in.height, s->in.width},
	                            .out = {s->out.height, s->out.width},
	                            .kernel = {s->kernel[0], s->kernel[1]},
	                            .stride = {s->stride[0], s->stride[1]},
	                            .pad = {s->pad[0], s->pad[1]},
	                            .block = cpu_image_block(&s->in)};
}

static void pool_forward(struct image_layer *l)
{
	const struct image_spec *s = &l->spec;
	struct pool_window w = window_of(s);
	size_t planes = (size_t)s->in.count * cpu_image_groups(&s->in);
	size_t in = cpu_image_plane(&s->in), out = cpu_image_plane(&s->out);
	int32_t *from = l->memory.keep;
	for (size_t i = 0; i < planes; i++)
		if (s->kind == IMAGE_MAX_POOL)
			l->planes->max_pool(&w, l->memory.in + i * in, from + i * out,
			                    l->memory.out + i * out);
		else
			l->planes->mean_pool(&w, l->memory.in + i * in, l->memory.out + i * out);
}

static void pool_backward(struct image_layer *l)
{
	const struct image_spec *s = &l->spec;
	struct pool_window w = window_of(s);
	size_t planes = (size_t)s->in.count * cpu_image_groups(&s->in);
	size_t in = cpu_image_plane(&s->in), out = cpu_image_plane(&s->out);
	const int32_t *from = l->memory.keep;
	for (size_t i = 0; i < planes && s->d_in; i++)
		if (s->kind == IMAGE_MAX_POOL)
			l->planes->max_back(&w, from + i * out, l->memory.d_out + i * out,
			                    l->memory.d_in + i * in);
		else
			l->planes->mean_back(&w, l->memory.d_out + i * out, l->memory.d_in + i * in);
}

void cpu_image_forward(HOST_QUEUE, struct image_layer *l, bool training, const float *running)
{
	if (l->conv)
		l->way->forward(l->conv);
	else if (l->spec.kind == IMAGE_NORM)
		cpu_norm_forward(l, training, running);
	else
		pool_forward(l);
}

void cpu_image_backward(HOST_QUEUE, struct image_layer *l, float *dw, float *db)
{
	if (!l->spec.back)
		BUG("backward of a layer that was opened without it");
	if (l->spec.kind == IMAGE_NORM)
		cpu_norm_backward(l, dw, db);
	else if (!l->conv)
		pool_backward(l);
	if (!l->conv)
		return;
	if (l->spec.relu)
		l->planes->relu_back(queue, cpu_image_floats(&l->spec.out), l->memory.out, l->memory.d_out);
	l->way->input_back(l->conv);
	if (dw)
		l->way->weights_back(l->conv, dw, db);
}

void cpu_image_weights_back(HOST_QUEUE, struct image_layer *l, float *dw, float *db)
{
	l->way->weights_back(l->conv, dw, db);
}
