/* Layers on images: one run, and the difference of two. */
#include "check/check_image.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

struct image_spec image_window_spec(enum image_kind kind, struct image in, int out_channels,
                                    const int kernel[2], const int stride[2], const int pad[2])
{
	struct image_spec s = {.kind = kind, .in = in, .out = in, .groups = 1, .back = true, .d_in = true};
	s.out.channels = out_channels;
	for (int i = 0; i < 2; i++) {
		s.kernel[i] = kernel[i];
		s.stride[i] = stride[i];
		s.pad[i] = pad[i];
	}
	s.out.height = image_window_out(in.height, kernel[0], stride[0], pad[0]);
	s.out.width = image_window_out(in.width, kernel[1], stride[1], pad[1]);
	return s;
}

static size_t rows_floats(const struct image *i)
{
	return (size_t)i->count * (size_t)i->channels * (size_t)i->height * (size_t)i->width;
}

static void set_sizes(struct image_run *r)
{
	const struct image_spec *s = &r->spec;
	r->in_floats = rows_floats(&s->in);
	r->out_floats = rows_floats(&s->out);
	if (s->kind == IMAGE_CONV) {
		r->w_floats = (size_t)s->out.channels * (size_t)(s->in.channels / s->groups) *
		              (size_t)s->kernel[0] * (size_t)s->kernel[1];
		r->b_floats = s->bias ? (size_t)s->out.channels : 0;
	}
	if (s->kind == IMAGE_NORM)
		r->w_floats = r->b_floats = (size_t)s->in.channels;
}

static float *floats(size_t n)
{
	return n ? mem_array(n, sizeof(float)) : NULL;
}

static void allocate(struct image_run *r)
{
	size_t statistics = r->spec.kind == IMAGE_NORM ? 2 * r->w_floats : 0,
	       added = r->spec.add ? r->out_floats : 0;
	r->in = floats(r->in_floats);
	r->w = floats(r->w_floats);
	r->b = floats(r->b_floats);
	r->running = floats(statistics);
	r->d_out = floats(r->out_floats);
	r->out = floats(r->out_floats);
	r->inferred = floats(r->out_floats);
	r->d_in = floats(r->in_floats);
	r->dw = floats(r->w_floats);
	r->db = floats(r->b_floats);
	r->statistics = floats(statistics);
	r->added = floats(added);
	r->more = floats(added);
	r->d_added = floats(added);
}

/* In (-1, 1); coarse: multiples of 1/8. */
static void fill(uint64_t seed, uint32_t which, bool coarse, size_t n, float *v)
{
	struct stream s = stream_of(seed, RNG_TEST, which, 0);
	for (size_t i = 0; i < n; i++) {
		float u = 2 * stream_uniform(&s, i) - 1;
		v[i] = coarse ? rintf(8 * u) / 8 : u;
	}
}

void image_run_open(struct image_run *r, const struct image_spec *spec, uint64_t seed)
{
	bool norm = spec->kind == IMAGE_NORM, coarse = spec->relu && !norm;
	*r = (struct image_run){.spec = *spec};
	set_sizes(r);
	allocate(r);
	fill(seed, 1, coarse, r->in_floats, r->in);
	fill(seed, 2, coarse, r->w_floats, r->w);
	fill(seed, 3, coarse, r->b_floats, r->b);
	fill(seed, 4, coarse, r->out_floats, r->d_out);
	if (!norm)
		return;
	fill(seed, 5, false, 2 * r->w_floats, r->running);
	fill(seed, 6, false, r->spec.add ? r->out_floats : 0, r->added);
	fill(seed, 7, false, r->spec.add ? r->out_floats : 0, r->more);
	for (size_t c = 0; c < r->w_floats; c++) /* a variance */
		r->running[r->w_floats + c] = fabsf(r->running[r->w_floats + c]) + 0.1f;
}

void image_run_close(struct image_run *r)
{
	float *all[] = {r->in,   r->w,  r->b,  r->running,    r->d_out, r->out,  r->inferred,
	                r->d_in, r->dw, r->db, r->statistics, r->added, r->more, r->d_added};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mem_free(all[i]);
}

/* A run on a machine: its memory, which the layer and what is brought to it and fetched from it share. */
struct scene {
	const struct backend *be;
	struct queue *queue;
	float *in, *out, *d_out, *d_in, *weights;
	float *added, *d_added, *more; /* norm with `add`; or NULL */
	void *keep, *scratch;
	float *rows, *again; /* of the larger of two values: as rows, and an image anew */
	float *w, *b, *running, *dw, *db, *statistics;
};

/* Memory that is not zero, because a layer may get such memory. */
static void *dirty(const struct scene *c, size_t bytes)
{
	const struct memory *m = c->be->memory;
	void *p = m->alloc(bytes + 1, "a layer's numbers");
	m->fill(c->queue, p, 0x7b, bytes);
	return p;
}

/* NULL where there are none. */
static float *brought(const struct scene *c, const float *from, size_t n)
{
	if (n == 0)
		return NULL;
	float *p = dirty(c, n * sizeof(*p));
	c->be->memory->upload(c->queue, p, from, n * sizeof(*p));
	return p;
}

static void fetch(const struct scene *c, float *to, const float *from, size_t n)
{
	if (n > 0)
		c->be->memory->download(c->queue, to, from, n * sizeof(*to));
}

/* The image value to rows; apart from these rows it must hold zeros. */
static void leave(const struct scene *c, struct image_run *r, const struct image *i, const float *image,
                  float *rows)
{
	const struct image_kernels *k = c->be->image;
	size_t n = k->floats(i);
	float *found = mem_array(n, sizeof(*found)), *again = mem_array(n, sizeof(*again));
	k->to_rows(c->queue, i, image, c->rows);
	k->from_rows(c->queue, i, c->rows, c->again);
	fetch(c, rows, c->rows, rows_floats(i));
	fetch(c, found, image, n);
	fetch(c, again, c->again, n);
	for (size_t j = 0; j < n; j++)
		if (found[j] != again[j] && !(isnan(found[j]) && isnan(again[j])))
			r->padding_kept = false;
	mem_free(found);
	mem_free(again);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void scene_open(struct scene *c, const struct backend *be, const struct image_run *r,
                       const struct image_need *need)
{
	const struct image_spec *s = &r->spec;
	const struct image_kernels *k = be->image;
	size_t in = k->floats(&s->in), out = k->floats(&s->out),
	       statistics = s->kind == IMAGE_NORM ? 2 * r->w_floats : 0;
	*c = (struct scene){.be = be, .queue = be->memory->queue_open()};
	c->in = dirty(c, (s->rows_in ? r->in_floats : in) * sizeof(float));
	c->out = dirty(c, out * sizeof(float));
	c->d_out = dirty(c, out * sizeof(float));
	c->d_in = s->d_in ? dirty(c, in * sizeof(float)) : NULL;
	c->added = s->add ? dirty(c, out * sizeof(float)) : NULL;
	c->d_added = s->add ? dirty(c, out * sizeof(float)) : NULL;
	c->more = s->add ? dirty(c, out * sizeof(float)) : NULL;
	c->weights = dirty(c, need->weights_floats * sizeof(float));
	c->keep = dirty(c, need->keep_bytes);
	c->scratch = dirty(c, need->scratch_bytes);
	c->rows = dirty(c, larger(r->in_floats, r->out_floats) * sizeof(float));
	c->again = dirty(c, larger(in, out) * sizeof(float));
	c->w = brought(c, r->w, r->w_floats);
	c->b = brought(c, r->b, r->b_floats);
	c->running = brought(c, r->running, statistics);
	c->dw = brought(c, r->dw, r->w_floats);
	c->db = brought(c, r->db, r->b_floats);
	c->statistics = brought(c, r->statistics, statistics);
}

static void scene_close(struct scene *c)
{
	const struct memory *m = c->be->memory;
	void *const all[] = {c->in,      c->out,  c->d_out,      c->d_in,  c->weights, c->keep,
	                     c->scratch, c->rows, c->again,      c->w,     c->b,       c->running,
	                     c->dw,      c->db,   c->statistics, c->added, c->d_added, c->more};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		m->release(all[i]);
	m->queue_close(c->queue);
}

static bool same_bits(size_t n, const float *a, const float *b)
{
	return n == 0 || memcmp(a, b, n * sizeof(*a)) == 0;
}

/* After backward() of a convolution: the same once more, the input's gradient first and then the weights'. */
static void back_in_halves(const struct scene *c, struct image_layer *l, struct image_run *r)
{
	const struct image_kernels *k = c->be->image;
	const struct memory *m = c->be->memory;
	size_t in = r->spec.d_in ? k->floats(&r->spec.in) : 0;
	float *d_in = mem_array(in, sizeof(*d_in)), *again = mem_array(in, sizeof(*again)),
	      *dw = mem_array(r->w_floats, sizeof(*dw)), *db = mem_array(r->b_floats, sizeof(*db));
	fetch(c, d_in, c->d_in, in);
	m->fill(c->queue, c->d_in, 0, in * sizeof(*d_in));
	m->fill(c->queue, c->dw, 0, r->w_floats * sizeof(*dw));
	m->fill(c->queue, c->db, 0, r->b_floats * sizeof(*db));
	k->backward(c->queue, l, NULL, NULL);
	k->weights_back(c->queue, l, c->dw, c->db);
	fetch(c, again, c->d_in, in);
	fetch(c, dw, c->dw, r->w_floats);
	fetch(c, db, c->db, r->b_floats);
	r->halves_same = same_bits(in, d_in, again) && same_bits(r->w_floats, dw, r->dw) &&
	                 same_bits(r->b_floats, db, r->db);
	mem_free(d_in);
	mem_free(again);
	mem_free(dw);
	mem_free(db);
}

static void forward_and_back(const struct scene *c, struct image_layer *l, struct image_run *r)
{
	const struct image_kernels *k = c->be->image;
	const struct image_spec *s = &r->spec;
	k->forward(c->queue, l, false, c->running);
	leave(c, r, &s->out, c->out, r->inferred);
	k->forward(c->queue, l, true, NULL);
	leave(c, r, &s->out, c->out, r->out);
	if (s->kind == IMAGE_NORM) {
		k->statistics(c->queue, l, c->statistics);
		fetch(c, r->statistics, c->statistics, 2 * r->w_floats);
	}
	if (!s->back)
		return;
	k->backward(c->queue, l, c->dw, c->db);
	fetch(c, r->dw, c->dw, r->w_floats);
	fetch(c, r->db, c->db, r->b_floats);
	if (s->d_in)
		leave(c, r, &s->in, c->d_in, r->d_in);
	if (s->add)
		leave(c, r, &s->out, c->d_added, r->d_added);
	if (s->kind == IMAGE_CONV)
		back_in_halves(c, l, r);
}

/* Rows of the host as an image of the machine. */
static void enter(const struct scene *c, const struct image *i, const float *rows, float *image)
{
	c->be->memory->upload(c->queue, c->rows, rows, rows_floats(i) * sizeof(*rows));
	c->be->image->from_rows(c->queue, i, c->rows, image);
}

void image_run_on(const struct backend *be, struct image_run *r)
{
	const struct image_spec *s = &r->spec;
	const struct image_kernels *k = be->image;
	struct image_need need;
	struct scene c;
	struct image_layer *l = k->open(s, &need);
	r->padding_kept = r->halves_same = true;
	scene_open(&c, be, r, &need);
	k->bind(c.queue, l,
	        &(struct image_memory){.in = c.in,
	                               .out = c.out,
	                               .d_out = c.d_out,
	                               .d_in = c.d_in,
	                               .weights = c.weights,
	                               .keep = c.keep,
	                               .scratch = c.scratch,
	                               .added = c.added,
	                               .d_added = c.d_added,
	                               .more = c.more});
	if (s->rows_in)
		be->memory->upload(c.queue, c.in, r->in, r->in_floats * sizeof(*r->in));
	else
		enter(&c, &s->in, r->in, c.in);
	enter(&c, &s->out, r->d_out, c.d_out);
	if (s->add) {
		enter(&c, &s->out, r->added, c.added);
		enter(&c, &s->out, r->more, c.more);
	}
	k->load(c.queue, l, c.w, c.b);
	forward_and_back(&c, l, r);
	be->memory->finish(c.queue);
	k->close(l);
	scene_close(&c);
}

static void absolute(size_t n, const float *from, float *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = fabsf(from[i]);
}

/* The same layer on absolute values, without its ReLU: every output is the sum of its absolute summands. */
static void linear_sizes(const struct backend *ref, const struct image_run *r, struct image_run *size)
{
	if (r->spec.kind == IMAGE_MAX_POOL) /* must choose the same pixels */
		memcpy(size->in, r->in, r->in_floats * sizeof(float));
	else
		absolute(r->in_floats, r->in, size->in);
	absolute(r->w_floats, r->w, size->w);
	absolute(r->b_floats, r->b, size->b);
	absolute(r->out_floats, r->d_out, size->d_out);
	size->spec.relu = false;
	image_run_on(ref, size);
}

static double size_at(const float *v, size_t at)
{
	return v ? fabs(v[at]) : 0;
}

/* One channel's scale: with u = (x - mean) / spread, outputs are sums of gamma u and beta. */
static void norm_channel_sizes(const struct image_run *r, struct image_run *size, int c)
{
	const struct image *i = &r->spec.in;
	size_t pixels = (size_t)i->height * (size_t)i->width, step = pixels * (size_t)i->channels;
	double x = 0, dy = 0, sum = 0;
	for (size_t n = 0; n < (size_t)i->count; n++)
		for (size_t p = 0; p < pixels; p++) {
			size_t at = n * step + (size_t)c * pixels + p;
			x = fmax(x, fabs(r->in[at]));
			double slope = fabs(r->d_out[at]) + size_at(r->more, at);
			dy = fmax(dy, slope);
			sum += slope;
		}
	double spread = sqrt(r->statistics[i->channels + c] + r->spec.epsilon), u = 2 * x / spread;
	double running = sqrt(r->running[i->channels + c] + r->spec.epsilon);
	for (size_t n = 0; n < (size_t)i->count; n++)
		for (size_t p = 0; p < pixels; p++) {
			size_t at = n * step + (size_t)c * pixels + p;
			double shift = fabs(r->b[c]) + size_at(r->added, at);
			size->out[at] = (float)(fabs(r->w[c]) * u + shift);
			size->inferred[at] =
			        (float)(fabs(r->w[c]) * (x + fabs(r->running[c])) / running + shift);
			size->d_in[at] = (float)(fabs(r->w[c]) / spread * dy * (2 + u * u));
			if (r->d_added)
				size->d_added[at] = (float)dy;
		}
	size->dw[c] = (float)(sum * u);
	size->db[c] = (float)sum;
	size->statistics[c] = (float)x;
	size->statistics[i->channels + c] = (float)(x * x);
}

/* The largest |want - got| / size; NaN and infinity must be the same. */
static double worst_of(size_t n, const float *want, const float *got, const float *size)
{
	double worst = 0;
	for (size_t i = 0; i < n; i++) {
		if ((isnan(want[i]) && isnan(got[i])) || want[i] == got[i])
			continue;
		double error = fabs((double)want[i] - got[i]) / fmax(fabs(size[i]), 1e-30);
		worst = isnan(error) ? INFINITY : fmax(worst, error);
	}
	return worst;
}

double image_run_error(const struct backend *ref, const struct image_run *want, const struct image_run *got)
{
	const struct image_spec *s = &want->spec;
	struct image_run size;
	image_run_open(&size, s, 0);
	if (s->kind != IMAGE_NORM)
		linear_sizes(ref, want, &size);
	for (int c = 0; c < s->in.channels && s->kind == IMAGE_NORM; c++)
		norm_channel_sizes(want, &size, c);
	double worst = got->padding_kept && got->halves_same ? 0 : INFINITY;
	worst = fmax(worst, worst_of(want->out_floats, want->out, got->out, size.out));
	worst = fmax(worst, worst_of(want->out_floats, want->inferred, got->inferred, size.inferred));
	if (s->kind == IMAGE_NORM)
		worst = fmax(worst, worst_of(2 * want->w_floats, want->statistics, got->statistics,
		                             size.statistics));
	if (s->back) {
		worst = fmax(worst, worst_of(want->w_floats, want->dw, got->dw, size.dw));
		worst = fmax(worst, worst_of(want->b_floats, want->db, got->db, size.db));
	}
	if (s->back && s->d_in)
		worst = fmax(worst, worst_of(want->in_floats, want->d_in, got->d_in, size.d_in));
	if (s->add)
		worst = fmax(worst, worst_of(want->out_floats, want->d_added, got->d_added, size.d_added));
	image_run_close(&size);
	return worst;
}
