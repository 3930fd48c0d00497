/*
 * Directions against their definitions: by hand, and for a hundred steps against numpy in double precision
 * (golden/make_directions.py), on every backend that opens here and on `guarded`.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "direction/direction.h"
#include "registry.h"

enum { N = 205, WORKERS = 3, STEPS = 100 };

/* Of golden/make_directions.py: rows and columns. */
static const size_t shapes[][2] = {{6, 10}, {0, 7}, {12, 5}, {1, 9}, {8, 8}, {0, 5}};

enum { LAYERS = sizeof shapes / sizeof *shapes };

/* A worker's vectors on a machine. */
struct scene {
	struct arena arena;
	struct backend be;
	const struct direction *row;
	struct step_job job;
	struct turning t;
	float *g; /* that t reads */
	struct layer_range at[LAYERS];
	struct layers layers;
	size_t n;
};

static void open_layers(struct scene *s)
{
	size_t begin = 0;
	for (size_t i = 0; i < LAYERS; i++) {
		size_t rows = shapes[i][0], count = (rows ? rows : 1) * shapes[i][1];
		s->at[i] = (struct layer_range){begin, begin + count, rows};
		begin += count;
	}
	s->layers = (struct layers){LAYERS, s->at};
	cr_assert_eq(begin, N);
}

static float *vector(struct scene *s, size_t floats)
{
	return s->be.memory->alloc((floats + 1) * sizeof(float), "test");
}

/* n: N for the layers above, else one layer that is no matrix. */
static void open_scene(struct scene *s, const struct row *backend, const char *json, float beta, size_t n)
{
	struct err e = {0};
	struct choice c = {0};
	*s = (struct scene){.n = n};
	cr_assert_eq(((const struct backend_row *)(const void *)backend)->open(&s->be, NULL, &e), 0, "%s",
	             e.text);
	cr_assert_eq(choice_parse(&family_directions, &c, NULL, json, &s->arena, &e), 0, "%s", e.text);
	s->row = (const struct direction *)(const void *)c.row;
	if (n == N)
		open_layers(s);
	s->job = (struct step_job){.state = c.state,
	                           .be = &s->be,
	                           .queue = s->be.memory->queue_open(),
	                           .n = n,
	                           .layers = n == N ? &s->layers : NULL};
	s->g = vector(s, n);
	s->t = (struct turning){.beta = beta, .g = s->g, .m = vector(s, n)};
	s->t.v = s->row->in_place ? s->t.m : vector(s, n);
	s->t.scratch = vector(s, s->row->scratch_floats ? s->row->scratch_floats(s->job.layers, n) : 0);
	s->t.number = s->be.memory->alloc(sizeof *s->t.number, "test");
}

static void close_scene(struct scene *s)
{
	const struct memory *m = s->be.memory;
	if (s->t.v != s->t.m)
		m->release(s->t.v);
	m->release(s->g);
	m->release(s->t.m);
	m->release(s->t.scratch);
	m->release(s->t.number);
	m->queue_close(s->job.queue);
	arena_clear(&s->arena);
}

/* A step of the gradient g [n]: its vector in v [n]. Ranges, where the row takes any, in two parts. */
static void turn(struct scene *s, const float *g, float *v)
{
	const struct memory *m = s->be.memory;
	size_t bytes = s->n * sizeof *g, middle = s->n / 2 / 64 * 64;
	m->upload(s->job.queue, s->g, g, bytes);
	if (s->row->whole || middle == 0) {
		s->row->turn(&s->job, &s->t, 0, s->n);
	} else {
		s->row->turn(&s->job, &s->t, middle, s->n);
		s->row->turn(&s->job, &s->t, 0, middle);
	}
	m->download(s->job.queue, v, s->t.v, bytes);
}

static void memory_of(struct scene *s, float *out)
{
	s->be.memory->download(s->job.queue, out, s->t.m, s->n * sizeof *out);
}

static const struct json *golden(struct arena *a, const char *member)
{
	struct err e = {0};
	const struct json *file = json_read_file(a, "tests/golden/directions.json", &e);
	cr_assert(file, "%s", e.text);
	return json_member(file, member);
}

static const struct json *nth(const struct json *list, size_t i)
{
	const struct json *v = list->child;
	while (v && i-- > 0)
		v = v->next;
	cr_assert_not_null(v);
	return v;
}

static void expect_near(const float *got, const struct json *list, size_t n, double limit, const char *what)
{
	cr_assert_eq(list->count, n);
	const struct json *want = list->child;
	for (size_t i = 0; i < n; i++, want = want->next)
		cr_expect_float_eq(got[i], want->number, limit, "%s: %zu is %.9g, expected %.9g", what, i,
		                   (double)got[i], want->number);
}

/* The backends that open here, and the one that is not listed. */
static void each_backend(void (*check)(const struct row *backend, void *ctx), void *ctx)
{
	for (const struct row *const *b = family_backends.rows; *b; b++) {
		struct backend be;
		struct err e = {0};
		if (((const struct backend_row *)(const void *)*b)->open(&be, NULL, &e) == 0)
			check(*b, ctx);
	}
	check(family_find(&family_backends, "guarded"), ctx);
}

static void check_example(const struct row *backend, void *ctx)
{
	const struct json *example = ctx;
	struct scene s;
	float v[4], m[4];
	open_scene(&s, backend, "\"lion\"", 0, 4);
	for (size_t step = 0; step < 2; step++) {
		float g[4];
		const struct json *at = nth(json_member(example, "gradients"), step)->child;
		for (size_t i = 0; i < 4; i++, at = at->next)
			g[i] = (float)at->number;
		turn(&s, g, v);
		expect_near(v, nth(json_member(example, "vectors"), step), 4, 1e-7, backend->name);
	}
	memory_of(&s, m);
	expect_near(m, json_member(example, "memory"), 4, 1e-7, backend->name);
	close_scene(&s);
}

Test(directions, lion_by_hand)
{
	struct arena a = {0};
	each_backend(check_example, (void *)golden(&a, "example"));
	arena_clear(&a);
}

/* The formula of golden/make_directions.py: floats hold it exactly. */
static void fill_gradient(int worker, int step, float *g)
{
	int64_t t = step + 100 * worker;
	for (int64_t i = 0; i < N; i++)
		g[i] = (float)((412 * i * i + 271 * i + 613 * t + 11 * t * t * (i % 13)) % 1009 - 504) / 256;
}

/* How far a vector may be from numpy's. Five steps of muon multiply what is small by up to 480, and so what
 * it was rounded by. */
static double limit_of(const char *name)
{
	return strcmp(name, "muon") == 0 ? 1e-4 : 1e-6;
}

static void vote(const struct json *duel, struct scene *s, int step, float *x, const char *what)
{
	enum { SHOWN = 4 };
	static const double rate = 0.0078125, decay = 0.125;
	float g[N], v[N];
	int votes[N] = {0};
	for (int w = 0; w < WORKERS; w++) {
		fill_gradient(w, step, g);
		turn(&s[w], g, v);
		for (size_t i = 0; i < N; i++)
			votes[i] += v[i] < 0 ? -1 : 1;
		for (size_t k = 0; w == 0 && k < SHOWN; k++)
			if (nth(json_member(duel, "steps"), k)->number == step)
				expect_near(v, nth(json_member(duel, "vectors"), k), N, limit_of(what), what);
	}
	for (size_t i = 0; i < N; i++)
		x[i] -= (float)(rate * ((votes[i] > 0 ? 1 : -1) + decay * (double)x[i]));
}

/* A sign of a number as small as its rounding may be either one; that is allowed in one coordinate of a
 * hundred.
 */
static void expect_same_way(const float *x, const struct json *list, const char *what)
{
	size_t others = 0;
	const struct json *want = list->child;
	for (size_t i = 0; i < N; i++, want = want->next)
		others += fabs((double)x[i] - want->number) > 1e-5;
	cr_expect_leq(others, N / 100, "%s: %zu coordinates end elsewhere", what, others);
}

static void check_duels(const struct row *backend, void *ctx)
{
	const struct json *duels = ctx;
	for (const struct json *d = duels->child; d; d = d->next) {
		const char *name = json_member(d, "direction")->string;
		struct scene s[WORKERS];
		float m[N], x[N] = {0};
		struct buf json = {0};
		buf_format(&json, "\"%s\"", name);
		for (int w = 0; w < WORKERS; w++)
			open_scene(&s[w], backend, json.text, 0.95F, N);
		for (int step = 1; step <= STEPS; step++)
			vote(d, s, step, x, name);
		memory_of(&s[0], m);
		expect_near(m, json_member(d, "memory"), N, 1e-6, name);
		expect_same_way(x, json_member(d, "x"), name);
		for (int w = 0; w < WORKERS; w++)
			close_scene(&s[w]);
		buf_clear(&json);
	}
}

Test(directions, a_hundred_steps_are_numpy_s)
{
	struct arena a = {0};
	each_backend(check_duels, (void *)golden(&a, "duels"));
	arena_clear(&a);
}

/* After five steps all singular values of a matrix are near 1: the rows of a wide one, and the columns of a
 * tall one, are nearly a frame. */
Test(directions, muon_makes_matrices_nearly_orthogonal)
{
	struct scene s;
	float g[N], v[N];
	open_scene(&s, family_find(&family_backends, "ref"), "\"muon\"", 0, N);
	fill_gradient(1, 1, g);
	turn(&s, g, v);
	for (size_t l = 0; l < LAYERS; l++) {
		size_t rows = shapes[l][0], columns = shapes[l][1];
		double square = 0;
		for (size_t i = s.at[l].begin; i < s.at[l].end; i++)
			square += (double)v[i] * (double)v[i];
		if (rows == 0)
			cr_expect_arr_eq(v + s.at[l].begin, g + s.at[l].begin, columns * sizeof *v);
		else
			cr_expect(square > 0.4 * (double)(rows < columns ? rows : columns) &&
			                  square < 1.5 * (double)(rows < columns ? rows : columns),
			          "layer %zu: %g", l, square);
	}
	close_scene(&s);
}

/* A gradient of zeros has no polar factor, nor has one that is hardly there: 0, which the sign's own key
 * decides. What is no number stays none, for those who leave out messages that are not finite. */
Test(directions, muon_of_nothing_is_nothing_and_of_nan_is_nan)
{
	static const float tiny[] = {0, 1e-42F};
	struct scene s;
	float g[N], v[N];
	for (size_t k = 0; k < 2; k++) {
		open_scene(&s, family_find(&family_backends, "cpu"), "\"muon\"", 0, N);
		for (size_t i = 0; i < N; i++)
			g[i] = i % 2 ? tiny[k] : 0;
		turn(&s, g, v);
		for (size_t i = 0; i < s.at[0].end; i++)
			cr_expect_eq(v[i], 0);
		close_scene(&s);
	}
	open_scene(&s, family_find(&family_backends, "cpu"), "\"muon\"", 0, N);
	fill_gradient(0, 1, g);
	g[3] = NAN;
	turn(&s, g, v);
	cr_expect(isnan(v[3]));
	close_scene(&s);
}
