/*
 * The majority, bit-sliced: votes are never unpacked. A thread counts the minuses of the 64 coordinates of a
 * word in planes that stay in registers: bit i of plane k is bit k of coordinate i's count. Full adders on
 * whole words add eight summands to the lowest three planes (carry-save); what they carry ripples into the
 * planes above. The count is then compared with half of the votes, one step for each plane.
 *
 * With M votes, V < 0 where minuses > M / 2, and V = 0 where minuses = M / 2. Where votes can abstain, each
 * is two summands: (vote and not abstain) and (vote or abstain). A minus adds 2, an abstention 1, a plus 0,
 * so V is negative, zero or positive where the count is above, at or below M.
 */
#include "backend/cuda/kernel.cuh"
#include "backend/sign.h"

enum {
	GROUP = 8,
	LOW_PLANES = 3,   /* log2 GROUP */
	HIGH_PLANES = 11, /* counts up to 2 VOTES_MOST = 2^13 */
	PLANES = LOW_PLANES + HIGH_PLANES,
	FEW = 192 /* votes whose addresses fit into the parameters of a launch */
};
static_assert(2 * VOTES_MOST < 1 << PLANES, "the planes of a count are too few");
static_assert(2 * VOTES_MOST * sizeof(void *) <= CUDA_SCRATCH, "a list of votes is larger than the scratch");

/* Lists of votes, as parameters of a launch, or in memory of the device. */
template <bool ABSTAINS> struct few_votes {
	static const bool abstains = ABSTAINS;
	const uint64_t *vote[FEW], *abstain[ABSTAINS ? FEW : 1];
	__device__ uint64_t vote_at(int m, size_t w) const
	{
		return DEVICE_AT(vote[m])[w];
	}
	__device__ uint64_t abstain_at(int m, size_t w) const
	{
		return DEVICE_AT(abstain[m])[w];
	}
};

template <bool ABSTAINS> struct many_votes {
	static const bool abstains = ABSTAINS;
	const uint64_t *const *vote, *const *abstain;
	__device__ uint64_t vote_at(int m, size_t w) const
	{
		return DEVICE_AT(DEVICE_AT(vote)[m])[w];
	}
	__device__ uint64_t abstain_at(int m, size_t w) const
	{
		return DEVICE_AT(DEVICE_AT(abstain)[m])[w];
	}
};

/* What a word is decided by: V < 0 where the count is above `bound`, V = 0 where it is at it. */
struct race {
	int votes, planes, bound;
	bool ties; /* a tie is possible */
	enum sign_policy tie;
	struct stream coins;
	uint64_t first_word;
};

/* *sum += a + b; the return value is the carry. */
static __device__ inline uint64_t full_add(uint64_t *sum, uint64_t a, uint64_t b)
{
	uint64_t carry = (a & b) | (*sum & (a | b));
	*sum ^= a ^ b;
	return carry;
}

/* Adds eight summands; what comes back has weight 8. */
static __device__ inline uint64_t add_group(uint64_t low[LOW_PLANES], const uint64_t s[GROUP])
{
	uint64_t two_a = full_add(&low[0], s[0], s[1]), two_b = full_add(&low[0], s[2], s[3]);
	uint64_t four_a = full_add(&low[1], two_a, two_b);
	two_a = full_add(&low[0], s[4], s[5]);
	two_b = full_add(&low[0], s[6], s[7]);
	uint64_t four_b = full_add(&low[1], two_a, two_b);
	return full_add(&low[2], four_a, four_b);
}

/* The summands of votes m, m + 1, ...; 0 behind the last one. */
template <class LIST>
static __device__ inline void load_group(const LIST &l, int votes, int m, size_t w, uint64_t s[GROUP])
{
	if constexpr (LIST::abstains) {
#pragma unroll
		for (int k = 0; k < GROUP / 2; k++) {
			uint64_t vote = m + k < votes ? l.vote_at(m + k, w) : 0,
			         abstain = m + k < votes ? l.abstain_at(m + k, w) : 0;
			s[2 * k] = vote & ~abstain;
			s[2 * k + 1] = vote | abstain;
		}
	} else {
#pragma unroll
		for (int k = 0; k < GROUP; k++)
			s[k] = m + k < votes ? l.vote_at(m + k, w) : 0;
	}
}

/* Where a count is above the bound, and at it. */
struct standing {
	uint64_t above, at;
};

/* From the lowest plane up: the higher bit decides, equal ones leave what was. */
static __device__ inline struct standing compare(const uint64_t plane[PLANES], int planes, int bound)
{
	struct standing s = {0, ~UINT64_C(0)};
#pragma unroll
	for (int k = 0; k < PLANES; k++) {
		if (k >= planes)
			break;
		uint64_t bit = bound >> k & 1 ? ~UINT64_C(0) : 0;
		s.above = (plane[k] & (s.above | ~bit)) | (s.above & ~bit);
		s.at &= ~(plane[k] ^ bit);
	}
	return s;
}

template <class LIST>
static __global__ void count_votes(size_t n, LIST list, struct race r, uint64_t *pull_vote,
                                   uint64_t *pull_abstain)
{
	size_t w = cuda_thread();
	if (w >= sign_words(n))
		return;
	uint64_t plane[PLANES] = {};
	for (int m = 0; m < r.votes; m += LIST::abstains ? GROUP / 2 : GROUP) {
		uint64_t s[GROUP];
		load_group(list, r.votes, m, w, s);
		uint64_t carry = add_group(plane, s);
#pragma unroll
		for (int k = LOW_PLANES; k < PLANES; k++) {
			if (k >= r.planes)
				break;
			uint64_t both = plane[k] & carry;
			plane[k] ^= carry;
			carry = both;
		}
	}
	struct standing s = compare(plane, r.planes, r.bound);
	uint64_t mask = sign_mask(n, w), tied = r.ties ? s.at & mask : 0, minus = s.above & mask;
	if (r.tie == SIGN_RANDOM && tied != 0)
		minus |= tied & rng_bits(&r.coins, r.first_word + w);
	pull_vote[w] = minus;
	if (r.tie == SIGN_ABSTAIN)
		pull_abstain[w] = tied;
}

static struct race race_of(const struct votes *b, enum sign_policy tie, const struct stream *coins,
                           size_t first)
{
	int summands = b->abstain ? 2 * b->count : b->count;
	struct race r = {b->count, 0, summands / 2, summands % 2 == 0, tie, {}, first / 64};
	if (tie == SIGN_RANDOM)
		r.coins = *coins;
	while (summands >> r.planes > 0)
		r.planes++;
	return r;
}

template <class LIST>
static void decide(struct queue *q, size_t n, const LIST &list, const struct race *r, uint64_t *pull_vote,
                   uint64_t *pull_abstain)
{
	LAUNCH(q, count_votes<LIST>, cuda_blocks(sign_words(n), 1), CUDA_THREADS, n, list, *r, pull_vote,
	       pull_abstain);
}

template <bool ABSTAINS> static struct few_votes<ABSTAINS> listed(const struct votes *b) {
	struct few_votes<ABSTAINS> l = {
	};
	for (int m = 0; m < b->count; m++) {
		l.vote[m] = b->vote[m];
		if (ABSTAINS)
			l.abstain[m] = b->abstain[m];
	}
	return l;
}

/* By upload(), behind which the caller's lists may change: see memory.c. */
template <bool ABSTAINS>
static struct many_votes<ABSTAINS> uploaded(struct queue *q, const struct votes *b) {
	size_t bytes = (size_t)b->count * sizeof(*b->vote);
	const uint64_t **vote = (const uint64_t **)q->scratch, **abstain = vote + b->count;
	cuda_memory.upload(q, vote, b->vote, bytes);
	if (ABSTAINS)
		cuda_memory.upload(q, abstain, b->abstain, bytes);
	return many_votes<ABSTAINS>{vote, abstain};
}

template <bool ABSTAINS>
static void majority(struct queue *q, size_t n, const struct votes *b, const struct race *r,
                     uint64_t *pull_vote, uint64_t *pull_abstain)
{
	if (b->count <= FEW)
		decide(q, n, listed<ABSTAINS>(b), r, pull_vote, pull_abstain);
	else
		decide(q, n, uploaded<ABSTAINS>(q, b), r, pull_vote, pull_abstain);
}

void cuda_majority(struct queue *q, size_t n, const struct votes *b, enum sign_policy tie,
                   const struct stream *coins, size_t first, uint64_t *pull_vote, uint64_t *pull_abstain)
{
	cuda_once("a majority");
	struct race r = race_of(b, tie, coins, first);
	if (b->abstain)
		majority<true>(q, n, b, &r, pull_vote, pull_abstain);
	else
		majority<false>(q, n, b, &r, pull_vote, pull_abstain);
}
