/* What bitmap.c and the decoders share; no other file includes it. */
#ifndef SIGNSGD_DATA_IMAGE_BITMAP_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_BITMAP_INTERNAL_H

#include "base/mem.h"
#include "data/image/bitmap.h"

enum { WHY_BYTES = 200, RGB = 3 };

/* Make *at large enough for that many pixels; its content is lost. *size: its bytes. */
static inline void bitmap_reserve(uint8_t **at, size_t *size, size_t pixels)
{
	if (pixels * RGB <= *size)
		return;
	mem_free(*at);
	*size = pixels * RGB;
	*at = mem_alloc(*size);
}

/* -1 and a phrase when an image of this size has no pixels or too many. */
int bitmap_check_size(uint64_t width, uint64_t height, char why[WHY_BYTES]);

/* The same, and set the size of *p and make room for its pixels. */
int bitmap_size(struct bitmap *p, uint64_t width, uint64_t height, char why[WHY_BYTES]);

/* As bitmap_decode(), but the image stays as stored. *orientation: EXIF's 1 to 8. */
int bitmap_jpeg(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                int *orientation, char why[WHY_BYTES]);
/* The same, full size. */
int bitmap_png(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);
int bitmap_webp(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);
int bitmap_bmp(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);
int bitmap_pnm(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);

#endif
