/* Golden pictures: every kind of file has the pixels that Pillow gives (tests/golden/make_images.py). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/bitmap.h"
#include "tests/support/file.h"

#define GOLDEN "tests/golden/images/"

enum { FILES_MIN = 60, FILE_BYTES_MAX = 4096, LINE_BYTES = 4096 };

static size_t read_file(const char *name, uint8_t bytes[FILE_BYTES_MAX])
{
	char path[256];
	snprintf(path, sizeof path, GOLDEN "%s", name);
	FILE *f = fopen(path, "rb");
	cr_assert(f, "%s", path);
	size_t n = fread(bytes, 1, FILE_BYTES_MAX, f);
	fclose(f);
	return n;
}

static void expect_pixels(const char *name, const struct bitmap *p, const char *hex)
{
	size_t n = (size_t)p->width * (size_t)p->height * 3;
	cr_assert_eq(strlen(hex), 2 * n, "%s: %d x %d", name, p->width, p->height);
	for (size_t i = 0; i < n; i++) {
		unsigned expected = 0;
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &expected), 1);
		cr_expect_eq(p->rgb[i], expected, "%s: pixel %zu channel %zu: found %u, expected %u", name,
		             i / 3, i % 3, p->rgb[i], expected);
	}
}

Test(golden_images, every_file_has_the_pixels_that_pillow_gives)
{
	char line[LINE_BYTES], name[128], hex[LINE_BYTES];
	uint8_t bytes[FILE_BYTES_MAX];
	struct bitmap p = {0};
	int width, height, files = 0;
	FILE *f = fopen(GOLDEN "pixels.txt", "r");
	cr_assert(f);
	for (; fgets(line, sizeof line, f); files++) {
		char why[200] = "";
		cr_assert_eq(sscanf(line, "%127s %d %d %4095s", name, &width, &height, hex), 4);
		size_t n = read_file(name, bytes);
		cr_assert_eq(bitmap_decode(bytes, n, NULL, &p, why), 0, "%s: %s", name, why);
		cr_assert(p.width == width && p.height == height && p.full_width == width);
		expect_pixels(name, &p, hex);
	}
	fclose(f);
	bitmap_clear(&p);
	cr_assert_geq(files, FILES_MIN);
}

/* What ends early is no image, wherever it ends. */
Test(golden_images, every_cut_is_refused)
{
	static const char *const names[] = {"rgb-8.png",  "palette-4-interlaced.png",
	                                    "lossy.webp", "lossless-alpha.webp",
	                                    "bits-4.bmp", "masks-565.bmp",
	                                    "os2-8.bmp",  "colour.ppm",
	                                    "grey-30.pgm"};
	uint8_t bytes[FILE_BYTES_MAX];
	struct bitmap p = {0};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = read_file(names[i], bytes);
		for (size_t cut = 0; cut < n; cut++) {
			char why[200] = "";
			cr_expect_eq(bitmap_decode(bytes, cut, NULL, &p, why), -1,
			             "%s: %zu of %zu bytes were taken", names[i], cut, n);
			cr_expect_neq(why[0], '\0');
		}
	}
	bitmap_clear(&p);
}
