/* Batches of images: bytes to normalised floats, and gathering from a data set that stands on the device. */
#include "backend/cuda/quad.cuh"

static const size_t CHANNELS_AT_ONCE = 64;

struct alignas(QUAD) bytes {
	uint8_t v[QUAD];
};

static __device__ inline bool bytes_whole(const uint8_t *at, size_t i, size_t n)
{
	return n - i >= QUAD && (size_t)at % sizeof(struct bytes) == 0;
}

/* Bytes i .. i + 3 of p[n], i < n; 0 behind the end. */
static __device__ inline struct bytes bytes_load(const uint8_t *p, size_t i, size_t n)
{
	if (bytes_whole(p + i, i, n))
		return *(const struct bytes *)(p + i);
	struct bytes b;
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		b.v[k] = i + k < n ? p[i + k] : 0;
	return b;
}

static __device__ inline void bytes_store(struct bytes b, uint8_t *p, size_t i, size_t n)
{
	if (bytes_whole(p + i, i, n)) {
		*(struct bytes *)(p + i) = b;
		return;
	}
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		if (i + k < n)
			p[i + k] = b.v[k];
}

/* What is done to the channels from `from` on. */
struct channels {
	size_t all, from, count;
	float factor[CHANNELS_AT_ONCE], shift[CHANNELS_AT_ONCE];
};

/* A thread works on a quad of one plane. */
static __global__ void pixel_quads(size_t planes, size_t plane, struct channels c, const uint8_t *p,
                                   float *out)
{
	size_t quads = (plane + QUAD - 1) / QUAD, thread = cuda_thread();
	size_t i = QUAD * (thread % quads), which = thread / quads;
	if (which >= planes)
		return;
	size_t channel = which % c.count, begin = (which / c.count * c.all + c.from + channel) * plane;
	float factor = c.factor[channel], shift = c.shift[channel];
	struct bytes in = bytes_load(p + begin, i, plane);
	struct quad x;
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		x.v[k] = (float)in.v[k] * factor + shift;
	quad_store(x, out + begin, i, plane);
}

void cuda_pixels(struct queue *q, size_t images, size_t channels, size_t plane, const uint8_t *p,
                 const float *factor, const float *shift, float *out)
{
	size_t threads = (plane + QUAD - 1) / QUAD * images;
	for (size_t from = 0; from < channels && threads > 0; from += CHANNELS_AT_ONCE) {
		size_t left = channels - from;
		struct channels c = {
		        channels, from, left < CHANNELS_AT_ONCE ? left : CHANNELS_AT_ONCE, {}, {}};
		for (size_t k = 0; k < c.count; k++) {
			c.factor[k] = factor[from + k];
			c.shift[k] = shift[from + k];
		}
		LAUNCH(q, pixel_quads, cuda_blocks(threads * c.count, 1), CUDA_THREADS, images * c.count,
		       plane, c, p, out);
	}
}

/* What an image's random numbers say: how far it moves right and down, and whether it is mirrored. */
struct change {
	int dx, dy;
	bool mirrored;
};

static __device__ inline struct change change_of(const struct gather *from, struct stream coins, size_t image)
{
	struct change c = {0, 0, false};
	coins.step += image;
	if (from->pad > 0) {
		uint32_t span = 2 * (uint32_t)from->pad + 1;
		c.dy = from->pad - (int)rng_below(rng_bits(&coins, 0), span);
		c.dx = from->pad - (int)rng_below(rng_bits(&coins, 1), span);
	}
	c.mirrored = from->flip && rng_bits(&coins, 2) & 1;
	return c;
}

/* Pixel i of the changed image; black where nothing was. */
static __device__ inline uint8_t pixel_of(const struct gather *from, struct change c, const uint8_t *in,
                                          unsigned i)
{
	unsigned width = (unsigned)from->width, height = (unsigned)from->height;
	int column = (int)(i % width), row = (int)(i / width % height);
	unsigned first = i / width / height * width * height;
	row -= c.dy;
	column = (c.mirrored ? from->width - 1 - column : column) - c.dx;
	if (row < 0 || row >= from->height || column < 0 || column >= from->width)
		return 0;
	return in[first + (unsigned)row * width + (unsigned)column];
}

/* `blocks` blocks an image, so that its draws are made once a thread. */
static __global__ void gather_images(struct gather from, unsigned blocks, const uint32_t *index,
                                     struct stream coins, uint8_t *out, int32_t *label)
{
	size_t image = blockIdx.x / blocks, part = blockIdx.x % blocks;
	size_t n = (size_t)from.channels * (size_t)from.height * (size_t)from.width;
	size_t i = QUAD * (part * blockDim.x + threadIdx.x), sample = index[image];
	if (i == 0)
		label[image] = DEVICE_AT(from.labels)[sample];
	if (i >= n)
		return;
	const uint8_t *in = DEVICE_AT(from.pixels) + sample * n;
	struct change c = change_of(&from, coins, image);
	struct bytes b;
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		b.v[k] = i + k < n ? pixel_of(&from, c, in, (unsigned)(i + k)) : 0;
	bytes_store(b, out + image * n, i, n);
}

void cuda_gather(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                 const struct stream *coins, uint8_t *out, int32_t *label)
{
	cuda_once("a batch");
	size_t n = (size_t)from->channels * (size_t)from->height * (size_t)from->width;
	unsigned blocks = cuda_blocks(n, QUAD);
	struct stream own = {};
	if (from->pad > 0 || from->flip)
		own = *coins;
	if (count > 0)
		LAUNCH(q, gather_images, (unsigned)(count * blocks), CUDA_THREADS, *from, blocks, index, own,
		       out, label);
}
