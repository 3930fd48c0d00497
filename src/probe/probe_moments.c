/*
 * The probes snr and l1_l2: mean and standard deviation of every weight's gradient over the mini-batches of a
 * pass, by Welford's recurrence in double, so that a mean far larger than the deviation costs nothing.
 *
 * snr: S_i = |g_i| / sigma_i (Bernstein et al. 2019, figure 3; the theory's critical line is 2 / sqrt(3)). A
 * weight whose gradient was 0 in every mini-batch, or not finite in one, has no ratio. `silent` is the share
 * of such weights; the other figures are about the rest (NaN if there is none). The signal g_i is the mean
 * over the K mini-batches, so a weight without any signal shows an S of about 1 / sqrt(K). `counts` is a
 * histogram of S over bins of equal width in log10 S: bin 0 below 10^SNR_LOWEST, SNR_PER_DECADE bins a decade
 * up to 10^SNR_HIGHEST, and one above.
 *
 * l1_l2: the density phi(v) = |v|_1^2 / (n |v|_2^2), from 1/n for one entry to 1 for entries of one size
 * (Bernstein et al. 2018, "signSGD: compressed optimisation for non-convex problems"), NaN for v = 0.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/stats.h"
#include "probe/probe_internal.h"

#define SNR   "/probes/snr/"
#define L1_L2 "/probes/l1_l2/"

enum { SNR_LOWEST = -6, SNR_HIGHEST = 3, SNR_PER_DECADE = 5 };
enum { BINS = (SNR_HIGHEST - SNR_LOWEST) * SNR_PER_DECADE + 2 };

static const double quantiles[] = {0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

enum { QUANTILES = sizeof quantiles / sizeof *quantiles, COLUMNS = 11 };

static const double critical_line = 1.1547005383792515; /* 2 / sqrt(3) */

struct moments {
	const struct settings *s;
	const struct backend *be;
	struct queue *queue;
	double *number; /* a sum, on the machine; NULL: none is made */
	size_t n;
	double count;          /* mini-batches so far */
	double *mean, *square; /* [n] mean, and sum of squares about it; then ratios */
	double density;        /* sum over the mini-batches of phi(g_b) */
	struct h5_column *snr_step, *snr_mean, *snr_max, *share, *silent, *quantile, *counts;
	struct h5_column *l1_l2_step, *full, *noise, *stochastic;
};

bool moments_due(const struct settings *s, int64_t done)
{
	return probe_due(s->record.snr, done) || probe_due(s->record.l1_l2, done);
}

static void open_snr(struct moments *p, struct h5 *f)
{
	size_t n_quantiles = QUANTILES, bins = BINS;
	char about[96];
	p->snr_step = h5_column(f, SNR "step", H5_I64, 0, NULL, "steps", "steps done");
	p->snr_mean = h5_column(f, SNR "mean", H5_F64, 0, NULL, "1",
	                        "mean over the weights of S = |gradient| / noise");
	p->snr_max = h5_column(f, SNR "max", H5_F64, 0, NULL, "1", "largest S");
	p->share = h5_column(f, SNR "share", H5_F64, 0, NULL, "share",
	                     "weights with S above the critical line 2 / sqrt(3), of those that have an S");
	p->silent = h5_column(f, SNR "silent", H5_F64, 0, NULL, "share",
	                      "weights without an S: gradient 0 in all mini-batches, or not finite");
	p->quantile = h5_column(f, SNR "quantiles", H5_F64, 1, &n_quantiles, "1",
	                        "0.05, 0.25, 0.5, 0.75, 0.95 and 0.99 quantile of S");
	snprintf(about, sizeof about, "weights by log10 S: below %d, %d bins a unit, from %d on", SNR_LOWEST,
	         SNR_PER_DECADE, SNR_HIGHEST);
	p->counts = h5_column(f, SNR "counts", H5_I64, 1, &bins, "weights", about);
	h5_set_int(f, SNR "counts", "lowest", SNR_LOWEST);
	h5_set_int(f, SNR "counts", "per_decade", SNR_PER_DECADE);
}

static void open_l1_l2(struct moments *p, struct h5 *f)
{
	p->l1_l2_step = h5_column(f, L1_L2 "step", H5_I64, 0, NULL, "steps", "steps done");
	p->full = h5_column(f, L1_L2 "full", H5_F64, 0, NULL, "1",
	                    "density |v|_1^2 / (n |v|_2^2) of the mean gradient");
	p->noise = h5_column(f, L1_L2 "noise", H5_F64, 0, NULL, "1",
	                     "density of the vector of standard deviations over the mini-batches");
	p->stochastic = h5_column(f, L1_L2 "stochastic", H5_F64, 0, NULL, "1",
	                          "mean density of the mini-batches' gradients");
}

struct moments *moments_open(const struct settings *s, const struct backend *be, struct queue *queue,
                             size_t n, struct h5 *f)
{
	if (s->record.snr == 0 && s->record.l1_l2 == 0)
		return NULL;
	struct moments *p = mem_alloc(sizeof *p);
	*p = (struct moments){.s = s, .be = be, .queue = queue, .n = n};
	p->mean = mem_array(n, sizeof *p->mean);
	p->square = mem_array(n, sizeof *p->square);
	if (s->record.snr > 0)
		open_snr(p, f);
	if (s->record.l1_l2 > 0)
		open_l1_l2(p, f);
	if (s->record.l1_l2 > 0)
		p->number = be->memory->alloc(sizeof *p->number, "sum");
	return p;
}

void moments_close(struct moments *p)
{
	if (!p)
		return;
	struct h5_column *const columns[COLUMNS] = {p->snr_step, p->snr_mean, p->snr_max,   p->share,
	                                            p->silent,   p->quantile, p->counts,    p->l1_l2_step,
	                                            p->full,     p->noise,    p->stochastic};
	for (size_t i = 0; i < COLUMNS; i++)
		if (columns[i])
			h5_column_close(columns[i]);
	if (p->number)
		p->be->memory->release(p->number);
	mem_free(p->mean);
	mem_free(p->square);
	mem_free(p);
}

static double density(size_t n, double l1, double square)
{
	return l1 * l1 / ((double)n * square);
}

static void take_density(struct moments *p, const float *at)
{
	const struct memory *m = p->be->memory;
	p->be->sum_abs(p->queue, p->n, at, p->number);
	double l1 = memory_number(m, p->queue, p->number);
	p->be->sum_square(p->queue, p->n, at, p->number);
	p->density += density(p->n, l1, memory_number(m, p->queue, p->number));
}

void moments_take(struct moments *p, const float *at, const float *g)
{
	if (p->count == 0) {
		memset(p->mean, 0, p->n * sizeof *p->mean);
		memset(p->square, 0, p->n * sizeof *p->square);
	}
	p->count++;
	double weight = 1 / p->count;
	for (size_t i = 0; i < p->n; i++) {
		double away = (double)g[i] - p->mean[i];
		p->mean[i] += away * weight;
		p->square[i] += away * ((double)g[i] - p->mean[i]);
	}
	if (p->s->record.l1_l2 > 0)
		take_density(p, at);
}

static void append_l1_l2(struct moments *p, int64_t done)
{
	double l1 = 0, square = 0, noise_l1 = 0, noise_square = 0;
	for (size_t i = 0; i < p->n; i++) {
		double variance = p->square[i] / (p->count - 1);
		l1 += fabs(p->mean[i]);
		square += p->mean[i] * p->mean[i];
		noise_l1 += sqrt(variance);
		noise_square += variance;
	}
	double full = density(p->n, l1, square), noise = density(p->n, noise_l1, noise_square);
	double stochastic = p->density / p->count;
	h5_append(p->full, 1, &full);
	h5_append(p->noise, 1, &noise);
	h5_append(p->stochastic, 1, &stochastic);
	h5_append(p->l1_l2_step, 1, &done);
}

/* The S that exist, into the front of p->square; how many. */
static size_t gather_ratios(struct moments *p)
{
	size_t count = 0;
	for (size_t i = 0; i < p->n; i++) {
		double ratio = fabs(p->mean[i]) / sqrt(p->square[i] / (p->count - 1));
		if (!isnan(ratio))
			p->square[count++] = ratio;
	}
	return count;
}

static size_t bin_of(double ratio)
{
	double place = (log10(ratio) - SNR_LOWEST) * SNR_PER_DECADE;
	return place < 0 ? 0 : place >= BINS - 2 ? BINS - 1 : 1 + (size_t)place;
}

static void append_snr(struct moments *p, int64_t done)
{
	size_t count = gather_ratios(p), above = 0;
	double sum = 0, most = count > 0 ? 0 : NAN, quantile[QUANTILES];
	int64_t counts[BINS] = {0};
	for (size_t i = 0; i < count; i++) {
		double ratio = p->square[i];
		sum += ratio;
		most = fmax(most, ratio);
		above += ratio > critical_line;
		counts[bin_of(ratio)]++;
	}
	double mean = sum / (double)count, share = (double)above / (double)count;
	double silent = (double)(p->n - count) / (double)p->n;
	for (size_t q = 0; q < QUANTILES; q++)
		quantile[q] = count > 0 ? stats_quantile(p->square, count, quantiles[q]) : NAN;
	h5_append(p->snr_mean, 1, &mean);
	h5_append(p->snr_max, 1, &most);
	h5_append(p->share, 1, &share);
	h5_append(p->silent, 1, &silent);
	h5_append(p->quantile, 1, quantile);
	h5_append(p->counts, 1, counts);
	h5_append(p->snr_step, 1, &done);
}

void moments_append(struct moments *p, int64_t done)
{
	if (probe_due(p->s->record.l1_l2, done))
		append_l1_l2(p, done);
	if (probe_due(p->s->record.snr, done))
		append_snr(p, done); /* last: it uses up the sums */
	p->count = p->density = 0;
}

size_t moments_bytes(const struct settings *s, size_t n)
{
	return s->record.snr > 0 || s->record.l1_l2 > 0 ? 2 * n * sizeof(double) : 0;
}

double moments_file_bytes(const struct settings *s)
{
	double bytes = 0;
	if (s->record.snr > 0)
		bytes += (8.0 * (5 + QUANTILES + BINS)) * (1 + (double)(s->steps / s->record.snr));
	if (s->record.l1_l2 > 0)
		bytes += 8.0 * 4 * (1 + (double)(s->steps / s->record.l1_l2));
	return bytes;
}
