/*
 * Random numbers as a function, not a sequence (law 1).
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") maps a 64-bit key
 * and a 128-bit counter to four 32-bit words. The key is the experiment's seed; the counter is
 * (purpose, worker, step, block). So any thread, process or device can make any number without asking
 * who made the one before it, and there is no generator state to save in a checkpoint.
 *
 * counter word 0: block, low 32 bits       counter word 2: purpose << 24 | worker
 * counter word 1: step, low 32 bits        counter word 3: (block >> 32) << 16 | (step >> 32)
 * Blocks and steps go to 2^48, workers to 2^24.
 *
 * Normal numbers are Box-Muller over polynomials that use only +, -, *, / and sqrt in float: every
 * machine that rounds as IEEE 754 says gives the same bits, with vectors or without, if multiplication
 * and addition are not fused (the Makefile passes -ffp-contract=off; CUDA needs --fmad=false).
 */
#ifndef SIGNSGD_BASE_RNG_H
#define SIGNSGD_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

enum purpose {
	RNG_INIT = 1,       /* the model's starting point and constants */
	RNG_PARTITION = 2,  /* which sample belongs to which worker */
	RNG_ORDER = 3,      /* order of a worker's samples; step = epoch */
	RNG_NOISE = 4,      /* the noise of gradients that the model makes itself */
	RNG_ZERO = 5,       /* what a worker says for an exact zero */
	RNG_TIE = 6,        /* what the server says for a tie */
	RNG_ATTACK = 7,     /* an adversary's own stream */
	RNG_DATA = 8,       /* data that the program makes; step = sample */
	RNG_TEST = 9,       /* tests, check and bench */
	RNG_DROPOUT = 10,   /* dropout's masks */
	RNG_AUGMENT = 11,   /* how a training sample is augmented; step = its place in its worker's stream */
	RNG_PROBE = 12,     /* what probes draw: weights to watch, order of a pass, references */
	RNG_BUCKETS = 13,   /* the server's: which messages are averaged before a rule */
	RNG_COLLUDERS = 15, /* what colluders draw together */
	RNG_SHARES = 17,    /* how classes are shared among workers; worker = attempt */
	RNG_MESSAGE = 18,   /* what a worker's compressor draws */
	RNG_CODING = 19,    /* which workers have which parts of the data; step = 0 */
	RNG_VALIDATION = 20 /* which samples are held out of the training set; worker = class */
};

struct stream {
	uint32_t key[2];
	uint32_t tag; /* purpose << 24 | worker */
	uint64_t step;
};

struct stream stream_of(uint64_t seed, enum purpose purpose, uint32_t worker, uint64_t step);

/* The generator itself: ten rounds of Philox4x32 over counter[4] under key[2]. */
void philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* Block number `block` of the stream: four words. */
void stream_block(const struct stream *s, uint64_t block, uint32_t out[4]);

/* 64 fair bits: word `index` of the stream (two a block). Bit i of word w belongs to coordinate 64 w + i. */
uint64_t stream_bits(const struct stream *s, uint64_t index);

/* Uniform in [0, 1): number `index` of the stream, 24 bits, four a block. */
float stream_uniform(const struct stream *s, uint64_t index);

/*
 * Uniform in (-1, 1): (2 k + 1) / 2^24 - 1 of the 24 bits k behind stream_uniform(). It is never 0, -1 or 1,
 * and -u is as likely as u.
 */
float stream_symmetric(const struct stream *s, uint64_t index);

/* Laplace's distribution of mean 0 and scale 1, density e^-|z| / 2: -ln(1 - |u|) with the sign of
 * u = stream_symmetric(). Never 0. */
float stream_laplace(const struct stream *s, uint64_t index);

/* A fair integer in [0, bound), bound >= 1, by 64-bit multiplication (bias below 2^-32 * bound / 2^32). */
uint32_t stream_below(const struct stream *s, uint64_t index, uint32_t bound);

/*
 * Normal numbers 4 block .. 4 block + 3 of the stream, N(0, 1). The definition for every machine:
 * u1 = (word0 >> 8 + 1) / 2^24 in (0, 1], u2 = (word1 >> 8) / 2^24, r = sqrt(-2 ln u1),
 * out[0] = r cos 2 pi u2, out[1] = r sin 2 pi u2; out[2], out[3] likewise from words 2 and 3.
 */
void stream_normal4(const struct stream *s, uint64_t block, float out[4]);

/* The pieces of stream_normal4, shared with the vector version: ln(x) for x in (0, 1]; both within 2 ulp or
 * so. */
float rng_log(float x);
void rng_sincos_turn(float u, float *sine, float *cosine); /* of 2 pi u, u in [0, 1) */

/* Fisher-Yates: order[0..n-1] shuffled in place, from blocks of *s. A permutation is uniform. */
void stream_shuffle(const struct stream *s, uint32_t *order, uint32_t n);

#endif
