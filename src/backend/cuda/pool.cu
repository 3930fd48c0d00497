/*
 * Pools. Each thread makes one number: of the output from its window, of the input's gradient from the
 * windows that have it, in the order in which ref adds them. keep of a max pool: the pixel that each output
 * came from, int32 [floats of out], y * width + x.
 */
#include "backend/cuda/image.cuh"

struct range {
	int begin, end;
};

/* The pixels of window `o` along a side, */
static __device__ inline struct range window_of(const struct image_spec &s, int side, int inputs, int o)
{
	int begin = o * s.stride[side] - s.pad[side], end = begin + s.kernel[side];
	return {begin > 0 ? begin : 0, end < inputs ? end : inputs};
}

/* and the windows that have pixel `i`. */
static __device__ inline struct range windows_with(const struct image_spec &s, int side, int outputs, int i)
{
	int place = i + s.pad[side], first = place - s.kernel[side] + 1, end = place / s.stride[side] + 1;
	return {first > 0 ? (first + s.stride[side] - 1) / s.stride[side] : 0, end < outputs ? end : outputs};
}

static __global__ void max_forward(struct image_spec s, const float *in, float *out, int32_t *keep)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.out.count; n += (int)gridDim.y) {
		if (!pixel_of_thread(&s.out, &p))
			return;
		struct range rows = window_of(s, 0, s.in.height, p.y);
		struct range columns = window_of(s, 1, s.in.width, p.x);
		float best = 0;
		int place = -1;
		for (int y = rows.begin; y < rows.end; y++)
			for (int x = columns.begin; x < columns.end; x++) {
				float v = in[pixel_at(&s.in, n, {y, x, p.channel})];
				bool larger = place < 0 || v > best || (v != v && best == best);
				best = larger ? v : best;
				place = larger ? y * s.in.width + x : place;
			}
		size_t at = pixel_at(&s.out, n, p);
		out[at] = best;
		keep[at] = place;
	}
}

static __global__ void max_backward(struct image_spec s, const int32_t *keep, const float *d_out, float *d_in)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.in.count; n += (int)gridDim.y) {
		if (!pixel_of_thread(&s.in, &p))
			return;
		struct range rows = windows_with(s, 0, s.out.height, p.y);
		struct range columns = windows_with(s, 1, s.out.width, p.x);
		double sum = 0;
		for (int y = rows.begin; y < rows.end; y++)
			for (int x = columns.begin; x < columns.end; x++) {
				size_t at = pixel_at(&s.out, n, {y, x, p.channel});
				sum += keep[at] == p.y * s.in.width + p.x ? d_out[at] : 0;
			}
		d_in[pixel_at(&s.in, n, p)] = (float)sum;
	}
}

static __global__ void mean_forward(struct image_spec s, const float *in, float *out)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.out.count; n += (int)gridDim.y) {
		if (!pixel_of_thread(&s.out, &p))
			return;
		struct range rows = window_of(s, 0, s.in.height, p.y);
		struct range columns = window_of(s, 1, s.in.width, p.x);
		double sum = 0;
		for (int y = rows.begin; y < rows.end; y++)
			for (int x = columns.begin; x < columns.end; x++)
				sum += in[pixel_at(&s.in, n, {y, x, p.channel})];
		out[pixel_at(&s.out, n, p)] = (float)(sum / ((double)s.kernel[0] * s.kernel[1]));
	}
}

static __global__ void mean_backward(struct image_spec s, const float *d_out, float *d_in)
{
	struct pixel p;
	for (int n = (int)blockIdx.y; n < s.in.count; n += (int)gridDim.y) {
		if (!pixel_of_thread(&s.in, &p))
			return;
		struct range rows = windows_with(s, 0, s.out.height, p.y);
		struct range columns = windows_with(s, 1, s.out.width, p.x);
		double sum = 0;
		for (int y = rows.begin; y < rows.end; y++)
			for (int x = columns.begin; x < columns.end; x++)
				sum += d_out[pixel_at(&s.out, n, {y, x, p.channel})] /
				       ((double)s.kernel[0] * s.kernel[1]);
		d_in[pixel_at(&s.in, n, p)] = (float)sum;
	}
}

void cuda_pool_forward(struct queue *q, const struct image_layer *l)
{
	const struct image_spec *s = &l->spec;
	dim3 blocks = image_blocks(&s->out);
	if (s->kind == IMAGE_MAX_POOL)
		LAUNCH(q, max_forward, blocks, CUDA_THREADS, *s, l->memory.in, l->memory.out,
		       (int32_t *)l->memory.keep);
	else
		LAUNCH(q, mean_forward, blocks, CUDA_THREADS, *s, l->memory.in, l->memory.out);
}

void cuda_pool_backward(struct queue *q, const struct image_layer *l)
{
	const struct image_spec *s = &l->spec;
	dim3 blocks = image_blocks(&s->in);
	if (s->kind == IMAGE_MAX_POOL)
		LAUNCH(q, max_backward, blocks, CUDA_THREADS, *s, (const int32_t *)l->memory.keep,
		       l->memory.d_out, l->memory.d_in);
	else
		LAUNCH(q, mean_backward, blocks, CUDA_THREADS, *s, l->memory.d_out, l->memory.d_in);
}
