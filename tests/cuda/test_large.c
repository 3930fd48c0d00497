/*
 * Kernels of the backend cuda where they work in pieces, or in another way than on the sizes of `signsgd
 * check`: each beside ref.
 */
#include <criterion/criterion.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "backend/backend.h"
#include "base/mem.h"
#include "tests/support/process.h"

static struct backend ref, cuda;
static struct queue *queue;

extern const struct backend_row backend_ref, backend_cuda;

static void open_both(void)
{
	char program[PATH_MAX];
	struct err e = {0};
	cr_assert(realpath(process_program(), program));
	setenv("SIGNSGD_MODULES", dirname(program), 1);
	cr_assert_eq(backend_ref.open(&ref, NULL, &e), 0);
	cr_assert_eq(backend_cuda.open(&cuda, NULL, &e), 0, "%s", e.text);
	queue = cuda.memory->queue_open();
}

static void close_queue(void)
{
	cuda.memory->queue_close(queue);
}

TestSuite(cuda_large, .init = open_both, .fini = close_queue, .timeout = 600);

static void *brought(const void *from, size_t bytes)
{
	void *to = cuda.memory->alloc(bytes, "a test");
	cuda.memory->upload(queue, to, from, bytes);
	return to;
}

static void expect(const void *at, const void *want, size_t bytes)
{
	void *got = mem_alloc(bytes);
	cuda.memory->download(queue, got, at, bytes);
	cr_assert_eq(memcmp(got, want, bytes), 0);
	mem_free(got);
}

static struct stream numbers(uint64_t seed)
{
	return stream_of(seed, RNG_TEST, 0, 0);
}

static float *floats(size_t n, uint64_t seed)
{
	struct stream s = numbers(seed);
	float *x = mem_array(n, sizeof(*x));
	for (size_t i = 0; i < n; i++)
		x[i] = 8 * stream_uniform(&s, i) - 4;
	return x;
}

/* --- hash ------------------------------------------------------------------------------------------- */

/* Of broken words and blocks, from the address of any float. */
Test(cuda_large, hash)
{
	static const size_t sizes[] = {0, 1, 2, 7, 9, 16383, 16384, 16385, 40001, 16384 * 9 + 3};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = sizes[i];
		float *x = floats(n + 1, 5);
		uint64_t want, *out = cuda.memory->alloc(sizeof *out, "a test");
		float *there = brought(x, (n + 1) * sizeof *x);
		ref.hash(NULL, n, 3 + i, x + 1, &want);
		cuda.hash(queue, n, 3 + i, there + 1, out);
		expect(out, &want, sizeof want);
		cuda.memory->release(out);
		cuda.memory->release(there);
		mem_free(x);
	}
}

/* --- votes -------------------------------------------------------------------------------------------- */

enum { COORDINATES = 200, WORDS = (COORDINATES + 63) / 64 };

/* What voters say: all the same, at random, or every second one the contrary of the one before. */
enum election { ALL_MINUS, ALL_ABSTAIN, RANDOM, CLOSE, ELECTIONS };

static void vote(enum election how, int voters, uint64_t (*say)[WORDS], uint64_t (*silent)[WORDS])
{
	struct stream s = numbers((uint64_t)how);
	for (int m = 0; m < voters; m++)
		for (int w = 0; w < WORDS; w++) {
			uint64_t at = (uint64_t)(m * WORDS + w) * 2;
			bool contrary = how == CLOSE && m % 2;
			say[m][w] = how < RANDOM ? ~UINT64_C(0)
			            : contrary   ? ~say[m - 1][w]
			                         : stream_bits(&s, at);
			silent[m][w] = how == ALL_MINUS ? 0
			               : how < RANDOM   ? ~UINT64_C(0)
			               : contrary       ? silent[m - 1][w]
			                                : stream_bits(&s, at + 1);
		}
}

static void elect(enum election how, int voters, bool abstains, enum sign_policy tie)
{
	static uint64_t say[VOTES_MOST][WORDS], silent[VOTES_MOST][WORDS];
	const uint64_t *here[2][VOTES_MOST], *there[2][VOTES_MOST];
	size_t bytes = (size_t)voters * sizeof(*say);
	vote(how, voters, say, silent);
	uint64_t *there_say = brought(say, bytes), *there_silent = brought(silent, bytes), plane[2][WORDS];
	for (int m = 0; m < voters; m++) {
		here[0][m] = say[m];
		here[1][m] = silent[m];
		there[0][m] = there_say + m * WORDS;
		there[1][m] = there_silent + m * WORDS;
	}
	memset(plane, 0x5a, sizeof plane);
	uint64_t *answer = brought(plane, sizeof plane), *unsure = tie == SIGN_ABSTAIN ? plane[1] : NULL;
	struct stream coins = numbers(7);
	struct votes at_home = {voters, here[0], abstains ? here[1] : NULL},
	             abroad = {voters, there[0], abstains ? there[1] : NULL};
	ref.majority(NULL, COORDINATES, &at_home, tie, &coins, 640, plane[0], unsure);
	cuda.majority(queue, COORDINATES, &abroad, tie, &coins, 640, answer, unsure ? answer + WORDS : NULL);
	memset(there, 0, sizeof there); /* the lists were read */
	expect(answer, plane, sizeof plane);
	cuda.memory->release(answer);
	cuda.memory->release(there_say);
	cuda.memory->release(there_silent);
}

Test(cuda_large, as_many_votes_as_a_run_may_have)
{
	const int voters[] = {191, 192, 193, 1024, VOTES_MOST - 1, VOTES_MOST};
	for (size_t i = 0; i < sizeof(voters) / sizeof(voters[0]); i++)
		for (int how = 0; how < ELECTIONS; how++)
			for (int k = 0; k < 6; k++)
				elect((enum election)how, voters[i], k % 2, (enum sign_policy)(k / 2));
}

/* --- sums --------------------------------------------------------------------------------------------- */

static double summed(const float *x, const float *y, size_t n)
{
	double *at = cuda.memory->alloc(sizeof(*at), "a test"), sum;
	cuda.dot(queue, n, x, y, at);
	cuda.memory->download(queue, &sum, at, sizeof(sum));
	cuda.memory->release(at);
	return sum;
}

/* More numbers than all blocks that a sum has take at once. */
Test(cuda_large, sums_go_round_and_have_the_same_bits_again)
{
	const size_t n = 4400001;
	float *x = floats(n, 1), *y = floats(n, 2), *there_x = brought(x, n * sizeof(*x)),
	      *there_y = brought(y, n * sizeof(*y));
	double want, size, sum = summed(there_x, there_y, n);
	ref.dot(NULL, n, x, y, &want);
	for (size_t i = 0; i < n; i++) {
		x[i] = fabsf(x[i]);
		y[i] = fabsf(y[i]);
	}
	ref.dot(NULL, n, x, y, &size);
	cr_assert_float_eq(sum, want, 1e-12 * size);
	cr_assert_eq(summed(there_x, there_y, n), sum);
	cuda.memory->release(there_x);
	cuda.memory->release(there_y);
	mem_free(x);
	mem_free(y);
}

/* --- losses ------------------------------------------------------------------------------------------- */

static void compare_loss(size_t rows, size_t n)
{
	float *z = floats(rows * n, 3), *there_z = brought(z, rows * n * sizeof(*z));
	int32_t *label = mem_array(rows, sizeof(*label));
	for (size_t r = 0; r < rows; r++)
		label[r] = (int32_t)(r % n);
	int32_t *there_label = brought(label, rows * sizeof(*label));
	struct loss want = {.sum = 1, .correct = 2}, got, *there = brought(&want, sizeof want);
	ref.softmax_loss(NULL, rows, n, z, label, true, 0.5f, &want);
	cuda.softmax_loss(queue, rows, n, there_z, there_label, true, 0.5f, there);
	cuda.memory->download(queue, &got, there, sizeof got);
	cr_assert_float_eq(got.sum, want.sum, 1e-12 * want.sum);
	cr_assert_eq(got.correct, want.correct);
	float *back = mem_array(rows * n, sizeof(*back));
	cuda.memory->download(queue, back, there_z, rows * n * sizeof(*back));
	for (size_t i = 0; i < rows * n; i++)
		cr_assert(fabsf(back[i] - z[i]) <= 1e-5f * fabsf(z[i]), "%zu: %g, not %g", i, (double)back[i],
		          (double)z[i]);
	cuda.memory->release(there);
	cuda.memory->release(there_label);
	cuda.memory->release(there_z);
	mem_free(back);
	mem_free(label);
	mem_free(z);
}

/* More rows than the scratch holds losses of; rows of more classes than a warp takes. */
Test(cuda_large, losses_of_many_rows_and_of_long_ones)
{
	compare_loss(66001, 2);
	compare_loss(3, 257);
	compare_loss(300, 1003);
}

/* --- pixels ------------------------------------------------------------------------------------------- */

/* More channels than the parameters of a launch hold. */
Test(cuda_large, pixels_of_many_channels)
{
	enum { IMAGES = 3, CHANNELS = 150, PLANE = 37, ALL = IMAGES * CHANNELS * PLANE };
	float *factor = floats(CHANNELS, 4), *shift = floats(CHANNELS, 5), *out = floats(ALL, 6);
	uint8_t pixel[ALL], *there_pixel;
	for (int i = 0; i < ALL; i++)
		pixel[i] = (uint8_t)(i * 7);
	there_pixel = brought(pixel, sizeof pixel);
	float *there = brought(out, ALL * sizeof(*out));
	ref.pixels(NULL, IMAGES, CHANNELS, PLANE, pixel, factor, shift, out);
	cuda.pixels(queue, IMAGES, CHANNELS, PLANE, there_pixel, factor, shift, there);
	expect(there, out, ALL * sizeof(*out));
	cuda.memory->release(there);
	cuda.memory->release(there_pixel);
	mem_free(factor);
	mem_free(shift);
	mem_free(out);
}
