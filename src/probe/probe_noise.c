/*
 * The probe gradient_noise: is the noise of a stochastic gradient unimodal and symmetric, as assumption 4 of
 * Bernstein et al. 2019 wants it? Their figure 2, with numbers beside the plots. Of a weight's K values:
 *
 *   std       with K - 1
 *   skewness  g1 = m3 / m2^(3/2), m_r the r-th central moment
 *   symmetry  sqrt(K) (mean - median) / std (Cabilio and Masaro 1996, "A simple test of symmetry about an
 *             unknown median"): near 0 for a symmetric sample; about N(0, pi/2 - 1) for a normal one, so that
 *             beyond 1.48 either way is significant at 5 %
 *   dip       Hartigan's, of probe/probe_dip.h, with its p value. 95 % of the uniform samples of K values
 * have a dip of at most the attribute critical_95
 *
 * skewness and symmetry are NaN where all values are the same.
 */
#include <math.h>
#include "base/mem.h"
#include "base/stats.h"
#include "models/model.h"
#include "probe/probe_dip.h"
#include "probe/probe_internal.h"

#define GROUP "/probes/gradient_noise/"

enum figure { MEAN, STD, SKEWNESS, SYMMETRY, DIP, DIP_P, FIGURES };

static const struct {
	const char *path, *about;
} figures[] = {
        [MEAN] = {GROUP "mean", "mean over the mini-batches"},
        [STD] = {GROUP "std", "standard deviation over the mini-batches"},
        [SKEWNESS] = {GROUP "skewness", "third central moment over std^3; 0 for a symmetric distribution"},
        [SYMMETRY] = {GROUP "symmetry",
                      "sqrt(K) (mean - median) / std; beyond 1.48 either way not symmetric at "
                      "5 % (Cabilio and Masaro 1996)"},
        [DIP] = {GROUP "dip", "Hartigan's dip statistic; above critical_95 not unimodal at 5 %"},
        [DIP_P] = {GROUP "dip_p", "share of uniform samples with at least this dip"},
};

struct noise {
	size_t weights, batches, taken; /* W, K, of this pass */
	int64_t *index;                 /* [W] */
	float *values;                  /* [W][K] */
	double *sorted;                 /* [K] */
	double *row;                    /* [FIGURES][W] */
	struct dip *dip;
	struct h5_column *step, *weight, *value, *column[FIGURES];
};

static size_t weights_of(const struct settings *s)
{
	return s->record.noise.weights.count + (size_t)s->record.noise.random;
}

static bool wanted(const struct settings *s)
{
	return s->record.noise.every > 0 || s->record.noise.at.count > 0;
}

bool noise_due(const struct settings *s, int64_t done)
{
	const struct ints *at = &s->record.noise.at;
	for (size_t i = 0; i < at->count; i++)
		if (at->at[i] == done)
			return true;
	return s->record.noise.every > 0 && done % s->record.noise.every == 0;
}

static bool chosen(const struct noise *p, size_t count, int64_t index)
{
	for (size_t i = 0; i < count; i++)
		if (p->index[i] == index)
			return true;
	return false;
}

/* The named weights first, then others, drawn uniformly from all n. */
static void choose_weights(struct noise *p, const struct settings *s, size_t n)
{
	struct stream draw = stream_of(s->seed, RNG_PROBE, 0, 0);
	size_t count = s->record.noise.weights.count;
	for (size_t i = 0; i < count; i++)
		p->index[i] = s->record.noise.weights.at[i];
	for (uint64_t i = 0; count < p->weights; i++) {
		int64_t drawn = stream_below(&draw, i, (uint32_t)n);
		if (!chosen(p, count, drawn))
			p->index[count++] = drawn;
	}
}

/* "layer1.0.conv1.weight[3,0,2,1]" */
static void add_name(struct buf *b, const struct settings *s, const struct model_env *env, size_t index)
{
	const struct model *model = env->model;
	struct tensor t;
	size_t i = 0;
	while (model->tensor(s->model.state, env, i, &t) && !(index - t.offset < t.count))
		i++;
	size_t within = index - t.offset, below = t.count;
	buf_format(b, "%s[", t.name);
	for (int d = 0; d < t.rank; d++) {
		below /= t.dims[d];
		buf_format(b, "%s%zu", d > 0 ? "," : "", within / below);
		within %= below;
	}
	buf_add(b, "]");
}

static void write_names(const struct noise *p, const struct settings *s, struct h5 *f)
{
	struct model_env env = settings_model_env(s, NULL);
	struct buf names = {0};
	for (size_t w = 0; w < p->weights; w++) {
		buf_add(&names, w > 0 ? " " : "");
		add_name(&names, s, &env, (size_t)p->index[w]);
	}
	h5_set_text(f, GROUP "weight", "names", names.text);
	buf_clear(&names);
}

static void open_columns(struct noise *p, const struct settings *s, struct h5 *f)
{
	size_t shape[] = {p->weights, p->batches};
	p->step = h5_column(f, GROUP "step", H5_I64, 0, NULL, "steps", "steps done");
	p->weight =
	        h5_column(f, GROUP "weight", H5_I64, 1, shape, "1",
	                  "index of each weight in the flat vector of parameters; its tensor and place there "
	                  "are in the attribute names, in the same order");
	p->value = h5_column(f, GROUP "values", H5_F32, 2, shape, "1",
	                     "stochastic gradient of each weight in each mini-batch of a full pass");
	for (int i = 0; i < FIGURES; i++)
		p->column[i] = h5_column(f, figures[i].path, H5_F64, 1, shape, "1", figures[i].about);
	h5_set_real(f, figures[DIP].path, "critical_95", dip_quantile(p->dip, 0.95));
	write_names(p, s, f);
}

struct noise *noise_open(const struct settings *s, size_t n, struct h5 *f)
{
	if (!wanted(s))
		return NULL;
	struct noise *p = mem_alloc(sizeof *p);
	p->weights = weights_of(s);
	p->batches = settings_pass_batches(s);
	p->index = mem_array(p->weights, sizeof *p->index);
	p->values = mem_array(p->weights * p->batches, sizeof *p->values);
	p->sorted = mem_array(p->batches, sizeof *p->sorted);
	p->row = mem_array(FIGURES * p->weights, sizeof *p->row);
	p->dip = dip_open(p->batches);
	choose_weights(p, s, n);
	open_columns(p, s, f);
	return p;
}

void noise_close(struct noise *p)
{
	if (!p)
		return;
	h5_column_close(p->step);
	h5_column_close(p->weight);
	h5_column_close(p->value);
	for (int i = 0; i < FIGURES; i++)
		h5_column_close(p->column[i]);
	dip_close(p->dip);
	mem_free(p->index);
	mem_free(p->values);
	mem_free(p->sorted);
	mem_free(p->row);
	mem_free(p);
}

void noise_take(struct noise *p, const float *g)
{
	for (size_t w = 0; w < p->weights; w++)
		p->values[w * p->batches + p->taken] = g[p->index[w]];
	p->taken++;
}

/* out [FIGURES] of sorted values. */
static void describe(struct dip *dip, const double *sorted, size_t count, double out[FIGURES])
{
	double k = (double)count, mean = 0, square = 0, cube = 0;
	for (size_t i = 0; i < count; i++)
		mean += sorted[i] / k;
	for (size_t i = 0; i < count; i++) {
		double away = sorted[i] - mean;
		square += away * away;
		cube += away * away * away;
	}
	out[MEAN] = mean;
	out[STD] = sqrt(square / (k - 1));
	out[SKEWNESS] = cube / k / pow(square / k, 1.5);
	out[SYMMETRY] = sqrt(k) * (mean - stats_median(sorted, count)) / out[STD];
	out[DIP] = isfinite(square) ? dip_of(dip, sorted) : NAN;
	out[DIP_P] = isfinite(square) ? dip_p(dip, out[DIP]) : NAN;
}

void noise_append(struct noise *p, int64_t done)
{
	double out[FIGURES];
	for (size_t w = 0; w < p->weights; w++) {
		for (size_t k = 0; k < p->batches; k++)
			p->sorted[k] = (double)p->values[w * p->batches + k];
		stats_sort(p->sorted, p->batches);
		describe(p->dip, p->sorted, p->batches, out);
		for (int i = 0; i < FIGURES; i++)
			p->row[(size_t)i * p->weights + w] = out[i];
	}
	h5_append(p->step, 1, &done);
	h5_append(p->weight, 1, p->index);
	h5_append(p->value, 1, p->values);
	for (int i = 0; i < FIGURES; i++)
		h5_append(p->column[i], 1, p->row + (size_t)i * p->weights);
	p->taken = 0;
}

size_t noise_bytes(const struct settings *s)
{
	size_t weights = weights_of(s), batches = settings_pass_batches(s);
	if (!wanted(s))
		return 0;
	return weights * (sizeof(int64_t) + batches * sizeof(float) + FIGURES * sizeof(double)) +
	       batches * sizeof(double) + dip_bytes(batches);
}

double noise_file_bytes(const struct settings *s)
{
	double weights = (double)weights_of(s), batches = (double)settings_pass_batches(s), rows = 0;
	if (!wanted(s))
		return 0;
	rows += (double)s->record.noise.at.count;
	if (s->record.noise.every > 0)
		rows += 1 + (double)(s->steps / s->record.noise.every);
	return rows * (8 + weights * (8 + 4 * batches + 8 * FIGURES));
}
