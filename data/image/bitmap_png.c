/* PNG, by libpng's simplified interface: it looks up palettes and makes 8 bits of 16. */
#include "data/image/bitmap_internal.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

enum { RGBA = 4 };

int bitmap_png(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	if (!png_image_begin_read_from_memory(&image, bytes, n)) {
		snprintf(why, WHY_BYTES, "is a damaged PNG file: %s", image.message);
		return -1;
	}
	size_t pixels = (size_t)image.width * image.height;
	if (pixels > BITMAP_PIXELS_MAX) {
		snprintf(why, WHY_BYTES, "has %u x %u pixels, expected at most %d", image.width, image.height,
		         BITMAP_PIXELS_MAX);
		png_image_free(&image);
		return -1;
	}
	image.format = PNG_FORMAT_RGBA;           /* without A, libpng would blend it with black */
	image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* not linear light, unless the file says so */
	bitmap_reserve(&p->rgb, &p->size, (pixels * RGBA + RGB - 1) / RGB);
	if (!png_image_finish_read(&image, NULL, p->rgb, 0, NULL)) {
		snprintf(why, WHY_BYTES, "is a damaged PNG file: %s", image.message);
		return -1;
	}
	for (size_t i = 0; i < pixels; i++)
		memmove(p->rgb + i * RGB, p->rgb + i * RGBA, RGB);
	p->width = p->full_width = (int)image.width;
	p->height = p->full_height = (int)image.height;
	return 0;
}
