/* The vote: against integers, with Byzantine workers, ties and zeros, and what it costs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "experiment/experiment.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/machines.h"

static void vote_init(struct rig *r, const struct row *backend, int zero, int tie, int workers, size_t n)
{
	char json[100];
	snprintf(json, sizeof json, "{\"kind\": \"vote\", \"zero\": \"%s\", \"tie\": \"%s\"}",
	         rig_policy_names[zero], rig_policy_names[tie]);
	rig_init(r, backend, json, workers, n);
}

static int shown(const uint64_t *vote, const uint64_t *abstain, size_t i)
{
	bool minus = vote[i / 64] >> i % 64 & 1, silent = abstain[i / 64] >> i % 64 & 1;
	cr_assert(!(minus && silent), "a coordinate that abstains has vote bit 0");
	return silent ? 0 : minus ? -1 : 1;
}

static void check_vote(const struct row *backend, int zero, int tie, int workers, size_t n)
{
	static const float values[] = {-2, -1, -0.0F, 0, 1e-45F, 1, NAN, INFINITY, -INFINITY};
	struct rig r;
	vote_init(&r, backend, zero, tie, workers, n);
	r.job.step = (uint64_t)workers;
	size_t words = sign_words(n);
	uint64_t *vote = mem_array(words, 8), *abstain = mem_array(words, 8);
	float *v = mem_array(n, sizeof *v);
	int *sum = mem_array(n, sizeof *sum);
	for (uint32_t m = 0; m < (uint32_t)workers; m++) {
		struct stream s = stream_of(SEED, RNG_TEST, m, n);
		for (size_t i = 0; i < n; i++)
			v[i] = values[stream_below(&s, i, 9)];
		rig_encode(&r, m, v);
		method_push_signs(&r.method, &r.job, r.push[m], vote, abstain);
		for (size_t i = 0; i < n; i++) {
			int sign = rig_says((double)v[i], zero, RNG_ZERO, m, r.job.step, i);
			sum[i] += sign;
			cr_assert_eq(shown(vote, abstain, i), sign, "zero %d, worker %u, v = %g", zero, m,
			             (double)v[i]);
		}
	}
	rig_combine(&r, 0, n);
	method_pull_signs(&r.method, &r.job, r.pull, vote, abstain);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(shown(vote, abstain, i), rig_says(sum[i], tie, RNG_TIE, 0, r.job.step, i),
		             "zero %d, tie %d, M = %d, n = %zu, i = %zu, V = %d", zero, tie, workers, n, i,
		             sum[i]);
	cr_assert_eq(r.push_bytes, 8 * words * (zero == SIGN_ABSTAIN ? 2 : 1));
	cr_assert_eq(r.pull_bytes, 8 * words * (tie == SIGN_ABSTAIN ? 2 : 1));
	cr_assert_eq(r.memory_bytes, 0);
	mem_free(vote);
	mem_free(abstain);
	mem_free(v);
	mem_free(sum);
	rig_clear(&r);
}

Test(vote, is_the_majority_of_integer_signs)
{
	static const size_t sizes[] = {1, 64, 130, 321};
	for (const struct row *const *b = machines_on_host(); *b; b++) {
		for (int k = 0; k < 9 * WORKERS_MOST; k++)
			check_vote(*b, k % 3, k / 3 % 3, k / 9 + 1, sizes[(k + k / 9) % 4]);
	}
}

/* One bit for 32: the paper's first claim, and nothing hidden of a second plane. */
Test(vote, costs_a_thirty_second_of_the_mean)
{
	enum { N = 25600000 };
	struct rig r, mean;
	rig_init(&mean, rig_ref(), "\"mean\"", 1, 64);
	for (int zero = 0; zero < 3; zero++) {
		vote_init(&r, rig_ref(), zero, 0, 1, 64);
		size_t planes = zero == SIGN_ABSTAIN ? 2 : 1;
		cr_assert_eq(32 * method_push_bytes(&r.method, N),
		             planes * method_push_bytes(&mean.method, N));
		cr_assert_eq(32 * method_pull_bytes(&r.method, N), method_pull_bytes(&mean.method, N));
		rig_clear(&r);
	}
	rig_clear(&mean);
}

Test(vote, moves_x_by_the_rate)
{
	enum { N = 100 };
	for (int tie = 0; tie < 3; tie++) {
		struct rig r;
		float v[N];
		vote_init(&r, rig_ref(), SIGN_ABSTAIN, tie, 3, N);
		for (size_t i = 0; i < N; i++)
			v[i] = (float)(i % 3) - 1;
		rig_step(&r, v, 0.01, 0);
		for (size_t i = 0; i < N; i++) {
			if (v[i] != 0 || tie == SIGN_ABSTAIN)
				cr_assert_eq(r.x[i], -0.01F * v[i]);
			else /* all abstained: V = 0, a tie like any other */
				cr_assert(fabsf(r.x[i]) == 0.01F && (tie == SIGN_RANDOM || r.x[i] < 0));
		}
		rig_clear(&r);
	}
}

/* Three Byzantine workers of seven send NaN or an infinity: x stays finite and goes where the four honest
 * ones point. */
Test(vote, survives_nan_and_inf)
{
	enum { N = 500, BYZANTINE = 3 };
	static const float strange[] = {NAN, INFINITY, -INFINITY};
	for (size_t k = 0; k < 9; k++) {
		struct rig r;
		float v[N];
		vote_init(&r, rig_ref(), (int)k / 3, SIGN_RANDOM, 7, N);
		for (uint32_t m = 0; m < 7; m++) {
			for (size_t i = 0; i < N; i++)
				v[i] = m < BYZANTINE ? strange[k % 3] : (i % 2 ? 0.1F : -0.1F) * (float)m;
			rig_encode(&r, m, v);
		}
		rig_combine(&r, 0, N);
		rig_apply(&r, 0, N, 0.5, 0);
		for (size_t i = 0; i < N; i++)
			cr_assert_eq(r.x[i], i % 2 ? -0.5F : 0.5F);
		rig_clear(&r);
	}
}

/* Sum of x / -lr after a vote of two workers with independent fair signs: the answers' sum. */
static double sum_of_answers(int zero, int tie, bool dead, size_t n)
{
	double sum = 0;
	struct rig r;
	float *v = mem_array(n, sizeof *v);
	vote_init(&r, rig_ref(), zero, tie, 2, n);
	for (uint32_t m = 0; m < 2; m++) {
		struct stream s = stream_of(SEED, RNG_TEST, m, 77);
		for (size_t i = 0; i < n; i++)
			v[i] = dead ? 0 : stream_uniform(&s, i) - 0.49999997F;
		rig_encode(&r, m, v);
	}
	rig_combine(&r, 0, n);
	rig_apply(&r, 0, n, 1, 0);
	for (size_t i = 0; i < n; i++)
		sum -= r.x[i];
	mem_free(v);
	rig_clear(&r);
	return sum;
}

/*
 * What the published code does with a tie, and what it costs: two voters with fair signs tie half the time,
 * and every tie pushes the same way. With a coin, or with abstaining, there is no drift: the sum of n fair
 * signs is within 5 sqrt(n).
 */
Test(vote, drifts_only_under_the_published_policy)
{
	enum { N = 100000 };
	double ties = sum_of_answers(SIGN_RANDOM, SIGN_POSITIVE, false, N); /* + 2 (pairs of +1) - pairs */
	cr_assert_float_eq(ties, 0.5 * N, 5 * sqrt(N), "%g", ties);
	cr_assert_float_eq(sum_of_answers(SIGN_RANDOM, SIGN_RANDOM, false, N), 0, 5 * sqrt(N));
	cr_assert_float_eq(sum_of_answers(SIGN_RANDOM, SIGN_ABSTAIN, false, N), 0, 5 * sqrt(N));
	/* Dead coordinates, exactly 0 for everybody. */
	cr_assert_eq(sum_of_answers(SIGN_POSITIVE, SIGN_POSITIVE, true, N), N);
	cr_assert_eq(sum_of_answers(SIGN_ABSTAIN, SIGN_POSITIVE, true, N), N);
	cr_assert_float_eq(sum_of_answers(SIGN_RANDOM, SIGN_RANDOM, true, N), 0, 5 * sqrt(N));
	cr_assert_eq(sum_of_answers(SIGN_ABSTAIN, SIGN_ABSTAIN, true, N), 0);
}

/* Coins are each worker's own and each step's own, and the server's are no worker's. */
Test(vote, tosses_independent_coins)
{
	enum { N = 64000, WORDS = N / 64 };
	static float zeros[N];
	struct rig r;
	uint64_t *said = mem_array(4 * WORDS, 8), *abstain = mem_array(WORDS, 8); /* [4][WORDS] */
	vote_init(&r, rig_ref(), SIGN_RANDOM, SIGN_RANDOM, 2, N);
	rig_encode(&r, 0, zeros);
	rig_encode(&r, 1, zeros);
	method_push_signs(&r.method, &r.job, r.push[0], said, abstain);
	method_push_signs(&r.method, &r.job, r.push[1], said + WORDS, abstain);
	memset(r.push[0], 0x00, r.push_bytes);
	memset(r.push[1], 0xff, r.push_bytes); /* a tie everywhere */
	rig_combine(&r, 0, N);
	method_pull_signs(&r.method, &r.job, r.pull, said + 2 * WORDS, abstain);
	r.job.step = 1;
	rig_encode(&r, 0, zeros);
	method_push_signs(&r.method, &r.job, r.push[0], said + 3 * WORDS, abstain);
	for (size_t a = 0; a < 4; a++) {
		for (size_t b = 0; b <= a; b++) {
			double agree = 0;
			for (size_t w = 0; w < WORDS; w++) {
				uint64_t same = a == b ? said[a * WORDS + w]
				                       : ~(said[a * WORDS + w] ^ said[b * WORDS + w]);
				agree += __builtin_popcountll(same);
			}
			cr_assert(chance_binomial(agree, N, 0.5), "%zu and %zu: %g of %d", a, b, agree, N);
		}
	}
	mem_free(said);
	mem_free(abstain);
	rig_clear(&r);
}

/* A list of votes has a place for every worker that an experiment may have. */
Test(vote, holds_as_many_votes_as_a_run_has_workers)
{
	static const char *const texts[] = {
	        "{\"workers\":4096,\"steps\":1,\"batch\":1,\"model\":\"quadratic\"}",
	        "{\"workers\":4097,\"steps\":1,\"batch\":1,\"model\":\"quadratic\"}"};
	for (int i = 0; i < 2; i++) {
		struct runs runs = {0};
		struct err e = {0};
		int rc = experiment_parse(&runs, "e.json", texts[i], strlen(texts[i]), NULL, 0, &e);
		cr_expect_eq(rc, -i, "%s", e.text);
		cr_expect(i == 0 || (strstr(e.text, "4097") && strstr(e.text, "4096")), "%s", e.text);
		if (rc == 0)
			cr_expect_eq(runs.at[0].workers, VOTES_MOST);
		runs_clear(&runs);
	}
}

/* As many voters as it lets in: one worker more or less decides. */
Test(vote, holds_the_most_workers)
{
	enum { N = 70, MOST = VOTES_MOST };
	static const void *pushes[MOST];
	struct rig r;
	float v[N];
	vote_init(&r, rig_ref(), SIGN_ABSTAIN, SIGN_ABSTAIN, 2, N);
	for (uint32_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < N; i++)
			v[i] = m ? -1 : 1;
		rig_encode(&r, m, v);
	}
	for (int minus = MOST / 2 - 1; minus <= MOST / 2 + 1; minus++) {
		for (int m = 0; m < MOST; m++)
			pushes[m] = r.push[m < minus];
		method_combine(&r.method, &r.job, MOST, pushes, 0, N, r.pull);
		memset(r.x, 0, N * sizeof *r.x);
		rig_apply(&r, 0, N, 1, 0);
		for (size_t i = 0; i < N; i++)
			cr_assert_eq(r.x[i], (float)(minus - MOST / 2), "%d of %d say -1", minus, MOST);
	}
	rig_clear(&r);
}
