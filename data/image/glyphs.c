/*
 * Data set `glyphs`: ten characters, drawn by the program itself, so that nothing has to be downloaded.
 *
 * A character is a few strokes through the points of a table (Catmull-Rom splines: smooth, and through every
 * point). A drawing bends, turns, scales, slants and shifts the strokes, uses a pen of random width and
 * blackness, and adds stray strokes and noise. It is a function of (seed, split, index) alone, computed with
 * +,
 * -, *, / and square roots of floats, so every machine draws the same bytes. Every ten drawings hold each
 * character once, in random order.
 */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, STYLES = 2, STROKE_POINTS_MAX = 10, PATH_MAX = 36 };

struct glyphs {
	struct data_keys all;
	uint64_t seed;
	int64_t train, test, clutter;
	double noise, warp;
};

/*
 * Each character in two ways of writing it: x, y, x, y ... in hundredths of a box, y downwards. UP lifts the
 * pen before the next stroke; a corner is where one stroke ends and the next begins.
 */
enum { UP = -1, END = -2 };

/* clang-format off */
static const int8_t paths[CLASSES][STYLES][PATH_MAX] = {
	/* 0 */
	{{50, 0, 16, 16, 4, 50, 16, 84, 50, 100, 84, 84, 96, 50, 84, 16, 50, 0, END},
	 {60, 0, 30, 10, 10, 45, 15, 85, 42, 100, 72, 86, 90, 50, 84, 12, 50, 2, END}},
	/* 1 */
	{{50, 0, 50, 100, END},
	 {15, 30, 55, 0, UP, 55, 0, 55, 100, UP, 20, 100, 90, 100, END}},
	/* 2 */
	{{8, 28, 20, 7, 52, 0, 86, 14, 84, 40, 50, 70, 8, 100, UP, 8, 100, 95, 100, END},
	 {10, 20, 50, 0, 88, 20, 70, 58, 30, 96, 10, 85, UP, 10, 85, 35, 82, 70, 100, 98, 90, END}},
	/* 3 */
	{{8, 14, 45, 0, 86, 12, 82, 36, 40, 48, UP, 40, 48, 88, 60, 90, 86, 50, 100, 5, 88, END},
	 {10, 0, 88, 0, UP, 88, 0, 42, 40, UP, 42, 40, 85, 52, 92, 80, 50, 100, 6, 88, END}},
	/* 4 */
	{{68, 0, 4, 68, UP, 4, 68, 98, 68, UP, 68, 0, 68, 100, END},
	 {20, 2, 12, 30, 8, 55, UP, 8, 55, 92, 52, UP, 78, 10, 70, 100, END}},
	/* 5 */
	{{88, 0, 20, 0, UP, 20, 0, 14, 44, UP, 14, 44, 50, 36, 88, 50, 90, 80, 54, 100, 6, 90, END},
	 {95, 2, 42, 4, UP, 42, 4, 20, 30, 30, 44, 74, 52, 80, 78, 50, 98, 4, 96, END}},
	/* 6 */
	{{78, 4, 38, 16, 10, 52, 14, 86, 48, 100, 86, 88, 86, 60, 52, 48, 12, 66, END},
	 {50, 0, 22, 35, 8, 75, 36, 100, 76, 94, 82, 70, 50, 60, 14, 80, END}},
	/* 7 */
	{{4, 2, 95, 0, UP, 95, 0, 60, 46, 36, 100, END},
	 {5, 16, 12, 0, 50, 6, 92, 0, UP, 92, 0, 40, 100, UP, 30, 50, 90, 48, END}},
	/* 8 */
	{{50, 47, 14, 30, 20, 6, 50, 0, 80, 6, 86, 30, 50, 47, UP,
	  50, 47, 8, 66, 10, 90, 50, 100, 90, 90, 92, 66, 50, 47, END},
	 {80, 10, 40, 0, 15, 20, 50, 46, 90, 75, 55, 100, 10, 80, 50, 46, 84, 10, END}},
	/* 9 */
	{{88, 30, 54, 52, 14, 40, 14, 12, 50, 0, 84, 8, 88, 30, UP, 88, 30, 80, 100, END},
	 {85, 25, 50, 48, 12, 32, 30, 4, 70, 0, 88, 20, 85, 25, UP, 87, 20, 86, 70, 60, 98, 15, 90, END}},
};
/* clang-format on */

struct stroke {
	int count;
	float at[STROKE_POINTS_MAX][2]; /* in a box one wide and one high */
};

/* The random numbers of one drawing, in sequence. */
struct dice {
	struct stream s;
	uint64_t next;
};

static float between(struct dice *d, float low, float high)
{
	return low + (high - low) * stream_uniform(&d->s, d->next++);
}

/* From the box to the canvas, in pixels: bent, then turned, scaled, slanted and shifted. */
struct pose {
	float bend[2][4]; /* of x and y: coefficients of v^2, u v, u^2, v^3 */
	float matrix[2][2];
	float shift[2];
};

static struct pose pose_draw(struct dice *d, float warp)
{
	struct pose p;
	for (int axis = 0; axis < 2; axis++) {
		for (int i = 0; i < 4; i++)
			p.bend[axis][i] = between(d, -.54f, .54f) * warp;
		p.shift[axis] = (float)SIDE / 2 + between(d, -2.2f, 2.2f) * warp;
	}
	float sine, cosine, turn = between(d, -.048f, .048f) * warp;
	rng_sincos_turn(turn < 0 ? 1 + turn : turn, &sine, &cosine);
	float high = 18 + between(d, -2.7f, 2.7f) * warp, wide = 12 + between(d, -3.2f, 3.2f) * warp;
	float slant = between(d, -.27f, .27f) * warp;
	p.matrix[0][0] = cosine * wide;
	p.matrix[0][1] = -cosine * slant * high - sine * high;
	p.matrix[1][0] = sine * wide;
	p.matrix[1][1] = cosine * high - sine * slant * high;
	return p;
}

static void pose_apply(const struct pose *p, const float from[2], float to[2])
{
	float u = from[0] - .5f, v = from[1] - .5f;
	float power[4] = {v * v, u * v, u * u, v * v * v}, bent[2] = {u, v};
	for (int axis = 0; axis < 2; axis++) {
		for (int i = 0; i < 4; i++)
			bent[axis] += p->bend[axis][i] * power[i];
	}
	for (int axis = 0; axis < 2; axis++)
		to[axis] = p->matrix[axis][0] * bent[0] + p->matrix[axis][1] * bent[1] + p->shift[axis];
}

struct pen {
	float half_width; /* pixels */
	float black;      /* 0 to 1 */
};

static float clamp(float x, float low, float high)
{
	return x < low ? low : x > high ? high : x;
}

/* The pixels that a line from a to b may touch along one axis: the first, and one past the last. */
static void touched(float a, float b, float reach, int range[2])
{
	float low = a < b ? a : b, high = a < b ? b : a;
	range[0] = (int)clamp(low - reach, 0, SIDE);
	range[1] = (int)clamp(high + reach + 1, 0, SIDE);
}

/* A straight line from a to b: each pixel keeps the blackest value that any line gives it. */
static void draw_line(float *canvas, struct pen pen, const float a[2], const float b[2])
{
	float reach = pen.half_width + .5f;
	float dx = b[0] - a[0], dy = b[1] - a[1], square = dx * dx + dy * dy;
	int columns[2], rows[2];
	touched(a[0], b[0], reach, columns);
	touched(a[1], b[1], reach, rows);
	for (int y = rows[0]; y < rows[1]; y++) {
		for (int x = columns[0]; x < columns[1]; x++) {
			float px = (float)x + .5f - a[0], py = (float)y + .5f - a[1];
			float t = square > 0 ? clamp((px * dx + py * dy) / square, 0, 1) : 0;
			float ex = px - t * dx, ey = py - t * dy;
			float ink = pen.black * clamp(reach - sqrtf(ex * ex + ey * ey), 0, 1);
			if (ink > canvas[y * SIDE + x])
				canvas[y * SIDE + x] = ink;
		}
	}
}

/* Catmull-Rom: between p[1] and p[2], t in [0, 1]. */
static float spline(const float *const p[4], int axis, float t)
{
	float a = p[0][axis], b = p[1][axis], c = p[2][axis], d = p[3][axis];
	return b + .5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

static void draw_stroke(float *canvas, struct pen pen, const struct stroke *s, const struct pose *pose)
{
	enum { LINES = 4 }; /* between two points */
	float from[2], to[2];
	pose_apply(pose, s->at[0], from);
	for (int i = 0; i + 1 < s->count; i++) {
		const float *p[4] = {s->at[i > 0 ? i - 1 : 0], s->at[i], s->at[i + 1],
		                     s->at[i + 2 < s->count ? i + 2 : i + 1]};
		for (int k = 1; k <= LINES; k++) {
			float t = (float)k / LINES, box[2] = {spline(p, 0, t), spline(p, 1, t)};
			pose_apply(pose, box, to);
			draw_line(canvas, pen, from, to);
			memcpy(from, to, sizeof(from));
		}
	}
}

static void draw_path(float *canvas, struct pen pen, const int8_t *path, const struct pose *pose)
{
	struct stroke s = {0};
	for (;; path += 2) {
		if (*path >= 0) {
			s.at[s.count][0] = (float)path[0] / 100;
			s.at[s.count++][1] = (float)path[1] / 100;
			continue;
		}
		draw_stroke(canvas, pen, &s, pose);
		if (*path == END)
			return;
		s.count = 0;
		path--; /* a mark (UP, END) is one number, a point two */
	}
}

/* A short stroke somewhere that belongs to no character. */
static void draw_stray(float *canvas, struct dice *d)
{
	struct pen pen = {between(d, .4f, .9f), between(d, .3f, .8f)};
	float a[2] = {between(d, 0, SIDE), between(d, 0, SIDE)};
	float b[2] = {a[0] + between(d, -6, 6), a[1] + between(d, -6, 6)};
	draw_line(canvas, pen, a, b);
}

static void to_bytes(const float *canvas, const struct stream *s, float noise, uint8_t *out)
{
	enum { NOISE_BLOCK = 1024 }; /* far behind the numbers of the drawing itself */
	float normal[4];
	for (int i = 0; i < PIXELS; i++) {
		if (i % 4 == 0)
			stream_normal4(s, (uint64_t)(NOISE_BLOCK + i / 4), normal);
		out[i] = (uint8_t)(255 * clamp(canvas[i] + noise * normal[i % 4], 0, 1) + .5f);
	}
}

/* The character of drawing `index`: every ten are a shuffled 0..9. */
static uint16_t label_of(uint64_t seed, uint32_t split, uint64_t index)
{
	uint32_t order[CLASSES];
	for (uint32_t c = 0; c < CLASSES; c++)
		order[c] = c;
	struct stream s = stream_of(seed, RNG_DATA, 2 + split, index / CLASSES);
	stream_shuffle(&s, order, CLASSES);
	return (uint16_t)order[index % CLASSES];
}

/* Drawing `index` of split 0 (train) or 1 (test). */
static void draw_glyph(const struct glyphs *g, uint32_t split, uint64_t index, uint8_t *pixels,
                       uint16_t *label)
{
	float canvas[PIXELS] = {0};
	struct dice d = {stream_of(g->seed, RNG_DATA, split, index), 0};
	*label = label_of(g->seed, split, index);
	const int8_t *path = paths[*label][(int)between(&d, 0, STYLES)];
	struct pose pose = pose_draw(&d, (float)g->warp);
	struct pen pen = {between(&d, .7f, 1.5f), between(&d, .7f, 1)};
	draw_path(canvas, pen, path, &pose);
	for (int64_t i = 0; i < g->clutter; i++)
		draw_stray(canvas, &d);
	to_bytes(canvas, &d.s, (float)g->noise, pixels);
}

struct drawing {
	const struct glyphs *g;
	struct dataset *out;
};

enum { CHUNK = 64 }; /* drawings of an item of work: some milliseconds */

/* One item of work: a chunk of all drawings, the training drawings first, then the test drawings. */
static void draw_chunk(void *ctx, int lane, size_t item)
{
	(void)lane;
	const struct drawing *job = ctx;
	struct dataset *d = job->out;
	size_t n_train = d->shape.n_train, n = n_train + d->shape.n_test;
	for (size_t i = item * CHUNK; i < n && i < (item + 1) * CHUNK; i++) {
		size_t k = i < n_train ? i : i - n_train;
		if (i < n_train)
			draw_glyph(job->g, 0, k, d->train_pixels + k * PIXELS, d->train_labels + k);
		else
			draw_glyph(job->g, 1, k, d->test_pixels + k * PIXELS, d->test_labels + k);
	}
}

/* Mean and deviation of the training pixels. Sums of bytes are exact, so their order does not matter. */
static void measure(struct dataset *d)
{
	uint64_t sum = 0, squares = 0;
	size_t n = d->shape.n_train * PIXELS;
	for (size_t i = 0; i < n; i++) {
		uint32_t p = d->train_pixels[i];
		sum += p;
		squares += p * p;
	}
	double mean = (double)sum / (double)n;
	d->mean[0] = (float)(mean / 255);
	d->std[0] = (float)(sqrt((double)squares / (double)n - mean * mean) / 255);
}

static int glyphs_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)env;
	(void)e;
	const struct glyphs *g = state;
	*out = (struct data_shape){.n_train = (size_t)g->train,
	                           .n_test = (size_t)g->test,
	                           .channels = 1,
	                           .height = SIDE,
	                           .width = SIDE,
	                           .n_classes = CLASSES};
	return 0;
}

static int glyphs_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	const struct glyphs *g = state;
	*out = (struct dataset){0};
	if (glyphs_shape(state, env, &out->shape, e))
		return -1;
	dataset_alloc(out);
	struct drawing job = {g, out};
	size_t items = (out->shape.n_train + out->shape.n_test + CHUNK - 1) / CHUNK;
	if (env->pool)
		pool_run(env->pool, items, draw_chunk, &job);
	else
		for (size_t i = 0; i < items; i++)
			draw_chunk(&job, 0, i);
	measure(out);
	return 0;
}

static const struct key keys[] = {
        {.name = "seed",
         .kind = KEY_SEED,
         .offset = offsetof(struct glyphs, seed),
         .default_json = "1",
         .help = "of the drawings, not of the experiment: all seeds of an experiment train on the same data"},
        {.name = "train",
         .kind = KEY_INT,
         .offset = offsetof(struct glyphs, train),
         .default_json = "10000",
         .lowest = 1,
         .highest = 1e6,
         .unit = "samples",
         .help = "training drawings"},
        {.name = "test",
         .kind = KEY_INT,
         .offset = offsetof(struct glyphs, test),
         .default_json = "2000",
         .lowest = 1,
         .highest = 1e6,
         .unit = "samples",
         .help = "test drawings"},
        {.name = "noise",
         .kind = KEY_REAL,
         .offset = offsetof(struct glyphs, noise),
         .default_json = "0.05",
         .lowest = 0,
         .highest = 1,
         .help = "standard deviation of the normal noise on every pixel, black = 1"},
        {.name = "warp",
         .kind = KEY_REAL,
         .offset = offsetof(struct glyphs, warp),
         .default_json = "1",
         .lowest = 0,
         .highest = 2,
         .help = "how far bends, turns, sizes, slants and shifts go; 0: none"},
        {.name = "clutter",
         .kind = KEY_INT,
         .offset = offsetof(struct glyphs, clutter),
         .default_json = "1",
         .lowest = 0,
         .highest = 100,
         .unit = "strokes",
         .help = "stray strokes on every drawing"},
        DATA_KEYS,
        {0},
};

const struct data_source data_glyphs = {
        .row = {.name = "glyphs",
                .about = "28 x 28 drawings of the ten digits, made by the program itself from a seed",
                .formula =
                        "spline strokes, bent, turned, scaled, slanted and shifted at random; stray strokes; "
                        "normal noise; every ten drawings hold each digit once",
                .keys = keys,
                .state_bytes = sizeof(struct glyphs)},
        .shape = glyphs_shape,
        .load = glyphs_load,
        .edition = 1,
};
