/* Weights along each side, then two passes. */
#include "data/image/resample.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { RGB = 3 };

/* Along one side: the input pixels and weights of each of `size` output pixels. */
struct side {
	int size, taps;     /* taps: the most input pixels of an output pixel */
	int *first, *count; /* [size] */
	float *weights;     /* [size][taps] */
};

static int taps_of(double step)
{
	return (int)ceil(2 * fmax(step, 1)) + 2;
}

/* Output pixel i of a side: begins at `begin`, `step` input pixels for one output pixel, of `length` in all.
 */
static void weigh_pixel(const struct side *s, int i, double begin, double step, int length)
{
	double centre = begin + (i + .5) * step, half = fmax(step, 1), sum = 0;
	int first = (int)floor(centre - half), end = (int)ceil(centre + half);
	float *w = s->weights + (size_t)i * (size_t)s->taps;
	first = first < 0 ? 0 : first > length - 1 ? length - 1 : first;
	end = end > length ? length : end <= first ? first + 1 : end;
	for (int k = first; k < end; k++)
		sum += fmax(0, 1 - fabs(k + .5 - centre) / half);
	for (int k = first; k < end; k++)
		w[k - first] = sum > 0 ? (float)(fmax(0, 1 - fabs(k + .5 - centre) / half) / sum)
		                       : 1.0f / (float)(end - first);
	s->first[i] = first;
	s->count[i] = end - first;
}

static void weigh(const struct side *s, double begin, double step, int length, bool mirrored)
{
	for (int i = 0; i < s->size; i++)
		weigh_pixel(s, i, mirrored ? begin + (s->size - 1 - 2 * i) * step : begin, step, length);
}

static void *grow(void *at, size_t *size, size_t count)
{
	if (*size >= count)
		return at;
	mem_free(at);
	*size = count;
	return mem_array(count, sizeof(float));
}

/* The weights of both sides, in the scratch memory. */
static void weigh_sides(struct side *columns, struct side *rows, const struct bitmap *p,
                        const struct rectangle *r, int size, bool mirrored, struct resample_scratch *scratch)
{
	double shrunk_x = (double)p->width / p->full_width, shrunk_y = (double)p->height / p->full_height;
	double step_x = r->width * shrunk_x / size, step_y = r->height * shrunk_y / size;
	size_t n = (size_t)size;
	if (scratch->size != size) {
		mem_free(scratch->first);
		mem_free(scratch->count);
		scratch->first = mem_array(2 * n, sizeof *scratch->first);
		scratch->count = mem_array(2 * n, sizeof *scratch->count);
		scratch->size = size;
	}
	*columns = (struct side){size, taps_of(step_x), scratch->first, scratch->count, NULL};
	*rows = (struct side){size, taps_of(step_y), scratch->first + n, scratch->count + n, NULL};
	scratch->weights =
	        grow(scratch->weights, &scratch->weights_size, n * (size_t)(columns->taps + rows->taps));
	columns->weights = scratch->weights;
	rows->weights = scratch->weights + n * (size_t)columns->taps;
	weigh(columns, r->x * shrunk_x, step_x, p->width, mirrored);
	weigh(rows, r->y * shrunk_y, step_y, p->height, false);
}

/* A row of the image to out [size][3]. */
static void across(const struct side *s, const uint8_t *row, float *out)
{
	for (int i = 0; i < s->size; i++, out += RGB) {
		const uint8_t *p = row + (size_t)s->first[i] * RGB;
		const float *w = s->weights + (size_t)i * (size_t)s->taps;
		float red = 0, green = 0, blue = 0;
		for (int k = 0; k < s->count[i]; k++, p += RGB) {
			red += w[k] * p[0];
			green += w[k] * p[1];
			blue += w[k] * p[2];
		}
		out[0] = red;
		out[1] = green;
		out[2] = blue;
	}
}

/* sum [n] = weighted sum of rows [count][n]. */
static void down(const float *rows, const float *weights, int count, size_t n, float *sum)
{
	memset(sum, 0, n * sizeof *sum);
	for (int k = 0; k < count; k++, rows += n)
		for (size_t i = 0; i < n; i++)
			sum[i] += weights[k] * rows[i];
}

static void put_row(const float *sum, int size, uint8_t *out)
{
	size_t plane = (size_t)size * (size_t)size;
	for (int x = 0; x < size; x++)
		for (int c = 0; c < RGB; c++) {
			float v = sum[x * RGB + c] + .5f;
			out[(size_t)c * plane + (size_t)x] = v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
		}
}

void resample(const struct bitmap *p, const struct rectangle *r, int size, bool mirrored,
              struct resample_scratch *scratch, uint8_t *out)
{
	struct side columns, rows;
	size_t line = (size_t)size * RGB;
	weigh_sides(&columns, &rows, p, r, size, mirrored, scratch);
	int top = rows.first[0], bottom = rows.first[size - 1] + rows.count[size - 1];
	size_t used = (size_t)(bottom - top);
	scratch->rows = grow(scratch->rows, &scratch->rows_size, (used + 1) * line);
	float *sum = scratch->rows + used * line; /* behind the rows */
	for (int y = top; y < bottom; y++)
		across(&columns, p->rgb + (size_t)y * (size_t)p->width * RGB,
		       scratch->rows + (size_t)(y - top) * line);
	for (int y = 0; y < size; y++, out += size) {
		down(scratch->rows + (size_t)(rows.first[y] - top) * line,
		     rows.weights + (size_t)y * (size_t)rows.taps, rows.count[y], line, sum);
		put_row(sum, size, out);
	}
}

void resample_clear(struct resample_scratch *scratch)
{
	mem_free(scratch->first);
	mem_free(scratch->count);
	mem_free(scratch->weights);
	mem_free(scratch->rows);
	*scratch = (struct resample_scratch){0};
}
