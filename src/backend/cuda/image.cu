/* What moves numbers of images and sums over them. Bits are those of ref where order is theirs. */
#include "backend/cuda/image.h"
#include "backend/cuda/image.cuh"
#include "backend/cuda/kernel.cuh"

enum { TILE = 32, LINES = 8 }; /* CUDA_THREADS threads are LINES lines of a tile */

/* A tile of TILE x TILE numbers goes through the block's memory, so that reads and writes are of lines. */
static __global__ void transpose(size_t rows, size_t columns, const float *from, float *to)
{
	__shared__ float tile[TILE][TILE + 1];
	size_t across = (columns + TILE - 1) / TILE, down = (rows + TILE - 1) / TILE;
	size_t which = blockIdx.x / (across * down), place = blockIdx.x % (across * down);
	size_t row = place / across * TILE, column = place % across * TILE;
	size_t x = threadIdx.x % TILE, y = threadIdx.x / TILE;
	from += which * rows * columns;
	to += which * rows * columns;
	for (size_t i = y; i < TILE; i += LINES)
		if (row + i < rows && column + x < columns)
			tile[i][x] = from[(row + i) * columns + column + x];
	__syncthreads();
	for (size_t i = y; i < TILE; i += LINES)
		if (column + i < columns && row + x < rows)
			to[(column + i) * rows + row + x] = tile[x][i];
}

void cuda_transpose(struct queue *q, size_t count, size_t rows, size_t columns, const float *from, float *to)
{
	size_t tiles = (rows + TILE - 1) / TILE * ((columns + TILE - 1) / TILE);
	if (rows == 1 || columns == 1)
		cuda_memory.copy(q, to, from, count * rows * columns * sizeof(*to));
	else if (count * tiles > 0)
		LAUNCH(q, transpose, (unsigned)(count * tiles), CUDA_THREADS, rows, columns, from, to);
}

static __global__ void subsample(struct image_shortcut s, const float *in, float *out)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.out.count; n += (int)gridDim.y)
		if (pixel_of_thread(&s.out, &p))
			out[pixel_at(&s.out, n, p)] =
			        p.channel < s.in.channels
			                ? in[pixel_at(&s.in, n, {p.y * s.stride, p.x * s.stride, p.channel})]
			                : 0;
}

void cuda_subsample(struct queue *q, const struct image_shortcut *s, const float *in, float *out)
{
	LAUNCH(q, subsample, image_blocks(&s->out), CUDA_THREADS, *s, in, out);
}

static __global__ void subsample_back(struct image_shortcut s, const float *d_out, float *d_in)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.in.count; n += (int)gridDim.y) {
		if (!pixel_of_thread(&s.in, &p))
			return;
		struct pixel o = {p.y / s.stride, p.x / s.stride, p.channel};
		bool taken = p.y % s.stride == 0 && p.x % s.stride == 0 && o.y < s.out.height &&
		             o.x < s.out.width && o.channel < s.out.channels;
		d_in[pixel_at(&s.in, n, p)] = taken ? d_out[pixel_at(&s.out, n, o)] : 0;
	}
}

void cuda_subsample_back(struct queue *q, const struct image_shortcut *s, const float *d_out, float *d_in)
{
	LAUNCH(q, subsample_back, image_blocks(&s->in), CUDA_THREADS, *s, d_out, d_in);
}

/* Heights and widths of an adaptive pool's input and output. */
struct adaptive {
	int from[2], to[2];
};

/* Output cell i covers the input cells from begin to before end. */
static __device__ inline int cell_begin(const struct adaptive &a, int side, int i)
{
	return (int)((long long)i * a.from[side] / a.to[side]);
}

static __device__ inline int cell_end(const struct adaptive &a, int side, int i)
{
	return (int)(((long long)(i + 1) * a.from[side] + a.to[side] - 1) / a.to[side]);
}

static __device__ inline float cell_area(const struct adaptive &a, int y, int x)
{
	return (float)((cell_end(a, 0, y) - cell_begin(a, 0, y)) * (cell_end(a, 1, x) - cell_begin(a, 1, x)));
}

static __global__ void adaptive(size_t planes, struct adaptive a, const float *x, float *y)
{
	size_t at = cuda_thread(), cells = (size_t)a.to[0] * a.to[1], plane = at / cells;
	if (plane >= planes)
		return;
	int row = (int)(at % cells) / a.to[1], column = (int)(at % cells) % a.to[1];
	float sum = 0;
	x += plane * a.from[0] * a.from[1];
	for (int h = cell_begin(a, 0, row); h < cell_end(a, 0, row); h++)
		for (int w = cell_begin(a, 1, column); w < cell_end(a, 1, column); w++)
			sum += x[h * a.from[1] + w];
	y[at] = sum / cell_area(a, row, column);
}

void cuda_adaptive(struct queue *q, size_t planes, const int from[2], const int to[2], const float *x,
                   float *y)
{
	struct adaptive a = {{from[0], from[1]}, {to[0], to[1]}};
	size_t n = planes * (size_t)to[0] * (size_t)to[1];
	if (n > 0)
		LAUNCH(q, adaptive, cuda_blocks(n, 1), CUDA_THREADS, planes, a, x, y);
}

/* The first and last output cell that cover input cell i of a side. */
static __device__ inline int first_over(const struct adaptive &a, int side, int i)
{
	return (int)((long long)i * a.to[side] / a.from[side]);
}

static __device__ inline int last_over(const struct adaptive &a, int side, int i)
{
	return (int)(((long long)(i + 1) * a.to[side] + a.from[side] - 1) / a.from[side]) - 1;
}

static __global__ void adaptive_back(size_t planes, struct adaptive a, const float *dy, float *dx)
{
	size_t at = cuda_thread(), cells = (size_t)a.from[0] * a.from[1], plane = at / cells;
	if (plane >= planes)
		return;
	int h = (int)(at % cells) / a.from[1], w = (int)(at % cells) % a.from[1];
	float sum = 0;
	dy += plane * a.to[0] * a.to[1];
	for (int row = first_over(a, 0, h); row <= last_over(a, 0, h); row++)
		for (int column = first_over(a, 1, w); column <= last_over(a, 1, w); column++)
			sum += dy[row * a.to[1] + column] / cell_area(a, row, column);
	dx[at] = sum;
}

void cuda_adaptive_back(struct queue *q, size_t planes, const int from[2], const int to[2], const float *dy,
                        float *dx)
{
	struct adaptive a = {{from[0], from[1]}, {to[0], to[1]}};
	size_t n = planes * (size_t)from[0] * (size_t)from[1];
	if (n > 0)
		LAUNCH(q, adaptive_back, cuda_blocks(n, 1), CUDA_THREADS, planes, a, dy, dx);
}

/* A block sums TILE columns over the rows of its part: partial [parts][n]. */
static __global__ void sum_part(size_t rows, size_t n, size_t part_rows, const float *x, double *partial)
{
	__shared__ double sums[LINES][TILE];
	size_t lane = threadIdx.x % TILE, line = threadIdx.x / TILE;
	size_t column = (size_t)blockIdx.x * TILE + lane, first = blockIdx.y * part_rows;
	size_t end = first + part_rows < rows ? first + part_rows : rows;
	double sum = 0;
	if (column < n)
		for (size_t r = first + line; r < end; r += LINES)
			sum += x[r * n + column];
	sums[line][lane] = sum;
	__syncthreads();
	if (line > 0 || column >= n)
		return;
	for (int i = 1; i < LINES; i++)
		sum += sums[i][lane];
	partial[blockIdx.y * n + column] = sum;
}

static __global__ void sum_parts(size_t parts, size_t n, const double *partial, float *out)
{
	size_t column = cuda_thread();
	double sum = 0;
	if (column >= n)
		return;
	for (size_t p = 0; p < parts; p++)
		sum += partial[p * n + column];
	out[column] = (float)sum;
}

void cuda_sum_pixels(struct queue *q, size_t rows, size_t n, const float *x, float *out)
{
	enum { MOST_PARTS = 256, ROWS = 256 /* a part has at least so many */ };
	size_t room = CUDA_SCRATCH / sizeof(double) / n, parts = (rows + ROWS - 1) / ROWS;
	parts = parts < MOST_PARTS ? parts : MOST_PARTS;
	parts = parts < room ? parts : room;
	if (parts == 0) { /* more channels than there is room for their sums */
		cuda_sum_rows(q, rows, n, x, out);
		return;
	}
	size_t part_rows = (rows + parts - 1) / parts;
	double *partial = (double *)q->scratch;
	dim3 blocks((unsigned)((n + TILE - 1) / TILE), (unsigned)parts);
	LAUNCH(q, sum_part, blocks, CUDA_THREADS, rows, n, part_rows, x, partial);
	LAUNCH(q, sum_parts, cuda_blocks(n, 1), CUDA_THREADS, parts, n, partial, out);
}

static __global__ void mask(size_t n, const float *y, const float *dy, float *to)
{
	size_t i = cuda_thread();
	if (i < n)
		to[i] = y[i] > 0 ? dy[i] : 0;
}

void cuda_mask(struct queue *q, size_t n, const float *y, const float *dy, float *to)
{
	LAUNCH(q, mask, cuda_blocks(n, 1), CUDA_THREADS, n, y, dy, to);
}

static __global__ void to_bf16(size_t n, const float *x, uint16_t *to)
{
	size_t i = cuda_thread();
	if (i >= n)
		return;
	uint32_t bits;
	memcpy(&bits, &x[i], sizeof(bits));
	uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
	to[i] = (uint16_t)((x[i] != x[i] ? bits | 0x400000 : rounded) >> 16);
}

void cuda_to_bf16(struct queue *q, size_t n, const float *x, uint16_t *to)
{
	LAUNCH(q, to_bf16, cuda_blocks(n, 1), CUDA_THREADS, n, x, to);
}

static __global__ void from_bf16(size_t n, const uint16_t *x, float *to)
{
	size_t i = cuda_thread();
	if (i >= n)
		return;
	uint32_t bits = (uint32_t)x[i] << 16;
	memcpy(&to[i], &bits, sizeof(bits));
}

void cuda_from_bf16(struct queue *q, size_t n, const uint16_t *x, float *to)
{
	LAUNCH(q, from_bf16, cuda_blocks(n, 1), CUDA_THREADS, n, x, to);
}
