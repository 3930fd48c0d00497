/* The layers on images that are checked, and the walk through them. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "check/check_image.h"

static const struct conv_case {
	struct image in;
	int out, kernel[2], stride[2], pad[2], groups;
} convs[] = {
        {{2, 3, 9, 7}, 16, {3, 3}, {1, 1}, {1, 1}, 1},     {{2, 16, 8, 8}, 32, {3, 3}, {2, 2}, {1, 1}, 1},
        {{2, 16, 8, 8}, 32, {1, 1}, {2, 2}, {0, 0}, 1},    {{3, 1, 12, 12}, 20, {5, 5}, {1, 1}, {0, 0}, 1},
        {{2, 20, 6, 6}, 50, {5, 5}, {1, 1}, {0, 0}, 1},    {{1, 17, 1, 1}, 5, {1, 1}, {1, 1}, {0, 0}, 1},
        {{2, 4, 1, 1}, 3, {3, 3}, {1, 1}, {1, 1}, 1},      {{2, 3, 11, 13}, 24, {7, 5}, {3, 2}, {3, 2}, 1},
        {{1, 3, 23, 23}, 16, {11, 11}, {4, 4}, {2, 2}, 1}, {{2, 6, 5, 9}, 10, {3, 2}, {2, 3}, {2, 0}, 2},
        {{2, 32, 5, 5}, 32, {3, 3}, {1, 1}, {1, 1}, 2},    {{2, 32, 6, 6}, 32, {3, 3}, {2, 2}, {1, 1}, 32},
        {{2, 5, 6, 6}, 10, {3, 3}, {1, 1}, {1, 1}, 5},     {{2, 64, 4, 4}, 64, {3, 3}, {1, 1}, {1, 1}, 1},
        {{1, 50, 3, 3}, 17, {4, 4}, {4, 4}, {1, 1}, 1},    {{1, 2, 2, 3}, 2, {5, 6}, {1, 1}, {2, 3}, 1},
        {{2, 20, 40, 9}, 6, {5, 5}, {1, 1}, {2, 2}, 1},    {{1, 20, 61, 19}, 3, {5, 4}, {2, 3}, {1, 2}, 1},
        {{2, 20, 7, 7}, 24, {3, 3}, {1, 1}, {1, 1}, 1},    {{3, 24, 7, 7}, 20, {1, 1}, {1, 1}, {0, 0}, 1},
};

static const struct image norms[] = {{4, 16, 8, 8},  {2, 3, 5, 7},   {1, 17, 1, 1}, {1, 20, 2, 2},
                                     {8, 50, 1, 1},  {2, 1, 33, 17}, {3, 64, 2, 1}, {1, 8, 31, 31},
                                     {2, 32, 17, 3}, {5, 5, 1, 3},   {3, 37, 9, 3}};

static const struct pool_case {
	struct image in;
	int kernel[2], stride[2], pad[2];
} pools[] = {
        {{2, 20, 8, 8}, {2, 2}, {2, 2}, {0, 0}}, {{2, 64, 9, 9}, {3, 3}, {2, 2}, {1, 1}},
        {{3, 3, 7, 5}, {3, 2}, {1, 3}, {1, 0}},  {{2, 17, 8, 8}, {8, 8}, {1, 1}, {0, 0}},
        {{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}},  {{1, 16, 1, 1}, {3, 3}, {2, 2}, {1, 1}},
        {{2, 5, 11, 4}, {4, 3}, {4, 3}, {3, 2}}, {{1, 50, 6, 7}, {3, 3}, {2, 2}, {0, 0}},
        {{2, 9, 8, 8}, {2, 2}, {2, 2}, {0, 0}},  {{2, 6, 8, 7}, {2, 2}, {3, 2}, {0, 0}},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Every case is run with these settings, by number. */
enum { VARIANTS = 4 };

static struct image_spec conv_at(size_t i, int variant)
{
	const struct conv_case *c = &convs[i];
	struct image_spec s = image_window_spec(IMAGE_CONV, c->in, c->out, c->kernel, c->stride, c->pad);
	s.groups = c->groups;
	s.bias = variant % 2;
	s.relu = variant / 2;
	s.rows_in = variant == 2;
	s.d_in = !s.rows_in;
	return s;
}

/* All, and then all once more with an addition. */
static struct image_spec norm_at(size_t i, int variant)
{
	const struct image *in = &norms[i % COUNT(norms)];
	return (struct image_spec){.kind = IMAGE_NORM,
	                           .in = *in,
	                           .out = *in,
	                           .add = i >= COUNT(norms),
	                           .relu = variant % 2,
	                           .back = true,
	                           .d_in = variant < 2,
	                           .epsilon = 1e-5f};
}

static struct image_spec pool_at(enum image_kind kind, size_t i)
{
	const struct pool_case *c = &pools[i];
	return image_window_spec(kind, c->in, c->in.channels, c->kernel, c->stride, c->pad);
}

static struct image_spec max_pool_at(size_t i, int variant)
{
	(void)variant;
	return pool_at(IMAGE_MAX_POOL, i);
}

static struct image_spec mean_pool_at(size_t i, int variant)
{
	(void)variant;
	return pool_at(IMAGE_MEAN_POOL, i);
}

/* Rounding errors of sums of float products are random, and far below this even for thousands of summands. */
static const struct layer_kind {
	const char *name;
	size_t cases;
	struct image_spec (*spec)(size_t i, int variant);
	double allowed;
} kinds[] = {
        {"conv", COUNT(convs), conv_at, 1e-5},
        {"norm", 2 * COUNT(norms), norm_at, 1e-5},
        {"max_pool", COUNT(pools), max_pool_at, 1e-6},
        {"mean_pool", COUNT(pools), mean_pool_at, 1e-6},
};

static void note(struct check_result *r, const struct image_spec *s, double error)
{
	r->cases++;
	r->worst = fmax(r->worst, error);
	if (error <= r->allowed || !r->passed)
		return;
	r->passed = false;
	snprintf(r->where, sizeof(r->where),
	         "%d x %d x %d x %d, kernel %d x %d, stride %d, pad %d, groups %d%s%s%s", s->in.count,
	         s->in.channels, s->in.height, s->in.width, s->kernel[0], s->kernel[1], s->stride[0],
	         s->pad[0], s->groups, s->bias ? ", bias" : "", s->relu ? ", relu" : "",
	         s->rows_in ? ", rows" : "");
}

static void compare(const struct backend *ref, const struct check_table *tables, size_t count,
                    const struct image_spec *s, uint64_t seed, struct check_result *results)
{
	struct image_run want, got;
	image_run_open(&want, s, seed);
	image_run_on(ref, &want);
	for (size_t t = 0; t < count; t++) {
		if (s->add && !tables[t].kernels.image->norm_adds)
			continue;
		image_run_open(&got, s, seed);
		image_run_on(&tables[t].kernels, &got);
		note(&results[t], s, image_run_error(ref, &want, &got));
		image_run_close(&got);
	}
	image_run_close(&want);
}

int check_images(const struct backend *ref, const struct check_table *tables, size_t count,
                 void (*tell)(void *ctx, const struct check_result *r), void *ctx)
{
	int failed = 0;
	struct check_result *results = mem_array(count, sizeof(*results));
	for (size_t k = 0; k < COUNT(kinds); k++) {
		for (size_t t = 0; t < count; t++)
			results[t] = (struct check_result){.kernel = kinds[k].name,
			                                   .backend = tables[t].name,
			                                   .passed = true,
			                                   .allowed = kinds[k].allowed};
		for (size_t i = 0; i < kinds[k].cases; i++)
			for (int v = 0; v < VARIANTS; v++) {
				struct image_spec s = kinds[k].spec(i, v);
				compare(ref, tables, count, &s, VARIANTS * i + (size_t)v, results);
			}
		for (size_t t = 0; t < count; t++) {
			failed += !results[t].passed;
			tell(ctx, &results[t]);
		}
	}
	mem_free(results);
	return failed;
}
