#include "tests/support/naive_rules.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- what definitions speak of -------------------------------------------------------------------------- */

static double distance(const struct naive_input *in, const double *a, const double *b)
{
	double sum = 0;
	for (int j = 0; j < in->d; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

/* order = 0 .. n - 1 by rising key; equal keys: the lower number. */
static void order_by(const double *key, int n, int *order)
{
	for (int i = 0; i < n; i++) {
		int at = i;
		for (; at > 0 && key[i] < key[order[at - 1]]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static void mean_of(const struct naive_input *in, const int *who, int count, double *out)
{
	for (int j = 0; j < in->d; j++) {
		out[j] = 0;
		for (int k = 0; k < count; k++)
			out[j] += in->x[who[k]][j] / count;
	}
}

static double median_of(const double *values, int n)
{
	int order[NAIVE_N];
	order_by(values, n, order);
	return (values[order[(n - 1) / 2]] + values[order[n / 2]]) / 2;
}

/* The mean of the `take` of values [n] nearest to their median. */
static double around(const double *values, int n, int take)
{
	double away[NAIVE_N], median = median_of(values, n), sum = 0;
	int order[NAIVE_N];
	for (int i = 0; i < n; i++)
		away[i] = fabs(values[i] - median);
	order_by(away, n, order);
	for (int i = 0; i < take; i++)
		sum += values[order[i]] / take;
	return sum;
}

/* The next of the subsets of `size` of n in lexicographic order; begins with 0, 1, .. */
static bool next_subset(int *set, int size, int n)
{
	int at = size - 1;
	while (at >= 0 && set[at] == n - size + at)
		at--;
	if (at < 0)
		return false;
	set[at]++;
	for (int k = at + 1; k < size; k++)
		set[k] = set[k - 1] + 1;
	return true;
}

/*
 * The greatest eigenvalue of the covariance of weighted vectors and its vector: the matrix is squared until
 * nothing else is left of it.
 */
static double spread(const struct naive_input *in, const double *c, double *mu, double *vector)
{
	double all = 0, a[NAIVE_D][NAIVE_D], p[NAIVE_D][NAIVE_D], value = 0;
	memset(mu, 0, NAIVE_D * sizeof *mu);
	for (int i = 0; i < in->n; i++)
		all += c[i];
	for (int i = 0; i < in->n; i++)
		for (int j = 0; j < in->d; j++)
			mu[j] += c[i] * in->x[i][j] / all;
	for (int j = 0; j < in->d; j++)
		for (int k = 0; k < in->d; k++) {
			a[j][k] = 0;
			for (int i = 0; i < in->n; i++)
				a[j][k] += c[i] * (in->x[i][j] - mu[j]) * (in->x[i][k] - mu[k]) / all;
		}
	memcpy(p, a, sizeof p);
	for (int t = 0; t < 64; t++) {
		double q[NAIVE_D][NAIVE_D] = {{0}}, trace = 0;
		for (int j = 0; j < in->d; j++)
			trace += p[j][j];
		for (int j = 0; j < in->d && trace > 0; j++)
			for (int k = 0; k < in->d; k++)
				for (int l = 0; l < in->d; l++)
					q[j][k] += p[j][l] / trace * (p[l][k] / trace);
		memcpy(p, q, sizeof p);
	}
	int widest = 0;
	for (int j = 1; j < in->d; j++)
		widest = p[j][j] > p[widest][widest] ? j : widest;
	double length = 0;
	for (int j = 0; j < in->d; j++)
		length += p[j][widest] * p[j][widest];
	for (int j = 0; j < in->d; j++)
		vector[j] = length > 0 ? p[j][widest] / sqrt(length) : 0;
	for (int j = 0; j < in->d; j++)
		for (int k = 0; k < in->d; k++)
			value += vector[j] * a[j][k] * vector[k];
	return value;
}

/* --- the rules ------------------------------------------------------------------------------------------ */

/* Coordinate by coordinate. */
static void by_column(const struct naive_input *in, double *out, double (*rule)(const double *, int n, int f))
{
	for (int j = 0; j < in->d; j++) {
		double values[NAIVE_N];
		for (int i = 0; i < in->n; i++)
			values[i] = in->x[i][j];
		out[j] = rule(values, in->n, in->f);
	}
}

static double median_column(const double *values, int n, int f)
{
	(void)f;
	return median_of(values, n);
}

static void median(const struct naive_input *in, double *out)
{
	by_column(in, out, median_column);
}

static double trimmed_column(const double *values, int n, int f)
{
	int order[NAIVE_N];
	double sum = 0;
	order_by(values, n, order);
	for (int i = f; i < n - f; i++)
		sum += values[order[i]] / (n - 2 * f);
	return sum;
}

static void trimmed_mean(const struct naive_input *in, double *out)
{
	by_column(in, out, trimmed_column);
}

static double meamed_column(const double *values, int n, int f)
{
	return around(values, n, n - f);
}

static void meamed(const struct naive_input *in, double *out)
{
	by_column(in, out, meamed_column);
}

enum as { BLANCHARD, BYZFL, BERNSTEIN };

/* Krum's scores among those that are not gone; of those that are, INFINITY. */
static void krum_scores(const struct naive_input *in, enum as as, const bool *gone, int near, double *scores)
{
	for (int i = 0; i < in->n; i++) {
		double others[NAIVE_N];
		int count = 0, order[NAIVE_N];
		for (int k = 0; k < in->n; k++)
			if (k != i && !gone[k])
				others[count++] = distance(in, in->x[i], in->x[k]);
		order_by(others, count, order);
		scores[i] = gone[i] ? INFINITY : 0;
		for (int k = 0; k < near && k < count; k++)
			scores[i] += as == BERNSTEIN ? sqrt(others[order[k]]) : others[order[k]];
	}
}

static void best_of(const struct naive_input *in, enum as as, int m, double *out)
{
	static const bool none[NAIVE_N];
	double scores[NAIVE_N];
	int order[NAIVE_N];
	krum_scores(in, as, none, in->n - in->f - (as == BYZFL ? 1 : 2), scores);
	order_by(scores, in->n, order);
	mean_of(in, order, m, out);
}

static void krum(const struct naive_input *in, double *out)
{
	best_of(in, BLANCHARD, 1, out);
}

static void krum_byzfl(const struct naive_input *in, double *out)
{
	best_of(in, BYZFL, 1, out);
}

static void krum_bernstein(const struct naive_input *in, double *out)
{
	best_of(in, BERNSTEIN, 1, out);
}

static void multi_krum(const struct naive_input *in, double *out)
{
	best_of(in, BLANCHARD, in->n - in->f - 2, out);
}

static void multi_krum_byzfl(const struct naive_input *in, double *out)
{
	best_of(in, BYZFL, in->n - in->f, out);
}

static void multi_krum_bernstein(const struct naive_input *in, double *out)
{
	best_of(in, BERNSTEIN, in->n - in->f, out);
}

static void bulyan(const struct naive_input *in, double *out)
{
	bool gone[NAIVE_N] = {false};
	int theta = in->n - 2 * in->f;
	for (int t = 0; t < theta; t++) {
		double scores[NAIVE_N];
		int order[NAIVE_N], near = in->n - t - in->f - 2;
		krum_scores(in, BLANCHARD, gone, near > 1 ? near : 1, scores);
		order_by(scores, in->n, order);
		gone[order[0]] = true;
	}
	for (int j = 0; j < in->d; j++) {
		double values[NAIVE_N];
		int count = 0;
		for (int i = 0; i < in->n; i++)
			if (gone[i])
				values[count++] = in->x[i][j];
		out[j] = around(values, theta, theta - 2 * in->f);
	}
}

/* z moves `iterations` times; nu as the rules' JSON below has it. */
static void weiszfeld(const struct naive_input *in, double *z, int iterations, double nu)
{
	for (int t = 0; t < iterations; t++) {
		double next[NAIVE_D] = {0}, all = 0;
		for (int i = 0; i < in->n; i++) {
			double b = 1 / fmax(nu, sqrt(distance(in, in->x[i], z)));
			all += b;
			for (int j = 0; j < in->d; j++)
				next[j] += b * in->x[i][j];
		}
		for (int j = 0; j < in->d; j++)
			z[j] = next[j] / all;
	}
}

static void geometric_median(const struct naive_input *in, double *out)
{
	median(in, out);
	weiszfeld(in, out, 8, 1e-6);
}

static void geometric_median_mean(const struct naive_input *in, double *out)
{
	int all[NAIVE_N];
	for (int i = 0; i < in->n; i++)
		all[i] = i;
	mean_of(in, all, in->n, out);
	weiszfeld(in, out, 3, 0.125);
}

static void geometric_median_zero(const struct naive_input *in, double *out)
{
	memset(out, 0, NAIVE_D * sizeof *out);
	weiszfeld(in, out, 3, 0.125);
}

static void clipped(const struct naive_input *in, double *v, int iterations)
{
	memcpy(v, in->memory, NAIVE_D * sizeof *v);
	for (int t = 0; t < iterations; t++) {
		double moved[NAIVE_D] = {0};
		for (int i = 0; i < in->n; i++) {
			double away = sqrt(distance(in, in->x[i], v)), share = away > 2 ? 2 / away : 1;
			for (int j = 0; j < in->d; j++)
				moved[j] += share * (in->x[i][j] - v[j]) / in->n;
		}
		for (int j = 0; j < in->d; j++)
			v[j] += moved[j];
	}
}

static void centered_clipping(const struct naive_input *in, double *out)
{
	clipped(in, out, 1);
}

static void centered_clipping_thrice(const struct naive_input *in, double *out)
{
	clipped(in, out, 3);
}

static void mda(const struct naive_input *in, double *out)
{
	int set[NAIVE_N], size = in->n - in->f;
	double least = INFINITY;
	for (int k = 0; k < size; k++)
		set[k] = k;
	do {
		double diameter = 0;
		for (int k = 0; k < size; k++)
			for (int l = 0; l < k; l++)
				diameter = fmax(diameter, distance(in, in->x[set[k]], in->x[set[l]]));
		if (diameter < least) {
			least = diameter;
			mean_of(in, set, size, out);
		}
	} while (next_subset(set, size, in->n));
}

static void monna(const struct naive_input *in, double *out)
{
	double away[NAIVE_N];
	int order[NAIVE_N];
	for (int i = 0; i < in->n; i++)
		away[i] = i == in->n - 1 ? -1 : distance(in, in->x[i], in->x[in->n - 1]);
	order_by(away, in->n, order);
	mean_of(in, order, in->n - in->f, out);
}

static void smea(const struct naive_input *in, double *out)
{
	int set[NAIVE_N], size = in->n - in->f;
	double least = INFINITY, mu[NAIVE_D], vector[NAIVE_D];
	for (int k = 0; k < size; k++)
		set[k] = k;
	do {
		double c[NAIVE_N] = {0};
		for (int k = 0; k < size; k++)
			c[set[k]] = 1;
		double value = spread(in, c, mu, vector);
		if (value < least * (1 - 1e-9)) { /* what rounding parts is equal */
			least = value;
			memcpy(out, mu, sizeof mu);
		}
	} while (next_subset(set, size, in->n));
}

static void caf(const struct naive_input *in, double *out)
{
	double c[NAIVE_N], mu[NAIVE_D], vector[NAIVE_D], least = INFINITY;
	for (int i = 0; i < in->n; i++)
		c[i] = 1;
	for (bool first = true;; first = false) {
		double tau[NAIVE_N] = {0}, most = 0, sum = 0, value = spread(in, c, mu, vector);
		for (int i = 0; i < in->n; i++)
			sum += c[i];
		if (!first && !(sum > in->n - 2 * in->f))
			return;
		if (value < least) {
			least = value;
			memcpy(out, mu, sizeof mu);
		}
		for (int i = 0; i < in->n; i++) {
			for (int j = 0; j < in->d; j++)
				tau[i] += (in->x[i][j] - mu[j]) * vector[j];
			tau[i] *= c[i] > 0 ? tau[i] : 0;
			most = fmax(most, tau[i]);
		}
		if (in->f == 0 || most <= 0)
			return;
		for (int i = 0; i < in->n; i++)
			c[i] *= 1 - tau[i] / most;
	}
}

/* clang-format off: one line a rule */
const struct naive_rule naive_rules[] = {
        {"\"kind\":\"median\"", median, {2, 1}, false, false, false},
        {"\"kind\":\"trimmed-mean\"", trimmed_mean, {2, 1}, false, false, false},
        {"\"kind\":\"meamed\"", meamed, {2, 1}, false, false, false},
        {"\"kind\":\"krum\"", krum, {2, 3}, false, false, false},
        {"\"kind\":\"krum\",\"as\":\"byzfl\"", krum_byzfl, {2, 1}, false, false, false},
        {"\"kind\":\"krum\",\"as\":\"bernstein\"", krum_bernstein, {2, 3}, false, false, false},
        {"\"kind\":\"multi-krum\"", multi_krum, {2, 3}, false, false, false},
        {"\"kind\":\"multi-krum\",\"as\":\"byzfl\"", multi_krum_byzfl, {2, 1}, false, false, false},
        {"\"kind\":\"multi-krum\",\"as\":\"bernstein\"", multi_krum_bernstein, {2, 3}, false, false, false},
        {"\"kind\":\"bulyan\"", bulyan, {4, 3}, false, false, false},
        {"\"kind\":\"geometric-median\"", geometric_median, {2, 1}, false, false, false},
        {"\"kind\":\"geometric-median\",\"start\":\"mean\",\"iterations\":3,\"nu\":0.125",
         geometric_median_mean,
         {2, 1},
         false,
         false,
         false},
        {"\"kind\":\"geometric-median\",\"start\":\"zero\",\"iterations\":3,\"nu\":0.125",
         geometric_median_zero,
         {2, 1},
         false,
         false,
         false},
        {"\"kind\":\"centered-clipping\",\"tau\":2", centered_clipping, {1, 1}, false, true, false},
        {"\"kind\":\"centered-clipping\",\"tau\":2,\"iterations\":3",
         centered_clipping_thrice,
         {1, 1},
         false,
         true,
         false},
        {"\"kind\":\"mda\"", mda, {2, 1}, false, false, false},
        {"\"kind\":\"monna\"", monna, {2, 1}, true, false, false},
        {"\"kind\":\"smea\"", smea, {2, 1}, false, false, false},
        {"\"kind\":\"caf\"", caf, {2, 1}, false, false, true},
        {NULL, NULL, {0, 0}, false, false, false},
};
/* clang-format on */

void naive_json(const struct naive_rule *r, int f, int pivot, char *out)
{
	char last[32] = "";
	if (r->pivot)
		snprintf(last, sizeof last, ",\"pivot\":%d", pivot);
	snprintf(out, NAIVE_JSON, "{%s,\"f\":%d%s}", r->members, f, last);
}
