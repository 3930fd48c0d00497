/*
 * The float kernels of every machine and vector level against expectations written anew here, in double:
 * formulas for all n in 0..200, matrix products by a triple loop, derivatives by finite differences. The
 * sign kernels are in test_sign.c, the comparison of all machines with ref in test_check.c.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/backend_tables.h"

/* Vectors for one size, with one element more that nobody may touch. */
struct vectors {
	float x[N_MAX + 1], y[N_MAX + 1], out[N_MAX + 1], before[N_MAX + 1];
};

static void begin(struct vectors *v, size_t n)
{
	backend_tables_fill(1, n + 1, v->x);
	backend_tables_fill(2, n + 1, v->y);
	backend_tables_fill(3, n + 1, v->before);
	memcpy(v->out, v->before, sizeof(v->out));
}

static void check_descents(const struct backend *b, struct vectors *v, size_t n)
{
	begin(v, n);
	b->momentum(NULL, n, 0.75f, v->x, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "momentum", n, i, v->out[i],
		                           0.25 * v->x[i] + 0.75 * v->before[i], 1);
	begin(v, n);
	b->descend(NULL, n, v->x, 0.5f, 0.125f, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "descend", n, i, v->out[i],
		                           v->before[i] - 0.5 * (v->x[i] + 0.125 * v->before[i]), 1);
	cr_assert_eq(v->out[n], v->before[n], "a kernel writes behind its vector");
}

static void check_products(const struct backend *b, struct vectors *v, size_t n)
{
	begin(v, n);
	b->scale(NULL, n, -3, v->x, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "scale", n, i, v->out[i], -3.0 * v->x[i], 3);
	b->multiply(NULL, n, v->x, v->y, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "multiply", n, i, v->out[i], (double)v->x[i] * v->y[i], 1);
	begin(v, n);
	b->add(NULL, n, v->x, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "add", n, i, v->out[i], (double)v->x[i] + v->before[i], 2);
	begin(v, n);
	b->add_relu(NULL, n, v->x, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "add_relu", n, i, v->out[i],
		                           fmax(0, (double)v->x[i] + v->before[i]), 2);
	cr_assert_eq(v->out[n], v->before[n], "a kernel writes behind its vector");
}

static void check_sums(const struct backend *b, struct vectors *v, size_t n)
{
	double sum = 0, square = 0, product = 0, found;
	begin(v, n);
	for (size_t i = 0; i < n; i++) {
		sum += fabs(v->x[i]);
		square += (double)v->x[i] * v->x[i];
		product += (double)v->x[i] * v->y[i];
	}
	b->sum_abs(NULL, n, v->x, &found);
	cr_assert_float_eq(found, sum, 1e-10);
	b->sum_square(NULL, n, v->x, &found);
	cr_assert_float_eq(found, square, 1e-10);
	b->dot(NULL, n, v->x, v->y, &found);
	cr_assert_float_eq(found, product, 1e-10);
}

static void check_pixels(const struct backend *b, struct vectors *v, size_t n)
{
	uint8_t pixels[N_MAX];
	begin(v, n);
	for (size_t i = 0; i < n; i++)
		pixels[i] = (uint8_t)(7 * i);
	const float factor = 1 / (255 * 0.25f), shift = -0.5f / 0.25f;
	b->pixels(NULL, 1, 1, n, pixels, &factor, &shift, v->out);
	for (size_t i = 0; i < n; i++)
		backend_tables_expect_near(b, "pixels", n, i, v->out[i], (pixels[i] / 255.0 - 0.5) / 0.25, 4);
	cr_assert_eq(v->out[n], v->before[n], "pixels writes behind its vector");
}

Test(backend, vector_kernels_are_their_formulas)
{
	struct backend tables[TABLES_MAX];
	static struct vectors v;
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (size_t n = 0; n <= N_MAX; n++) {
			check_descents(&tables[t], &v, n);
			check_products(&tables[t], &v, n);
			check_sums(&tables[t], &v, n);
			check_pixels(&tables[t], &v, n);
		}
}

/* Five steps of Algorithm 1 of Kingma and Ba with decoupled decay, in double beside it. */
Test(backend, adam_is_its_algorithm)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		float g[67], m[67] = {0}, s[67] = {0}, x[67];
		double want_m[67] = {0}, want_s[67] = {0}, want_x[67];
		backend_tables_fill(4, 67, x);
		for (size_t i = 0; i < 67; i++)
			want_x[i] = x[i];
		for (int step = 1; step <= 5; step++) {
			double c1 = 1 / (1 - pow(0.9, step)), c2 = 1 / (1 - pow(0.99, step));
			backend_tables_fill(10 + (uint32_t)step, 67, g);
			tables[t].adam(NULL, 67, g, 0.9f, 0.99f, 1e-6f, (float)c1, (float)c2, 0.01f, 0.1f, m,
			               s, x);
			for (size_t i = 0; i < 67; i++) {
				want_m[i] = 0.9 * want_m[i] + 0.1 * g[i];
				want_s[i] = 0.99 * want_s[i] + 0.01 * g[i] * g[i];
				want_x[i] -= 0.01 * (c1 * want_m[i] / (sqrt(c2 * want_s[i]) + 1e-6) +
				                     0.1 * want_x[i]);
			}
		}
		for (size_t i = 0; i < 67; i++)
			cr_assert_float_eq(x[i], want_x[i], 1e-6, "%s: element %zu", tables[t].detail, i);
	}
}

/* Numbers first .. first + n - 1 of the stream, wherever a range begins. */
Test(backend, normal_numbers_are_the_streams)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	struct stream s = stream_of(6, RNG_NOISE, 3, (UINT64_C(1) << 40) + 5);
	const size_t firsts[] = {0, 4, 64, 132,
	                         ((size_t)1 << 34) + 64}; /* the last beyond 32 bits of blocks */
	for (int t = 0; t < count; t++)
		for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++)
			for (size_t n = 0; n <= N_MAX; n += 1 + n / 20) {
				float mean[N_MAX], out[N_MAX + 1], z[4];
				backend_tables_fill(5, n, mean);
				out[n] = 77;
				tables[t].normal(NULL, n, 0.5f, &s, firsts[f], mean, out);
				for (size_t i = 0; i < n; i++) {
					stream_normal4(&s, (firsts[f] + i) / 4, z);
					float expected = mean[i] + 0.5f * z[i % 4];
					cr_assert_eq(out[i], expected, "%s: n = %zu, number %zu",
					             tables[t].detail, n, firsts[f] + i);
				}
				cr_assert_eq(out[n], 77.0f);
			}
}

/* Words and bits first .. first + n - 1 of the stream decide signs; the other bits of a number stay. */
static void check_signs(const struct backend *b, size_t n, size_t first)
{
	struct stream s = stream_of(6, RNG_ATTACK, 3, (UINT64_C(1) << 40) + 5);
	const uint64_t limits[] = {0, 1, UINT64_C(0x60000000), UINT64_C(1) << 32};
	float x[N_MAX], out[N_MAX + 1];
	backend_tables_fill(5, n, x);
	for (int k = 0; k < 5; k++) {
		out[n] = 77;
		if (k < 4)
			b->flip(NULL, n, limits[k], &s, first, x, out);
		else
			b->random_sign(NULL, n, &s, first, x, out);
		for (size_t i = 0; i < n; i++) {
			uint32_t word[4];
			stream_block(&s, (first + i) / 4, word);
			bool minus = k < 4 ? word[(first + i) % 4] < limits[k]
			                   : stream_bits(&s, (first + i) / 64) >> (first + i) % 64 & 1;
			cr_assert_eq(out[i], minus ? -x[i] : x[i], "%s: n = %zu, first %zu, %zu, how %d",
			             b->detail, n, first, i, k);
		}
		cr_assert_eq(out[n], 77.0f);
	}
}

Test(backend, random_signs_are_the_streams)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	const size_t firsts[] = {0, 64, 192, ((size_t)1 << 34) + 64};
	for (int t = 0; t < count; t++)
		for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++)
			for (size_t n = 0; n <= N_MAX; n += 1 + n / 20)
				check_signs(&tables[t], n, firsts[f]);
}

Test(backend, a_constant_is_in_every_coordinate)
{
	struct backend tables[TABLES_MAX];
	const float values[] = {-1, INFINITY, NAN};
	float out[N_MAX + 1];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (size_t n = 0; n <= N_MAX; n++) {
			float value = values[n % 3];
			out[n] = 77;
			tables[t].constant(NULL, n, value, out);
			for (size_t i = 0; i < n; i++)
				cr_assert(memcmp(&out[i], &value, sizeof(value)) == 0, "element %zu", i);
			cr_assert_eq(out[n], 77.0f);
		}
}

struct product {
	bool ta, tb;
	size_t m, n, k;
	float alpha, beta;
};

static void check_product(const struct backend *b, struct product p)
{
	enum { SIDE = 40 };
	float a[SIDE * SIDE], w[SIDE * SIDE], c[SIDE * SIDE], before[SIDE * SIDE];
	backend_tables_fill(6, p.m * p.k, a);
	backend_tables_fill(7, p.k * p.n, w);
	backend_tables_fill(8, p.m * p.n, before);
	memcpy(c, before, sizeof(c));
	b->gemm(NULL, p.ta, p.tb, p.m, p.n, p.k, p.alpha, a, w, p.beta, c);
	for (size_t i = 0; i < p.m; i++)
		for (size_t j = 0; j < p.n; j++) {
			double sum = 0;
			for (size_t l = 0; l < p.k; l++)
				sum += (double)(p.ta ? a[l * p.m + i] : a[i * p.k + l]) *
				       (p.tb ? w[j * p.k + l] : w[l * p.n + j]);
			backend_tables_expect_near(b, "gemm", p.n, i * p.n + j, c[i * p.n + j],
			                           p.alpha * sum + p.beta * before[i * p.n + j],
			                           2.0 * (double)p.k + 1);
		}
}

Test(backend, matrix_products_are_sums_of_products)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	const size_t sides[][3] = {{1, 1, 1},    {2, 3, 5},    {0, 4, 4}, {5, 4, 0},
	                           {32, 10, 40}, {40, 40, 39}, {1, 40, 7}};
	for (int t = 0; t < count; t++)
		for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
			for (int how = 0; how < 8; how++)
				check_product(&tables[t],
				              (struct product){how & 1, how & 2, sides[i][0], sides[i][1],
				                               sides[i][2], how & 4 ? 1 : -0.5f,
				                               how & 4 ? 0 : 2});
}

Test(backend, bias_and_its_gradient_go_over_rows)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (size_t n = 1; n < 40; n++) {
			enum { ROWS = 5 };
			float bias[40], y[ROWS * 40], before[ROWS * 40], sums[40];
			backend_tables_fill(9, n, bias);
			backend_tables_fill(10, ROWS * n, y);
			memcpy(before, y, sizeof(before));
			tables[t].add_bias(NULL, ROWS, n, bias, y);
			tables[t].sum_rows(NULL, ROWS, n, y, sums);
			for (size_t j = 0; j < n; j++) {
				double sum = 0;
				for (size_t r = 0; r < ROWS; r++) {
					backend_tables_expect_near(&tables[t], "add_bias", n, j, y[r * n + j],
					                           (double)before[r * n + j] + bias[j], 2);
					sum += y[r * n + j];
				}
				backend_tables_expect_near(&tables[t], "sum_rows", n, j, sums[j], sum, 10);
			}
		}
}

/* The slope of f = relu, tanh or sigmoid at x from kernel f_back, against the difference quotient of kernel
 * f. */
static void check_slope(const struct backend *b, const char *what, void (*f)(struct queue *, size_t, float *),
                        void (*f_back)(struct queue *, size_t, const float *, float *), float x)
{
	const float h = 0x1p-7f;
	float ends[2] = {x - h, x + h}, y = x, slope = 1;
	f(NULL, 2, ends);
	f(NULL, 1, &y);
	f_back(NULL, 1, &y, &slope);
	double quotient = ((double)ends[1] - ends[0]) / (2 * h);
	/* the quotient's own error is below h^2 / 6 times the third derivative, which is 2 at most */
	cr_assert_float_eq(slope, quotient, 6e-5, "%s of %s at %g: %g, not %g", what, b->detail, (double)x,
	                   (double)slope, quotient);
}

Test(backend, slopes_are_difference_quotients)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (float x = -4; x <= 4; x += 0.09f) {
			check_slope(&tables[t], "tanh_back", tables[t].tanh, tables[t].tanh_back, x);
			check_slope(&tables[t], "sigmoid_back", tables[t].sigmoid, tables[t].sigmoid_back, x);
			if (fabsf(x) > 0.01f)
				check_slope(&tables[t], "relu_back", tables[t].relu, tables[t].relu_back, x);
		}
}

Test(backend, tanh_is_as_near_as_it_says)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (float x = 1e-30f; x < 100; x *= 1.01f) {
			float y[2] = {x, -x};
			tables[t].tanh(NULL, 2, y);
			cr_assert(fabs(y[0] - tanh(x)) <= 1e-6 * tanh(x), "%s: tanh(%g) is %.9g",
			          tables[t].detail, (double)x, (double)y[0]);
			cr_assert_eq(y[1], -y[0], "%s: tanh is not odd at %g", tables[t].detail, (double)x);
		}
}

Test(backend, sigmoid_is_as_near_as_it_says)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (float x = -86; x < 100; x += 0.013f) {
			float y = x;
			double want = 1 / (1 + exp(-x));
			tables[t].sigmoid(NULL, 1, &y);
			cr_assert(fabs(y - want) <= 1e-6 * want, "%s: sigmoid(%g) is %.9g", tables[t].detail,
			          (double)x, (double)y);
		}
}

/* What is no number stays visible, and an old one can be got rid of. */
Test(backend, nan_is_not_hidden)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		struct backend *b = &tables[t];
		float y[20], g[20], z[6] = {1, NAN, 2, 1, 2, 3};
		const int32_t label[2] = {2, 2};
		struct loss loss = {0};
		for (int i = 0; i < 20; i++) {
			y[i] = NAN;
			g[i] = (float)i;
		}
		b->relu(NULL, 20, y);
		b->tanh(NULL, 20, y);
		b->sigmoid(NULL, 20, y);
		b->add_relu(NULL, 20, g, y);
		cr_expect(isnan(y[0]) && isnan(y[19]), "%s", b->detail);
		b->momentum(NULL, 20, 0.9f, g, y);
		cr_expect(isnan(y[7]));
		b->momentum(NULL, 20, 0, g, y);
		cr_expect_eq(y[7], 7.0f);
		b->softmax_loss(NULL, 2, 3, z, label, true, 1, &loss);
		cr_expect(isnan(loss.sum));
		cr_expect_eq(loss.correct, 1);
		cr_expect(isnan(z[0]) && !isnan(z[3]), "%s: a row without a loss spoils another", b->detail);
	}
}

/* tanh and sigmoid need not have ref's bits, but their levels have each other's. */
Test(backend, levels_give_the_same_bits)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	float first[2][1000], y[2][1000];
	for (int t = 1; t < count; t++) {
		for (int k = 0; k < 2; k++)
			backend_tables_fill(12, 1000, y[k]);
		for (size_t i = 0; i < 1000; i++) {
			y[0][i] *= (float)i / 50;
			y[1][i] *= (float)i / 9;
		}
		tables[t].tanh(NULL, 1000, y[0]);
		tables[t].sigmoid(NULL, 1000, y[1]);
		if (t == 1)
			memcpy(first, y, sizeof(first));
		cr_expect_arr_eq(y, first, sizeof(first), "%s", tables[t].detail);
	}
}

Test(backend, the_level_can_be_named)
{
	struct backend b;
	struct err e = {0};
	setenv("SIGNSGD_CPU", "base", 1);
	cr_assert_eq(backend_tables_row("cpu")->open(&b, NULL, &e), 0);
	cr_expect(strncmp(b.detail, "plain C, OpenBLAS", 17) == 0, "%s", b.detail);
	cr_expect_str_eq(backend_cpu_level(), "plain C");
	setenv("SIGNSGD_CPU", "sse9", 1);
	cr_expect_eq(backend_tables_row("cpu")->open(&b, NULL, &e), -1);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect(strstr(e.text, "SIGNSGD_CPU") && strstr(e.text, "sse9") && strstr(e.text, "base"), "%s",
	          e.text);
	setenv("SIGNSGD_CPU", "", 1);
	err_clear(&e);
	cr_expect_eq(backend_tables_row("cpu")->open(&b, NULL, &e), 0, "an empty variable is none");
}

/* What a worker says for an exact zero is fair, coordinate by coordinate: 4000 steps, five standard
 * deviations. */
Test(backend, a_zero_falls_either_way_alike)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	float zeros[64] = {0};
	for (int t = 0; t < count; t++) {
		int ones[64] = {0};
		for (uint64_t step = 0; step < 4000; step++) {
			struct stream coins = stream_of(1, RNG_ZERO, 5, step);
			uint64_t vote;
			tables[t].sign_pack(NULL, 64, zeros, SIGN_RANDOM, &coins, 64, &vote, NULL);
			for (size_t i = 0; i < 64; i++)
				ones[i] += (int)(vote >> i & 1);
		}
		for (size_t i = 0; i < 64; i++)
			cr_expect(abs(ones[i] - 2000) < 5 * 32, "coordinate %zu: %d of 4000", i, ones[i]);
	}
}

Test(backend, memory_is_zeroed_and_aligned)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++)
		for (size_t bytes = 0; bytes < 300; bytes += 13) {
			unsigned char *p = tables[t].memory->alloc(bytes, "test");
			cr_expect_eq((uintptr_t)p % 64, 0);
			for (size_t i = 0; i < bytes; i++)
				cr_assert_eq(p[i], 0);
			tables[t].memory->release(p);
		}
}
