/* What bitmap.c and the two decoders share; no other file includes it. */
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

/* As bitmap_decode(), but the image stays as stored. *orientation: EXIF's 1 to 8. */
int bitmap_jpeg(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                int *orientation, char why[WHY_BYTES]);
int bitmap_png(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);

#endif
