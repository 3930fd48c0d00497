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

/* How files begin. A format without a decoder is known by name only, so that the refusal can say it. */
static const struct format {
	const char *name, *begin;
	size_t n, at; /* bytes of `begin`, and where they stand */
	int (*decode)(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);
} formats[] = {
        {"PNG", "\x89PNG\r\n\x1a\n", 8, 0, bitmap_png},
        {"WebP", "WEBP", 4, 8, bitmap_webp},
        {"BMP", "BM", 2, 0, bitmap_bmp},
        {"PGM", "P5", 2, 0, bitmap_pnm},
        {"PPM", "P6", 2, 0, bitmap_pnm},
        {"plain PBM", "P1", 2, 0, NULL},
        {"plain PGM", "P2", 2, 0, NULL},
        {"plain PPM", "P3", 2, 0, NULL},
        {"PBM", "P4", 2, 0, NULL},
        {"TIFF", "II*\0", 4, 0, NULL},
        {"TIFF", "MM\0*", 4, 0, NULL},
        {"GIF", "GIF8", 4, 0, NULL},
};

static int decode_other(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const struct format *f = &formats[i];
		if (n < f->at + f->n || memcmp(bytes + f->at, f->begin, f->n))
			continue;
		if (f->decode)
			return f->decode(bytes, n, p, why);
		snprintf(why, WHY_BYTES,
		         "is a %s file, which is not read; expected JPEG, PNG, WebP, BMP or "
		         "binary PPM or PGM",
		         f->name);
		return -1;
	}
	snprintf(why, WHY_BYTES, "is no image: it begins as no JPEG, PNG, WebP, BMP, PPM or PGM file");
	return -1;
}

int bitmap_decode(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                  char why[WHY_BYTES])
{
	int orientation = 1, rc;
	p->note[0] = '\0';
	if (n == 0) {
		snprintf(why, WHY_BYTES, "is empty");
		return -1;
	}
	if (n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
		rc = bitmap_jpeg(bytes, n, need, p, &orientation, why);
	else
		rc = decode_other(bytes, n, p, why);
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
