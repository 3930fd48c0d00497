/*
 * Images from the bytes of a JPEG or PNG file (their first bytes tell which; names do not). The only door
 * to libjpeg-turbo and libpng.
 *
 * Whatever the file holds comes out as red, green, blue bytes: grey is repeated, CMYK and YCCK (Adobe's
 * inverted ones too) become RGB, 16 bits a channel become 8, palettes are looked up, and how opaque a pixel
 * is, is not looked at. JPEG images are turned as their EXIF orientation says. Any subsampling, baseline or
 * progressive.
 *
 * The bytes decide: the same file gives the same pixels. A JPEG file that ends early is refused; lesser
 * damage that libjpeg mends (stray bytes, a broken segment) is not. Files of the wild may say anything of
 * their size: images of more than BITMAP_PIXELS_MAX pixels, or more than BITMAP_SCANS_MAX scans, are
 * refused.
 */
#ifndef SIGNSGD_DATA_IMAGE_BITMAP_H
#define SIGNSGD_DATA_IMAGE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

enum { BITMAP_PIXELS_MAX = 1 << 26, BITMAP_SCANS_MAX = 500 };

struct bitmap {
	int width, height;           /* upright */
	int full_width, full_height; /* before it was shrunk while decoding */
	uint8_t *rgb;                /* [height][width][3] */
	size_t size;                 /* bytes there are for rgb; kept from image to image */
	uint8_t *turned;             /* [turned_capacity] a second place, for turning */
	size_t turned_capacity;
};

/*
 * How small it may be made while it is decoded (JPEG: by 2, 4 or 8, which saves most of the time): given the
 * upright full size, the smallest sides that are still useful.
 */
struct bitmap_need {
	void (*ask)(void *ctx, int width, int height,
	            double *shrink); /* *shrink: at most this many times smaller */
	void *ctx;
};

/* bytes [n] -> *p. need: NULL: full size. 0, or -1 and why not (a phrase) in why. */
int bitmap_decode(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                  char why[200]);
void bitmap_clear(struct bitmap *p);

#endif
