/*
 * What stands before a rule, in chains, against the definitions written out here; and what chance does in
 * buckets.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"
#include "tests/support/rule_fixture.h"

TestSuite(pre, .timeout = 120);

enum { N_MOST = 17, D_MOST = 66 };

/* What the definitions work on: n vectors of d coordinates, f. */
struct vectors {
	int n, d, f;
	double at[N_MOST][D_MOST];
};

static double norm(const struct vectors *x, int i)
{
	double sum = 0;
	for (int j = 0; j < x->d; j++)
		sum += x->at[i][j] * x->at[i][j];
	return sqrt(sum);
}

static void clip(struct vectors *x, double limit)
{
	for (int i = 0; i < x->n; i++) {
		double length = norm(x, i), by = length > limit ? limit / length : 1;
		for (int j = 0; j < x->d; j++)
			x->at[i][j] *= by;
	}
}

static void arc(struct vectors *x)
{
	double lengths[N_MOST];
	int k = 2 * x->f * (x->n - x->f) / x->n;
	for (int i = 0; i < x->n; i++)
		lengths[i] = norm(x, i);
	stats_sort(lengths, (size_t)x->n);
	clip(x, lengths[x->n - 1 - k]);
}

static double square(const struct vectors *x, int i, int k)
{
	double sum = 0;
	for (int j = 0; j < x->d; j++)
		sum += pow(x->at[i][j] - x->at[k][j], 2);
	return sum;
}

static void nnm(struct vectors *x)
{
	static struct vectors y;
	y = *x;
	for (int i = 0; i < x->n; i++) {
		double away[N_MOST];
		bool near[N_MOST];
		for (int k = 0; k < x->n; k++)
			away[k] = i == k ? -1 : square(x, i, k);
		stats_mark_least(away, (size_t)x->n, (size_t)(x->n - x->f), near);
		for (int j = 0; j < x->d; j++) {
			y.at[i][j] = 0;
			for (int k = 0; k < x->n; k++)
				y.at[i][j] += near[k] ? x->at[k][j] / (x->n - x->f) : 0;
		}
	}
	*x = y;
}

/* In the buckets that the report names. Each message is in one; all but the last have s. */
static void buckets(struct vectors *x, int s, const int *bucket)
{
	static struct vectors y;
	int size[N_MOST] = {0};
	y = (struct vectors){.n = (x->n + s - 1) / s, .d = x->d, .f = x->f};
	for (int i = 0; i < x->n; i++) {
		cr_assert(bucket[i] >= 0 && bucket[i] < y.n, "%d", bucket[i]);
		size[bucket[i]]++;
	}
	for (int b = 0; b < y.n; b++)
		cr_assert_eq(size[b], b < y.n - 1 ? s : x->n - s * (y.n - 1));
	for (int i = 0; i < x->n; i++)
		for (int j = 0; j < x->d; j++)
			y.at[bucket[i]][j] += x->at[i][j] / size[bucket[i]];
	*x = y;
}

static double median(const struct vectors *x, int j)
{
	double column[N_MOST];
	for (int i = 0; i < x->n; i++)
		column[i] = x->at[i][j];
	stats_sort(column, (size_t)x->n);
	return stats_median(column, (size_t)x->n);
}

/* A chain as letters: c clipping, a arc, n nnm, b buckets of two, B of three. */
static void chain_json(const char *letters, int f, char *out, size_t size)
{
	static const char *const names[] = {['c'] = "{\"kind\":\"clipping\",\"limit\":3}",
	                                    ['a'] = "\"arc\"",
	                                    ['n'] = "\"nnm\"",
	                                    ['b'] = "\"bucketing\"",
	                                    ['B'] = "{\"kind\":\"bucketing\",\"s\":3}"};
	int at = snprintf(out, size, "{\"kind\":\"median\",\"f\":%d,\"before\":[", f);
	for (const char *c = letters; *c; c++)
		at += snprintf(out + at, size - (size_t)at, "%s%s", c == letters ? "" : ",", names[(int)*c]);
	snprintf(out + at, size - (size_t)at, "]}");
}

static void by_definition(struct vectors *x, const char *letters, const int *bucket)
{
	for (const char *c = letters; *c; c++)
		switch (*c) {
		case 'c':
			clip(x, 3);
			break;
		case 'a':
			arc(x);
			break;
		case 'n':
			nnm(x);
			break;
		default:
			buckets(x, *c == 'b' ? 2 : 3, bucket);
		}
}

/*
 * Of lengths from 0 to far beyond 3. Without nnm, one of the first eight is a zero vector: clipped ones are
 * all as far from it, and rounding would decide which are nearest.
 */
static void make(struct vectors *x, uint64_t number, bool zero)
{
	struct stream s = stream_of(41, RNG_TEST, 3, number);
	for (int i = 0; i < x->n; i++) {
		float size =
		        !zero || (i + (int)number) % 8 ? expf(4 * stream_uniform(&s, (uint64_t)i) - 2) : 0;
		for (int j = 0; j < x->d; j++)
			x->at[i][j] = (double)(size *
			                       (stream_uniform(&s, (uint64_t)(N_MOST * (j + 1) + i)) - 0.5F));
	}
}

static void check_chain(const char *letters, int n, int d, int f, uint64_t number)
{
	static struct vectors x;
	struct rule_rig r;
	char json[300];
	float v[D_MOST];
	chain_json(letters, f, json, sizeof json);
	x = (struct vectors){.n = n, .d = d, .f = f};
	make(&x, number, !strchr(letters, 'n'));
	rule_rig_init(&r, "ref", json, n, (size_t)d, 1);
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < d; j++)
			v[j] = (float)x.at[i][j];
		rule_rig_say(&r, i, v);
	}
	cr_assert_eq(rule_rig_meet(&r, number), MEETING_ANSWERED, "%s", r.run.report.withheld);
	cr_assert_eq(r.run.report.has_buckets, strpbrk(letters, "bB") != NULL);
	by_definition(&x, letters, r.run.report.bucket);
	for (int j = 0; j < d; j++)
		cr_assert_float_eq((double)r.answer[j], median(&x, j), 1e-6 * (1 + fabs(median(&x, j))),
		                   "%s, n = %d, d = %d, input %llu: coordinate %d is %.9g, expected %.9g",
		                   json, n, d, (unsigned long long)number, j, (double)r.answer[j],
		                   median(&x, j));
	rule_rig_clear(&r);
}

Test(pre, chains_are_their_definitions)
{
	static const char *const chains[] = {"c",  "a",  "b",  "B",  "cn", "an", "ac",
	                                     "nb", "cb", "ab", "bn", "ba", "Bc", "anb"};
	static const int sizes[][3] = {{1, 3, 0},  {2, 1, 0},   {5, 4, 1},  {7, 63, 1},
	                               {9, 64, 2}, {12, 65, 2}, {17, 66, 2}};
	for (size_t c = 0; c < sizeof chains / sizeof *chains; c++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
			for (uint64_t number = 0; number < 20; number++) {
				const int *at = sizes[s];
				int left = strchr(chains[c], 'b')   ? (at[0] + 1) / 2
				           : strchr(chains[c], 'B') ? (at[0] + 2) / 3
				                                    : at[0];
				if (2 * at[2] < left)
					check_chain(chains[c], at[0], at[1], at[2], number);
			}
}

/* A length that is just the limit stays, bit by bit; k of arc counts in whole numbers. */
Test(pre, what_is_within_the_limit_keeps_its_bits)
{
	static const float v[][2] = {{3, 4}, {0.1F, 0.7F}, {0, 0}};
	struct rule_rig r;
	for (int i = 0; i < 3; i++) {
		rule_rig_init(&r, "ref",
		              "{\"kind\":\"median\",\"before\":{\"kind\":\"clipping\",\"limit\":5}}", 1, 2,
		              1);
		rule_rig_say(&r, 0, v[i]);
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
		cr_assert_arr_eq(r.answer, v[i], sizeof v[i]);
		rule_rig_clear(&r);
	}
}

/* Every way to fill the buckets of five messages is as probable: 5! / (2! 2! 1!) = 30 of them. */
Test(pre, buckets_are_drawn_uniformly)
{
	enum { WAYS = 30, DRAWS = 30000, N = 5 };
	static int seen[3 * 3 * 3 * 3 * 3];
	struct rule_rig r;
	float v[1] = {1};
	double chi = 0;
	int ways = 0, same = 0;
	memset(seen, 0, sizeof seen);
	rule_rig_init(&r, "ref", "{\"kind\":\"median\",\"before\":\"bucketing\"}", N, 1, 1);
	for (int i = 0; i < N; i++)
		rule_rig_say(&r, i, v);
	for (uint64_t step = 0; step < DRAWS; step++) {
		int code = 0;
		cr_assert_eq(rule_rig_meet(&r, step), MEETING_ANSWERED);
		for (int i = 0; i < N; i++)
			code = 3 * code + r.run.report.bucket[i];
		seen[code]++;
		same += r.run.report.bucket[0] == r.run.report.bucket[1];
	}
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
		ways += seen[i] > 0;
		chi += seen[i] ? pow(seen[i] - (double)DRAWS / WAYS, 2) / ((double)DRAWS / WAYS) : 0;
	}
	cr_assert_eq(ways, WAYS);
	/* chi squared of 29 degrees: mean 29, standard deviation 7.6 */
	cr_assert_lt(chi, 29 + 4 * 7.6, "%g", chi);
	/* two given workers share a bucket with probability 2 / 10 */
	cr_assert_float_eq(same / (double)DRAWS, 0.2, 4 * sqrt(0.2 * 0.8 / DRAWS));
	rule_rig_clear(&r);
}

/* Who is not there, or not finite, is in no bucket. */
Test(pre, buckets_hold_what_counts)
{
	struct rule_rig r;
	float good[1] = {1}, bad[1] = {NAN};
	int size[3] = {0};
	rule_rig_init(&r, "ref", "{\"kind\":\"median\",\"f\":2,\"before\":\"bucketing\"}", 7, 1, 1);
	for (int i = 0; i < 7; i++)
		rule_rig_say(&r, i, i == 4 ? bad : good);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
	cr_assert_eq(r.run.report.bucket[4], -1);
	for (int i = 0; i < 7; i++)
		if (i != 4)
			size[r.run.report.bucket[i]]++;
	cr_assert(size[0] == 2 && size[1] == 2 && size[2] == 2);
	rule_rig_clear(&r);
	rule_rig_init(&r, "ref", "{\"kind\":\"median\",\"before\":[\"bucketing\",\"bucketing\"]}", 7, 1, 1);
	for (int i = 0; i < 7; i++)
		rule_rig_say(&r, i, good);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	for (int i = 0; i < 7; i++)
		cr_assert(r.run.report.bucket[i] >= 0 && r.run.report.bucket[i] < 4, "the first stage's");
	rule_rig_clear(&r);
}

/* Clipped: the weights of the answer add up to less than 1, and are the factors. */
Test(pre, weights_are_of_the_messages_themselves)
{
	static const float v[][1] = {{1}, {4}, {-8}};
	static const double want[] = {1 / 3.0, 1 / 6.0, 1 / 12.0};
	struct rule_rig r;
	rule_rig_init(
	        &r, "ref",
	        "{\"kind\":\"centered-clipping\",\"tau\":100,\"before\":{\"kind\":\"clipping\",\"limit\":2}}",
	        3, 1, 1);
	for (int i = 0; i < 3; i++)
		rule_rig_say(&r, i, v[i]);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	for (int i = 0; i < 3; i++)
		cr_assert_float_eq(r.run.report.weights[i], want[i], 1e-15, "%g", r.run.report.weights[i]);
	rule_rig_clear(&r);
}
