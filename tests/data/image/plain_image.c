/*
 * Layers on images on many lanes at once: opened from the same spec on threads of their own, sharing
 * weights that one of them loaded, all must give the bits of the first, and each again and again.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "base/pool.h"
#include "registry.h"

enum { LANES = 4, ROUNDS = 6, LAYERS = 5 };

struct lane {
	struct image_layer *layer;
	struct image_memory memory;
	float *dw, *db, *d_given; /* d_given: what d_out is before every round */
};

struct scene {
	const struct image_kernels *k;
	struct image_spec spec;
	struct image_need need;
	size_t in, out; /* floats */
	float *weights; /* shared */
	float *w, *b;   /* canonical */
	size_t w_n, b_n;
	struct lane lane[LANES];
};

static const struct image_spec specs[LAYERS] = {
        {IMAGE_CONV,
         {4, 20, 9, 9},
         {4, 50, 9, 9},
         false,
         {3, 3},
         {1, 1},
         {1, 1},
         1,
         true,
         false,
         true,
         true,
         true,
         0},
        {IMAGE_CONV,
         {4, 3, 12, 12},
         {4, 16, 6, 6},
         true,
         {3, 3},
         {2, 2},
         {1, 1},
         1,
         false,
         false,
         false,
         true,
         false,
         0},
        {IMAGE_CONV,
         {4, 12, 6, 6},
         {4, 12, 6, 6},
         false,
         {3, 3},
         {1, 1},
         {1, 1},
         3,
         true,
         false,
         false,
         true,
         true,
         0},
        {IMAGE_NORM,
         {4, 20, 9, 9},
         {4, 20, 9, 9},
         false,
         {0, 0},
         {0, 0},
         {0, 0},
         0,
         false,
         false,
         true,
         true,
         true,
         1e-5f},
        {IMAGE_MAX_POOL,
         {4, 20, 9, 9},
         {4, 20, 5, 5},
         false,
         {3, 3},
         {2, 2},
         {1, 1},
         0,
         false,
         false,
         false,
         true,
         true,
         0},
};

static float *random_floats(size_t n, uint32_t which)
{
	struct stream s = stream_of(8, RNG_TEST, which, 0);
	float *v = mem_array(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = stream_uniform(&s, i) - 0.5f;
	return v;
}

static float *random_image(const struct image_kernels *k, const struct image *i, uint32_t which)
{
	size_t rows = (size_t)i->count * (size_t)i->channels * (size_t)i->height * (size_t)i->width;
	float *v = random_floats(rows, which), *image = mem_array(k->floats(i), sizeof(*image));
	k->from_rows(NULL, i, v, image);
	mem_free(v);
	return image;
}

static void open_lane(void *ctx, int thread, size_t item)
{
	struct scene *s = ctx;
	struct lane *l = &s->lane[item];
	struct image_need need;
	(void)thread;
	l->layer = s->k->open(&s->spec, &need);
	l->memory = (struct image_memory){.in = s->spec.rows_in ? random_floats(s->in, 1)
	                                                        : random_image(s->k, &s->spec.in, 1),
	                                  .out = mem_array(s->out, sizeof(float)),
	                                  .d_out = mem_array(s->out, sizeof(float)),
	                                  .d_in = s->spec.d_in ? mem_array(s->in, sizeof(float)) : NULL,
	                                  .weights = s->weights,
	                                  .keep = mem_array(need.keep_bytes + 1, 1),
	                                  .scratch = mem_array(need.scratch_bytes + 1, 1)};
	l->d_given = random_image(s->k, &s->spec.out, 2);
	l->dw = mem_array(s->w_n, sizeof(float));
	l->db = mem_array(s->b_n, sizeof(float));
	s->k->bind(NULL, l->layer, &l->memory);
}

static void run_lane(void *ctx, int thread, size_t item)
{
	struct scene *s = ctx;
	struct lane *l = &s->lane[item];
	(void)thread;
	memcpy(l->memory.d_out, l->d_given, s->out * sizeof(float));
	s->k->forward(NULL, l->layer, true, NULL);
	s->k->backward(NULL, l->layer, l->dw, l->db);
}

static void close_lane(struct scene *s, struct lane *l)
{
	void *all[] = {(void *)(uintptr_t)l->memory.in,
	               l->memory.out,
	               l->memory.d_out,
	               l->memory.d_in,
	               l->memory.keep,
	               l->memory.scratch,
	               l->dw,
	               l->db,
	               l->d_given};
	s->k->close(l->layer);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mem_free(all[i]);
}

static void scene_open(struct scene *s, const struct image_kernels *k, const struct image_spec *spec)
{
	*s = (struct scene){.k = k, .spec = *spec};
	k->close(k->open(spec, &s->need));
	s->in = k->floats(&spec->in);
	s->out = k->floats(&spec->out);
	s->w_n = spec->kind == IMAGE_CONV
	                 ? (size_t)spec->out.channels * (size_t)(spec->in.channels / spec->groups) *
	                           (size_t)spec->kernel[0] * (size_t)spec->kernel[1]
	                 : (size_t)spec->out.channels;
	s->b_n = (size_t)spec->out.channels;
	s->w = random_floats(s->w_n, 3);
	s->b = random_floats(s->b_n, 4);
	s->weights = mem_array(s->need.weights_floats + 1, sizeof(float));
}

static bool same(const struct scene *s, const struct lane *a, const struct lane *b)
{
	return memcmp(a->memory.out, b->memory.out, s->out * sizeof(float)) == 0 &&
	       memcmp(a->dw, b->dw, s->w_n * sizeof(float)) == 0 &&
	       memcmp(a->db, b->db, s->b_n * sizeof(float)) == 0 &&
	       (!s->spec.d_in || memcmp(a->memory.d_in, b->memory.d_in, s->in * sizeof(float)) == 0);
}

static void run_other(void *ctx, int thread, size_t item)
{
	run_lane(ctx, thread, item + 1);
}

/* Lane 0 runs alone, on the main thread; the others all at once, on any. */
static long compare(struct scene *s, struct pool *pool)
{
	long different = 0;
	pool_run(pool, LANES, open_lane, s);
	s->k->load(NULL, s->lane[LANES - 1].layer, s->w,
	           s->spec.bias || s->spec.kind == IMAGE_NORM ? s->b : NULL);
	run_lane(s, 0, 0);
	for (int round = 0; round < ROUNDS; round++) {
		pool_run(pool, LANES - 1, run_other, s);
		for (int i = 1; i < LANES; i++)
			different += !same(s, &s->lane[0], &s->lane[i]);
	}
	for (int i = 0; i < LANES; i++)
		close_lane(s, &s->lane[i]);
	return different;
}

int main(void)
{
	static struct scene s;
	struct backend backend;
	struct err e = {0};
	long different = 0;
	const struct backend_row *cpu = (const struct backend_row *)family_find(&family_backends, "cpu");
	if (cpu->open(&backend, NULL, &e)) {
		fprintf(stderr, "plain_image: %s\n", e.text);
		return 1;
	}
	struct pool *pool = pool_open(LANES);
	for (int i = 0; i < LAYERS; i++) {
		scene_open(&s, backend.image, &specs[i]);
		different += compare(&s, pool);
		mem_free(s.w);
		mem_free(s.b);
		mem_free(s.weights);
	}
	pool_close(pool);
	if (different > 0)
		fprintf(stderr, "plain_image: %ld runs differ from what one lane computes\n", different);
	else
		printf("plain_image: %d checks passed\n", LAYERS * ROUNDS * (LANES - 1));
	return different > 0;
}
