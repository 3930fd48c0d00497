/*
 * The key `precision` of the backend `cuda`: how many bits of their factors products keep. Nothing else
 * changes with it. The stand-ins of cuBLAS and cuDNN round as tensor cores do.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "backend/cuda_row.h"
#include "check/check_image.h"
#include "registry.h"

static struct backend cuda, ref;

/* One precision a process. */
static void open_with(enum cuda_precision precision)
{
	const struct cuda_settings s = {.device = 0, .precision = precision};
	struct err e = {0};
	const struct backend_row *row =
	        (const struct backend_row *)(const void *)family_find(&family_backends, "cuda");
	cr_assert_eq(row->open(&cuda, &s, &e), 0, "%s", e.text);
	row = (const struct backend_row *)(const void *)family_find(&family_backends, "ref");
	cr_assert_eq(row->open(&ref, NULL, &e), 0, "%s", e.text);
}

/* x * y, by a product of matrices of one number, or by a kernel of our own. */
static float times(float x, float y, bool product)
{
	const struct memory *m = cuda.memory;
	struct queue *q = m->queue_open();
	float from[3] = {x, y, NAN}, *at = m->alloc(sizeof(from), "three numbers");
	m->upload(q, at, from, sizeof(from));
	if (product)
		cuda.gemm(q, false, false, 1, 1, 1, 1, at, at + 1, 0, at + 2);
	else
		cuda.multiply(q, 1, at, at + 1, at + 2);
	m->download(q, from, at, sizeof(from));
	m->queue_close(q);
	m->release(at);
	return from[2];
}

/* 1 and so many bits behind the point. */
static float with_bit(int bit)
{
	return 1 + ldexpf(1, -bit);
}

/* Products keep `bits` bits, and no more; everything else keeps them all. */
static void expect_bits(int bits)
{
	cr_expect_eq(times(with_bit(bits), 1, true), with_bit(bits));
	cr_expect_eq(times(1, with_bit(bits), true), with_bit(bits));
	cr_expect_eq(times(with_bit(23), 1, false), with_bit(23));
	if (bits == 23)
		return;
	cr_expect_eq(times(with_bit(bits + 1), 1, true), 1);
	cr_expect_eq(times(1, with_bit(bits + 1), true), 1);
}

/* How far a layer is off, forward and back. */
static double error_of(const struct image_spec *s)
{
	struct image_run want, got;
	image_run_open(&want, s, 5);
	image_run_open(&got, s, 5);
	image_run_on(&ref, &want);
	image_run_on(&cuda, &got);
	double error = image_run_error(&ref, &want, &got);
	image_run_close(&want);
	image_run_close(&got);
	return error;
}

static void expect_layers(double least, double most)
{
	struct image in = {2, 8, 9, 7};
	struct image_spec conv = image_window_spec(IMAGE_CONV, in, 16, (const int[]){3, 3},
	                                           (const int[]){2, 1}, (const int[]){1, 1}),
	                  norm = {.kind = IMAGE_NORM,
	                          .in = in,
	                          .out = in,
	                          .back = true,
	                          .d_in = true,
	                          .epsilon = 1e-5f};
	conv.bias = true;
	double error = error_of(&conv);
	cr_expect(error >= least && error < most, "a convolution is off by %g", error);
	error = error_of(&norm);
	cr_expect_lt(error, 1e-5, "a normalisation is off by %g", error);
}

Test(precision, fp32_keeps_all_bits)
{
	open_with(CUDA_FP32);
	expect_bits(23);
	expect_layers(0, 1e-5);
}

/* By cuDNN in one call, which has rules of its own. */
Test(precision, convolutions_with_bias_and_relu_are_fused)
{
	struct image_spec conv =
	        image_window_spec(IMAGE_CONV, (struct image){2, 8, 9, 7}, 16, (const int[]){3, 3},
	                          (const int[]){1, 1}, (const int[]){1, 1});
	conv.bias = conv.relu = true;
	open_with(CUDA_FP32);
	double error = error_of(&conv);
	cr_expect_lt(error, 1e-5, "off by %g", error);
}

Test(precision, tf32_keeps_ten_bits_of_factors)
{
	open_with(CUDA_TF32);
	expect_bits(10);
	expect_layers(1e-5, 0x1p-9);
}

Test(precision, bf16_keeps_seven_bits_of_factors)
{
	open_with(CUDA_BF16);
	expect_bits(7);
	expect_layers(1e-4, 0x1p-6);
}
