/* The definition of the sign kernels: one coordinate at a time, as backend/sign.h says. */
#include "backend/ref/ref.h"

static uint64_t bit_of(const uint64_t *plane, size_t i)
{
	return plane[i / 64] >> (i % 64) & 1;
}

/* The vote bit of a coordinate without evidence. `coins` may be NULL unless the policy is random. */
static uint64_t undecided(enum sign_policy policy, uint64_t coins, size_t bit)
{
	return policy == SIGN_RANDOM ? coins >> bit & 1 : 0;
}

static uint64_t word_coins(enum sign_policy policy, const struct stream *coins, size_t first, size_t w)
{
	return policy == SIGN_RANDOM ? stream_bits(coins, first / 64 + w) : 0;
}

void ref_sign_pack(HOST_QUEUE, size_t n, const float *v, enum sign_policy zero, const struct stream *coins,
                   size_t first, uint64_t *vote, uint64_t *abstain)
{
	for (size_t w = 0; w < sign_words(n); w++) {
		uint64_t tossed = word_coins(zero, coins, first, w), minus = 0, silent = 0;
		for (size_t bit = 0; bit < 64 && 64 * w + bit < n; bit++) {
			float value = v[64 * w + bit];
			bool neither = !(value < 0) && !(value > 0);
			minus |= (neither ? undecided(zero, tossed, bit) : value < 0) << bit;
			silent |= (uint64_t)neither << bit;
		}
		vote[w] = minus;
		if (zero == SIGN_ABSTAIN)
			abstain[w] = silent;
	}
}

static float noise_at(const struct sign_noise *noise, size_t i)
{
	float z[4];
	if (noise->kind == SIGN_UNIFORM)
		return stream_symmetric(&noise->stream, i);
	if (noise->kind == SIGN_LAPLACE)
		return stream_laplace(&noise->stream, i);
	stream_normal4(&noise->stream, i / 4, z);
	return z[i % 4];
}

/* A word at a time. */
void ref_noise_pack(HOST_QUEUE, size_t n, const float *v, const struct sign_noise *noise,
                    const struct stream *coins, size_t first, uint64_t *vote)
{
	for (size_t at = 0; at < n; at += 64) {
		float noisy[64];
		size_t count = n - at < 64 ? n - at : 64;
		for (size_t i = 0; i < count; i++)
			noisy[i] = noise->scale * v[at + i] + noise->size * noise_at(noise, first + at + i);
		ref_sign_pack(queue, count, noisy, SIGN_RANDOM, coins, first + at, vote + at / 64, NULL);
	}
}

void ref_random_sign(HOST_QUEUE, size_t n, const struct stream *s, size_t first, const float *x, float *out)
{
	uint64_t bits = 0;
	for (size_t i = 0; i < n; i++) {
		if (i % 64 == 0)
			bits = stream_bits(s, (first + i) / 64);
		out[i] = bits >> (i % 64) & 1 ? -x[i] : x[i];
	}
}

/* -1, 0 or +1. abstain may be NULL. */
static int sign_at(const uint64_t *vote, const uint64_t *abstain, size_t i)
{
	if (abstain && bit_of(abstain, i))
		return 0;
	return bit_of(vote, i) ? -1 : 1;
}

void ref_sign_unpack(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (float)sign_at(vote, abstain, i);
}

static int sum_of_signs(const struct votes *b, size_t i)
{
	int sum = 0;
	for (int m = 0; m < b->count; m++)
		sum += sign_at(b->vote[m], b->abstain ? b->abstain[m] : NULL, i);
	return sum;
}

void ref_majority(HOST_QUEUE, size_t n, const struct votes *b, enum sign_policy tie,
                  const struct stream *coins, size_t first, uint64_t *pull_vote, uint64_t *pull_abstain)
{
	for (size_t w = 0; w < sign_words(n); w++) {
		uint64_t tossed = word_coins(tie, coins, first, w), minus = 0, silent = 0;
		for (size_t bit = 0; bit < 64 && 64 * w + bit < n; bit++) {
			int sum = sum_of_signs(b, 64 * w + bit);
			minus |= (sum == 0 ? undecided(tie, tossed, bit) : sum < 0) << bit;
			silent |= (uint64_t)(sum == 0) << bit;
		}
		pull_vote[w] = minus;
		if (tie == SIGN_ABSTAIN)
			pull_abstain[w] = silent;
	}
}

void ref_sign_apply(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                    float decay, float *x)
{
	float shrink = lr * decay;
	for (size_t i = 0; i < n; i++) {
		float start = x[i];
		int sign = sign_at(vote, abstain, i);
		if (sign != 0)
			x[i] -= lr * (float)sign;
		if (decay != 0)
			x[i] -= shrink * start;
	}
}
