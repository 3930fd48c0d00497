/*
 * Matrix products for one vector level. The file that includes this one defines LANES, TILE_ROWS and DOT_SIDE
 * (below), the types `vec` (LANES floats) and `lanes` (some of them), and
 *
 *   vec_zero() vec_of(x) vec_fma(a, b, c)    0; x in all lanes; a b + c, rounded once
 *   lanes_first(count) vec_load(p) vec_load_some(p, l) vec_store(p, v) vec_store_some(p, l, v)
 *   vec_sums(v)    lane i of the answer is the sum of the lanes of v[i], i < LANES, always in the same tree
 *
 * Two kernels. Both keep a tile of C in registers, and an element's sum is the same whichever tile it is in.
 *
 * `spread`: each element of A is spread over a vector and multiplied with vectors of B's row. An element of C
 * is one chain over k, cut into blocks of SPREAD_K.
 *
 * `dot`, where rows of A and columns of B are stored, and long: vectors run along k, so that B need not be
 * turned. An element of C is LANES chains, whose sum is taken in a tree, cut into blocks of DOT_K.
 */
#include <string.h>

#include "backend/cpu/product.h"

enum {
	SPREAD_K = 256,   /* with TILE_VECTORS vectors: what of B stays in the first cache */
	TILE_VECTORS = 2, /* of a row of C, in registers */
	PACK_TILES = 8,   /* so many tiles of rows below each other are worth a copy of B's columns */
	PACK_K = 128,     /* and so many rows of B: fewer stay in the first cache as they are */
	BLOCK_TILES = 20, /* tiles of rows whose part of A stays in the second cache */
	DOT_LEAST = 96,   /* with a shorter k the trees take longer than turning B */
	DOT_K = 1024,
	DOT_VECTORS =
	        (DOT_ROWS * DOT_SIDE + LANES - 1) / LANES * LANES, /* of a tile, filled to whole trees */
	DOT_FLOATS = 6144, /* of A in the first cache while rows of B pass by; or two tiles */
	DOT_COLUMNS = 128, /* of C: so many rows of B stay in the second cache */
};

/* A block of k of a product: the factors with which its sums and what C holds already become C. */
struct share {
	float alpha, beta;
};

/* Of the block of k that begins at `first`. */
INLINE struct share share_of(const struct product *p, size_t first)
{
	return (struct share){p->alpha, first == 0 ? p->beta : 1};
}

INLINE size_t at_most(size_t a, size_t most)
{
	return a < most ? a : most;
}

/* --- spread -------------------------------------------------------------------------------------------- */

/* A tile: rows of A `ai` floats apart, its columns `ak`; `count` columns of B and C. */
struct spread {
	const float *a, *b;
	float *c;
	size_t k, ai, ak, ldb, ldc;
	bool turned; /* columns of B are stored, ldb apart */
	struct share share;
	lanes last; /* lanes of the last vector that are there */
};

INLINE vec tile_load(const struct spread *s, bool partial, const float *p)
{
	return partial ? vec_load_some(p, s->last) : vec_load(p);
}

/* One vector of C from its sum. */
INLINE void tile_store(const struct spread *s, bool partial, vec sum, float *c)
{
	vec v = sum * s->share.alpha;
	if (s->share.beta != 0)
		v = vec_fma(vec_of(s->share.beta), tile_load(s, partial, c), v);
	if (partial)
		vec_store_some(c, s->last, v);
	else
		vec_store(c, v);
}

/* rows, vectors and partial are constants where this is expanded: the tile is in registers. Three rows share
 * a pointer, because a processor has fewer of those than a tile has rows. */
INLINE void spread_tile(const struct spread *s, const int rows, const int vectors, const bool partial)
{
	vec sum[TILE_ROWS][TILE_VECTORS];
	const float *a[TILE_ROWS / 3], *b = s->b;
	const size_t ai = s->ai;
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			sum[i][v] = vec_zero();
#pragma GCC unroll 16
	for (int i = 0; i < rows; i += 3)
		a[i / 3] = s->a + (size_t)i * ai;
	for (size_t k = 0; k < s->k; k++, b += s->ldb) {
		vec row[TILE_VECTORS];
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			row[v] = tile_load(s, partial && v == vectors - 1, b + v * LANES);
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++) {
			vec x = vec_of(a[i / 3][(size_t)(i % 3) * ai]);
#pragma GCC unroll 2
			for (int v = 0; v < vectors; v++)
				sum[i][v] = vec_fma(x, row[v], sum[i][v]);
		}
#pragma GCC unroll 16
		for (int i = 0; i < rows; i += 3)
			a[i / 3] += s->ak;
	}
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < vectors; v++)
			tile_store(s, partial && v == vectors - 1, sum[i][v],
			           s->c + (size_t)i * s->ldc + v * LANES);
}

#define SPREAD_TILES(rows)                                                                                   \
	static void spread_1_##rows(const struct spread *s)                                                  \
	{                                                                                                    \
		spread_tile(s, rows, 1, false);                                                              \
	}                                                                                                    \
	static void spread_2_##rows(const struct spread *s)                                                  \
	{                                                                                                    \
		spread_tile(s, rows, 2, false);                                                              \
	}                                                                                                    \
	static void spread_1_##rows##_partial(const struct spread *s)                                        \
	{                                                                                                    \
		spread_tile(s, rows, 1, true);                                                               \
	}                                                                                                    \
	static void spread_2_##rows##_partial(const struct spread *s)                                        \
	{                                                                                                    \
		spread_tile(s, rows, 2, true);                                                               \
	}
#define SPREAD_NAMES(rows)                                                                                   \
	{                                                                                                    \
		{spread_1_##rows, spread_1_##rows##_partial},                                                \
		{                                                                                            \
			spread_2_##rows, spread_2_##rows##_partial                                           \
		}                                                                                            \
	}

SPREAD_TILES(1)
SPREAD_TILES(2)
SPREAD_TILES(3)
SPREAD_TILES(4)
SPREAD_TILES(5)
SPREAD_TILES(6)
#if TILE_ROWS > 6
SPREAD_TILES(7)
SPREAD_TILES(8)
SPREAD_TILES(9)
SPREAD_TILES(10)
SPREAD_TILES(11)
SPREAD_TILES(12)
#endif

typedef void spread_kernel(const struct spread *s);

/* By rows less one, vectors less one, partial. */
static spread_kernel *const spread_kernels[TILE_ROWS][TILE_VECTORS][2] = {
        SPREAD_NAMES(1),  SPREAD_NAMES(2),  SPREAD_NAMES(3),
        SPREAD_NAMES(4),  SPREAD_NAMES(5),  SPREAD_NAMES(6),
#if TILE_ROWS > 6
        SPREAD_NAMES(7),  SPREAD_NAMES(8),  SPREAD_NAMES(9),
        SPREAD_NAMES(10), SPREAD_NAMES(11), SPREAD_NAMES(12),
#endif
};

/* Columns of B side by side, rows without a gap, filled with zeros to whole vectors. */
static void pack(const struct spread *s, size_t vectors, float *out)
{
	size_t width = vectors * LANES;
	for (size_t k = 0; k < s->k; k++, out += width) {
		const float *b = s->b + k * s->ldb;
		for (size_t v = 0; v + 1 < vectors; v++)
			vec_store(out + v * LANES, vec_load(b + v * LANES));
		vec_store(out + (vectors - 1) * LANES, vec_load_some(b + (vectors - 1) * LANES, s->last));
	}
}

/* The same of columns that are stored as rows. */
static void pack_turned(const struct spread *s, size_t columns, size_t vectors, float *out)
{
	size_t width = vectors * LANES;
	for (size_t k = 0; k < s->k; k++)
		for (size_t j = 0; j < width; j++)
			out[k * width + j] = j < columns ? s->b[j * s->ldb + k] : 0;
}

/* `rows` rows of a strip of C, of at most TILE_VECTORS vectors; tiles of nearly equal height. */
static void spread_strip(struct spread s, size_t rows, size_t columns)
{
	float packed[SPREAD_K * TILE_VECTORS * LANES] __attribute__((aligned(64)));
	size_t vectors = (columns + LANES - 1) / LANES, tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
	bool partial = columns % LANES != 0;
	s.last = lanes_first(columns - (vectors - 1) * LANES);
	if (s.turned || (tiles >= PACK_TILES && s.k >= PACK_K)) {
		if (s.turned)
			pack_turned(&s, columns, vectors, packed);
		else
			pack(&s, vectors, packed);
		s.b = packed;
		s.ldb = vectors * LANES;
	}
	for (size_t t = tiles, left = rows; t > 0; t--) {
		size_t height = left / t;
		spread_kernels[height - 1][vectors - 1][partial](&s);
		s.a += height * s.ai;
		s.c += height * s.ldc;
		left -= height;
	}
}

static void multiply_spread(const struct product *p)
{
	const size_t block = (size_t)BLOCK_TILES * TILE_ROWS, width = (size_t)TILE_VECTORS * LANES;
	size_t ai = p->ta ? 1 : p->lda, ak = p->ta ? p->lda : 1;
	size_t bk = p->tb ? 1 : p->ldb, bj = p->tb ? p->ldb : 1;
	for (size_t k = 0; k < p->k; k += SPREAD_K)
		for (size_t i = 0; i < p->m; i += block)
			for (size_t j = 0; j < p->n; j += width)
				spread_strip((struct spread){.a = p->a + i * ai + k * ak,
				                             .b = p->b + k * bk + j * bj,
				                             .c = p->c + i * p->ldc + j,
				                             .k = at_most(p->k - k, SPREAD_K),
				                             .ai = ai,
				                             .ak = ak,
				                             .ldb = p->ldb,
				                             .ldc = p->ldc,
				                             .turned = p->tb,
				                             .share = share_of(p, k)},
				             at_most(p->m - i, block), at_most(p->n - j, width));
}

/* --- dot ----------------------------------------------------------------------------------------------- */

/* A tile: rows of A and of B, along k. */
struct dot {
	const float *a, *b;
	float *c;
	size_t k, lda, ldb, ldc;
	struct share share;
};

INLINE vec dot_load(const float *p, bool some, lanes there)
{
	return some ? vec_load_some(p, there) : vec_load(p);
}

/* One vector of k. Each row of A is loaded when it is needed: there is no register for all. */
INLINE void dot_step(const struct dot *d, size_t k, const int rows, const int columns, bool some, lanes there,
                     vec (*sum)[DOT_SIDE])
{
	vec y[DOT_SIDE];
#pragma GCC unroll 4
	for (int j = 0; j < columns; j++)
		y[j] = dot_load(d->b + (size_t)j * d->ldb + k, some, there);
#pragma GCC unroll 8
	for (int i = 0; i < rows; i++) {
		vec x = dot_load(d->a + (size_t)i * d->lda + k, some, there);
#pragma GCC unroll 4
		for (int j = 0; j < columns; j++)
			sum[i][j] = vec_fma(x, y[j], sum[i][j]);
	}
}

/* rows and columns are constants where this is expanded. */
INLINE void dot_sums(const struct dot *d, const int rows, const int columns, vec (*sum)[DOT_SIDE])
{
	size_t k = 0;
	for (; k + LANES <= d->k; k += LANES)
		dot_step(d, k, rows, columns, false, lanes_first(0), sum);
	if (k < d->k)
		dot_step(d, k, rows, columns, true, lanes_first(d->k - k), sum);
}

/* What a tile's sums, with alpha, become in C. */
INLINE void dot_store(const struct dot *d, const int rows, const int columns, const float (*sum)[DOT_SIDE])
{
	float *c = d->c;
	for (int i = 0; i < rows; i++, c += d->ldc)
		if (d->share.beta == 0)
			memcpy(c, sum[i], (size_t)columns * sizeof(*c));
		else
			for (int j = 0; j < columns; j++)
				c[j] = sum[i][j] + d->share.beta * c[j];
}

INLINE void dot_tile(const struct dot *d, const int rows, const int columns)
{
	vec sum[DOT_VECTORS / DOT_SIDE][DOT_SIDE];
	float out[DOT_VECTORS / DOT_SIDE][DOT_SIDE] __attribute__((aligned(64)));
#pragma GCC unroll 32
	for (int i = 0; i < DOT_VECTORS; i++)
		sum[i / DOT_SIDE][i % DOT_SIDE] = vec_zero();
	dot_sums(d, rows, columns, sum);
#pragma GCC unroll 2
	for (int i = 0; i < rows * DOT_SIDE; i += LANES)
		vec_store(&out[i / DOT_SIDE][0], vec_sums(&sum[i / DOT_SIDE][0]) * d->share.alpha);
	dot_store(d, rows, columns, (const float(*)[DOT_SIDE])out);
}

#define DOT_TILES(columns)                                                                                   \
	static void dot_1_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 1, columns);                                                                     \
	}                                                                                                    \
	static void dot_2_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 2, columns);                                                                     \
	}                                                                                                    \
	static void dot_3_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 3, columns);                                                                     \
	}                                                                                                    \
	TALL_DOT_TILES(columns)
#define DOT_NAMES(columns)                                                                                   \
	{                                                                                                    \
		dot_1_##columns, dot_2_##columns, dot_3_##columns TALL_DOT_NAMES(columns)                    \
	}
#if DOT_ROWS > 3
#define TALL_DOT_TILES(columns)                                                                              \
	static void dot_4_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 4, columns);                                                                     \
	}                                                                                                    \
	static void dot_5_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 5, columns);                                                                     \
	}                                                                                                    \
	static void dot_6_##columns(const struct dot *d)                                                     \
	{                                                                                                    \
		dot_tile(d, 6, columns);                                                                     \
	}
#define TALL_DOT_NAMES(columns) , dot_4_##columns, dot_5_##columns, dot_6_##columns
#else
#define TALL_DOT_TILES(columns)
#define TALL_DOT_NAMES(columns)
#endif

DOT_TILES(1)
DOT_TILES(2)
DOT_TILES(3)
DOT_TILES(4)

typedef void dot_kernel(const struct dot *d);

/* By columns less one, rows less one. */
static dot_kernel *const dot_kernels[DOT_SIDE][DOT_ROWS] = {DOT_NAMES(1), DOT_NAMES(2), DOT_NAMES(3),
                                                            DOT_NAMES(4)};

/* Rows of A that stay in the first cache, with all rows of B. */
static void dot_block(const struct dot *block, size_t m, size_t n)
{
	for (size_t j = 0; j < n; j += DOT_SIDE) {
		struct dot tile = *block;
		dot_kernel *const *kernels = dot_kernels[at_most(n - j, DOT_SIDE) - 1];
		tile.b += j * tile.ldb;
		tile.c += j;
		for (size_t i = 0; i < m; i += DOT_ROWS) {
			kernels[at_most(m - i, DOT_ROWS) - 1](&tile);
			tile.a += DOT_ROWS * tile.lda;
			tile.c += DOT_ROWS * tile.ldc;
		}
	}
}

/* Rows of B that stay in the second cache. */
static void dot_panel(const struct product *p, size_t k, size_t length, size_t j)
{
	size_t fit = DOT_FLOATS / length / DOT_ROWS * DOT_ROWS;
	size_t rows = fit > 2 * DOT_ROWS ? fit : 2 * DOT_ROWS;
	for (size_t i = 0; i < p->m; i += rows)
		dot_block(&(struct dot){.a = p->a + i * p->lda + k,
		                        .b = p->b + j * p->ldb + k,
		                        .c = p->c + i * p->ldc + j,
		                        .k = length,
		                        .lda = p->lda,
		                        .ldb = p->ldb,
		                        .ldc = p->ldc,
		                        .share = share_of(p, k)},
		          at_most(p->m - i, rows), at_most(p->n - j, DOT_COLUMNS));
}

static void multiply_dot(const struct product *p)
{
	for (size_t k = 0; k < p->k; k += DOT_K)
		for (size_t j = 0; j < p->n; j += DOT_COLUMNS)
			dot_panel(p, k, at_most(p->k - k, DOT_K), j);
}

/* C = beta C. */
static void multiply_nothing(const struct product *p)
{
	for (size_t i = 0; i < p->m; i++)
		for (size_t j = 0; j < p->n; j++) {
			float *c = p->c + i * p->ldc + j;
			*c = p->beta != 0 ? p->beta * *c : 0;
		}
}

static void multiply(const struct product *p)
{
	if (p->k == 0 || p->alpha == 0)
		multiply_nothing(p);
	else if (p->tb && !p->ta && p->k >= DOT_LEAST)
		multiply_dot(p);
	else
		multiply_spread(p);
}

static void gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 const float *b, float beta, float *c)
{
	const struct product p = product_dense(ta, tb, m, n, k, alpha, a, b, beta, c);
	multiply(&p);
}

static const struct products products = {.multiply = multiply, .gemm = gemm, .steady = true};
