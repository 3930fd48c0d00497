/*
 * Layers on images: every machine against expectations worked out by hand, against finite differences,
 * and against ref over shapes that fit nothing. test_check.c walks the cases of `signsgd check`.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "tests/support/image_fixture.h"

/* --- by hand ---------------------------------------------------------------------------------------------
 */

Test(image, convolution_is_cross_correlation)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (int m = 0; m < count; m++) {
		struct image_spec s =
		        image_window_spec(IMAGE_CONV, (struct image){1, 1, 2, 3}, 1, (const int[]){2, 2},
		                          (const int[]){1, 1}, (const int[]){0, 1});
		struct image_run r;
		s.bias = true;
		image_run_open(&r, &s, 1);
		memcpy(r.in, (float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
		memcpy(r.w, (float[]){1, 10, 100, 1000}, 4 * sizeof(float));
		memcpy(r.d_out, (float[]){1, 0, 0, 2}, 4 * sizeof(float));
		r.b[0] = 0.5f;
		image_run_on(&machine[m], &r);
		const float out[] = {4010.5f, 5421.5f, 6532.5f, 603.5f}, dw[] = {6, 1, 12, 4};
		const float d_in[] = {10, 0, 2, 1000, 0, 200};
		cr_expect_arr_eq(r.out, out, sizeof(out), "%s", machine[m].detail);
		cr_expect_arr_eq(r.dw, dw, sizeof(dw), "%s", machine[m].detail);
		cr_expect_eq(r.db[0], 3.0f);
		for (int i = 0; i < 6; i++)
			cr_expect_eq(r.d_in[i], d_in[i], "%s: d_in[%d] = %g", machine[m].detail, i,
			             (double)r.d_in[i]);
		image_run_close(&r);
	}
}

Test(image, max_pool_takes_the_first_of_the_largest)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (int m = 0; m < count; m++) {
		struct image_spec s =
		        image_fixture_square(IMAGE_MAX_POOL, (struct image){1, 1, 3, 3}, 1, 2, 2, 1);
		struct image_run r;
		image_run_open(&r, &s, 1);
		memcpy(r.in, (float[]){-5, -1, -1, -7, -2, -9, -3, -2, -2}, 9 * sizeof(float));
		memcpy(r.d_out, (float[]){1, 10, 100, 1000}, 4 * sizeof(float));
		image_run_on(&machine[m], &r);
		const float out[] = {-5, -1, -3, -2}, d_in[] = {1, 10, 0, 0, 1000, 0, 100, 0, 0};
		cr_expect_arr_eq(r.out, out, sizeof(out), "%s", machine[m].detail);
		cr_expect_arr_eq(r.d_in, d_in, sizeof(d_in), "%s", machine[m].detail);
		image_run_close(&r);
	}
}

Test(image, mean_pool_counts_its_padding)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (int m = 0; m < count; m++) {
		struct image_spec s =
		        image_fixture_square(IMAGE_MEAN_POOL, (struct image){1, 1, 2, 2}, 1, 2, 2, 1);
		struct image_run r;
		image_run_open(&r, &s, 1);
		memcpy(r.in, (float[]){1, 2, 3, 4}, 4 * sizeof(float));
		memcpy(r.d_out, (float[]){4, 8, 12, 16}, 4 * sizeof(float));
		image_run_on(&machine[m], &r);
		const float out[] = {0.25f, 0.5f, 0.75f, 1}, d_in[] = {1, 2, 3, 4};
		cr_expect_arr_eq(r.out, out, sizeof(out), "%s", machine[m].detail);
		cr_expect_arr_eq(r.d_in, d_in, sizeof(d_in), "%s", machine[m].detail);
		image_run_close(&r);
	}
}

Test(image, norm_has_the_mean_and_variance_asked_for)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	for (int m = 0; m < count; m++) {
		struct image_spec s = image_fixture_norm((struct image){2, 1, 1, 2});
		struct image_run r;
		s.epsilon = 3;
		image_run_open(&r, &s, 1);
		memcpy(r.in, (float[]){1, 3, 5, 3}, 4 * sizeof(float)); /* mean 3, variance 2 */
		r.w[0] = 10;
		r.b[0] = 1;
		memcpy(r.running, (float[]){1, 1}, 2 * sizeof(float));
		image_run_on(&machine[m], &r);
		double unit = 10 / sqrt(5);
		const double out[] = {1 - 2 * unit, 1, 1 + 2 * unit, 1}, inferred[] = {1, 11, 21, 11};
		for (int i = 0; i < 4; i++) {
			cr_expect_float_eq(r.out[i], out[i], 1e-5, "%s", machine[m].detail);
			cr_expect_float_eq(r.inferred[i], inferred[i], 1e-5, "%s", machine[m].detail);
		}
		cr_expect_eq(r.statistics[0], 3.0f);
		cr_expect_eq(r.statistics[1], 2.0f);
		image_run_close(&r);
	}
}

/* --- slopes ----------------------------------------------------------------------------------------------
 */

/* The layer's training output, weighed with d_out: what backward() is the gradient of. */
static double weighed(const struct backend *be, struct image_run *r)
{
	double sum = 0;
	bool back = r->spec.back;
	r->spec.back = false;
	image_run_on(be, r);
	r->spec.back = back;
	for (size_t i = 0; i < r->out_floats; i++)
		sum += (double)r->out[i] * r->d_out[i];
	return sum;
}

/* Every `step`-th number of v against the central difference quotient. */
static void expect_slopes(const struct backend *be, struct image_run *r, const char *what, size_t n, float *v,
                          const float *gradient, float h, double allowed)
{
	for (size_t i = 0; i < n; i += 1 + n / 40) {
		float centre = v[i];
		v[i] = centre + h;
		double above = weighed(be, r);
		v[i] = centre - h;
		double below = weighed(be, r);
		v[i] = centre;
		double quotient = (above - below) / (2 * (double)h);
		cr_expect_float_eq(gradient[i], quotient, allowed, "%s of %s, number %zu: %g, not %g", what,
		                   image_fixture_shown(&r->spec), i, (double)gradient[i], quotient);
	}
}

static void check_slopes(const struct backend *be, const struct image_spec *s, float h, double allowed)
{
	struct image_run r;
	image_run_open(&r, s, 11);
	for (size_t i = 0; i < r.in_floats && s->kind == IMAGE_MAX_POOL; i++)
		r.in[i] = (float)(i * 7919 % 1009) / 64; /* no two as near as h */
	image_run_on(be, &r);
	expect_slopes(be, &r, "input", r.in_floats, r.in, r.d_in, h, allowed);
	expect_slopes(be, &r, "weights", r.w_floats, r.w, r.dw, h, allowed);
	expect_slopes(be, &r, "biases", r.b_floats, r.b, r.db, h, allowed);
	image_run_close(&r);
}

/* Convolution and mean pool are linear in each argument: any h is exact but for rounding. */
Test(image, gradients_are_slopes)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	struct image_spec conv = image_fixture_square(IMAGE_CONV, (struct image){2, 6, 5, 7}, 4, 3, 2, 1);
	struct image_spec norm = image_fixture_norm((struct image){3, 5, 4, 3}),
	                  lone = image_fixture_norm((struct image){2, 3, 1, 1});
	struct image_spec most = image_fixture_square(IMAGE_MAX_POOL, (struct image){2, 3, 6, 7}, 3, 3, 2, 1);
	struct image_spec mean =
	        image_fixture_square(IMAGE_MEAN_POOL, (struct image){2, 3, 6, 7}, 3, 3, 2, 1);
	conv.bias = true;
	conv.groups = 2;
	lone.epsilon = 0.1f;
	for (int m = 0; m < count; m++) {
		const struct backend *be = &machine[m];
		check_slopes(be, &conv, 1, 1e-4);
		check_slopes(be, &mean, 1, 1e-4);
		check_slopes(be, &most, 0x1p-8f, 1e-3);
		check_slopes(be, &norm, 0x1p-7f, 2e-3);
		check_slopes(be, &lone, 0x1p-7f, 2e-3);
	}
}

/* A layer with a ReLU is the layer without it, the ReLU, and the ReLU's gradient in front of the layer's. */
static void check_relu(const struct backend *b, struct image_spec s)
{
	struct image_run fused, plain;
	s.relu = true;
	image_run_open(&fused, &s, 5);
	image_run_open(&plain, &s, 5);
	plain.spec.relu = false;
	image_run_on(b, &fused);
	image_run_on(b, &plain);
	b->relu_back(NULL, plain.out_floats, plain.out, plain.d_out);
	b->relu(NULL, plain.out_floats, plain.out);
	b->relu(NULL, plain.out_floats, plain.inferred);
	cr_expect_arr_eq(fused.out, plain.out, plain.out_floats * sizeof(float), "%s: %s", b->detail,
	                 image_fixture_shown(&s));
	cr_expect_arr_eq(fused.inferred, plain.inferred, plain.out_floats * sizeof(float));
	image_run_on(b, &plain);
	cr_expect_arr_eq(fused.dw, plain.dw, plain.w_floats * sizeof(float), "%s: %s", b->detail,
	                 image_fixture_shown(&s));
	cr_expect_arr_eq(fused.db, plain.db, plain.b_floats * sizeof(float));
	cr_expect_arr_eq(fused.d_in, plain.d_in, plain.in_floats * sizeof(float));
	image_run_close(&fused);
	image_run_close(&plain);
}

Test(image, fused_relu_is_a_relu_must_resync)
{
	struct backend machine[TABLES_MAX];
	int count = backend_tables_all(machine);
	struct image_spec conv = image_fixture_square(IMAGE_CONV, (struct image){2, 20, 6, 6}, 17, 3, 1, 1);
	conv.bias = true;
	for (int m = 0; m < count; m++) {
		check_relu(&machine[m], conv);
		check_relu(&machine[m], image_fixture_norm((struct image){3, 20, 5, 7}));
	}
}
