/*
 * A rectangle of an image, brought to a square of another size: bilinear, and where it is made smaller the
 * triangle is as wide as the pixels it makes one of, so that nothing aliases (what Pillow and torchvision
 * with antialias call bilinear). Pixel k covers [k, k + 1); output pixel i looks at the point begin + (i +
 * 1/2) length / size with a triangle of half-width max(1, length / size); weights that fall outside the
 * image are dropped and the others made to sum to 1. Columns first, then rows, in float; rounded at the
 * end. Plain C without fused operations: the same bits everywhere.
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

/* Memory that grows as images ask for it, and stays. */
struct resample_scratch {
	int *first;     /* [2 size] the first pixel that an output pixel looks at: columns, then rows */
	int *count;     /* [2 size] how many */
	float *weights; /* [size][taps of a column], then [size][taps of a row] */
	float *rows;    /* [rows looked at + 1][size][3] */
	size_t weights_size, rows_size;
	int size;
};

/* out [3][size][size]; mirrored: left and right change places. */
void resample(const struct bitmap *p, const struct rectangle *r, int size, bool mirrored,
              struct resample_scratch *scratch, uint8_t *out);
void resample_clear(struct resample_scratch *scratch);

#endif
