/* What moves numbers of images without weights of its own, compared bit for bit: shortcut A, adaptive mean.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check/check_image.h"

static const struct image_shortcut shortcuts[] = {
        {{2, 16, 8, 8}, {2, 32, 4, 4}, 2},    {{3, 5, 7, 9}, {3, 20, 4, 5}, 2},
        {{1, 20, 5, 5}, {1, 50, 2, 2}, 3},    {{2, 64, 4, 4}, {2, 64, 4, 4}, 1},
        {{2, 17, 6, 3}, {2, 33, 3, 2}, 2},    {{1, 1, 1, 1}, {1, 3, 1, 1}, 2},
        {{2, 8, 28, 28}, {2, 16, 14, 14}, 2},
};

static const struct adaptive {
	size_t planes;
	int from[2], to[2];
} adaptives[] = {{6, {9, 7}, {6, 6}}, {1, {1, 1}, {6, 6}}, {20, {6, 6}, {6, 6}}, {3, {13, 5}, {7, 1}}};

enum { MOST = 2 * 16 * 28 * 28 /* numbers of the largest case, filled up */ };

/* What a case gives, as rows: the output, and the input's gradient. */
struct moves {
	float out[MOST], back[MOST];
};

static void fill(uint32_t which, size_t n, float *v)
{
	struct stream s = stream_of(1, RNG_TEST, which, 0);
	for (size_t i = 0; i < n; i++)
		v[i] = 2 * stream_uniform(&s, i) - 1;
}

static size_t rows_floats(const struct image *i)
{
	return (size_t)i->count * (size_t)i->channels * (size_t)i->height * (size_t)i->width;
}

/* A machine, and three values on it. */
struct stage {
	const struct backend *be;
	struct queue *queue;
	float *a, *b, *c; /* [MOST] */
};

static void stage_open(struct stage *t, const struct backend *be)
{
	float **const all[] = {&t->a, &t->b, &t->c};
	*t = (struct stage){.be = be, .queue = be->memory->queue_open()};
	for (size_t i = 0; i < 3; i++)
		*all[i] = be->memory->alloc(MOST * sizeof(float), "images that are moved");
}

static void stage_close(struct stage *t)
{
	float *const all[] = {t->a, t->b, t->c};
	for (size_t i = 0; i < 3; i++)
		t->be->memory->release(all[i]);
	t->be->memory->queue_close(t->queue);
}

static void upload(const struct stage *t, float *to, size_t n, const float *from)
{
	t->be->memory->upload(t->queue, to, from, n * sizeof(*to));
}

static void download(const struct stage *t, float *to, size_t n, const float *from)
{
	t->be->memory->download(t->queue, to, from, n * sizeof(*to));
}

/* From one value to the other by `move`, between rows; what fills blocks up must be written as zeros. */
static void through(const struct stage *t, const struct image_shortcut *s, bool back, const float *rows,
                    float *out)
{
	static float found[MOST], again[MOST];
	const struct image_kernels *k = t->be->image;
	const struct image *from = back ? &s->out : &s->in, *to = back ? &s->in : &s->out;
	upload(t, t->c, rows_floats(from), rows);
	k->from_rows(t->queue, from, t->c, t->a);
	t->be->memory->fill(t->queue, t->b, 0x7b, MOST * sizeof(float));
	(back ? k->subsample_back : k->subsample)(t->queue, s, t->a, t->b);
	k->to_rows(t->queue, to, t->b, t->c);
	k->from_rows(t->queue, to, t->c, t->a);
	download(t, out, rows_floats(to), t->c);
	download(t, found, k->floats(to), t->b);
	download(t, again, k->floats(to), t->a);
	if (memcmp(found, again, k->floats(to) * sizeof(*found)) != 0)
		out[0] = NAN;
}

static void run_shortcut(const struct stage *t, size_t i, struct moves *m)
{
	static float in[MOST], d_out[MOST];
	const struct image_shortcut *s = &shortcuts[i];
	fill(1, rows_floats(&s->in), in);
	fill(2, rows_floats(&s->out), d_out);
	through(t, s, false, in, m->out);
	through(t, s, true, d_out, m->back);
}

static void run_adaptive(const struct stage *t, size_t i, struct moves *m)
{
	static float in[MOST], d_out[MOST];
	const struct image_kernels *k = t->be->image;
	const struct adaptive *a = &adaptives[i];
	size_t inputs = a->planes * (size_t)(a->from[0] * a->from[1]),
	       outputs = a->planes * (size_t)(a->to[0] * a->to[1]);
	fill(3, inputs, in);
	fill(4, outputs, d_out);
	upload(t, t->a, inputs, in);
	k->adaptive(t->queue, a->planes, a->from, a->to, t->a, t->b);
	download(t, m->out, outputs, t->b);
	upload(t, t->a, outputs, d_out);
	t->be->memory->fill(t->queue, t->b, 0x7b, MOST * sizeof(float));
	k->adaptive_back(t->queue, a->planes, a->from, a->to, t->a, t->b);
	download(t, m->back, MOST, t->b);
}

static const struct move_kind {
	const char *name;
	size_t cases;
	void (*run)(const struct stage *t, size_t i, struct moves *m);
} kinds[] = {
        {"subsample", sizeof(shortcuts) / sizeof(shortcuts[0]), run_shortcut},
        {"adaptive", sizeof(adaptives) / sizeof(adaptives[0]), run_adaptive},
};

static struct check_result check_one(const struct move_kind *kind, const struct backend *ref,
                                     const struct check_table *table)
{
	struct stage right, other;
	static struct moves want, got;
	struct check_result r = {.kernel = kind->name, .backend = table->name, .passed = true};
	stage_open(&right, ref);
	stage_open(&other, &table->kernels);
	for (size_t i = 0; i < kind->cases; i++, r.cases++) {
		memset(&want, 0, sizeof(want));
		memset(&got, 0, sizeof(got));
		kind->run(&right, i, &want);
		kind->run(&other, i, &got);
		if (!r.passed || memcmp(&want, &got, sizeof(want)) == 0)
			continue;
		r.passed = false;
		r.worst = INFINITY;
		snprintf(r.where, sizeof(r.where), "case %zu", i);
	}
	stage_close(&right);
	stage_close(&other);
	return r;
}

int check_image_moves(const struct backend *ref, const struct check_table *tables, size_t count,
                      void (*tell)(void *ctx, const struct check_result *r), void *ctx)
{
	int failed = 0;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t t = 0; t < count; t++) {
			struct check_result r = check_one(&kinds[k], ref, &tables[t]);
			failed += !r.passed;
			tell(ctx, &r);
		}
	return failed;
}
