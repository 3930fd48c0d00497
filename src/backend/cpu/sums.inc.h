/* Sums in double: one a lane, in four vectors, so that additions need not wait for each other. */

enum { LANES_SUM = VECTOR_BYTES / 8, SUM_VECTORS = 4, SUM_BLOCK = LANES_SUM * SUM_VECTORS };

enum sum_kind { SUM_PLAIN, SUM_ABS, SUM_PRODUCT };

INLINE vdouble summand(enum sum_kind kind, const float *x, const float *y)
{
	vdouble v = row_widened(x);
	if (kind == SUM_PRODUCT)
		return v * row_widened(y);
	if (kind == SUM_ABS)
		return (vdouble)((vword)v & (UINT64_MAX >> 1));
	return v;
}

INLINE double sum_any(enum sum_kind kind, size_t n, const float *x, const float *y)
{
	vdouble sum[SUM_VECTORS] = {{0}};
	size_t i = 0;
	for (; i + SUM_BLOCK <= n; i += SUM_BLOCK)
		for (size_t v = 0; v < SUM_VECTORS; v++)
			sum[v] += summand(kind, x + i + v * LANES_SUM, y + i + v * LANES_SUM);
	vdouble all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
	double total = 0;
	for (size_t lane = 0; lane < LANES_SUM; lane++)
		total += all[lane];
	for (; i < n; i++) {
		double v = x[i];
		total += kind == SUM_PRODUCT ? v * y[i] : kind == SUM_ABS ? fabs(v) : v;
	}
	return total;
}

static double sum_of(size_t n, const float *x)
{
	return sum_any(SUM_PLAIN, n, x, x);
}

static void cpu_sum_abs(HOST_QUEUE, size_t n, const float *x, double *out)
{
	*out = sum_any(SUM_ABS, n, x, x);
}

static void cpu_sum_square(HOST_QUEUE, size_t n, const float *x, double *out)
{
	*out = sum_any(SUM_PRODUCT, n, x, x);
}

static void cpu_dot(HOST_QUEUE, size_t n, const float *x, const float *y, double *out)
{
	*out = sum_any(SUM_PRODUCT, n, x, y);
}
