/*
 * The sign law, on every machine and vector level: pack, tally, unpack and apply against the definition in
 * plain integers, for all n in 0..200, all M in 1..33 and all policies.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/backend.h"
#include "base/mem.h"
#include "registry.h"

enum { N_MAX = 200, M_MAX = 33, WORDS = 4, SPARE = 2 };

static const enum sign_policy policies[] = {SIGN_RANDOM, SIGN_POSITIVE, SIGN_ABSTAIN};

/* Every table of this machine: ref, and cpu at each level that it has. */
static int all_tables(struct backend tables[4])
{
	static const char *const levels[] = {"base", "avx2", "avx512"};
	struct err e = {0};
	int count = 0;
	cr_assert_eq(((const struct backend_row *)family_find(&family_backends, "ref"))
	                     ->open(&tables[count++], NULL, &e),
	             0);
	for (int i = 0; i < 3; i++) {
		err_clear(&e);
		setenv("SIGNSGD_CPU", levels[i], 1);
		if (((const struct backend_row *)family_find(&family_backends, "cpu"))
		            ->open(&tables[count], NULL, &e) == 0)
			count++;
		else
			printf("skipped: %s\n", e.text);
	}
	unsetenv("SIGNSGD_CPU");
	return count;
}

/* Signs, zeros of both kinds, NaN, infinities, denormals: number i of worker m. */
static float value(uint32_t m, size_t i)
{
	static const float odd[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-45f, -1e-45f, 3e38f};
	struct stream s = stream_of(11, RNG_TEST, m, 0);
	uint32_t pick = stream_below(&s, 2 * i, 16);
	return pick < 8 ? odd[pick] : stream_uniform(&s, 2 * i + 1) - 0.5f;
}

/* What worker m says of coordinate i: -1, +1, or 0 for no opinion. */
static int says(uint32_t m, size_t i, enum sign_policy zero, const struct stream *coins)
{
	float v = value(m, i);
	if (v < 0)
		return -1;
	if (v > 0)
		return 1;
	if (zero == SIGN_ABSTAIN)
		return 0;
	return zero == SIGN_RANDOM && stream_bits(coins, i / 64) >> (i % 64) & 1 ? -1 : 1;
}

static int sign_at(const uint64_t *vote, const uint64_t *abstain, size_t i)
{
	if (abstain && abstain[i / 64] >> (i % 64) & 1)
		return 0;
	return vote[i / 64] >> (i % 64) & 1 ? -1 : 1;
}

/* Words behind the planes are untouched, padding bits are 0, an abstain coordinate's vote bit is 0. */
static void check_plane(const uint64_t *plane, size_t n, const char *what)
{
	for (size_t w = sign_words(n); w < WORDS + SPARE; w++)
		cr_assert_eq(plane[w], UINT64_C(0x5a5a5a5a5a5a5a5a), "%s writes behind its plane at n = %zu",
		             what, n);
	if (n % 64)
		cr_assert_eq(plane[n / 64] & ~sign_mask(n, n / 64), 0, "%s pads with ones at n = %zu", what,
		             n);
}

struct planes {
	uint64_t vote[WORDS + SPARE], abstain[WORDS + SPARE];
};

static void pack_all(const struct backend *be, size_t n, enum sign_policy zero, struct planes p[M_MAX])
{
	float v[N_MAX];
	for (uint32_t m = 0; m < M_MAX; m++) {
		struct stream coins = stream_of(3, RNG_ZERO, m, 5);
		memset(&p[m], 0x5a, sizeof p[m]);
		for (size_t i = 0; i < n; i++)
			v[i] = value(m, i);
		be->sign_pack(NULL, n, v, zero, &coins, 0, p[m].vote,
		              zero == SIGN_ABSTAIN ? p[m].abstain : NULL);
		check_plane(p[m].vote, n, "sign_pack");
		if (zero == SIGN_ABSTAIN)
			check_plane(p[m].abstain, n, "sign_pack");
		for (size_t i = 0; i < n; i++) {
			int found = sign_at(p[m].vote, zero == SIGN_ABSTAIN ? p[m].abstain : NULL, i);
			cr_assert_eq(found, says(m, i, zero, &coins), "%s: %g is packed as %d", be->detail,
			             (double)v[i], found);
			cr_assert(found || !(p[m].vote[i / 64] >> (i % 64) & 1),
			          "a coordinate that abstains votes");
		}
	}
}

static void check_majority(const struct backend *be, size_t n, int m, enum sign_policy zero,
                           enum sign_policy tie, const struct planes p[M_MAX])
{
	const uint64_t *vote[M_MAX], *abstain[M_MAX];
	struct stream coins = stream_of(3, RNG_TIE, 0, 5);
	struct votes b = {.count = m, .vote = vote, .abstain = zero == SIGN_ABSTAIN ? abstain : NULL};
	struct planes out;
	float unpacked[N_MAX];
	memset(&out, 0x5a, sizeof out);
	for (int k = 0; k < m; k++) {
		vote[k] = p[k].vote;
		abstain[k] = p[k].abstain;
	}
	uint64_t *out_abstain = tie == SIGN_ABSTAIN ? out.abstain : NULL;
	be->majority(NULL, n, &b, tie, &coins, 0, out.vote, out_abstain);
	be->sign_unpack(NULL, n, out.vote, out_abstain, unpacked);
	check_plane(out.vote, n, "majority");
	if (out_abstain)
		check_plane(out_abstain, n, "majority");
	for (size_t i = 0; i < n; i++) {
		int sum = 0, tied = tie == SIGN_ABSTAIN ? 0 : 1;
		for (int k = 0; k < m; k++)
			sum += sign_at(p[k].vote, b.abstain ? p[k].abstain : NULL, i);
		if (tie == SIGN_RANDOM && stream_bits(&coins, i / 64) >> (i % 64) & 1)
			tied = -1;
		int expected = sum < 0 ? -1 : sum > 0 ? 1 : tied;
		cr_assert_eq((int)unpacked[i], expected, "%s: n = %zu, M = %d, coordinate %zu", be->detail, n,
		             m, i);
	}
}

Test(sign, pack_and_tally_are_their_definition, .timeout = 120)
{
	struct backend tables[4];
	static struct planes p[M_MAX];
	int count = all_tables(tables);
	for (int t = 0; t < count; t++)
		for (size_t n = 0; n <= N_MAX; n++)
			for (int z = 0; z < 3; z++) {
				pack_all(&tables[t], n, policies[z], p);
				for (int m = 1; m <= M_MAX; m++) /* the tie policy turns with n and M */
					check_majority(&tables[t], n, m, policies[z],
					               policies[(n + (size_t)m) % 3], p);
			}
	cr_expect_geq(count, 2);
}

/* No honest worker packs it, but a Byzantine one may: abstain and -1 at once. It counts as abstain alone.
 */
Test(sign, a_abstain_coordinate_that_votes_weighs_nothing)
{
	struct backend tables[4];
	static struct planes p[M_MAX];
	int count = all_tables(tables);
	for (uint32_t m = 0; m < M_MAX; m++) {
		struct stream s = stream_of(9, RNG_TEST, m, 0);
		for (size_t w = 0; w < sign_words(N_MAX); w++) {
			p[m].vote[w] = stream_bits(&s, w) & sign_mask(N_MAX, w);
			p[m].abstain[w] = stream_bits(&s, w + WORDS) & sign_mask(N_MAX, w);
		}
	}
	for (int t = 0; t < count; t++)
		for (int m = 1; m <= M_MAX; m++)
			check_majority(&tables[t], N_MAX, m, SIGN_ABSTAIN, policies[m % 3], p);
}

enum { LONG = 5000, LONG_WORDS = (LONG + 63) / 64 };

/* A vector and its planes, with one element more that nobody may touch. */
struct packed {
	float v[LONG + 1];
	uint64_t vote[LONG_WORDS + 1], abstain[LONG_WORDS + 1];
};

/* momentum() and sign_pack() of ref, one after the other; then momentum_pack() of `be` on a copy. */
static void check_momentum_pack(const struct backend *ref, const struct backend *be, size_t n, float beta,
                                enum sign_policy zero, size_t first)
{
	static struct packed want, got;
	static float g[LONG];
	struct stream coins = stream_of(3, RNG_ZERO, 2, 5);
	memset(&want, 0x5a, sizeof want);
	for (size_t i = 0; i < n; i++) {
		g[i] = value(1, i);
		want.v[i] = value(2, i);
	}
	got = want;
	ref->momentum(NULL, n, beta, g, want.v);
	ref->sign_pack(NULL, n, want.v, zero, &coins, first, want.vote,
	               zero == SIGN_ABSTAIN ? want.abstain : NULL);
	be->momentum_pack(NULL, n, beta, g, got.v, zero, &coins, first, got.vote,
	                  zero == SIGN_ABSTAIN ? got.abstain : NULL);
	for (size_t i = 0; i < n; i++)
		cr_assert(memcmp(&want.v[i], &got.v[i], sizeof(float)) == 0 ||
		                  (isnan(want.v[i]) && isnan(got.v[i])),
		          "%s: n = %zu, beta %g, v[%zu] is %g, not %g", be->detail, n, (double)beta, i,
		          (double)got.v[i], (double)want.v[i]);
	cr_assert(memcmp(&want.v[n], &got.v[n], sizeof(float)) == 0, "writes behind v");
	cr_assert(memcmp(want.vote, got.vote, sizeof want.vote) == 0, "%s: n = %zu, policy %d, vote plane",
	          be->detail, n, (int)zero);
	cr_assert(memcmp(want.abstain, got.abstain, sizeof want.abstain) == 0,
	          "%s: n = %zu, policy %d, abstain plane", be->detail, n, (int)zero);
}

/* Zeros, NaN and infinities in gradient and momentum, chunks that begin at odd words, ends within a word. */
Test(sign, momentum_pack_is_momentum_then_sign_pack, .timeout = 120)
{
	struct backend tables[4];
	const float betas[] = {0, 0.9f, 1};
	const size_t longer[] = {1023, 2048, 2049, 4160, LONG}, firsts[] = {0, 64 * 1023};
	int count = all_tables(tables);
	for (int t = 0; t < count; t++)
		for (size_t k = 0; k < N_MAX + sizeof longer / sizeof *longer; k++)
			for (int i = 0; i < 18; i++)
				check_momentum_pack(&tables[0], &tables[t], k < N_MAX ? k : longer[k - N_MAX],
				                    betas[i % 3], policies[i / 3 % 3], firsts[i / 9]);
}

/* x - lr (s + decay x): lr s first, then lr decay x, each rounded to float; an abstain coordinate only
 * decays.
 */
Test(sign, apply_is_its_definition)
{
	struct backend tables[4];
	int count = all_tables(tables);
	for (int t = 0; t < count; t++)
		for (size_t n = 0; n <= N_MAX; n++) {
			struct stream s = stream_of(8, RNG_TEST, 0, n);
			uint64_t vote[WORDS], abstain[WORDS];
			float x[N_MAX + 1], before[N_MAX + 1];
			for (size_t w = 0; w < WORDS; w++) {
				abstain[w] = stream_bits(&s, w);
				vote[w] = stream_bits(&s, w + WORDS) & ~abstain[w];
			}
			for (size_t i = 0; i <= n; i++)
				before[i] = x[i] = stream_uniform(&s, 100 + i);
			tables[t].sign_apply(NULL, n, vote, n % 2 ? abstain : NULL, 0.25f, 0.125f, x);
			for (size_t i = 0; i < n; i++) {
				float step = (float)sign_at(vote, n % 2 ? abstain : NULL, i) * 0.25f;
				float expected = before[i] - (step + 0.25f * 0.125f * before[i]);
				cr_assert_float_eq(x[i], expected, 1e-6, "%s: n = %zu", tables[t].detail, n);
			}
			cr_assert_eq(x[n], before[n], "writes behind x");
		}
}

/* The coins of a tie are fair, coordinate by coordinate: 4000 steps, five standard deviations. */
Test(sign, a_tie_falls_either_way_alike)
{
	struct backend be;
	struct err e = {0};
	uint64_t plus[1] = {0}, minus[1] = {~UINT64_C(0)}, out[1];
	const uint64_t *vote[] = {plus, minus};
	int ones[64] = {0};
	cr_assert_eq(((const struct backend_row *)family_backends.rows[0])->open(&be, NULL, &e), 0);
	for (uint64_t step = 0; step < 4000; step++) {
		struct stream coins = stream_of(1, RNG_TIE, 0, step);
		be.majority(NULL, 64, &(struct votes){.count = 2, .vote = vote}, SIGN_RANDOM, &coins, 0, out,
		            NULL);
		for (size_t i = 0; i < 64; i++)
			ones[i] += (int)(out[0] >> i & 1);
	}
	for (size_t i = 0; i < 64; i++)
		cr_expect(abs(ones[i] - 2000) < 5 * 32, "coordinate %zu: %d of 4000", i, ones[i]);
}
