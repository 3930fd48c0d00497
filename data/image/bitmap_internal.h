/* What the two decoders share, and nobody else sees. */
#ifndef SIGNSGD_DATA_IMAGE_BITMAP_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_BITMAP_INTERNAL_H

#include "data/image/bitmap.h"

enum { WHY_BYTES = 200 };

/* Room for width x height pixels at *at; what was there is lost. */
void bitmap_reserve(uint8_t **at, size_t *size, size_t pixels);

/* As bitmap_decode(). *orientation: EXIF's 1 to 8, the image being as stored. */
int bitmap_jpeg(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                int *orientation, char why[WHY_BYTES]);
int bitmap_png(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES]);

#endif
