/* Still WebP images, by libwebp's simple decoder: lossy or lossless, without their alpha. */
#include "data/image/bitmap_internal.h"

#include <stdio.h>
#include <webp/decode.h>

#include "base/err.h"

static int damaged(VP8StatusCode status, char why[WHY_BYTES])
{
	snprintf(why, WHY_BYTES,
	         status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED
	                 ? "is a WebP file that ends early"
	                 : "is a damaged WebP file: libwebp's status %d",
	         (int)status);
	return -1;
}

int bitmap_webp(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	WebPDecoderConfig c;
	if (!WebPInitDecoderConfig(&c))
		die("WebP: libwebp is of another version than its header");
	VP8StatusCode status = WebPGetFeatures(bytes, n, &c.input);
	if (status != VP8_STATUS_OK)
		return damaged(status, why);
	if (c.input.has_animation) {
		snprintf(why, WHY_BYTES, "is an animated WebP file, expected a still image");
		return -1;
	}
	if (bitmap_size(p, (uint64_t)c.input.width, (uint64_t)c.input.height, why))
		return -1;
	c.output.colorspace = MODE_RGB;
	c.output.is_external_memory = 1;
	c.output.u.RGBA.rgba = p->rgb;
	c.output.u.RGBA.stride = p->width * RGB;
	c.output.u.RGBA.size = (size_t)p->width * (size_t)p->height * RGB;
	status = WebPDecode(bytes, n, &c);
	WebPFreeDecBuffer(&c.output);
	return status == VP8_STATUS_OK ? 0 : damaged(status, why);
}
