/* What the two decoders share, and nobody else sees. */
#ifndef SIGNSGD_DATA_IMAGE_PICTURE_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_PICTURE_INTERNAL_H

#include "data/image/picture.h"

enum { WHY_BYTES = 200 };

/* Room for width x height pixels at *at; what was there is lost. */
void picture_room(uint8_t **at, size_t *room, size_t pixels);

/* As picture_decode(). *orientation: EXIF's 1 to 8, the picture being as stored. */
int picture_jpeg(const uint8_t *bytes, size_t n, const struct picture_need *need, struct picture *p,
                 int *orientation, char why[WHY_BYTES]);
int picture_png(const uint8_t *bytes, size_t n, struct picture *p, char why[WHY_BYTES]);

#endif
