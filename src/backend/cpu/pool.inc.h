/* Pools on one plane [height][width][block] of blocked channels. */

/* The part of a window that is on the plane. */
struct pool_range {
	int y0, y1, x0, x1;
};

INLINE struct pool_range range_of(const struct pool_window *w, int y, int x)
{
	int y0 = y * w->stride[0] - w->pad[0], x0 = x * w->stride[1] - w->pad[1];
	int y1 = y0 + w->kernel[0], x1 = x0 + w->kernel[1];
	return (struct pool_range){y0 > 0 ? y0 : 0, y1 < w->in[0] ? y1 : w->in[0], x0 > 0 ? x0 : 0,
	                           x1 < w->in[1] ? x1 : w->in[1]};
}

/* Eight channels: the smallest block, half of the other. */
typedef float pool_floats __attribute__((vector_size(32)));
typedef int32_t pool_places __attribute__((vector_size(32)));
enum { POOL_LANES = 8 };

/* Eight channels of one output. The first of the largest stays; a NaN is larger than any number. */
INLINE void max_of(const struct pool_window *w, struct pool_range r, const float *x, int32_t *from, float *y)
{
	pool_places place = (pool_places){0} + (r.y0 * w->in[1] + r.x0);
	pool_floats best, v;
	memcpy(&best, x + (size_t)place[0] * (size_t)w->block, sizeof(best));
	for (int iy = r.y0; iy < r.y1; iy++)
		for (int ix = r.x0; ix < r.x1; ix++) {
			int32_t at = iy * w->in[1] + ix;
			memcpy(&v, x + (size_t)at * (size_t)w->block, sizeof(v));
			pool_places larger = ~(v <= best) & (best == best);
			best = (pool_floats)(((pool_places)v & larger) | ((pool_places)best & ~larger));
			place = (at & larger) | (place & ~larger);
		}
	memcpy(y, &best, sizeof(best));
	memcpy(from, &place, sizeof(place));
}

static void cpu_max_pool(const struct pool_window *w, const float *x, int32_t *from, float *y)
{
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, y += w->block, from += w->block)
			for (int c = 0; c < w->block; c += POOL_LANES)
				max_of(w, range_of(w, oy, ox), x + c, from + c, y + c);
}

static void clear_plane(const struct pool_window *w, float *x)
{
	memset(x, 0, (size_t)w->in[0] * (size_t)w->in[1] * (size_t)w->block * sizeof(*x));
}

static void cpu_max_back(const struct pool_window *w, const int32_t *from, const float *dy, float *dx)
{
	size_t block = (size_t)w->block, outputs = (size_t)w->out[0] * (size_t)w->out[1];
	clear_plane(w, dx);
	for (size_t i = 0; i < outputs; i++, dy += block, from += block)
		for (size_t c = 0; c < block; c++)
			dx[(size_t)from[c] * block + c] += dy[c];
}

INLINE void mean_plane(const struct pool_window *w, int block, const float *x, float *y)
{
	float area = (float)w->kernel[0] * (float)w->kernel[1];
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, y += block) {
			struct pool_range r = range_of(w, oy, ox);
			float sum[16] = {0};
			for (int iy = r.y0; iy < r.y1; iy++)
				for (int ix = r.x0; ix < r.x1; ix++)
					for (int c = 0; c < block; c++)
						sum[c] += x[(iy * w->in[1] + ix) * block + c];
			for (int c = 0; c < block; c++)
				y[c] = sum[c] / area;
		}
}

static void cpu_mean_pool(const struct pool_window *w, const float *x, float *y)
{
	if (w->block == 16)
		mean_plane(w, 16, x, y);
	else
		mean_plane(w, 8, x, y);
}

INLINE void mean_plane_back(const struct pool_window *w, int block, const float *dy, float *dx)
{
	float area = (float)w->kernel[0] * (float)w->kernel[1];
	clear_plane(w, dx);
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, dy += block) {
			struct pool_range r = range_of(w, oy, ox);
			float share[16];
			for (int c = 0; c < block; c++)
				share[c] = dy[c] / area;
			for (int iy = r.y0; iy < r.y1; iy++)
				for (int ix = r.x0; ix < r.x1; ix++)
					for (int c = 0; c < block; c++)
						dx[(iy * w->in[1] + ix) * block + c] += share[c];
		}
}

static void cpu_mean_back(const struct pool_window *w, const float *dy, float *dx)
{
	if (w->block == 16)
		mean_plane_back(w, 16, dy, dx);
	else
		mean_plane_back(w, 8, dy, dx);
}
