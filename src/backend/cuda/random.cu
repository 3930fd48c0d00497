/* Kernels with random numbers: a thread makes one block of the stream, which is four numbers. */
#include "backend/cuda/quad.cuh"

static __device__ inline void quad_words(const struct stream *s, uint64_t first, uint32_t word[QUAD])
{
	struct rng_words w = rng_block(s, first / QUAD);
	word[0] = w.a;
	word[1] = w.b;
	word[2] = w.c;
	word[3] = w.d;
}

static __global__ void normal_quads(size_t n, float sigma, struct stream s, size_t first, const float *mean,
                                    float *out)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	uint32_t word[QUAD];
	float z[QUAD];
	quad_words(&s, first + i, word);
	rng_normal2(word[0], word[1], &z[0], &z[1]);
	rng_normal2(word[2], word[3], &z[2], &z[3]);
	struct quad x = quad_load(mean, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		x.v[k] += sigma * z[k];
	quad_store(x, out, i, n);
}

void cuda_normal(struct queue *q, size_t n, float sigma, const struct stream *s, size_t first,
                 const float *mean, float *out)
{
	cuda_once("normal noise");
	LAUNCH(q, normal_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, sigma, *s, first, mean, out);
}

/* A stream as it was when the kernel was given, or, in work that is replayed, as it is in memory then. */
struct source {
	struct stream now;
	const struct stream *there; /* NULL: now */
};

static struct source source_of(const struct stream *s)
{
	return {*s, cuda_stream_there(s)};
}

static __device__ inline struct stream stream_from(const struct source &from)
{
	return from.there ? *DEVICE_AT(from.there) : from.now;
}

/* out[i] = f(word first + i of the stream, x[i]). */
template <class F>
static __global__ void word_quads(size_t n, F f, struct source from, size_t first, const float *x, float *out)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	uint32_t word[QUAD];
	struct stream s = stream_from(from);
	quad_words(&s, first + i, word);
	struct quad a = quad_load(x, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		a.v[k] = f(word[k], a.v[k]);
	quad_store(a, out, i, n);
}

struct dropped {
	float rate;
	__device__ float operator()(uint32_t word, float x) const
	{
		return rng_uniform(word) >= rate ? x / (1 - rate) : 0;
	}
};

void cuda_dropout(struct queue *q, size_t n, float rate, const struct stream *s, size_t first, const float *x,
                  float *out)
{
	LAUNCH(q, word_quads<dropped>, cuda_blocks(n, QUAD), CUDA_THREADS, n, dropped{rate}, source_of(s),
	       first, x, out);
}

struct flipped {
	uint64_t limit;
	__device__ float operator()(uint32_t word, float x) const
	{
		return word < limit ? -x : x;
	}
};

void cuda_flip(struct queue *q, size_t n, uint64_t limit, const struct stream *s, size_t first,
               const float *x, float *out)
{
	LAUNCH(q, word_quads<flipped>, cuda_blocks(n, QUAD), CUDA_THREADS, n, flipped{limit}, source_of(s),
	       first, x, out);
}

static __global__ void random_sign_quads(size_t n, struct stream s, size_t first, const float *x, float *out)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	uint64_t coins = rng_bits(&s, (first + i) / 64) >> (i % 64);
	struct quad a = quad_load(x, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		a.v[k] = coins >> k & 1 ? -a.v[k] : a.v[k];
	quad_store(a, out, i, n);
}

void cuda_random_sign(struct queue *q, size_t n, const struct stream *s, size_t first, const float *x,
                      float *out)
{
	cuda_once("a random sign");
	LAUNCH(q, random_sign_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, *s, first, x, out);
}
