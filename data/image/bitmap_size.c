/* The size of an image, which its file may state at will, and the room for its pixels. */
#include "data/image/bitmap_internal.h"

#include <stdio.h>

int bitmap_check_size(uint64_t width, uint64_t height, char why[WHY_BYTES])
{
	const uint64_t most = BITMAP_PIXELS_MAX;
	if (width > 0 && height > 0 && width <= most && height <= most && width * height <= most)
		return 0;
	snprintf(why, WHY_BYTES, "has %llu x %llu pixels, expected %s%d", (unsigned long long)width,
	         (unsigned long long)height, width && height ? "at most " : "1 to ", BITMAP_PIXELS_MAX);
	return -1;
}

int bitmap_size(struct bitmap *p, uint64_t width, uint64_t height, char why[WHY_BYTES])
{
	if (bitmap_check_size(width, height, why))
		return -1;
	bitmap_reserve(&p->rgb, &p->size, (size_t)width * (size_t)height);
	p->width = p->full_width = (int)width;
	p->height = p->full_height = (int)height;
	return 0;
}
