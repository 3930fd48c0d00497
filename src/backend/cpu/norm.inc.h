/*
 * Batch normalisation over planes of blocked channels. A plane is a flat array in which element i belongs
 * to channel i % block; PERIOD is a multiple of every block and vector, so that the loops know neither.
 *
 * Sums go over chunks that fit the first cache, in float within a chunk and in double over chunks. The
 * variance is that of a chunk around the chunk's own mean, put together by the formula of Chan, Golub and
 * LeVeque (1983): memory is read once, with the accuracy of reading it twice.
 */
#include "backend/cpu/image.h"

enum { PERIOD_VECTORS = PERIOD / LANES_32, CHUNK = 4096 /* floats, a multiple of PERIOD */ };

struct lanes {
	vfloat v[PERIOD_VECTORS];
};

/* The last n floats of a plane, n <= PERIOD, with zeros behind. */
INLINE struct lanes load_some(const float *p, size_t n)
{
	struct lanes l = {0};
	memcpy(&l, p, n * sizeof(*p));
	return l;
}

INLINE struct lanes load_all(const float *p)
{
	struct lanes l;
	memcpy(&l, p, sizeof(l));
	return l;
}

INLINE void store_some(float *p, struct lanes l, size_t n)
{
	memcpy(p, &l, n * sizeof(*p));
}

INLINE struct lanes lanes_add(struct lanes a, struct lanes b)
{
	for (int i = 0; i < PERIOD_VECTORS; i++)
		a.v[i] += b.v[i];
	return a;
}

/* (x - mean)^2 */
INLINE struct lanes squares(struct lanes x, struct lanes mean)
{
	for (int i = 0; i < PERIOD_VECTORS; i++) {
		vfloat d = x.v[i] - mean.v[i];
		x.v[i] = d * d;
	}
	return x;
}

/* (x - mean) scale + shift */
INLINE struct lanes normal_form(struct lanes x, const struct norm_lanes *l)
{
	struct lanes mean = load_all(l->mean), scale = load_all(l->scale), shift = load_all(l->shift);
	for (int i = 0; i < PERIOD_VECTORS; i++)
		x.v[i] = (x.v[i] - mean.v[i]) * scale.v[i] + shift.v[i];
	return x;
}

/* max(y, 0); NaN stays. */
INLINE struct lanes rectified(struct lanes y)
{
	for (int i = 0; i < PERIOD_VECTORS; i++)
		y.v[i] = (vfloat)((vhalf)y.v[i] & ~(vhalf)(y.v[i] < 0));
	return y;
}

/* dy where y > 0, else 0. */
INLINE struct lanes passed(struct lanes dy, struct lanes y)
{
	for (int i = 0; i < PERIOD_VECTORS; i++)
		dy.v[i] = (vfloat)((vhalf)dy.v[i] & (vhalf)(y.v[i] > 0));
	return dy;
}

/* Lanes of the same channel together. */
INLINE void fold(const struct lanes *l, int block, double *out)
{
	float flat[PERIOD];
	memcpy(flat, l, sizeof(flat));
	for (int c = 0; c < block; c++)
		out[c] = flat[c];
	for (int i = block; i < PERIOD; i++)
		out[i % block] += flat[i];
}

static void chunk_sums(size_t n, const float *x, int block, double *sum)
{
	struct lanes a = {0}, b = {0};
	size_t i = 0;
	for (; i + 2 * PERIOD <= n; i += 2 * PERIOD) {
		a = lanes_add(a, load_all(x + i));
		b = lanes_add(b, load_all(x + i + PERIOD));
	}
	if (i + PERIOD <= n) {
		a = lanes_add(a, load_all(x + i));
		i += PERIOD;
	}
	a = lanes_add(a, lanes_add(b, load_some(x + i, n - i)));
	fold(&a, block, sum);
}

/* Sum of (x - mean)^2. */
static void chunk_squares(size_t n, const float *x, int block, const double *mean, double *sum)
{
	float flat[PERIOD];
	for (int i = 0; i < PERIOD; i++)
		flat[i] = (float)mean[i % block];
	struct lanes m = load_all(flat), a = {0}, b = {0};
	size_t i = 0;
	for (; i + 2 * PERIOD <= n; i += 2 * PERIOD) {
		a = lanes_add(a, squares(load_all(x + i), m));
		b = lanes_add(b, squares(load_all(x + i + PERIOD), m));
	}
	if (i + PERIOD <= n) {
		a = lanes_add(a, squares(load_all(x + i), m));
		i += PERIOD;
	}
	/* missing values must not count as differences */
	if (i < n)
		a = lanes_add(a, squares(load_some(x + i, n - i), load_some(flat, n - i)));
	a = lanes_add(a, b);
	fold(&a, block, sum);
}

/* A chunk's sums and squares around its own mean, to the mean and the sum of squares of `seen` values. */
INLINE void merge_chunk(int block, double values, const double *middle, const double *square, double *seen,
                        double *mean, double *variance)
{
	double share = values / (*seen + values), rate = *seen * share;
	for (int c = 0; c < block; c++) {
		double step = middle[c] - mean[c];
		mean[c] += step * share;
		variance[c] += square[c] + step * step * rate;
	}
	*seen += values;
}

static void cpu_moments(const struct planes *p, const float *x, double *mean, double *variance)
{
	double seen = 0;
	for (int c = 0; c < p->block; c++)
		mean[c] = variance[c] = 0;
	for (size_t plane = 0; plane < p->count; plane++)
		for (size_t i = 0; i < p->n; i += CHUNK) {
			const float *at = x + plane * p->stride + i;
			size_t n = p->n - i < CHUNK ? p->n - i : CHUNK;
			double middle[PERIOD], square[PERIOD], values = (double)(n / (size_t)p->block);
			chunk_sums(n, at, p->block, middle);
			for (int c = 0; c < p->block; c++)
				middle[c] /= values;
			chunk_squares(n, at, p->block, middle, square);
			merge_chunk(p->block, values, middle, square, &seen, mean, variance);
		}
	for (int c = 0; c < p->block; c++)
		variance[c] /= seen;
}

INLINE void normalise_some(size_t n, const struct norm_lanes *l, bool relu, const float *x,
                           const float *added, float *y)
{
	struct lanes v = normal_form(load_some(x, n), l);
	if (added)
		v = lanes_add(v, load_some(added, n));
	store_some(y, relu ? rectified(v) : v, n);
}

INLINE void normalise_plane(size_t n, const struct norm_lanes *l, bool relu, const float *x,
                            const float *added, float *y)
{
	size_t i = 0;
	for (; i + PERIOD <= n; i += PERIOD)
		normalise_some(PERIOD, l, relu, x + i, added ? added + i : NULL, y + i);
	if (i < n)
		normalise_some(n - i, l, relu, x + i, added ? added + i : NULL, y + i);
}

static void cpu_normalise(const struct planes *p, const struct norm_lanes *l, bool relu, const float *x,
                          const float *added, float *y)
{
	const struct norm_lanes own = *l; /* tells the compiler that writing y does not change it */
	for (size_t i = 0; i < p->count * p->stride; i += p->stride)
		if (added && relu)
			normalise_plane(p->n, &own, true, x + i, added + i, y + i);
		else if (added)
			normalise_plane(p->n, &own, false, x + i, added + i, y + i);
		else if (relu)
			normalise_plane(p->n, &own, true, x + i, NULL, y + i);
		else
			normalise_plane(p->n, &own, false, x + i, NULL, y + i);
}

struct two_sums {
	struct lanes sum, sum_x;
};

/* Of the n floats at this place. */
INLINE struct lanes slopes_at(const struct norm_slopes *s, const struct norm_lanes *l, struct lanes x,
                              size_t at, size_t n)
{
	struct lanes dy = load_some(s->dy + at, n);
	if (s->more)
		dy = lanes_add(dy, load_some(s->more + at, n));
	if (s->y)
		dy = passed(dy, load_some(s->y + at, n));
	if (s->relu)
		dy = passed(dy, normal_form(x, l));
	if (s->left)
		store_some(s->left + at, dy, n);
	return dy;
}

INLINE void add_slopes(struct two_sums *sums, const struct norm_lanes *l, const struct norm_slopes *s,
                       const float *x, size_t at, size_t n)
{
	struct lanes mean = load_all(l->mean), v = load_some(x + at, n), dy = slopes_at(s, l, v, at, n);
	for (int i = 0; i < PERIOD_VECTORS; i++) {
		sums->sum.v[i] += dy.v[i];
		sums->sum_x.v[i] += dy.v[i] * (v.v[i] - mean.v[i]);
	}
}

/* What a chunk adds to its channels' sums. */
INLINE void add_folded(const struct two_sums *sums, int block, double *sum, double *sum_x)
{
	double more[PERIOD], more_x[PERIOD];
	fold(&sums->sum, block, more);
	fold(&sums->sum_x, block, more_x);
	for (int c = 0; c < block; c++) {
		sum[c] += more[c];
		sum_x[c] += more_x[c];
	}
}

INLINE void chunk_slopes(size_t n, int block, const struct norm_lanes *l, struct norm_slopes s,
                         const float *x, size_t at, double *sum, double *sum_x)
{
	struct two_sums sums = {0};
	size_t i = 0;
	for (; i + PERIOD <= n; i += PERIOD)
		add_slopes(&sums, l, &s, x, at + i, PERIOD);
	if (i < n)
		add_slopes(&sums, l, &s, x, at + i, n - i);
	add_folded(&sums, block, sum, sum_x);
}

static void cpu_norm_sums(const struct planes *p, const struct norm_lanes *l, const struct norm_slopes *s,
                          const float *x, double *sum, double *sum_x)
{
	const struct norm_lanes own = *l;
	for (int c = 0; c < p->block; c++)
		sum[c] = sum_x[c] = 0;
	for (size_t plane = 0; plane < p->count; plane++)
		for (size_t i = 0; i < p->n; i += CHUNK) {
			size_t at = plane * p->stride + i, n = p->n - i < CHUNK ? p->n - i : CHUNK;
			if (s->left)
				chunk_slopes(n, p->block, &own, *s, x, at, sum, sum_x);
			else if (s->relu)
				chunk_slopes(n, p->block, &own,
				             (struct norm_slopes){.dy = s->dy, .relu = true}, x, at, sum,
				             sum_x);
			else
				chunk_slopes(n, p->block, &own, (struct norm_slopes){.dy = s->dy}, x, at, sum,
				             sum_x);
		}
}

INLINE struct lanes input_slope(const struct norm_lanes *l, bool relu, struct lanes x, struct lanes dy)
{
	struct lanes mean = load_all(l->mean), scale = load_all(l->scale), less = load_all(l->less),
	             slope = load_all(l->slope);
	if (relu)
		dy = passed(dy, normal_form(x, l));
	for (int i = 0; i < PERIOD_VECTORS; i++)
		dy.v[i] = scale.v[i] * (dy.v[i] - less.v[i] - (x.v[i] - mean.v[i]) * slope.v[i]);
	return dy;
}

INLINE void back_plane(size_t n, const struct norm_lanes *l, bool relu, const float *x, const float *dy,
                       float *dx)
{
	size_t i = 0;
	for (; i + PERIOD <= n; i += PERIOD)
		store_some(dx + i, input_slope(l, relu, load_all(x + i), load_all(dy + i)), PERIOD);
	if (i < n)
		store_some(dx + i, input_slope(l, relu, load_some(x + i, n - i), load_some(dy + i, n - i)),
		           n - i);
}

static void cpu_norm_back(const struct planes *p, const struct norm_lanes *l, bool relu, const float *x,
                          const float *dy, float *dx)
{
	const struct norm_lanes own = *l;
	for (size_t i = 0; i < p->count * p->stride; i += p->stride)
		if (relu)
			back_plane(p->n, &own, true, x + i, dy + i, dx + i);
		else
			back_plane(p->n, &own, false, x + i, dy + i, dx + i);
}
