/*
 * A bitmap: the decoded image of a JPEG, PNG, WebP, BMP or PPM/PGM file. Only this module uses libjpeg-turbo,
 * libpng and libwebp. The first bytes of a file show which format it has; its name does not matter.
 *
 * Every image comes out as the red, green and blue bytes that Pillow's Image.open(FILE).convert("RGB") gives,
 * which is what torchvision loads, except for what is said of JPEG below. Grey is repeated, palettes are
 * looked up, alpha and transparent colours are dropped and not blended with anything. What a file says of
 * gamma and colour spaces (PNG's gAMA, cHRM, sRGB, iCCP; profiles of the others) changes no pixel. Of 16 bits
 * a channel the upper 8 are taken; only where a PNG is grey without alpha are values above 255 white, as
 * Pillow has it. JPEG may be baseline or progressive, with any subsampling; CMYK and YCCK become RGB,
 * inverted only if Adobe's mark is there; images are turned as their EXIF orientation says, and shrunk if
 * that is asked for. Of WebP, still images are read; of BMP, uncompressed ones of 1, 4, 8, 16, 24 and 32
 * bits; of PPM and PGM, the binary ones (P5, P6) of up to 8 bits.
 *
 * The same file always gives the same pixels. A file that ends early is refused, and so is a JPEG file about
 * which libjpeg warns that data are lost (stray bytes, a broken segment, a code that does not exist),
 * although libjpeg would fill in something. Warnings that cost no pixel are put into `note`. A file's header
 * may state any size, so an image of more than BITMAP_PIXELS_MAX pixels or BITMAP_SCANS_MAX scans is refused.
 */
#ifndef SIGNSGD_DATA_IMAGE_BITMAP_H
#define SIGNSGD_DATA_IMAGE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

enum { BITMAP_PIXELS_MAX = 1 << 26, BITMAP_SCANS_MAX = 500, BITMAP_NOTE_BYTES = 200 };

struct bitmap {
	int width, height;           /* after turning as EXIF says */
	int full_width, full_height; /* before it was shrunk while decoding */
	uint8_t *rgb;                /* [height][width][3] */
	size_t size;                 /* bytes allocated for rgb; kept from image to image */
	uint8_t *turned;             /* [turned_capacity] a second buffer, for turning */
	size_t turned_capacity;
	char note[BITMAP_NOTE_BYTES]; /* what is odd about a file that was taken: a phrase; mostly empty */
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
