/*
 * Normal numbers: the float functions behind them against double precision, the numbers against their
 * definition and against the law of Gauss, and a loop of vectors against one number at a time.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rng_inline.h"
#include "tests/support/chance.h"

/* --- the float functions ----------------------------------------------------------------------------- */

/* Distance in units of the last place of the float nearest to the true value. */
static double ulps(float got, double true_value)
{
	float near = fabsf((float)true_value);
	return fabs((double)got - true_value) / (double)(nextafterf(near, INFINITY) - near);
}

/* Multiples of 2^-24 in [0, 2^24): densely at both ends, every 61st between. Returns the next one. */
static uint32_t next_grid(uint32_t k)
{
	const uint32_t end = 1u << 24, dense = 5000;
	return k < dense || k > end - dense ? k + 1 : k + 61;
}

Test(normal, logarithm_is_right_to_two_units_of_the_last_place)
{
	for (uint32_t k = 1; k < 1u << 24; k = next_grid(k)) {
		float x = (float)k * 0x1p-24f;
		double error = ulps(rng_log(x), log((double)x));
		cr_assert(error < 2, "ln %a: %a, %g ulp off", (double)x, (double)rng_log(x), error);
	}
	float zero = rng_log(1.0f);
	cr_assert(zero == 0 && !signbit(zero));
}

Test(normal, sine_and_cosine_are_right_to_two_units_of_the_last_place)
{
	for (uint32_t k = 0; k < 1u << 24; k = next_grid(k)) {
		if (k % (1u << 22) == 0)
			continue; /* where pi in double precision is too short for the definition */
		float u = (float)k * 0x1p-24f, sine, cosine;
		double turn = 2 * M_PI * (double)u;
		rng_sincos_turn(u, &sine, &cosine);
		cr_assert(ulps(sine, sin(turn)) < 2, "sine of %a turns: %a", (double)u, (double)sine);
		cr_assert(ulps(cosine, cos(turn)) < 2, "cosine of %a turns: %a", (double)u, (double)cosine);
	}
}

Test(normal, quarter_turns_are_exact)
{
	static const float sines[] = {0, 1, 0, -1}, cosines[] = {1, 0, -1, 0};
	for (int q = 0; q < 4; q++) {
		float sine, cosine;
		rng_sincos_turn(0.25f * (float)q, &sine, &cosine);
		cr_assert(sine == sines[q] && cosine == cosines[q], "%d quarters: %g, %g", q, (double)sine,
		          (double)cosine);
	}
}

/* --- normal numbers ---------------------------------------------------------------------------------- */

Test(normal, numbers_are_box_muller_of_the_words)
{
	struct stream s = stream_of(12, RNG_NOISE, 3, 4);
	for (uint64_t block = 0; block < 20000; block++) {
		uint32_t w[4];
		float out[4];
		stream_block(&s, block, w);
		stream_normal4(&s, block, out);
		for (int i = 0; i < 4; i += 2) {
			double r = sqrt(-2 * log(((w[i] >> 8) + 1) / 16777216.0));
			double turn = 2 * M_PI * ((w[i + 1] >> 8) / 16777216.0);
			cr_assert_float_eq(out[i], r * cos(turn), 1e-6 * r);
			cr_assert_float_eq(out[i + 1], r * sin(turn), 1e-6 * r);
		}
	}
}

Test(normal, numbers_of_extreme_words_are_finite)
{
	float a, b;
	rng_normal2(0, 0, &a, &b); /* u1 = 2^-24, the longest radius */
	cr_assert_float_eq(a, sqrt(48 * M_LN2), 1e-6);
	cr_assert(b == 0);
	rng_normal2(UINT32_MAX, UINT32_MAX, &a, &b); /* u1 = 1 */
	cr_assert(a == 0 && b == 0);
}

enum { NORMALS = 1 << 20 };

static float *many_normals(void)
{
	float *x = mem_array(NORMALS, sizeof(*x)); /* [NORMALS] */
	struct stream s = stream_of(13, RNG_NOISE, 0, 0);
	for (uint64_t block = 0; block < NORMALS / 4; block++)
		stream_normal4(&s, block, x + 4 * block);
	return x;
}

Test(normal, numbers_have_the_four_moments)
{
	float *x = many_normals();
	double power[5] = {0}; /* sums of x^k */
	for (size_t i = 0; i < NORMALS; i++) {
		double p = 1;
		for (int k = 0; k <= 4; k++, p *= (double)x[i])
			power[k] += p;
	}
	mem_free(x);
	/* raw moments 0, 1, 0, 3; the variance of x^k is E x^2k - (E x^k)^2: 1, 2, 15, 96 */
	static const double expected[5] = {1, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
	for (int k = 1; k <= 4; k++) {
		double z = (power[k] / NORMALS - expected[k]) / sqrt(variance[k] / NORMALS);
		cr_assert_lt(fabs(z), Z_LIMIT, "moment %d: %g, expected %g", k, power[k] / NORMALS,
		             expected[k]);
	}
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

Test(normal, numbers_pass_kolmogorov_and_smirnov)
{
	float *x = many_normals();
	qsort(x, NORMALS, sizeof(*x), compare_floats);
	double largest = 0;
	for (size_t i = 0; i < NORMALS; i++) {
		double theory = 0.5 * erfc(-(double)x[i] * M_SQRT1_2);
		double above = (double)(i + 1) / NORMALS - theory, below = theory - (double)i / NORMALS;
		largest = fmax(largest, fmax(above, below));
	}
	/* P(sqrt(N) D > t) -> 2 exp(-2 t^2) = 6e-7 */
	const double limit = 2.74;
	cr_assert_lt(largest * sqrt(NORMALS), limit, "D = %g", largest);
	cr_assert_lt(-5.8, (double)x[0]);
	cr_assert_lt((double)x[NORMALS - 1], 5.8);
	mem_free(x);
}

/* The two numbers of a pair fall evenly into the 8 x 8 board of their octiles. */
Test(normal, numbers_of_a_pair_are_independent)
{
	enum { SIDE = 8 };
	uint32_t counts[SIDE * SIDE] = {0};
	float *x = many_normals();
	for (size_t i = 0; i < NORMALS; i += 2) {
		int row = (int)(SIDE * 0.5 * erfc(-(double)x[i] * M_SQRT1_2));
		int column = (int)(SIDE * 0.5 * erfc(-(double)x[i + 1] * M_SQRT1_2));
		counts[row * SIDE + column]++;
	}
	mem_free(x);
	chance_assert_uniform(counts, SIDE * SIDE, NORMALS / 2.0, "pairs of normals");
}

Test(normal, numbers_of_neighbouring_streams_are_uncorrelated)
{
	enum { BLOCKS = 1 << 15, N = 4 * BLOCKS };
	const struct stream s = stream_of(10, RNG_NOISE, 1, 1);
	const struct stream others[] = {stream_of(11, RNG_NOISE, 1, 1), stream_of(10, RNG_TEST, 1, 1),
	                                stream_of(10, RNG_NOISE, 2, 1), stream_of(10, RNG_NOISE, 1, 2)};
	for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
		double sum = 0;
		for (uint64_t block = 0; block < BLOCKS; block++) {
			float a[4], b[4];
			stream_normal4(&s, block, a);
			stream_normal4(&others[k], block, b);
			for (int i = 0; i < 4; i++)
				sum += (double)a[i] * (double)b[i];
		}
		cr_assert_lt(fabs(sum / sqrt(N)), Z_LIMIT, "stream %zu: correlation %g", k, sum / N);
	}
}

/* What a vector loop makes of the inline bodies, [BLOCKS] of each word's numbers. */
enum { LOOP_BLOCKS = 1003 };

__attribute__((noinline)) static void fill_in_a_loop(const struct stream *s, float *n0, float *n1, float *n2,
                                                     float *n3)
{
	const struct stream t = *s;
	for (uint32_t i = 0; i < LOOP_BLOCKS; i++) {
		struct rng_words x = rng_philox(t.key[0], t.key[1], rng_counter(t.tag, t.step, i));
		rng_normal2(x.a, x.b, &n0[i], &n1[i]);
		rng_normal2(x.c, x.d, &n2[i], &n3[i]);
	}
}

Test(normal, a_vector_loop_gives_the_same_bits)
{
	static float n[4][LOOP_BLOCKS];
	struct stream s = stream_of(14, RNG_NOISE, 77, 88);
	fill_in_a_loop(&s, n[0], n[1], n[2], n[3]);
	for (size_t i = 0; i < LOOP_BLOCKS; i++) {
		float one[4], loop[4] = {n[0][i], n[1][i], n[2][i], n[3][i]};
		stream_normal4(&s, i, one);
		cr_assert_arr_eq(one, loop, sizeof(one), "block %zu", i);
	}
}
