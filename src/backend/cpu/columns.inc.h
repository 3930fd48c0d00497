/* Image to columns and back, and what else a convolution as a matrix product does to pixels of n channels. */
#include "backend/cpu/image.h"

INLINE void copy_floats(size_t n, const float *from, float *to)
{
	size_t i = 0;
	for (; i + LANES_32 <= n; i += LANES_32)
		store_floats(to + i, load_floats(from + i));
	if (i < n && n >= LANES_32)
		store_floats(to + n - LANES_32, load_floats(from + n - LANES_32));
	else
		for (; i < n; i++)
			to[i] = from[i];
}

INLINE void clear_floats(size_t n, float *to)
{
	if (n > 0) /* which it seldom is; a call would take longer than a line */
		memset(to, 0, n * sizeof(*to));
}

/* Kernel positions begin to before end of a window are on the image. */
struct taps {
	int begin, end;
};

INLINE struct taps taps_of(int start, int kernel, int side)
{
	int begin = start < 0 ? -start : 0, end = start + kernel > side ? side - start : kernel;
	begin = begin < kernel ? begin : kernel;
	return (struct taps){begin, end > begin ? end : begin};
}

/* One line of a window whose first tap is pixel `left` of the image's line `from`; to: [kernel w][channels].
 */
INLINE void column_line(const struct column_window *w, int left, const float *from, float *to)
{
	struct taps t = taps_of(left, w->kernel[1], w->in[1]);
	size_t begin = (size_t)t.begin * w->channels, end = (size_t)t.end * w->channels;
	clear_floats(begin, to);
	if (begin < end)
		copy_floats(end - begin, from + (size_t)(left + t.begin) * w->channels, to + begin);
	clear_floats((size_t)w->kernel[1] * w->channels - end, to + end);
}

static void cpu_columns(const struct column_window *w, int y0, int y1, const float *x, float *columns)
{
	size_t line = (size_t)w->in[1] * w->channels, step = (size_t)w->kernel[1] * w->channels;
	for (int y = y0; y < y1; y++)
		for (int out = 0; out < w->out[1]; out++, columns += w->pitch) {
			float *to = columns;
			int top = y * w->stride[0] - w->pad[0], left = out * w->stride[1] - w->pad[1];
			for (int at = top; at < top + w->kernel[0]; at++, to += step)
				if (at < 0 || at >= w->in[0])
					clear_floats(step, to);
				else
					column_line(w, left, x + (size_t)at * line, to);
		}
}

/* Of a line of outputs, those whose tap `shift` pixels behind the first window's start is on the image. */
INLINE struct taps outputs_of(const struct column_window *w, int shift)
{
	int stride = w->stride[1], out = w->out[1], begin = shift < 0 ? (stride - 1 - shift) / stride : 0,
	    end = w->in[1] > shift ? (w->in[1] - shift - 1) / stride + 1 : 0;
	begin = begin < out ? begin : out;
	return (struct taps){begin, end < begin ? begin : end < out ? end : out};
}

/* One tap's number for each output of a line; from: the image's line, of one channel. */
INLINE void turned_line(const struct column_window *w, struct taps t, int shift, const float *from, float *to)
{
	clear_floats((size_t)t.begin, to);
	if (t.begin < t.end && w->stride[1] == 1)
		copy_floats((size_t)(t.end - t.begin), from + t.begin + shift, to + t.begin);
	else
		for (int i = t.begin; i < t.end; i++)
			to[i] = from[i * w->stride[1] + shift];
	clear_floats((size_t)(w->out[1] - t.end), to + t.end);
}

static void cpu_columns_turned(const struct column_window *w, int y0, int y1, const float *x, float *columns)
{
	const struct column_window own = *w; /* tells the compiler that writing does not change it */
	size_t width = (size_t)w->in[1], plane = (size_t)w->in[0] * width, out = (size_t)w->out[1];
	for (size_t p = 0; p < own.planes; p++, x += plane)
		for (int i = 0; i < own.kernel[0] * own.kernel[1]; i++) {
			int at = y0 * own.stride[0] - own.pad[0] + i / own.kernel[1],
			    shift = i % own.kernel[1] - own.pad[1];
			struct taps t = outputs_of(&own, shift);
			for (int y = y0; y < y1; y++, columns += out, at += own.stride[0])
				if (at < 0 || at >= own.in[0])
					clear_floats(out, columns);
				else
					turned_line(&own, t, shift, x + (size_t)at * width, columns);
		}
}

/* Along one side, the outputs whose windows have a pixel: from begin to before end. */
struct reach {
	int begin, end;
};

/* at: the pixel, counted from the padding's first. Of outputs lo to before hi. */
INLINE struct reach reach_of(int at, int kernel, int stride, int lo, int hi)
{
	int begin = at < kernel ? 0 : (at - kernel) / stride + 1, end = at / stride + 1;
	begin = begin > lo ? begin : lo;
	end = end < hi ? end : hi;
	return (struct reach){begin, end > begin ? end : begin};
}

/* What one pixel's channels get: `rows` x `taps` numbers each, at two distances from each other. */
struct pixel_taps {
	int rows, taps;
	ptrdiff_t row, tap;
};

INLINE vfloat sum_taps(vfloat sum, const struct pixel_taps *t, const float *d)
{
	for (int row = 0; row < t->rows; row++)
		for (int tap = 0; tap < t->taps; tap++)
			sum += load_floats(d + row * t->row + tap * t->tap);
	return sum;
}

INLINE void pixel_back(const struct pixel_taps *t, size_t channels, const float *d, float *dx)
{
	size_t c = 0;
	for (; c + LANES_32 <= channels; c += LANES_32)
		store_floats(dx + c, sum_taps(load_floats(dx + c), t, d + c));
	if (c == channels)
		return;
	vfloat sum = sum_taps((vfloat){0}, t, d + c); /* reads what belongs to others, or to nobody */
	for (unsigned i = 0; c + i < channels; i++)
		dx[c + i] += sum[i];
}

/* A line of pixels; d: the first tap that it has in the first window of the first line of outputs that reach
 * it. */
INLINE void line_back(const struct column_window *w, struct pixel_taps t, ptrdiff_t row, const float *d,
                      float *dx)
{
	ptrdiff_t channels = (ptrdiff_t)w->channels;
	for (int x = w->pad[1]; x < w->in[1] + w->pad[1]; x++, dx += channels) {
		struct reach across = reach_of(x, w->kernel[1], w->stride[1], 0, w->out[1]);
		t.taps = across.end - across.begin;
		if (t.taps > 0)
			pixel_back(&t, w->channels,
			           d + across.begin * row + (x - across.begin * w->stride[1]) * channels, dx);
	}
}

static void cpu_columns_back(const struct column_window *w, int y0, int y1, const float *d_columns, float *dx)
{
	ptrdiff_t channels = (ptrdiff_t)w->channels, line = w->kernel[1] * channels,
	          row = (ptrdiff_t)w->pitch, width = w->in[1] * channels;
	struct pixel_taps t = {.row = w->out[1] * row - w->stride[0] * line,
	                       .tap = row - w->stride[1] * channels};
	/* the lines that windows of the strip cover, counted from the padding's first */
	int first = y0 * w->stride[0], end = (y1 - 1) * w->stride[0] + w->kernel[0];
	first = first > w->pad[0] ? first : w->pad[0];
	end = end < w->in[0] + w->pad[0] ? end : w->in[0] + w->pad[0];
	for (int y = first; y < end; y++) {
		struct reach down = reach_of(y, w->kernel[0], w->stride[0], y0, y1);
		t.rows = down.end - down.begin;
		line_back(w, t, row,
		          d_columns + (down.begin - y0) * w->out[1] * row +
		                  (y - down.begin * w->stride[0]) * line,
		          dx + (y - w->pad[0]) * width);
	}
}

/* max(y + bias, 0), or y + bias; NaN stays. */
INLINE vfloat biased(vfloat y, const float *bias, bool relu)
{
	y += load_floats(bias);
	return relu ? (vfloat)((vhalf)y & ~(vhalf)(y < 0)) : y;
}

/* The last vector of a pixel may overlap the one before it, so it is read first. */
INLINE void bias_pixel(size_t n, const float *bias, bool relu, float *y)
{
	vfloat last = biased(load_floats(y + n - LANES_32), bias + n - LANES_32, relu);
	for (size_t c = 0; c + LANES_32 < n; c += LANES_32)
		store_floats(y + c, biased(load_floats(y + c), bias + c, relu));
	store_floats(y + n - LANES_32, last);
}

static void cpu_bias_relu(size_t pixels, size_t n, const float *bias, bool relu, float *y)
{
	if (!bias && relu)
		plain_relu(NULL, pixels * n, y);
	for (size_t i = 0; i < pixels && bias; i++, y += n)
		if (n < LANES_32 && relu)
			plain_add_relu(NULL, n, bias, y);
		else if (n < LANES_32)
			plain_add(NULL, n, bias, y);
		else if (relu)
			bias_pixel(n, bias, true, y);
		else
			bias_pixel(n, bias, false, y);
}

/* Sums of one vector of channels, as four chains, because an addition waits for the one before it. */
INLINE vfloat vector_sum(size_t pixels, size_t n, const float *y)
{
	vfloat sum[4] = {{0}};
	size_t i = 0;
	for (; i + 4 <= pixels; i += 4)
		for (size_t j = 0; j < 4; j++)
			sum[j] += load_floats(y + (i + j) * n);
	for (; i < pixels; i++)
		sum[0] += load_floats(y + i * n);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The last vector of channels may overlap the one before it. */
static void cpu_pixel_sums(size_t pixels, size_t n, const float *y, float *sum)
{
	if (n < LANES_32) {
		plain_sum_rows(NULL, pixels, n, y, sum);
		return;
	}
	for (size_t c = 0; c < n; c += LANES_32) {
		size_t at = c + LANES_32 <= n ? c : n - LANES_32;
		store_floats(sum + at, vector_sum(pixels, n, y + at));
	}
}
