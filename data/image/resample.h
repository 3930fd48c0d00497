/*
 * Resize a rectangle of an image to a square: bilinear, with a filter that is wider when the image shrinks,
 * to prevent aliasing (as Pillow's bilinear, or torchvision's with antialias).
 *
 * Pixel k covers [k, k + 1). Output pixel i is a weighted mean of the input around the point begin + (i +
 * 1/2) length / size; the weights form a triangle of half-width max(1, length / size). Weights outside the
 * image are dropped, and the others scaled so that they sum to 1. Columns are resized first, then rows, in
 * float; the result is rounded at the end. Plain C without fused operations gives the same bits on every
 * machine.
 */
#ifndef SIGNSGD_DATA_IMAGE_RESAMPLE_H
#define SIGNSGD_DATA_IMAGE_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "data/image/bitmap.h"

struct rectangle {
	double x, y, width, height; /* in pixels of the full-size image */
};

/* Memory that grows with the images and is kept between them. */
struct resample_scratch {
	int *first;     /* [2 size] first input pixel of each output pixel: columns, then rows */
	int *count;     /* [2 size] number of input pixels */
	float *weights; /* [size][taps of a column], then [size][taps of a row] */
	float *rows;    /* [rows used + 1][size][3] */
	size_t weights_size, rows_size;
	int size;
};

/* out [3][size][size]; mirrored: left and right are swapped. */
void resample(const struct bitmap *p, const struct rectangle *r, int size, bool mirrored,
              struct resample_scratch *scratch, uint8_t *out);
void resample_clear(struct resample_scratch *scratch);

#endif
