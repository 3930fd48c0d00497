/*
 * Mixtures of rows and sums over pairs of them, for robust rules (backend/rules.h), with the additions of
 * rows_plain.inc.h in their order: the same bits.
 */
#include "backend/cuda/reduce.cuh"
#include "backend/cuda/rules.cuh"

enum {
	EIGHT = 8,         /* sums of a chunk, added in pairs at its end */
	TILE = 16,         /* rows of either side whose pairs a block sums */
	STEP = 64,         /* coordinates of them that stand in shared memory at a time */
	PADDED = STEP + 8, /* apart, so that rows begin in other banks */
	PAIR_ROWS = 2,     /* of a thread: so many rows x times */
	PAIR_OTHERS = 4,   /* so many rows y */
	MIXED_ROWS = 8     /* whose sums a thread keeps in registers */
};
static_assert(TILE / PAIR_ROWS * (TILE / PAIR_OTHERS) * EIGHT == CUDA_THREADS, "threads of a tile");
static_assert(PAIR_ROWS * PAIR_OTHERS == EIGHT, "each of eight threads writes one of the pairs they share");

static unsigned chunks_of(struct rules_piece p)
{
	return (unsigned)((p.count + RULES_CHUNK - 1) / RULES_CHUNK);
}

/* --- what is not finite ------------------------------------------------------------------------------- */

/* A warp counts in one chunk of one row. */
static __global__ void count_nonfinite(struct rules_piece p, int rows, const struct rules_row *x, size_t each,
                                       double *counts)
{
	int row = (int)(blockIdx.y * (CUDA_THREADS / WARP) + threadIdx.x / WARP), found = 0;
	size_t begin = (size_t)blockIdx.x * RULES_CHUNK;
	if (row >= rows)
		return;
	const float *at = (const float *)DEVICE_AT((const char *)x[row].at);
	for (size_t i = begin + threadIdx.x % WARP; i < begin + RULES_CHUNK; i += WARP)
		found += __popc(__ballot_sync(WHOLE_WARP, i < p.count && !isfinite(at[p.first + i])));
	if (threadIdx.x % WARP == 0)
		counts[blockIdx.x * each + (size_t)row] = found;
}

static void rules_nonfinite(struct queue *q, struct rules_piece p, int rows, const struct rules_row *x,
                            size_t each, double *counts)
{
	const unsigned warps = CUDA_THREADS / WARP;
	LAUNCH(q, count_nonfinite, dim3(chunks_of(p), ((unsigned)rows + warps - 1) / warps), CUDA_THREADS, p,
	       rows, x, each, counts);
}

/* --- mixtures ----------------------------------------------------------------------------------------- */

/* Messages of weight 0 may hold what is no number. */
static __device__ inline bool weighs(double w)
{
	return w < 0 || w > 0;
}

static __device__ inline void store(double x, double *to, size_t, size_t i)
{
	to[i] = x;
}

static __device__ inline void store(double x, float *to, size_t first, size_t i)
{
	to[first + i] = (float)x;
}

/* A thread makes one coordinate of ROWS rows. */
template <int ROWS, class T>
static __global__ void mix_rows(struct rules_piece p, int rows, int columns, const double *w,
                                const struct rules_row *x, size_t stride, T *to)
{
	size_t i = cuda_thread();
	int from = (int)blockIdx.y * ROWS;
	double sum[ROWS] = {};
	if (i >= p.count)
		return;
	for (int c = 0; c < columns; c++) {
		double weight[ROWS];
		bool any = false;
#pragma unroll
		for (int r = 0; r < ROWS; r++) {
			weight[r] = from + r < rows ? w[(size_t)(from + r) * (size_t)columns + (size_t)c] : 0;
			any = any || weighs(weight[r]);
		}
		if (!any)
			continue;
		double value = ((const float *)DEVICE_AT((const char *)x[c].at))[p.first + i];
#pragma unroll
		for (int r = 0; r < ROWS; r++)
			if (weighs(weight[r]))
				sum[r] += weight[r] * value;
	}
#pragma unroll
	for (int r = 0; r < ROWS; r++)
		if (from + r < rows)
			store(sum[r], to + (size_t)(from + r) * stride, p.first, i);
}

static void rules_mix(struct queue *q, struct rules_piece p, int rows, int columns, const double *w,
                      const struct rules_row *x, size_t stride, double *to)
{
	LAUNCH(q, (mix_rows<MIXED_ROWS, double>),
	       dim3(cuda_blocks(p.count, 1), ((unsigned)rows + MIXED_ROWS - 1) / MIXED_ROWS), CUDA_THREADS, p,
	       rows, columns, w, x, stride, to);
}

static void rules_mix_floats(struct queue *q, struct rules_piece p, int columns, const double *w,
                             const struct rules_row *x, float *to)
{
	LAUNCH(q, (mix_rows<1, float>), cuda_blocks(p.count, 1), CUDA_THREADS, p, 1, columns, w, x, 0, to);
}

/* --- sums over pairs ---------------------------------------------------------------------------------- */

/* Rows a and b of tiles of all pairs, b not before a. */
struct tile {
	int a, b;
};

static __device__ inline struct tile tile_of(int number, int tiles, bool square)
{
	struct tile t = {0, 0};
	if (!square)
		return {number, 0};
	while (number >= tiles - t.a)
		number -= tiles - t.a++;
	t.b = t.a + number;
	return t;
}

/* STEP coordinates from `at` on of TILE rows from `from` on; beyond the piece or the rows: 0, which adds
 * nothing.
 */
template <bool CENTRED>
static __device__ inline void load_tile(struct rules_piece p, size_t at, int from, int rows,
                                        const struct rules_row *x, const struct rules_row *centre,
                                        double (*out)[PADDED])
{
	for (int k = (int)threadIdx.x; k < TILE * STEP; k += CUDA_THREADS) {
		int row = k / STEP;
		size_t i = at + (size_t)(k % STEP);
		double value = 0;
		if (from + row < rows && i < p.count) {
			const struct rules_row r = x[from + row];
			value = rules_at(r, DEVICE_AT((const char *)r.at), p.first, i);
			if (CENTRED)
				value -= rules_at(*centre, DEVICE_AT((const char *)centre->at), p.first, i);
		}
		out[row][k % STEP] = value;
	}
}

/* Where the sum of pair (i, k) stands; -1: it is none. */
static __device__ inline long long pair_at(int i, int k, int rows, int others)
{
	if (i >= rows || k >= (others > 0 ? others : rows) || (others == 0 && k <= i))
		return -1;
	return others > 0 ? (long long)i * others + k : (long long)i * (2LL * rows - i - 1) / 2 + (k - i - 1);
}

/*
 * A block sums the pairs of one tile in one chunk. Eight neighbouring threads share 2 rows of x and 4 of y:
 * thread k of them has the coordinates whose number leaves k when divided by eight.
 */
template <bool PRODUCTS>
static __global__ void sum_pairs(struct rules_piece p, int rows, int others, const struct rules_row *x,
                                 const struct rules_row *y, const struct rules_row *centre, size_t each,
                                 double *sums)
{
	__shared__ double tile_x[TILE][PADDED], tile_y[TILE][PADDED];
	struct tile t = tile_of((int)blockIdx.y, (rows + TILE - 1) / TILE, others == 0);
	int of = (int)threadIdx.x % EIGHT, group = (int)threadIdx.x / EIGHT;
	int i = group / (TILE / PAIR_OTHERS) * PAIR_ROWS, k = group % (TILE / PAIR_OTHERS) * PAIR_OTHERS;
	size_t begin = (size_t)blockIdx.x * RULES_CHUNK;
	double sum[EIGHT] = {};
	for (size_t at = begin; at < begin + RULES_CHUNK; at += STEP) {
		load_tile<PRODUCTS>(p, at, t.a * TILE, rows, x, centre, tile_x);
		load_tile<PRODUCTS>(p, at, t.b * TILE, others > 0 ? others : rows, y, centre, tile_y);
		__syncthreads();
		for (int j = of; j < STEP; j += EIGHT) {
#pragma unroll
			for (int s = 0; s < EIGHT; s++) {
				double a = tile_x[i + s / PAIR_OTHERS][j], b = tile_y[k + s % PAIR_OTHERS][j],
				       apart = a - b;
				sum[s] += PRODUCTS ? a * b : apart * apart;
			}
		}
		__syncthreads();
	}
#pragma unroll
	for (int s = 0; s < EIGHT; s++) {
		for (int with = 1; with < EIGHT; with *= 2)
			sum[s] += __shfl_xor_sync(WHOLE_WARP, sum[s], with);
		long long to = pair_at(t.a * TILE + i + s / PAIR_OTHERS, t.b * TILE + k + s % PAIR_OTHERS,
		                       rows, others);
		if (s == of && to >= 0)
			sums[blockIdx.x * each + (size_t)to] = sum[s];
	}
}

static void rules_sums(struct queue *q, struct rules_piece p, const struct rules_pairs *pairs, size_t each,
                       double *sums)
{
	int tiles = (pairs->rows + TILE - 1) / TILE, others = pairs->others;
	unsigned blocks = (unsigned)(others > 0 ? tiles : tiles * (tiles + 1) / 2);
	const struct rules_row *y = others > 0 ? pairs->y : pairs->x;
	if (pairs->centre)
		LAUNCH(q, sum_pairs<true>, dim3(chunks_of(p), blocks), CUDA_THREADS, p, pairs->rows, others,
		       pairs->x, y, pairs->centre, each, sums);
	else
		LAUNCH(q, sum_pairs<false>, dim3(chunks_of(p), blocks), CUDA_THREADS, p, pairs->rows, others,
		       pairs->x, y, NULL, each, sums);
}

/* One sum of one block. */
static __global__ void fold_chunks(size_t chunks, size_t block, size_t before, size_t each,
                                   const double *sums, double *all)
{
	size_t which = cuda_thread(), begin = blockIdx.y * block, end = begin + block;
	if (which >= each)
		return;
	begin = begin > before ? begin - before : 0;
	end = end - before < chunks ? end - before : chunks;
	double sum = all[blockIdx.y * each + which];
	for (size_t c = begin; c < end; c++)
		sum += sums[c * each + which];
	all[blockIdx.y * each + which] = sum;
}

static void rules_fold(struct queue *q, size_t chunks, size_t block, size_t before, size_t each,
                       const double *sums, double *all)
{
	unsigned blocks = (unsigned)((before + chunks + block - 1) / block);
	LAUNCH(q, fold_chunks, dim3(cuda_blocks(each, 1), blocks), CUDA_THREADS, chunks, block, before, each,
	       sums, all);
}

const struct rules_kernels cuda_rules = {
        .sorted_at_once = CUDA_SORTED_AT_ONCE,
        .nonfinite = rules_nonfinite,
        .mix = rules_mix,
        .mix_floats = rules_mix_floats,
        .sums = rules_sums,
        .fold = rules_fold,
        .order = cuda_order,
        .median = cuda_median,
};
