/* Our own matrix products (src/backend/cpu/product.h) of every level that this processor has. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backend/cpu/cpu.h"
#include "base/mem.h"
#include "base/rng.h"

TestSuite(product, .timeout = 120);

/* Sizes at and beside the edges of tiles, vectors and blocks. */
static const size_t sizes[] = {1, 2, 3, 5, 7, 8, 11, 12, 13, 16, 17, 31, 33, 50};
static const size_t lengths[] = {1, 7, 16, 25, 63, 64, 65, 95, 96, 97, 255, 257, 500, 1024, 1030};
enum { SIZES = sizeof sizes / sizeof *sizes, LENGTHS = sizeof lengths / sizeof *lengths, PLUS = 3 };

/* Numbers that end where the page behind cannot be read: `count` floats; released with give(). */
struct fenced {
	char *pages;
	size_t bytes;
	float *at;
};

static struct fenced take(size_t count)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (count * sizeof(float) + page - 1) / page * page;
	struct fenced f = {.bytes = bytes + page};
	f.pages = mmap(NULL, f.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)f.pages, MAP_FAILED);
	cr_assert_eq(mprotect(f.pages + bytes, page, PROT_NONE), 0);
	f.at = (float *)(void *)(f.pages + bytes) - count;
	return f;
}

static void give(struct fenced *f)
{
	munmap(f->pages, f->bytes);
}

static void fill(float *x, size_t count, uint32_t draw)
{
	struct stream s = stream_of(5, RNG_TEST, draw, 0);
	for (size_t i = 0; i < count; i++)
		x[i] = 2 * stream_uniform(&s, i) - 1;
}

/* A matrix of `rows` rows as stored, `gap` floats between them. */
static size_t extent(size_t rows, size_t length, size_t gap)
{
	return rows * (length + gap) - gap;
}

struct trial {
	struct product p;
	struct fenced a, b, c;
};

static void trial_open(struct trial *t, const struct product *p, size_t gap)
{
	size_t a_rows = p->ta ? p->k : p->m, a_length = p->ta ? p->m : p->k;
	size_t b_rows = p->tb ? p->n : p->k, b_length = p->tb ? p->k : p->n;
	t->p = *p;
	t->a = take(extent(a_rows, a_length, gap));
	t->b = take(extent(b_rows, b_length, gap));
	t->c = take(extent(p->m, p->n, gap));
	t->p.lda = a_length + gap;
	t->p.ldb = b_length + gap;
	t->p.ldc = p->n + gap;
	fill(t->a.at, extent(a_rows, a_length, gap), 1);
	fill(t->b.at, extent(b_rows, b_length, gap), 2);
	fill(t->c.at, extent(p->m, p->n, gap), 3);
	t->p.a = t->a.at;
	t->p.b = t->b.at;
	t->p.c = t->c.at;
}

static void trial_close(struct trial *t)
{
	give(&t->a);
	give(&t->b);
	give(&t->c);
}

static float a_of(const struct product *p, size_t i, size_t k)
{
	return p->ta ? p->a[k * p->lda + i] : p->a[i * p->lda + k];
}

static float b_of(const struct product *p, size_t k, size_t j)
{
	return p->tb ? p->b[j * p->ldb + k] : p->b[k * p->ldb + j];
}

/* Multiply, and compare with the definition in double; what stands between rows must stay. */
static void expect_right(const char *level, const struct products *way, const struct product *like,
                         size_t gap)
{
	struct trial t;
	trial_open(&t, like, gap);
	size_t count = extent(t.p.m, t.p.n, gap);
	float *before = mem_array(count, sizeof *before);
	memcpy(before, t.p.c, count * sizeof *before);
	way->multiply(&t.p);
	for (size_t i = 0; i < count; i++) {
		size_t row = i / t.p.ldc, column = i % t.p.ldc;
		double sum = 0, size = 0;
		for (size_t k = 0; k < t.p.k && column < t.p.n; k++) {
			double term = (double)a_of(&t.p, row, k) * b_of(&t.p, k, column);
			sum += term;
			size += fabs(term);
		}
		double want = column < t.p.n ? t.p.alpha * sum + t.p.beta * before[i] : before[i];
		double most =
		        column < t.p.n ? 1e-5 * (fabs(t.p.alpha) * size + fabs(t.p.beta * before[i])) : 0;
		cr_assert(fabs(t.p.c[i] - want) <= most,
		          "%s, %s%s, %zu x %zu x %zu, gap %zu: element %zu, %zu is %.9g, not %.9g", level,
		          t.p.ta ? "T" : "N", t.p.tb ? "T" : "N", t.p.m, t.p.n, t.p.k, gap, row, column,
		          t.p.c[i], want);
	}
	mem_free(before);
	trial_close(&t);
}

/* Every level's way, with its name. */
#define EACH_WAY(level, way)                                                                                 \
	for (size_t l = 0; l < 3; l++)                                                                       \
		for (const struct cpu_level *level = cpu_level_at(l); level; level = NULL)                   \
			for (const struct products *way = level->products(); way; way = NULL)

static void expect_shapes(const char *level, const struct products *way, size_t m, size_t n)
{
	for (size_t k = 0; k < LENGTHS; k++)
		for (int form = 0; form < 4; form++)
			expect_right(level, way,
			             &(struct product){.ta = form & 1,
			                               .tb = form & 2,
			                               .m = m,
			                               .n = n,
			                               .k = lengths[k],
			                               .alpha = k % 2 ? 1 : -1.5f,
			                               .beta = k % 3 ? 0 : 0.5f},
			             k % 2 * PLUS);
}

Test(product, is_the_definition_and_touches_nothing_else)
{
	EACH_WAY(level, way)
	for (size_t i = 0; i < SIZES; i++)
		for (size_t j = i % 2; j < SIZES; j += 2)
			expect_shapes(level->name, way, sizes[i], sizes[j]);
}

/* Large enough for all blocks of rows and columns. */
Test(product, of_large_matrices_is_the_definition)
{
	EACH_WAY(level, way)
	for (int form = 0; form < 4; form++)
		expect_right(
		        level->name, way,
		        &(struct product){
		                .ta = form & 1, .tb = form & 2, .m = 301, .n = 263, .k = 300, .alpha = 1},
		        0);
}

/* The rows of one product, multiplied in parts of `part` rows. */
static void expect_rows_alone(const char *level, const struct products *way, const struct product *like,
                              size_t part)
{
	struct trial t;
	trial_open(&t, like, 0);
	float *whole = mem_array(t.p.m * t.p.n, sizeof *whole);
	way->multiply(&t.p);
	memcpy(whole, t.p.c, t.p.m * t.p.n * sizeof *whole);
	for (size_t i = 0; i < t.p.m; i += part) {
		struct product some = t.p;
		some.m = t.p.m - i < part ? t.p.m - i : part;
		some.a += i * (t.p.ta ? 1 : t.p.lda);
		some.c += i * t.p.ldc;
		way->multiply(&some);
	}
	cr_assert_eq(memcmp(whole, t.p.c, t.p.m * t.p.n * sizeof *whole), 0,
	             "%s, %s%s, %zu x %zu x %zu: rows in parts of %zu have other bits", level,
	             t.p.ta ? "T" : "N", t.p.tb ? "T" : "N", t.p.m, t.p.n, t.p.k, part);
	mem_free(whole);
	trial_close(&t);
}

Test(product, of_a_row_does_not_depend_on_the_other_rows)
{
	const size_t parts[] = {1, 3, 12, 32, 64};
	size_t steady = 0;
	EACH_WAY(level, way)
	{
		steady += way->steady;
		for (size_t i = 0; i < LENGTHS * 4 * 5 && way->steady; i++)
			expect_rows_alone(level->name, way,
			                  &(struct product){.ta = i & 1,
			                                    .tb = i & 2,
			                                    .m = 131,
			                                    .n = sizes[i % SIZES],
			                                    .k = lengths[i / 4 % LENGTHS],
			                                    .alpha = 1},
			                  parts[i / 4 / LENGTHS]);
	}
	if (steady == 0)
		cr_skip_test("skipped: this processor has no level with products of our own");
}

Test(product, does_not_read_what_has_a_factor_of_0)
{
	const float nan = NAN;
	EACH_WAY(level, way)
	for (int form = 0; form < 4; form++) {
		float a[4] = {nan, nan, nan, nan}, b[4] = {nan, nan, nan, nan}, c[4] = {1, 2, 3, 4};
		struct product p = {form & 1, form & 2, 2, 2, 2, 0, 2, a, b, c, 2, 2, 2};
		way->multiply(&p);
		for (int i = 0; i < 4; i++)
			cr_expect_eq(c[i], 2.0f * (float)(i + 1), "%s: alpha = 0", level->name);
		for (int i = 0; i < 4; i++) {
			a[i] = b[i] = 1;
			c[i] = nan;
		}
		p.alpha = 1;
		p.beta = 0;
		way->multiply(&p);
		for (int i = 0; i < 4; i++)
			cr_expect_eq(c[i], 2, "%s: beta = 0", level->name);
		a[0] = nan;
		way->multiply(&p);
		cr_expect(isnan(c[0]), "%s: a NaN must reach what is made of it", level->name);
	}
}
