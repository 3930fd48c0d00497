/* Layers on images over shapes that fit nothing, numbers that are none, and many threads. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "tests/support/image_fixture.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"

/* Rounding of float sums is random, about 1e-7 times the root of their length here. */
static const double ALLOWED = 1e-5;

struct dice {
	struct stream stream;
	uint64_t next;
};

static int pick(struct dice *d, const int *from, int count)
{
	return from[stream_below(&d->stream, 4 * d->next++, (uint32_t)count)];
}

#define PICK(d, ...) pick(d, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* A window that fits: its kernel goes at most over what is there and its padding. */
static void throw_window(struct dice *d, const struct image *in, int kernel[2], int stride[2], int pad[2])
{
	const int side[2] = {in->height, in->width};
	for (int i = 0; i < 2; i++) {
		kernel[i] = PICK(d, 1, 1, 2, 3, 3, 5, 7);
		stride[i] = PICK(d, 1, 1, 2, 3, 4);
		pad[i] = PICK(d, 0, 1, 2, 3);
		if (kernel[i] > side[i] + 2 * pad[i])
			kernel[i] = side[i] + 2 * pad[i];
	}
}

static struct image throw_image(struct dice *d)
{
	return (struct image){PICK(d, 1, 2, 5), PICK(d, 1, 2, 3, 8, 16, 17, 20, 32, 50),
	                      PICK(d, 1, 2, 3, 6, 9), PICK(d, 1, 2, 5, 8)};
}

static struct image_spec throw_conv(struct dice *d)
{
	struct image in = throw_image(d);
	int kernel[2], stride[2], pad[2], out = PICK(d, 1, 3, 10, 16, 17, 20, 48);
	throw_window(d, &in, kernel, stride, pad);
	int groups = PICK(d, 1, 1, 1, 2, in.channels);
	if (in.channels % groups != 0)
		groups = 1;
	struct image_spec s =
	        image_window_spec(IMAGE_CONV, in, (out + groups - 1) / groups * groups, kernel, stride, pad);
	s.groups = groups;
	s.bias = PICK(d, 0, 1);
	s.relu = PICK(d, 0, 1);
	s.rows_in = PICK(d, 0, 1);
	s.d_in = !s.rows_in && PICK(d, 0, 1, 1);
	s.back = PICK(d, 0, 1, 1, 1);
	return s;
}

static struct image_spec throw_pool(struct dice *d)
{
	struct image in = throw_image(d);
	int kernel[2], stride[2], pad[2];
	throw_window(d, &in, kernel, stride, pad);
	for (int i = 0; i < 2; i++)
		pad[i] = pad[i] < kernel[i] ? pad[i] : kernel[i] - 1;
	kernel[0] = kernel[0] < in.height + 2 * pad[0] ? kernel[0] : in.height + 2 * pad[0];
	kernel[1] = kernel[1] < in.width + 2 * pad[1] ? kernel[1] : in.width + 2 * pad[1];
	return image_window_spec(PICK(d, IMAGE_MAX_POOL, IMAGE_MEAN_POOL), in, in.channels, kernel, stride,
	                         pad);
}

static struct image_spec throw_norm(struct dice *d)
{
	struct image_spec s = image_fixture_norm(throw_image(d));
	s.relu = PICK(d, 0, 1);
	s.d_in = PICK(d, 0, 1, 1);
	s.epsilon = PICK(d, 0, 1) ? 1e-5f : 0.1f;
	s.add = PICK(d, 0, 1);
	return s;
}

static void expect_agreement(const struct backend *machine, int count, const struct image_spec *s,
                             uint64_t seed)
{
	struct image_run want, got;
	image_run_open(&want, s, seed);
	image_run_on(&machine[0], &want);
	for (int m = 1; m < count; m++) {
		image_run_open(&got, s, seed);
		image_run_on(&machine[m], &got);
		double error = image_run_error(&machine[0], &want, &got);
		cr_expect_leq(error, ALLOWED, "%s, seed %d: %g on %s", image_fixture_shown(s), (int)seed,
		              error, machine[m].detail);
		image_run_close(&got);
	}
	image_run_close(&want);
}

Test(image_shapes, machines_agree_on_any_shape, .timeout = 120)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (uint64_t seed = 0; seed < 240; seed++) {
		struct dice d = {.stream = stream_of(seed, RNG_TEST, 3, 0)};
		struct image_spec s = seed % 4 == 0   ? throw_norm(&d)
		                      : seed % 4 == 1 ? throw_pool(&d)
		                                      : throw_conv(&d);
		expect_agreement(machine, count, &s, seed);
	}
}

/* A variance of 0: gradients of the input vanish with it, or are damped by epsilon alone. */
Test(image_shapes, constant_channels_are_normalised_to_beta)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	struct image_spec s = image_fixture_norm((struct image){4, 20, 3, 3});
	for (int m = 0; m < count; m++) {
		struct image_run r;
		image_run_open(&r, &s, 3);
		for (size_t i = 0; i < r.in_floats; i++)
			r.in[i] = (float)(i / 9 % 20) / 4;
		image_run_on(&machine[m], &r);
		for (size_t i = 0; i < r.out_floats; i++)
			cr_assert_eq(r.out[i], r.b[i / 9 % 20], "%s: number %zu", machine[m].detail, i);
		for (size_t c = 0; c < 20; c++) {
			cr_expect_eq(r.statistics[c], (float)c / 4);
			cr_expect_eq(r.statistics[20 + c], 0.0f);
			cr_expect_eq(r.dw[c], 0.0f);
		}
		image_run_close(&r);
	}
}

/* Far from 0, where a sum of squares less a square of sums has no digit left. */
Test(image_shapes, variance_does_not_cancel)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	struct image_spec s = image_fixture_norm((struct image){6, 3, 33, 7});
	for (int m = 0; m < count; m++) {
		struct image_run r;
		image_run_open(&r, &s, 3);
		for (size_t i = 0; i < r.in_floats; i++)
			r.in[i] = 10000 + (float)(i % 2);
		image_run_on(&machine[m], &r);
		for (size_t c = 0; c < 3; c++) {
			cr_expect_float_eq(r.statistics[c], 10000.5, 1e-2, "%s", machine[m].detail);
			cr_expect_float_eq(r.statistics[3 + c], 0.25, 1e-4, "%s: variance %g",
			                   machine[m].detail, (double)r.statistics[3 + c]);
		}
		image_run_close(&r);
	}
}

Test(image_shapes, rows_survive_the_layout)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (int m = 0; m < count; m++)
		for (int channels = 1; channels <= 35; channels++) {
			const struct image_kernels *k = machine[m].image;
			struct image i = {2, channels, 3, 2};
			size_t n = k->floats(&i), rows = (size_t)(12 * channels), zeros = 0;
			float *image = mem_array(n, sizeof(float)), *a = mem_array(2 * rows, sizeof(float));
			for (size_t j = 0; j < n; j++)
				image[j] = 9;
			for (size_t j = 0; j < rows; j++)
				a[j] = (float)j + 1;
			k->from_rows(NULL, &i, a, image);
			k->to_rows(NULL, &i, image, a + rows);
			cr_expect_arr_eq(a + rows, a, rows * sizeof(float), "%s", machine[m].detail);
			for (size_t j = 0; j < n; j++)
				zeros += image[j] == 0;
			cr_expect_eq(zeros, n - rows, "%s: what fills blocks up is not zero",
			             machine[m].detail);
			mem_free(image);
			mem_free(a);
		}
}

/* Gradients of the weights of a filter that gets no gradient, and of a channel that has no input. */
static void expect_zeros(const struct backend *be, const struct image_spec *s)
{
	struct image_run r;
	size_t in = (size_t)s->in.channels, size = (size_t)(s->kernel[0] * s->kernel[1]),
	       pixels = (size_t)(s->in.height * s->in.width),
	       outputs = (size_t)(s->out.height * s->out.width);
	image_run_open(&r, s, 4);
	for (size_t i = 0; i < r.in_floats; i++)
		r.in[i] = i / pixels % in == 1 ? 0 : r.in[i];
	for (size_t i = 0; i < r.out_floats; i++)
		r.d_out[i] = i / outputs % (size_t)s->out.channels == 2 ? 0 : r.d_out[i];
	image_run_on(be, &r);
	for (size_t i = 0; i < r.w_floats; i++)
		if (i / size % in == 1 || i / size / in == 2)
			cr_assert_eq(r.dw[i], 0, "%s: %s, weight %zu: %g", be->detail, image_fixture_shown(s),
			             i, (double)r.dw[i]);
	cr_expect_eq(r.db[2], 0);
	image_run_close(&r);
}

Test(image_shapes, what_is_exactly_zero_stays_zero)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	const struct image_spec specs[] = {
	        image_fixture_square(IMAGE_CONV, (struct image){3, 20, 12, 12}, 50, 5, 1, 0),
	        image_fixture_square(IMAGE_CONV, (struct image){2, 17, 9, 8}, 5, 3, 2, 1),
	        image_fixture_square(IMAGE_CONV, (struct image){2, 3, 28, 28}, 20, 5, 1, 2),
	        image_fixture_square(IMAGE_CONV, (struct image){2, 16, 8, 8}, 32, 3, 1, 1)};
	for (int m = 0; m < count; m++)
		for (size_t i = 0; i < 2 * sizeof(specs) / sizeof(specs[0]); i++) {
			struct image_spec s = specs[i / 2];
			s.bias = true;
			s.rows_in = i % 2;
			s.d_in = !s.rows_in;
			expect_zeros(&machine[m], &s);
		}
}

/* How many of n numbers are none. */
static size_t count_nan(size_t n, const float *v)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += isnan(v[i]) != 0;
	return count;
}

Test(image_shapes, what_is_no_number_stays_visible)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	struct image in = {2, 17, 4, 4};
	struct image_spec norm = image_fixture_norm(in);
	norm.relu = true;
	const struct {
		struct image_spec spec;
		size_t outputs; /* that see input number 5 */
	} cases[] = {{image_fixture_square(IMAGE_CONV, in, 3, 3, 1, 1), 27},
	             {image_fixture_square(IMAGE_MAX_POOL, in, 17, 2, 2, 0), 1},
	             {image_fixture_square(IMAGE_MEAN_POOL, in, 17, 2, 2, 0), 1},
	             {norm, 32}};
	for (int m = 0; m < count; m++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct image_run r;
			image_run_open(&r, &cases[i].spec, 2);
			for (size_t j = 0; j < r.w_floats; j++)
				r.w[j] = 1;
			r.in[5] = NAN; /* line 1, column 1 of channel 0 */
			image_run_on(&machine[m], &r);
			cr_expect_eq(count_nan(r.out_floats, r.out), cases[i].outputs, "%s: %s",
			             machine[m].detail, image_fixture_shown(&cases[i].spec));
			image_run_close(&r);
		}
}

/* A machine whose batch means are a little wrong, and whose convolutions have no bias. */
static const struct image_kernels *honest;
static struct image_kernels crooked;

static void crooked_statistics(struct queue *q, const struct image_layer *l, float *statistics)
{
	honest->statistics(q, l, statistics);
	statistics[0] += 1e-4f;
}

static bool conv_is_opened;

static struct image_layer *crooked_open(const struct image_spec *spec, struct image_need *need)
{
	conv_is_opened = spec->kind == IMAGE_CONV;
	return honest->open(spec, need);
}

/* Forgets the bias of convolutions. */
static void crooked_load(struct queue *q, struct image_layer *l, const float *w, const float *b)
{
	honest->load(q, l, w, conv_is_opened ? NULL : b);
}

static void note_failure(void *ctx, const struct check_result *r)
{
	if (!r->passed)
		buf_format(ctx, "%s ", r->kernel);
}

Test(image_shapes, the_walk_finds_a_broken_layer)
{
	struct backend machine[TABLES_MAX];
	struct buf failed = {0};
	backend_tables_all(machine);
	struct check_table broken = {.name = "broken", .kernels = machine[1]};
	honest = machine[1].image;
	crooked = *honest;
	crooked.statistics = crooked_statistics;
	crooked.open = crooked_open;
	crooked.load = crooked_load;
	broken.kernels.image = &crooked;
	int count = check_images(&machine[0], &broken, 1, note_failure, &failed);
	cr_expect_eq(count, 2, "%s", failed.text);
	cr_expect_str_eq(failed.text, "conv norm ");
	buf_clear(&failed);
}

/* One number of a gradient is lost, and the mean of a cell counts one more. */
static void crooked_subsample_back(struct queue *q, const struct image_shortcut *s, const float *d_out,
                                   float *d_in)
{
	honest->subsample_back(q, s, d_out, d_in);
	d_in[0] = 0;
}

static void crooked_adaptive(struct queue *q, size_t planes, const int from[2], const int to[2],
                             const float *x, float *y)
{
	honest->adaptive(q, planes, from, to, x, y);
	y[0] += x[0];
}

Test(image_shapes, the_walk_finds_broken_moves)
{
	struct backend machine[TABLES_MAX];
	struct buf failed = {0};
	int tables = backend_tables_all(machine);
	struct check_table broken = {.name = "broken", .kernels = machine[1]};
	for (int t = 1; t < tables; t++) {
		struct check_table good = {.name = "good", .kernels = machine[t]};
		cr_expect_eq(check_image_moves(&machine[0], &good, 1, note_failure, &failed), 0, "%s",
		             failed.text);
	}
	honest = machine[1].image;
	crooked = *honest;
	crooked.subsample_back = crooked_subsample_back;
	crooked.adaptive = crooked_adaptive;
	broken.kernels.image = &crooked;
	int count = check_image_moves(&machine[0], &broken, 1, note_failure, &failed);
	cr_expect_eq(count, 2, "%s", failed.text);
	buf_clear(&failed);
}
