/*
 * The property that makes a rule robust: for every set S of n - f messages, ||F(x) - mean_S||^2 <= kappa
 * (1/|S|) sum over S of ||x_i - mean_S||^2 (Allouah et al. 2023, Definition 2), with the kappa of their
 * Table 1. Tried on random and adversarial inputs, for all sets S. The table has no line for meamed,
 * multi-krum, bulyan, centered-clipping, mda, monna, smea and caf, so nothing is promised of them here.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "tests/support/rule_fixture.h"

TestSuite(kappa, .timeout = 300);

enum { D = 4, N_MOST = 11, TRIES = 100000 /* of each rule, and behind nnm */, SHAPES = 6 };

struct point {
	float at[N_MOST][D];
};

static double krum_kappa(double r)
{
	return 6 * (1 + r);
}

static double median_kappa(double r)
{
	return 4 * (1 + r) * (1 + r);
}

static double trimmed_kappa(double r)
{
	return 6 * r * (1 + r);
}

static const struct {
	const char *kind;
	double (*kappa)(double r); /* r = f / (n - 2 f) */
	int margin;                /* it needs 2 f + margin < n */
} rules[] = {
        {"krum", krum_kappa, 2},
        {"median", median_kappa, 0},
        {"geometric-median", median_kappa, 0},
        {"geometric-median\",\"iterations\":300,\"start\":\"median", median_kappa, 0},
        {"trimmed-mean", trimmed_kappa, 0},
};

/* Clusters, outliers near and far, equal points, what Byzantine workers send to stay close. */
static void make_input(struct point *p, int n, int f, uint32_t shape, uint64_t number)
{
	struct stream s = stream_of(77, RNG_TEST, shape, number);
	/* up to 100, and every third time up to the end of the floats */
	float far = powf(10, (number / SHAPES % 3 ? 3 : 38) * stream_uniform(&s, 1000) - 1);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < D; j++) {
			float u = stream_uniform(&s, (uint64_t)(i * D + j)) - 0.5F;
			bool byzantine = i < f;
			switch (shape) {
			case 0: /* all alike */
				p->at[i][j] = u;
				break;
			case 1: /* one place, far away */
				p->at[i][j] = byzantine ? far : u;
				break;
			case 2: /* each somewhere */
				p->at[i][j] = byzantine ? far * u : u;
				break;
			case 3: /* the honest in two clusters, one of which has company */
				p->at[i][j] = (float)(i % 2) * far + (byzantine ? 0 : 0.01F * u);
				break;
			case 4: /* at the honest edge */
				p->at[i][j] = byzantine ? -0.5F * far : u * far;
				break;
			default: /* few values: ties */
				p->at[i][j] = (float)((int)(u * 4)) * (byzantine ? far : 1);
			}
		}
}

/* The largest ||F - mean_S||^2 / (kappa (1/|S|) sum ||x_i - mean_S||^2) over all S; 0 / 0 is 0. */
static double worst_share(const struct point *p, int n, int f, const float *answer, double kappa)
{
	double worst = 0;
	for (unsigned set = 0; set < 1U << n; set++) {
		double mean[D] = {0}, away = 0, spread = 0;
		if (__builtin_popcount(set) != n - f)
			continue;
		for (int i = 0; i < n; i++)
			for (int j = 0; j < D && set >> i & 1; j++)
				mean[j] += (double)p->at[i][j] / (n - f);
		for (int i = 0; i < n; i++)
			for (int j = 0; j < D && set >> i & 1; j++)
				spread += pow((double)p->at[i][j] - mean[j], 2) / (n - f);
		for (int j = 0; j < D; j++)
			away += pow((double)answer[j] - mean[j], 2);
		/* Answers are floats: they are off by their last bit. */
		if (away > 1e-10 * (1 + fabs(mean[0] * mean[0])))
			worst = fmax(worst, away / (kappa * spread));
	}
	return worst;
}

static double worst_of(int rule, bool nnm, int n, int f, uint64_t tries)
{
	char json[200];
	struct rule_rig r;
	struct point p;
	double worst = 0, ratio = (double)f / (n - 2 * f), kappa = rules[rule].kappa(ratio);
	if (nnm)
		kappa = 8.0 * f / (n - f) * (kappa + 1);
	snprintf(json, sizeof json, "{\"kind\":\"%s\",\"f\":%d%s}", rules[rule].kind, f,
	         nnm ? ",\"before\":[\"nnm\"]" : "");
	rule_rig_init(&r, "ref", json, n, D, 1);
	cr_assert_float_eq(rule_kappa(r.run.agg, r.run.state, n, f), kappa, 1e-12, "%s: says another bound",
	                   json);
	for (uint64_t t = 0; t < tries; t++) {
		make_input(&p, n, f, (uint32_t)(t % SHAPES), t);
		for (int i = 0; i < n; i++)
			rule_rig_say(&r, i, p.at[i]);
		cr_assert_eq(rule_rig_meet(&r, t), MEETING_ANSWERED, "%s", r.run.report.withheld);
		double share = worst_share(&p, n, f, r.answer, kappa);
		cr_assert(share <= 1, "%s, n = %d: input %llu exceeds kappa = %g: %g times", json, n,
		          (unsigned long long)t, kappa, share);
		worst = fmax(worst, share);
	}
	rule_rig_clear(&r);
	return worst;
}

static const int sizes[][2] = {{5, 1}, {7, 2}, {8, 2}, {9, 3}, {11, 2}, {7, 3}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool takes(int rule, size_t size)
{
	return 2 * sizes[size][1] + rules[rule].margin < sizes[size][0];
}

Test(kappa, no_input_exceeds_it)
{
	double worst = 0;
	for (int k = 0; k < (int)(sizeof rules / sizeof *rules); k++) {
		uint64_t tries = 0;
		for (size_t s = 0; s < SIZES; s++)
			tries += takes(k, s);
		tries = TRIES / tries + 1;
		for (size_t s = 0; s < SIZES; s++)
			for (int nnm = 0; nnm < 2 && takes(k, s); nnm++)
				worst = fmax(worst, worst_of(k, nnm, sizes[s][0], sizes[s][1], tries));
	}
	fprintf(stderr, "kappa: the largest share of the bound was %.2f\n", worst);
	cr_assert(worst > 0.1, "inputs that try nothing: %g", worst);
}

/* Six messages nearly together, and one far away. */
static double share_of(const char *keys)
{
	static const float x[7][D] = {{9}, {1}, {1.01F}, {1, 0.01F}, {1}, {1}, {1}};
	double share;
	char json[120];
	struct rule_rig r;
	struct point p = {0};
	snprintf(json, sizeof json, "{\"kind\":\"geometric-median\",\"f\":1%s}", keys);
	rule_rig_init(&r, "ref", json, 7, D, 1);
	for (int i = 0; i < 7; i++) {
		memcpy(p.at[i], x[i], sizeof p.at[i]);
		rule_rig_say(&r, i, p.at[i]);
	}
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	share = worst_share(&p, 7, 1, r.answer, median_kappa(0.2));
	cr_expect_eq(isnan(rule_kappa(r.run.agg, r.run.state, 7, 1)), share > 1, "%s: share %g", keys, share);
	rule_rig_clear(&r);
	return share;
}

/* Weiszfeld's iterations that end before they are there, and a nu in which differences vanish. */
Test(kappa, nothing_is_promised_of_what_only_resembles_a_geometric_median)
{
	cr_expect_lt(share_of(""), 1);
	cr_expect_gt(share_of(",\"start\":\"zero\",\"iterations\":3,\"nu\":0.1"), 1);
	cr_expect_gt(share_of(",\"start\":\"mean\",\"iterations\":1"), 1);
	cr_expect_gt(share_of(",\"nu\":100"), 1);
}
