/*
 * A file of an image folder: any bytes are a sample of the right size, the same each time, or a reason.
 * Seeds: JPEG (4:2:0, progressive, grey, CMYK, turned), PNG (RGB, palette, interlaced, 16 bits), WebP (lossy,
 * lossless, with alpha), BMP (palettes, masks, from the top, of OS/2), PPM, PGM, halves of them.
 */
#include <stdint.h>
#include <string.h>

#include "data/image/transform.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE = 9, FEATURES = 3 * SIZE * SIZE, FILE_BYTES_MAX = 1 << 16, GUARD = 0x5a };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct transform transform = {SIZE, SIZE + 3, {.08, 1}, {.75, 4 / 3.0}, true, true};
	static struct transform_scratch scratch;
	static uint8_t out[2][FEATURES + 1];
	struct stream coins = stream_of(1, RNG_AUGMENT, 0, size);
	int rc[2];
	if (size > FILE_BYTES_MAX)
		return 0;
	for (int i = 0; i < 2; i++) {
		char why[200] = "";
		out[i][FEATURES] = GUARD;
		rc[i] = transform_apply(&transform, data, size, size % 2 ? &coins : NULL, &scratch, out[i],
		                        why);
		fuzz_check((rc[i] != 0) == (why[0] != '\0'), "no reason, or one too many", why);
		fuzz_check(out[i][FEATURES] == GUARD, "written behind the sample", why);
	}
	fuzz_check(rc[0] == rc[1] && (rc[0] || !memcmp(out[0], out[1], FEATURES)),
	           "another time, another sample", "");
	return 0;
}
