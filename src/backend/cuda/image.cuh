/* Which number of an image value a thread works on: blocks.y goes over images, blocks.x over the numbers of
 * one, so that what is divided has 32 bits. */
#ifndef SIGNSGD_BACKEND_CUDA_IMAGE_CUH
#define SIGNSGD_BACKEND_CUDA_IMAGE_CUH

#include "backend/cuda/image.h"
#include "backend/cuda/kernel.cuh"

struct pixel {
	int y, x, channel;
};

/* false: the thread has none. */
static __device__ inline bool pixel_of_thread(const struct image *i, struct pixel *p)
{
	unsigned at = blockIdx.x * blockDim.x + threadIdx.x, channels = (unsigned)i->channels,
	         width = (unsigned)i->width;
	p->channel = (int)(at % channels);
	p->x = (int)(at / channels % width);
	p->y = (int)(at / channels / width);
	return p->y < i->height;
}

static __device__ inline size_t pixel_at(const struct image *i, int n, struct pixel p)
{
	return (((size_t)n * i->height + p.y) * i->width + p.x) * i->channels + p.channel;
}

static inline dim3 image_blocks(const struct image *i)
{
	enum { MOST = 65535 };
	return dim3(cuda_blocks(cuda_image_pixels(i) * (size_t)i->channels, 1),
	            (unsigned)(i->count < MOST ? i->count : MOST));
}

#endif
