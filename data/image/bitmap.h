/*
 * A bitmap: the decoded image of a JPEG or PNG file. Only this module uses libjpeg-turbo and libpng. The
 * first bytes of a file show which of the two formats it has; its name does not matter.
 *
 * Every image comes out as red, green and blue bytes: grey is repeated, CMYK and YCCK (also Adobe's inverted
 * ones) become RGB, 16 bits a channel become 8, palettes are looked up, and the alpha channel is ignored.
 * JPEG images are turned as their EXIF orientation says. JPEG may be baseline or progressive, with any
 * subsampling.
 *
 * The same file always gives the same pixels. A JPEG file that ends early is refused. Lesser damage that
 * libjpeg repairs (stray bytes, a broken segment) is accepted. A file's header may state any size, so an
 * image of more than BITMAP_PIXELS_MAX pixels or BITMAP_SCANS_MAX scans is refused.
 */
#ifndef SIGNSGD_DATA_IMAGE_BITMAP_H
#define SIGNSGD_DATA_IMAGE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

enum { BITMAP_PIXELS_MAX = 1 << 26, BITMAP_SCANS_MAX = 500 };

struct bitmap {
	int width, height;           /* after turning as EXIF says */
	int full_width, full_height; /* before it was shrunk while decoding */
	uint8_t *rgb;                /* [height][width][3] */
	size_t size;                 /* bytes allocated for rgb; kept from image to image */
	uint8_t *turned;             /* [turned_capacity] a second buffer, for turning */
	size_t turned_capacity;
};

/*
 * How much an image may be shrunk while it is decoded (JPEG: by a factor of 2, 4 or 8, which saves most of
 * the time).
 */
struct bitmap_need {
	/* Called with the full size after turning; sets *shrink, the largest factor that is allowed. */
	void (*ask)(void *ctx, int width, int height, double *shrink);
	void *ctx;
};

/* bytes [n] -> *p. need NULL: full size. 0, or -1 and a phrase in `why` that says what is wrong. */
int bitmap_decode(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                  char why[200]);
void bitmap_clear(struct bitmap *p);

#endif
