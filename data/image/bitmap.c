/* Choosing the decoder, and turning an image upright. */
#include "data/image/bitmap.h"

#include <stdio.h>
#include <string.h>

#include "data/image/bitmap_internal.h"

/*
 * EXIF's orientation says what the stored row 0 and column 0 show: 1 top left, 2 top right, 3 bottom right, 4
 * bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom. From 5 on rows show columns.
 */
static void turn(struct bitmap *p, int orientation)
{
	int w = p->width, h = p->height, swapped = orientation >= 5;
	int right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
	int bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
	int out_w = swapped ? h : w, out_h = swapped ? w : h;
	bitmap_reserve(&p->turned, &p->turned_capacity, (size_t)w * (size_t)h);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			int to_x = swapped ? y : x, to_y = swapped ? x : y;
			to_x = right ? out_w - 1 - to_x : to_x;
			to_y = bottom ? out_h - 1 - to_y : to_y;
			memcpy(p->turned + ((size_t)to_y * (size_t)out_w + (size_t)to_x) * RGB,
			       p->rgb + ((size_t)y * (size_t)w + (size_t)x) * RGB, RGB);
		}
	uint8_t *stored = p->rgb;
	size_t size = p->size;
	p->rgb = p->turned;
	p->size = p->turned_capacity;
	p->turned = stored;
	p->turned_capacity = size;
	p->width = out_w;
	p->height = out_h;
}

int bitmap_decode(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                  char why[WHY_BYTES])
{
	static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	int orientation = 1, rc;
	if (n == 0) {
		snprintf(why, WHY_BYTES, "is empty");
		return -1;
	}
	if (n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
		rc = bitmap_jpeg(bytes, n, need, p, &orientation, why);
	else if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
		rc = bitmap_png(bytes, n, p, why);
	else {
		snprintf(why, WHY_BYTES, "is neither a JPEG nor a PNG file");
		return -1;
	}
	if (!rc && orientation != 1)
		turn(p, orientation);
	return rc;
}

void bitmap_clear(struct bitmap *p)
{
	mem_free(p->rgb);
	mem_free(p->turned);
	*p = (struct bitmap){0};
}
