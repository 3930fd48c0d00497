/* The dip of a sample, and what it is for uniform samples. */
#include "probe/probe_dip.h"
#include <math.h>
#include "base/mem.h"
#include "base/rng.h"
#include "base/stats.h"

/* F as steps: at at[k] it rises from before[k] to after[k], in counts. */
struct dip {
	size_t n, count;
	double *at, *before, *after; /* [n], the first `count` in use */
	size_t *low, *high;          /* [n] points where G and L touch F, as indices of steps */
	size_t n_low, n_high;
	double *references; /* [DIP_REFERENCES] rising, of samples of n values */
};

static void make_steps(struct dip *d, const double *sorted, size_t n)
{
	d->count = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || sorted[i] != sorted[i - 1]) {
			d->at[d->count] = sorted[i];
			d->before[d->count++] = (double)i;
		}
		d->after[d->count - 1] = (double)i + 1;
	}
}

/* Corners of the lower convex hull (side 1) or upper concave hull (side -1) of (at, f) on steps first..last.
 */
static size_t hull(const struct dip *d, const double *f, double side, size_t first, size_t last, size_t *out)
{
	size_t n = 0;
	for (size_t k = first; k <= last; k++) {
		for (; n >= 2; n--) {
			size_t a = out[n - 2], b = out[n - 1];
			double old = (f[b] - f[a]) * (d->at[k] - d->at[b]);
			double new = (f[k] - f[b]) * (d->at[b] - d->at[a]);
			if (side * new > side * old)
				break;
		}
		out[n++] = k;
	}
	return n;
}

/* Height over step k of the hull with these corners; *from: a corner at or left of k, moved on. */
static double height(const struct dip *d, const double *f, const size_t *corner, size_t *from, size_t k)
{
	while (corner[*from] != k && corner[*from + 1] <= k)
		(*from)++;
	size_t a = corner[*from];
	if (a == k)
		return f[k];
	size_t b = corner[*from + 1];
	return f[a] + (f[b] - f[a]) * ((d->at[k] - d->at[a]) / (d->at[b] - d->at[a]));
}

/* The widest gap between L and G, and the modal interval around it: a corner of G to its left, one of L to
 * its right. */
static double widest_gap(const struct dip *d, size_t *first, size_t *last)
{
	double widest = -1;
	for (size_t i = 0, from = 0; i < d->n_low; i++) {
		double gap = height(d, d->after, d->high, &from, d->low[i]) - d->before[d->low[i]];
		if (gap <= widest)
			continue;
		widest = gap;
		*first = d->low[i];
		*last = d->high[from] == d->low[i] ? d->high[from] : d->high[from + 1];
	}
	for (size_t i = 0, from = 0; i < d->n_high; i++) {
		double gap = d->after[d->high[i]] - height(d, d->before, d->low, &from, d->high[i]);
		if (gap < widest)
			continue;
		widest = gap;
		*first = d->low[from];
		*last = d->high[i];
	}
	return widest;
}

/* What G misses of F over steps first..to-1, and L over steps from+1..last. */
static double missed(const struct dip *d, size_t first, size_t to, size_t from, size_t last)
{
	double most = 0;
	for (size_t k = first, corner = 0; k < to; k++)
		most = fmax(most, d->after[k] - height(d, d->before, d->low, &corner, k));
	for (size_t k = from + 1, corner = 0; k <= last; k++)
		most = fmax(most, height(d, d->after, d->high, &corner, k) - d->before[k]);
	return most;
}

static double dip_of_size(struct dip *d, const double *sorted, size_t n)
{
	make_steps(d, sorted, n);
	size_t first = 0, last = d->count - 1;
	double most = 0;
	while (first < last) {
		size_t inner_first = first, inner_last = last;
		d->n_low = hull(d, d->before, 1, first, last, d->low);
		d->n_high = hull(d, d->after, -1, first, last, d->high);
		if (widest_gap(d, &inner_first, &inner_last) <= most)
			break;
		most = fmax(most, missed(d, first, inner_first, inner_last, last));
		first = inner_first;
		last = inner_last;
	}
	return most / (2 * (double)n);
}

static size_t reference_size(size_t n)
{
	return n < DIP_REFERENCE_SIZE ? n : DIP_REFERENCE_SIZE;
}

static void draw_references(struct dip *d)
{
	size_t size = reference_size(d->n);
	double *sample = mem_array(size, sizeof *sample);
	for (uint64_t r = 0; r < DIP_REFERENCES; r++) {
		struct stream draw = stream_of(0, RNG_PROBE, 0, r);
		for (size_t i = 0; i < size; i++)
			sample[i] = (double)stream_uniform(&draw, i);
		stats_sort(sample, size);
		d->references[r] = dip_of_size(d, sample, size) * sqrt((double)size / (double)d->n);
	}
	stats_sort(d->references, DIP_REFERENCES);
	mem_free(sample);
}

struct dip *dip_open(size_t n)
{
	struct dip *d = mem_alloc(sizeof *d);
	double **numbers[] = {&d->at, &d->before, &d->after};
	d->n = n;
	for (size_t i = 0; i < 3; i++)
		*numbers[i] = mem_array(n, sizeof **numbers[i]);
	d->low = mem_array(n, sizeof *d->low);
	d->high = mem_array(n, sizeof *d->high);
	d->references = mem_array(DIP_REFERENCES, sizeof *d->references);
	draw_references(d);
	return d;
}

void dip_close(struct dip *d)
{
	if (!d)
		return;
	mem_free(d->at);
	mem_free(d->before);
	mem_free(d->after);
	mem_free(d->low);
	mem_free(d->high);
	mem_free(d->references);
	mem_free(d);
}

size_t dip_bytes(size_t n)
{
	return n * (3 * sizeof(double) + 2 * sizeof(size_t)) + DIP_REFERENCES * sizeof(double);
}

double dip_of(struct dip *d, const double *sorted)
{
	return dip_of_size(d, sorted, d->n);
}

double dip_p(const struct dip *d, double dip)
{
	size_t below = 0;
	while (below < DIP_REFERENCES && d->references[below] < dip)
		below++;
	return (double)(1 + DIP_REFERENCES - below) / (1 + DIP_REFERENCES);
}

double dip_quantile(const struct dip *d, double q)
{
	return d->references[(size_t)ceil(q * DIP_REFERENCES) - 1];
}
