/*
 * The sign law: which bit means what. It is defined here and nowhere else.
 *
 * - A plane holds one bit a coordinate in 64-bit words: coordinate i is bit i % 64 of word i / 64, in the
 *   machine's own (little-endian) byte order, so byte i / 8 holds coordinate i in bit i % 8.
 * - A vote plane's bit 1 means -1, bit 0 means +1 (the sign bit of a float).
 * - An abstain plane's bit 1 means "no opinion" (0); the vote bit of an abstain coordinate is 0.
 *   An abstain plane follows the vote plane and exists only under the policy `abstain`: 2 bits a coordinate.
 * - Padding bits (behind coordinate n - 1 in the last word) are 0 in both planes.
 * - The sign of a worker's value v is -1 if v < 0 and +1 if v > 0, infinities included. For any other v (0,
 * -0, NaN) the `zero` policy decides: `random` a fair coin, `positive` +1 (as the published code does for 0),
 *   `abstain` an abstention.
 * - The answer: V = sum of the voters' signs. V < 0: -1; V > 0: +1; V = 0: the `tie` policy decides.
 * - The coins of word w are word w of the stream (seed, RNG_ZERO or RNG_TIE, worker, step), one bit a
 * coordinate, needed or not; so they do not depend on other coordinates, lanes or shards.
 *
 * Source: Bernstein et al. 2019, Algorithm 1; the policies replace the paper's sign(0) = 0.
 */
#ifndef SIGNSGD_BACKEND_SIGN_H
#define SIGNSGD_BACKEND_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/inline.h"

enum sign_policy { SIGN_RANDOM, SIGN_POSITIVE, SIGN_ABSTAIN }; /* order of SIGN_POLICY_NAMES */

#define SIGN_POLICY_NAMES ((const char *const[]){"random", "positive", "abstain", NULL})

/* Noise that is added before a sign is taken, of size 1 each: N(0, 1), uniform in (-1, 1), or Laplace's
 * distribution of density e^-|z| / 2. Order of SIGN_NOISE_NAMES. */
enum noise_kind { SIGN_NORMAL, SIGN_UNIFORM, SIGN_LAPLACE };

#define SIGN_NOISE_NAMES ((const char *const[]){"normal", "uniform", "laplace", NULL})

INLINE_ANYWHERE size_t sign_words(size_t n)
{
	return (n + 63) / 64;
}

static inline size_t sign_plane_bytes(size_t n)
{
	return 8 * sign_words(n);
}

/* The bits of word w that belong to coordinates below n. */
INLINE_ANYWHERE uint64_t sign_mask(size_t n, size_t w)
{
	size_t left = n - 64 * w;
	return left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}

/* A sign message of n coordinates: the vote plane, then the abstain plane if it abstains. */
static inline size_t sign_message_bytes(size_t n, bool abstains)
{
	return sign_plane_bytes(n) * (abstains ? 2 : 1);
}

/* The word of the vote plane that holds coordinate `begin`, a multiple of 64. */
static inline const uint64_t *sign_message_vote(const void *message, size_t begin)
{
	return (const uint64_t *)message + begin / 64;
}

/* The same word of the abstain plane; NULL where the message has none. */
static inline const uint64_t *sign_message_abstain(const void *message, size_t n, bool abstains, size_t begin)
{
	return abstains ? sign_message_vote(message, begin) + sign_words(n) : NULL;
}

#endif
