/* For tests: JPEG and PNG files of one smooth image, whose colours are known at every place, in many kinds.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_BITMAP_FILES_H
#define SIGNSGD_TESTS_SUPPORT_BITMAP_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* clang-format off */
#include <jpeglib.h> /* after stdio.h */
#include <png.h>
/* clang-format on */

/* A file as bytes. */
struct made {
	uint8_t *at; /* [n]; free() */
	size_t n;
};

/* The image at (x, y), each from 0 to 1: red grows to the right, green downwards, blue falls to the right. */
void made_colour(double x, double y, int rgb[3]);

struct jpeg_kind {
	int width, height;
	J_COLOR_SPACE stored; /* JCS_YCbCr, JCS_GRAYSCALE, JCS_CMYK, JCS_YCCK */
	int sampling;         /* of the luma, each way: 1: 4:4:4, 2: 4:2:0 */
	int progressive, orientation /* EXIF; 0: none */, big_endian;
};

struct made make_jpeg(const struct jpeg_kind *k);

/* type: PNG_COLOR_TYPE_...; depth 8 or 16. A palette holds steps of green; alpha grows to the right. */
struct made make_png(int width, int height, int type, int depth);

/* A PNG file of 8-bit palette indices up to 255 with a palette of ten colours. */
struct made make_short_palette(void);

#endif
