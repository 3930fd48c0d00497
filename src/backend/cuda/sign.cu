/*
 * Signs to bits and back. A warp makes PACK_WORDS words: its lanes read neighbouring numbers, and a ballot
 * makes half a word of what 32 of them say.
 */
#include "backend/cuda/quad.cuh"
#include "backend/cuda/reduce.cuh"
#include "backend/sign.h"

enum { PACK_WORDS = 4, PACK_LOADS = 64 / WARP * PACK_WORDS };

/* What a warp packs: its first word, and this thread's lane. */
struct share {
	size_t word;
	unsigned lane;
};

static __device__ inline struct share share_of(void)
{
	return share{cuda_thread() / WARP * PACK_WORDS, threadIdx.x % WARP};
}

/* The coordinate of this lane's load number j. */
static __device__ inline size_t coordinate(struct share s, int j)
{
	return 64 * s.word + (size_t)(WARP * j) + s.lane;
}

/* Where the two halves of a word's coordinates say yes. */
static __device__ inline uint64_t ballot_word(bool low, bool high)
{
	unsigned below = __ballot_sync(WHOLE_WARP, low), above = __ballot_sync(WHOLE_WARP, high);
	return (uint64_t)above << 32 | below;
}

static __device__ inline bool has_no_sign(float v)
{
	return !(v < 0) && !(v > 0);
}

/* Where signs go, and what stands for a value that has none. */
struct packing {
	enum sign_policy zero;
	struct stream coins;
	uint64_t first_word;
};

/* The warp's words of both planes; values behind coordinate n - 1 are +1, whose bits are 0. */
static __device__ inline void pack_values(const float value[PACK_LOADS], struct share s, size_t words,
                                          const struct packing *how, uint64_t *vote, uint64_t *abstain)
{
	uint64_t my_vote = 0, my_silence = 0;
#pragma unroll
	for (int w = 0; w < PACK_WORDS; w++) {
		float low = value[2 * w], high = value[2 * w + 1];
		uint64_t minus = ballot_word(low < 0, high < 0),
		         silent = ballot_word(has_no_sign(low), has_no_sign(high));
		if (how->zero == SIGN_RANDOM && silent != 0)
			minus |= silent & rng_bits(&how->coins, how->first_word + s.word + (size_t)w);
		my_vote = s.lane == (unsigned)w ? minus : my_vote;
		my_silence = s.lane == (unsigned)w ? silent : my_silence;
	}
	if (s.lane >= PACK_WORDS || s.word + s.lane >= words)
		return;
	vote[s.word + s.lane] = my_vote;
	if (how->zero == SIGN_ABSTAIN)
		abstain[s.word + s.lane] = my_silence;
}

static __global__ void pack_words(size_t n, const float *v, struct packing how, uint64_t *vote,
                                  uint64_t *abstain)
{
	struct share s = share_of();
	float value[PACK_LOADS];
#pragma unroll
	for (int j = 0; j < PACK_LOADS; j++)
		value[j] = coordinate(s, j) < n ? v[coordinate(s, j)] : 1;
	pack_values(value, s, sign_words(n), &how, vote, abstain);
}

/* The same of what cuda_momentum() makes; a beta of 0 does not read v. */
static __global__ void momentum_words(size_t n, float beta, const float *g, float *v, struct packing how,
                                      uint64_t *vote, uint64_t *abstain)
{
	struct share s = share_of();
	float value[PACK_LOADS], fresh = 1 - beta;
#pragma unroll
	for (int j = 0; j < PACK_LOADS; j++)
		value[j] = coordinate(s, j) < n ? g[coordinate(s, j)] : 1;
	if (beta != 0) {
		float before[PACK_LOADS];
#pragma unroll
		for (int j = 0; j < PACK_LOADS; j++)
			before[j] = coordinate(s, j) < n ? v[coordinate(s, j)] : 1;
#pragma unroll
		for (int j = 0; j < PACK_LOADS; j++)
			value[j] = fresh * value[j] + beta * before[j];
	}
#pragma unroll
	for (int j = 0; j < PACK_LOADS; j++) {
		if (coordinate(s, j) < n)
			v[coordinate(s, j)] = value[j];
		else
			value[j] = 1;
	}
	pack_values(value, s, sign_words(n), &how, vote, abstain);
}

/* Number i of the noise. */
static __device__ inline float noise_at(const struct sign_noise &noise, size_t i)
{
	struct rng_words w = rng_block(&noise.stream, i / 4);
	bool late = i % 4 >= 2, odd = i % 2 == 1;
	uint32_t even_word = late ? w.c : w.a, odd_word = late ? w.d : w.b;
	float even, other;
	if (noise.kind == SIGN_UNIFORM)
		return rng_symmetric(odd ? odd_word : even_word);
	if (noise.kind == SIGN_LAPLACE)
		return rng_laplace(odd ? odd_word : even_word);
	rng_normal2(even_word, odd_word, &even, &other);
	return odd ? other : even;
}

static __global__ void noise_words(size_t n, const float *v, struct sign_noise noise, struct packing how,
                                   uint64_t *vote)
{
	struct share s = share_of();
	float value[PACK_LOADS];
#pragma unroll
	for (int j = 0; j < PACK_LOADS; j++) {
		size_t i = coordinate(s, j);
		value[j] = i < n ? noise.scale * v[i] + noise.size * noise_at(noise, 64 * how.first_word + i)
		                 : 1;
	}
	pack_values(value, s, sign_words(n), &how, vote, NULL);
}

static unsigned pack_blocks(size_t n)
{
	return cuda_blocks(sign_words(n) * WARP, PACK_WORDS);
}

static struct packing packing_of(enum sign_policy zero, const struct stream *coins, size_t first)
{
	struct packing how = {zero, {}, first / 64};
	if (zero == SIGN_RANDOM)
		how.coins = *coins;
	return how;
}

void cuda_sign_pack(struct queue *q, size_t n, const float *v, enum sign_policy zero,
                    const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain)
{
	if (coins)
		cuda_once("signs by coins");
	struct packing how = packing_of(zero, coins, first);
	LAUNCH(q, pack_words, pack_blocks(n), CUDA_THREADS, n, v, how, vote, abstain);
}

void cuda_momentum_pack(struct queue *q, size_t n, float beta, const float *g, float *v,
                        enum sign_policy zero, const struct stream *coins, size_t first, uint64_t *vote,
                        uint64_t *abstain)
{
	cuda_once("a momentum");
	struct packing how = packing_of(zero, coins, first);
	LAUNCH(q, momentum_words, pack_blocks(n), CUDA_THREADS, n, beta, g, v, how, vote, abstain);
}

void cuda_noise_pack(struct queue *q, size_t n, const float *v, const struct sign_noise *noise,
                     const struct stream *coins, size_t first, uint64_t *vote)
{
	cuda_once("noise before signs");
	struct packing how = packing_of(SIGN_RANDOM, coins, first);
	LAUNCH(q, noise_words, pack_blocks(n), CUDA_THREADS, n, v, *noise, how, vote);
}

/* The bits of the quad that begins at coordinate i; a plane that is not there has none. */
static __device__ inline unsigned quad_bits(const uint64_t *plane, size_t i)
{
	return plane ? (unsigned)(plane[i / 64] >> (i % 64)) : 0;
}

/* -1, 0 or +1 of coordinate k of a quad. */
static __device__ inline float sign_of(unsigned vote, unsigned abstain, int k)
{
	if (abstain >> k & 1)
		return 0;
	return vote >> k & 1 ? -1 : 1;
}

static __global__ void unpack_quads(size_t n, const uint64_t *vote, const uint64_t *abstain, float *v)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	unsigned minus = quad_bits(vote, i), silent = quad_bits(abstain, i);
	struct quad out;
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		out.v[k] = sign_of(minus, silent, k);
	quad_store(out, v, i, n);
}

void cuda_sign_unpack(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v)
{
	LAUNCH(q, unpack_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, vote, abstain, v);
}

/* One coordinate: two steps, each rounded. */
static __device__ inline float applied(float x, float sign, float lr, float decay)
{
	float shrink = lr * decay, moved = sign != 0 ? x - lr * sign : x;
	return decay != 0 ? moved - shrink * x : moved;
}

static __global__ void apply_quads(size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                                   float decay, float *x)
{
	size_t i = quad_begin();
	if (i >= n)
		return;
	unsigned minus = quad_bits(vote, i), silent = quad_bits(abstain, i);
	struct quad at = quad_load(x, i, n);
#pragma unroll
	for (int k = 0; k < QUAD; k++)
		at.v[k] = applied(at.v[k], sign_of(minus, silent, k), lr, decay);
	quad_store(at, x, i, n);
}

void cuda_sign_apply(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                     float decay, float *x)
{
	cuda_once("a step by signs");
	LAUNCH(q, apply_quads, cuda_blocks(n, QUAD), CUDA_THREADS, n, vote, abstain, lr, decay, x);
}
