/*
 * Batch normalisation where planes are single pixels, of at most PERIOD channels: chunks of many planes, so
 * that what is done once a chunk is not done for each pixel.
 */

enum { CHUNK_PIXELS = 128 };

static void pixels_sums(size_t count, const struct planes *p, const float *x, double *sum)
{
	struct lanes a = {0}, b = {0};
	size_t i = 0;
	for (; i + 2 <= count; i += 2) {
		a = lanes_add(a, load_some(x + i * p->stride, p->n));
		b = lanes_add(b, load_some(x + (i + 1) * p->stride, p->n));
	}
	if (i < count)
		a = lanes_add(a, load_some(x + i * p->stride, p->n));
	a = lanes_add(a, b);
	fold(&a, p->block, sum);
}

/* Of x - mean. */
static void pixels_squares(size_t count, const struct planes *p, const float *x, const double *mean,
                           double *sum)
{
	float flat[PERIOD] = {0};
	struct lanes a = {0};
	for (int c = 0; c < p->block; c++)
		flat[c] = (float)mean[c];
	struct lanes m = load_all(flat);
	for (size_t i = 0; i < count; i++)
		a = lanes_add(a, squares(load_some(x + i * p->stride, p->n), m));
	fold(&a, p->block, sum);
}

static void cpu_pixel_moments(const struct planes *p, const float *x, double *mean, double *variance)
{
	double seen = 0;
	for (int c = 0; c < p->block; c++)
		mean[c] = variance[c] = 0;
	for (size_t i = 0; i < p->count; i += CHUNK_PIXELS) {
		const float *at = x + i * p->stride;
		size_t n = p->count - i < CHUNK_PIXELS ? p->count - i : CHUNK_PIXELS;
		double middle[PERIOD], square[PERIOD];
		pixels_sums(n, p, at, middle);
		for (int c = 0; c < p->block; c++)
			middle[c] /= (double)n;
		pixels_squares(n, p, at, middle, square);
		merge_chunk(p->block, (double)n, middle, square, &seen, mean, variance);
	}
	for (int c = 0; c < p->block; c++)
		variance[c] /= seen;
}

static void cpu_pixel_slopes(const struct planes *p, const struct norm_lanes *l, const struct norm_slopes *s,
                             const float *x, double *sum, double *sum_x)
{
	const struct norm_lanes own = *l;
	for (int c = 0; c < p->block; c++)
		sum[c] = sum_x[c] = 0;
	for (size_t i = 0; i < p->count; i += CHUNK_PIXELS) {
		size_t end = p->count - i < CHUNK_PIXELS ? p->count : i + CHUNK_PIXELS;
		struct two_sums sums = {0};
		for (size_t pixel = i; pixel < end; pixel++)
			add_slopes(&sums, &own, s, x, pixel * p->stride, p->n);
		add_folded(&sums, p->block, sum, sum_x);
	}
}
