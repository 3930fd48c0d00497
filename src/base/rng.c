/* Streams of random numbers: Philox and what is made of its words, one at a time. */
#include "base/rng.h"

#include "base/err.h"
#include "base/rng_inline.h"

enum { WORKER_BITS = 24, STEP_BITS = 48, BLOCK_BITS = 48 };

struct stream stream_of(uint64_t seed, enum purpose purpose, uint32_t worker, uint64_t step)
{
	if ((unsigned)purpose > 255 || worker >> WORKER_BITS || step >> STEP_BITS)
		BUG("a random stream's purpose, worker or step is beyond the counter");
	return (struct stream){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
	                       .tag = (uint32_t)purpose << WORKER_BITS | worker,
	                       .step = step};
}

void philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
	struct rng_words x = {counter[0], counter[1], counter[2], counter[3]};
	x = rng_philox(key[0], key[1], x);
	out[0] = x.a;
	out[1] = x.b;
	out[2] = x.c;
	out[3] = x.d;
}

static void check_block(uint64_t block)
{
	if (block >> BLOCK_BITS)
		BUG("a random stream's block is beyond the counter");
}

void stream_block(const struct stream *s, uint64_t block, uint32_t out[4])
{
	check_block(block);
	struct rng_words x = rng_block(s, block);
	out[0] = x.a;
	out[1] = x.b;
	out[2] = x.c;
	out[3] = x.d;
}

uint64_t stream_bits(const struct stream *s, uint64_t index)
{
	check_block(index / 2);
	return rng_bits(s, index);
}

static uint32_t word_of(const struct stream *s, uint64_t index)
{
	uint32_t w[4];
	stream_block(s, index / 4, w);
	return w[index % 4];
}

float stream_uniform(const struct stream *s, uint64_t index)
{
	return rng_uniform(word_of(s, index));
}

float stream_symmetric(const struct stream *s, uint64_t index)
{
	return rng_symmetric(word_of(s, index));
}

float stream_laplace(const struct stream *s, uint64_t index)
{
	return rng_laplace(word_of(s, index));
}

uint32_t stream_below(const struct stream *s, uint64_t index, uint32_t bound)
{
	if (bound == 0)
		BUG("stream_below() with bound 0");
	return rng_below(stream_bits(s, index), bound);
}

void stream_normal4(const struct stream *s, uint64_t block, float out[4])
{
	uint32_t w[4];
	stream_block(s, block, w);
	rng_normal2(w[0], w[1], &out[0], &out[1]);
	rng_normal2(w[2], w[3], &out[2], &out[3]);
}

float rng_log(float x)
{
	return rng_log_inline(x);
}

void rng_sincos_turn(float u, float *sine, float *cosine)
{
	rng_sincos_inline(u, sine, cosine);
}

void stream_shuffle(const struct stream *s, uint32_t *order, uint32_t n)
{
	for (uint32_t left = n; left > 1; left--) {
		uint32_t chosen = stream_below(s, n - left, left);
		uint32_t kept = order[left - 1];
		order[left - 1] = order[chosen];
		order[chosen] = kept;
	}
}
