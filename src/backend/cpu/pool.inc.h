/*
 * Pools on one plane [height][width][block] of blocked channels, eight channels at a time. The last eight of
 * a block that is no multiple of eight overlap those before, and are computed twice.
 */

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

typedef float pool_floats __attribute__((vector_size(32)));
typedef int32_t pool_places __attribute__((vector_size(32)));
enum { POOL_LANES = 8 };

/* First of the channels that follow c of a block; there are fewer than eight only in a smaller block. */
INLINE size_t pool_first(const struct pool_window *w, int c)
{
	int first = c + POOL_LANES <= w->block ? c : w->block - POOL_LANES;
	return first > 0 ? (size_t)first : 0;
}

/* `few` channels, if there are no eight: constant where these are expanded, as a copy's size should be. */
INLINE void copy_channels(const struct pool_window *w, const bool few, const void *from, void *to)
{
	if (!few)
		memcpy(to, from, POOL_LANES * sizeof(float));
	else
		for (int c = 0; c < w->block; c++)
			memcpy((float *)to + c, (const float *)from + c, sizeof(float));
}

/* Eight channels of one output. The first of the largest stays; a NaN is larger than any number. */
INLINE void max_of(const struct pool_window *w, const bool few, struct pool_range r, const float *x,
                   int32_t *from, float *y)
{
	pool_places place = (pool_places){0} + (r.y0 * w->in[1] + r.x0);
	pool_floats best = {0}, v = {0};
	copy_channels(w, few, x + (size_t)place[0] * (size_t)w->block, &best);
	for (int iy = r.y0; iy < r.y1; iy++)
		for (int ix = r.x0; ix < r.x1; ix++) {
			int32_t at = iy * w->in[1] + ix;
			copy_channels(w, few, x + (size_t)at * (size_t)w->block, &v);
			pool_places larger = ~(v <= best) & (best == best);
			best = (pool_floats)(((pool_places)v & larger) | ((pool_places)best & ~larger));
			place = (at & larger) | (place & ~larger);
		}
	copy_channels(w, few, &best, y);
	copy_channels(w, few, &place, from);
}

INLINE void max_plane(const struct pool_window *w, const bool few, const float *x, int32_t *from, float *y)
{
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, y += w->block, from += w->block) {
			struct pool_range r = range_of(w, oy, ox);
			for (int c = 0; c < w->block; c += POOL_LANES) {
				size_t at = pool_first(w, c);
				max_of(w, few, r, x + at, from + at, y + at);
			}
		}
}

static void cpu_max_pool(const struct pool_window *w, const float *x, int32_t *from, float *y)
{
	const struct pool_window own = *w; /* tells the compiler that writing does not change it */
	if (w->block < POOL_LANES)
		max_plane(&own, true, x, from, y);
	else
		max_plane(&own, false, x, from, y);
}

static void clear_plane(const struct pool_window *w, float *x)
{
	memset(x, 0, (size_t)w->in[0] * (size_t)w->in[1] * (size_t)w->block * sizeof(*x));
}

/* Is there at most one window for each pixel; and at least one? */
INLINE bool is_disjoint(const struct pool_window *w)
{
	return w->pad[0] == 0 && w->pad[1] == 0 && w->stride[0] >= w->kernel[0] &&
	       w->stride[1] >= w->kernel[1];
}

INLINE bool is_covered(const struct pool_window *w)
{
	return w->out[0] * w->kernel[0] == w->in[0] && w->out[1] * w->kernel[1] == w->in[1];
}

/* Write eight channels of one window, which no other shares. */
INLINE void max_back_of(const struct pool_window *w, const bool few, struct pool_range r, const int32_t *from,
                        const float *dy, float *dx)
{
	pool_places place = {0}, slope = {0};
	copy_channels(w, few, from, &place);
	copy_channels(w, few, dy, &slope);
	for (int iy = r.y0; iy < r.y1; iy++)
		for (int ix = r.x0; ix < r.x1; ix++) {
			int32_t at = iy * w->in[1] + ix;
			pool_places own = slope & (place == at);
			copy_channels(w, few, &own, dx + (size_t)at * (size_t)w->block);
		}
}

INLINE void max_plane_back(const struct pool_window *w, const bool few, const int32_t *from, const float *dy,
                           float *dx)
{
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, dy += w->block, from += w->block) {
			struct pool_range r = range_of(w, oy, ox);
			for (int c = 0; c < w->block; c += POOL_LANES) {
				size_t at = pool_first(w, c);
				max_back_of(w, few, r, from + at, dy + at, dx + at);
			}
		}
}

static void cpu_max_back(const struct pool_window *w, const int32_t *from, const float *dy, float *dx)
{
	const struct pool_window own = *w;
	size_t block = (size_t)w->block, outputs = (size_t)w->out[0] * (size_t)w->out[1];
	bool disjoint = is_disjoint(w);
	if (!disjoint || !is_covered(w))
		clear_plane(w, dx);
	if (disjoint && w->block < POOL_LANES)
		max_plane_back(&own, true, from, dy, dx);
	else if (disjoint)
		max_plane_back(&own, false, from, dy, dx);
	for (size_t i = 0; i < outputs && !disjoint; i++, dy += block, from += block)
		for (size_t c = 0; c < block; c++)
			dx[(size_t)from[c] * block + c] += dy[c];
}

INLINE void mean_of(const struct pool_window *w, const bool few, struct pool_range r, const float *x,
                    float *y)
{
	pool_floats sum = {0}, v = {0};
	for (int iy = r.y0; iy < r.y1; iy++)
		for (int ix = r.x0; ix < r.x1; ix++) {
			copy_channels(w, few, x + (size_t)(iy * w->in[1] + ix) * (size_t)w->block, &v);
			sum += v;
		}
	sum /= (float)w->kernel[0] * (float)w->kernel[1];
	copy_channels(w, few, &sum, y);
}

static void cpu_mean_pool(const struct pool_window *w, const float *x, float *y)
{
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, y += w->block)
			for (int c = 0; c < w->block; c += POOL_LANES) {
				size_t at = pool_first(w, c);
				if (w->block < POOL_LANES)
					mean_of(w, true, range_of(w, oy, ox), x, y);
				else
					mean_of(w, false, range_of(w, oy, ox), x + at, y + at);
			}
}

/* n channels, at most eight, of one window. */
INLINE void mean_back_of(const struct pool_window *w, struct pool_range r, int n, const float *dy, float *dx)
{
	float area = (float)w->kernel[0] * (float)w->kernel[1], share[POOL_LANES];
	for (int c = 0; c < n; c++)
		share[c] = dy[c] / area;
	for (int iy = r.y0; iy < r.y1; iy++)
		for (int ix = r.x0; ix < r.x1; ix++) {
			float *pixel = dx + (size_t)(iy * w->in[1] + ix) * (size_t)w->block;
			for (int c = 0; c < n; c++)
				pixel[c] += share[c];
		}
}

static void cpu_mean_back(const struct pool_window *w, const float *dy, float *dx)
{
	clear_plane(w, dx);
	for (int oy = 0; oy < w->out[0]; oy++)
		for (int ox = 0; ox < w->out[1]; ox++, dy += w->block)
			for (int c = 0; c < w->block; c += POOL_LANES)
				if (c + POOL_LANES <= w->block)
					mean_back_of(w, range_of(w, oy, ox), POOL_LANES, dy + c, dx + c);
				else
					mean_back_of(w, range_of(w, oy, ox), w->block - c, dy + c, dx + c);
}
