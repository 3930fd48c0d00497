/* Images: every kind of file comes out as the colours it was made of; what is no image is named. */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/image/transform.h"
#include "tests/support/bitmap_files.h"

enum { W = 48, H = 32, NEAR = 9 };

static void expect_colours(const struct bitmap *p, int grey, const char *what)
{
	for (int y = 1; y < p->height - 1; y++)
		for (int x = 1; x < p->width - 1; x++) {
			const uint8_t *found = p->rgb + (y * p->width + x) * 3;
			int expected[3];
			made_colour((x + .5) / p->width, (y + .5) / p->height, expected);
			for (int c = 0; c < 3; c++) {
				int want = grey ? expected[1] : expected[c];
				cr_assert(abs(found[c] - want) <= NEAR,
				          "%s: %d, %d channel %d: found %d, expected %d", what, x, y, c,
				          found[c], want);
			}
		}
}

static struct bitmap decoded(const struct made *m, const struct bitmap_need *need)
{
	struct bitmap p = {0};
	char why[200] = "";
	cr_assert_eq(bitmap_decode(m->at, m->n, need, &p, why), 0, "%s", why);
	return p;
}

Test(bitmap, jpeg_of_every_kind_has_its_colours)
{
	static const struct {
		const char *what;
		struct jpeg_kind kind;
	} cases[] = {
	        {"4:4:4", {.stored = JCS_YCbCr, .sampling = 1}},
	        {"4:2:0", {.stored = JCS_YCbCr, .sampling = 2}},
	        {"stored as RGB", {.stored = JCS_RGB, .sampling = 1}},
	        {"progressive", {.stored = JCS_YCbCr, .sampling = 2, .progressive = 1}},
	        {"grey", {.stored = JCS_GRAYSCALE, .sampling = 1}},
	        {"grey, progressive", {.stored = JCS_GRAYSCALE, .sampling = 1, .progressive = 1}},
	        {"CMYK", {.stored = JCS_CMYK, .sampling = 1}},
	        {"YCCK", {.stored = JCS_YCCK, .sampling = 1}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jpeg_kind kind = cases[i].kind;
		kind.width = W;
		kind.height = H;
		struct made m = make_jpeg(&kind);
		struct bitmap p = decoded(&m, NULL);
		cr_assert(p.width == W && p.height == H && p.full_width == W);
		expect_colours(&p, kind.stored == JCS_GRAYSCALE, cases[i].what);
		bitmap_clear(&p);
		free(m.at);
	}
}

Test(bitmap, png_of_every_kind_has_its_colours)
{
	static const struct {
		const char *what;
		int type, depth;
	} cases[] = {
	        {"RGB", PNG_COLOR_TYPE_RGB, 8},         {"RGB, 16 bits", PNG_COLOR_TYPE_RGB, 16},
	        {"with alpha", PNG_COLOR_TYPE_RGBA, 8}, {"with alpha, 16 bits", PNG_COLOR_TYPE_RGBA, 16},
	        {"grey", PNG_COLOR_TYPE_GRAY, 8},       {"grey with alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made m = make_png(W, H, cases[i].type, cases[i].depth);
		struct bitmap p = decoded(&m, NULL);
		int colour = cases[i].type & PNG_COLOR_MASK_COLOR;
		expect_colours(&p, !colour, cases[i].what);
		bitmap_clear(&p);
		free(m.at);
	}
}

Test(bitmap, png_palettes_are_looked_up)
{
	struct made m = make_png(W, H, PNG_COLOR_TYPE_PALETTE, 8);
	struct bitmap p = decoded(&m, NULL);
	int middle[3];
	made_colour(.5, 10.5 / H, middle);
	const uint8_t *found = p.rgb + (10 * W + W / 2) * 3;
	cr_assert(found[0] == 50 && found[1] == middle[1] && found[2] == 60, "%d %d %d", found[0], found[1],
	          found[2]);
	bitmap_clear(&p);
	free(m.at);
}

/* Where the stored image's (right, down) ends up, by EXIF's table. */
Test(bitmap, exif_orientation_turns_it_upright)
{
	for (int o = 1; o <= 8; o++) {
		struct jpeg_kind kind = {W, H, JCS_YCbCr, 1, 0, o, o % 2};
		struct made m = make_jpeg(&kind);
		struct bitmap p = decoded(&m, NULL);
		int swapped = o >= 5, w = swapped ? H : W, h = swapped ? W : H;
		cr_assert(p.width == w && p.height == h && p.full_width == w && p.full_height == h);
		for (int y = 2; y < h - 2; y += 5)
			for (int x = 2; x < w - 2; x += 5) {
				double u = (x + .5) / w, v = (y + .5) / h, sx, sy;
				const double from[9][2] = {{0},        {u, v}, {1 - u, v}, {1 - u, 1 - v},
				                           {u, 1 - v}, {v, u}, {v, 1 - u}, {1 - v, 1 - u},
				                           {1 - v, u}};
				int expected[3];
				sx = from[o][0];
				sy = from[o][1];
				made_colour(sx, sy, expected);
				const uint8_t *found = p.rgb + (y * w + x) * 3;
				for (int c = 0; c < 3; c++)
					cr_assert(
					        abs(found[c] - expected[c]) <= NEAR,
					        "orientation %d at %d, %d: found %d %d %d, expected %d %d %d",
					        o, x, y, found[0], found[1], found[2], expected[0],
					        expected[1], expected[2]);
			}
		bitmap_clear(&p);
		free(m.at);
	}
}

static void at_most_five(void *ctx, int width, int height, double *shrink)
{
	cr_assert(width == 200 && height == 400);
	*(int *)ctx += 1;
	*shrink = 5;
}

Test(bitmap, jpeg_is_shrunk_while_decoded_as_far_as_it_may)
{
	int asked = 0;
	const struct bitmap_need need = {at_most_five, &asked};
	struct jpeg_kind kind = {400, 200, JCS_YCbCr, 2, 0, 6, 0};
	struct made m = make_jpeg(&kind);
	struct bitmap p = decoded(&m, &need);
	cr_assert_eq(asked, 1);
	cr_assert(p.width == 50 && p.height == 100 && p.full_width == 200 && p.full_height == 400);
	bitmap_clear(&p);
	free(m.at);
}

/* --- what is no image --------------------------------------------------------------------------------- */

static void expect_refusal(const uint8_t *bytes, size_t n, const char *part)
{
	struct bitmap p = {0};
	char why[200] = "";
	cr_assert_eq(bitmap_decode(bytes, n, NULL, &p, why), -1, "taken, expected '%s'", part);
	cr_assert(strstr(why, part), "expected '%s' in: %s", part, why);
	bitmap_clear(&p);
}

Test(bitmap, what_is_none_is_named)
{
	static const uint8_t text[] = "just a text", start[] = {0xff, 0xd8, 0xff, 0xe0};
	expect_refusal(text, 0, "is empty");
	expect_refusal(text, sizeof text,
	               "is no image: it begins as no JPEG, PNG, WebP, BMP, PPM or PGM file");
	expect_refusal(start, sizeof start, "is a damaged JPEG file");
	for (int progressive = 0; progressive < 2; progressive++) {
		struct jpeg_kind kind = {10 * W, 10 * H, JCS_YCbCr, 2, progressive, 0, 0};
		struct made m = make_jpeg(&kind);
		expect_refusal(m.at, m.n - 2, "is a JPEG file that ends early");
		expect_refusal(m.at, m.n * 3 / 4, "is a JPEG file that ends early");
		free(m.at);
	}
	struct made png = make_png(W, H, PNG_COLOR_TYPE_RGB, 8);
	expect_refusal(png.at, png.n / 2, "is a damaged PNG file");
	expect_refusal(png.at, 8, "is a damaged PNG file");
	png.at[png.n / 2] ^= 0x55;
	expect_refusal(png.at, png.n, "is a damaged PNG file");
	free(png.at);
}

/* Every cut and every flipped byte of a small file: an image or a reason, and no more. */
Test(bitmap, no_damage_is_more_than_a_reason)
{
	struct jpeg_kind kinds[] = {{16, 16, JCS_YCbCr, 2, 0, 6, 0}, {16, 16, JCS_YCCK, 1, 1, 3, 1}};
	struct bitmap p = {0};
	int taken = 0, refused = 0;
	for (size_t i = 0; i < 2; i++) {
		struct made m = make_jpeg(&kinds[i]);
		for (size_t at = 0; at < m.n; at++) {
			char why[200] = "";
			m.at[at] ^= 0xff;
			int rc = bitmap_decode(m.at, m.n, NULL, &p, why);
			m.at[at] ^= 0xff;
			cr_assert_eq(rc != 0, why[0] != '\0');
			taken += rc == 0;
			rc = bitmap_decode(m.at, at, NULL, &p, why);
			cr_assert_neq(rc, 0, "a file cut after %zu of %zu bytes was taken", at, m.n);
			refused++;
		}
		free(m.at);
	}
	bitmap_clear(&p);
	cr_assert(taken > 0 && refused > 0);
}

/* --- damage that libjpeg would repair ------------------------------------------------------------------ */

/* Warnings of libjpeg about this file, without the module that is tested; -1: it gave up. */
static jmp_buf gave_up;

static void leave(j_common_ptr jpeg)
{
	(void)jpeg;
	longjmp(gave_up, 1);
}

static void only_count(j_common_ptr jpeg, int level)
{
	jpeg->err->num_warnings += level < 0;
}

static long warnings_of(const uint8_t *bytes, size_t n)
{
	struct jpeg_decompress_struct jpeg = {0};
	struct jpeg_error_mgr error;
	static uint8_t row[4 * 400];
	JSAMPROW line = row;
	volatile long found = -1;
	jpeg.err = jpeg_std_error(&error);
	error.error_exit = leave;
	error.emit_message = only_count;
	jpeg_create_decompress(&jpeg);
	if (!setjmp(gave_up)) {
		jpeg_mem_src(&jpeg, bytes, n);
		jpeg_read_header(&jpeg, TRUE);
		jpeg_start_decompress(&jpeg);
		while (jpeg.output_scanline < jpeg.output_height)
			jpeg_read_scanlines(&jpeg, &line, 1);
		jpeg_finish_decompress(&jpeg);
		found = error.num_warnings;
	}
	jpeg_destroy_decompress(&jpeg);
	return found;
}

/* Where the data behind the last header of a scan begin. */
static size_t scan_of(const struct made *m)
{
	size_t at = 0;
	for (size_t i = 0; i + 4 < m->n; i++)
		if (m->at[i] == 0xff && m->at[i + 1] == 0xda)
			at = i + 2 + ((size_t)m->at[i + 2] << 8 | m->at[i + 3]);
	cr_assert(at > 0);
	return at;
}

/* Flip bits of, or zero 16 bytes in, the data of the scan at 30 places: how many are refused. */
static int refused_of(struct made *m, bool zeroed)
{
	size_t begin = scan_of(m), room = m->n - 2 - 16 - begin;
	struct bitmap p = {0};
	int refused = 0;
	for (size_t i = 0; i < 30; i++) {
		uint8_t kept[16], *at = m->at + begin + i * room / 30;
		char why[200] = "";
		memcpy(kept, at, sizeof kept);
		if (zeroed)
			memset(at, 0, sizeof kept);
		else
			*at ^= (uint8_t)(1U << i % 8);
		long warnings = warnings_of(m->at, m->n);
		int rc = bitmap_decode(m->at, m->n, NULL, &p, why);
		cr_expect_eq(rc != 0, warnings != 0, "place %zu: %ld warnings, but: %d %s", i, warnings, rc,
		             why);
		cr_expect(!rc || strstr(why, "JPEG file"), "%s", why);
		refused += rc != 0;
		memcpy(at, kept, sizeof kept);
	}
	cr_assert_eq(bitmap_decode(m->at, m->n, NULL, &p, NULL), 0);
	bitmap_clear(&p);
	return refused;
}

/* A flipped bit may leave data that say another image, without a trace: only what libjpeg warns of can be
 * told.
 */
Test(bitmap, jpeg_data_that_libjpeg_warns_of_are_refused)
{
	struct jpeg_kind kind = {320, 240, JCS_YCbCr, 2, 0, 0, 0};
	struct made m = make_jpeg(&kind);
	int flipped = refused_of(&m, false), zeroed = refused_of(&m, true);
	cr_expect(flipped >= 4 && zeroed >= 20, "refused %d of 30 flips, %d of 30 holes", flipped, zeroed);
	free(m.at);
}

Test(bitmap, the_refusal_of_a_damaged_jpeg_names_and_counts_the_warnings)
{
	struct jpeg_kind kind = {320, 240, JCS_YCbCr, 2, 0, 0, 0};
	struct made m = make_jpeg(&kind);
	const size_t behind_jfif = 2 + 18;
	m.at = realloc(m.at, m.n + 3);
	memmove(m.at + behind_jfif + 3, m.at + behind_jfif, m.n - behind_jfif);
	memcpy(m.at + behind_jfif, "abc", 3);
	expect_refusal(m.at, m.n + 3,
	               "is a damaged JPEG file: Corrupt JPEG data: 3 extraneous bytes before marker "
	               "0xdb (1 warning of libjpeg)");
	free(m.at);
}

/* A JFIF marker of revision 9.02: libjpeg warns, and no pixel is lost. */
Test(bitmap, a_warning_that_costs_nothing_is_a_note)
{
	struct jpeg_kind kind = {W, H, JCS_YCbCr, 2, 0, 0, 0};
	struct made m = make_jpeg(&kind);
	struct bitmap p = decoded(&m, NULL);
	cr_expect_str_eq(p.note, "");
	cr_assert_eq(memcmp(m.at + 6, "JFIF", 5), 0);
	m.at[11] = 9;
	bitmap_clear(&p);
	p = decoded(&m, NULL);
	cr_expect(strstr(p.note, "unknown JFIF revision") &&
	                  strstr(p.note, "(1 warning that costs no pixels)"),
	          "%s", p.note);
	expect_colours(&p, 0, "with a note");
	bitmap_clear(&p);
	free(m.at);
}

/* --- what is refused by name ---------------------------------------------------------------------------- */

Test(bitmap, formats_and_kinds_that_are_not_read_are_named)
{
	uint8_t bmp[54 + 4] = {'B', 'M', [10] = 54, [14] = 40, [18] = 1, [22] = 1, [26] = 1, [28] = 8};
	static const struct {
		const char *begin;
		size_t n;
		const char *part;
	} cases[] = {{"II*\0....", 8, "is a TIFF file, which is not read"},
	             {"MM\0*....", 8, "is a TIFF file, which is not read"},
	             {"GIF89a..", 8, "is a GIF file, which is not read"},
	             {"P3 1 1 255 1 2 3", 16, "is a plain PPM file, which is not read"},
	             {"P6 1 1 65535 ......", 19, "of values up to 65535, expected at most 255"},
	             {"P6 1 x 255 ...", 14, "its header is no three numbers"},
	             {"P5 0 1 255 ...", 14, "has 0 x 1 pixels, expected 1 to 67108864"},
	             {"P5 99999 99999 255 ", 19, "has 99999 x 99999 pixels, expected at most 67108864"},
	             {"P500", 4, "is no image"},
	             {"RIFF\x10\0\0\0WEBPVP8 ....", 20, "WebP file"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_refusal((const uint8_t *)cases[i].begin, cases[i].n, cases[i].part);
	bmp[30] = 1;
	expect_refusal(bmp, sizeof bmp, "is a BMP file with run lengths of 8 bits, which is not read");
	bmp[30] = 4;
	expect_refusal(bmp, sizeof bmp, "is a BMP file that holds a JPEG");
	bmp[30] = 0;
	bmp[28] = 7;
	expect_refusal(bmp, sizeof bmp, "is a BMP file of 7 bits a pixel, expected 1, 4, 8, 16, 24 or 32");
	bmp[14] = 13;
	expect_refusal(bmp, sizeof bmp, "its length is not known");
}

/* Two pixels of a palette of one colour, the second of which is not there. */
Test(bitmap, a_colour_behind_the_palette_is_refused)
{
	static const uint8_t bmp[54 + 4 + 4] = {'B',      'M',      [10] = 58, [14] = 40, [18] = 2, [22] = 1,
	                                        [26] = 1, [28] = 8, [46] = 1,  [58] = 0,  [59] = 1};
	expect_refusal(bmp, sizeof bmp, "a pixel names a colour behind its palette");
	struct made m = make_short_palette();
	expect_refusal(m.at, m.n, "a pixel names a colour behind its palette");
	free(m.at);
}

/* An animation has no single image. The header says so; nothing of it is decoded. */
Test(bitmap, an_animated_webp_is_refused)
{
	static const uint8_t head[] =
	        "RIFF\x28\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x06\0\0\x04\0\0ANIM\x06\0\0\0\0\0\0\0\0\0";
	expect_refusal(head, sizeof head - 1, "is an animated WebP file, expected a still image");
}

/* The header says 60000 x 60000; nothing of that size is made. */
Test(bitmap, a_size_that_nothing_holds_is_refused)
{
	struct jpeg_kind kind = {W, H, JCS_YCbCr, 1, 0, 0, 0};
	struct made m = make_jpeg(&kind);
	for (size_t i = 0; i + 9 < m.n; i++)
		if (m.at[i] == 0xff && m.at[i + 1] == 0xc0) {
			m.at[i + 5] = m.at[i + 7] = 60000 >> 8;
			m.at[i + 6] = m.at[i + 8] = 60000 & 255;
		}
	expect_refusal(m.at, m.n, "has 60000 x 60000 pixels, expected at most 67108864");
	free(m.at);
}

/* --- bringing to size ----------------------------------------------------------------------------------- */

/* The same by its definition, in double. */
static double pixel_by_definition(const struct bitmap *p, const struct rectangle *r, int size, int x, int y,
                                  int c)
{
	double sum = 0, weights = 0, sx = r->width / size, sy = r->height / size, hx = sx > 1 ? sx : 1,
	       hy = sy > 1 ? sy : 1;
	for (int j = 0; j < p->height; j++)
		for (int i = 0; i < p->width; i++) {
			double dx = (i + .5 - (r->x + (x + .5) * sx)) / hx,
			       dy = (j + .5 - (r->y + (y + .5) * sy)) / hy;
			double w = (dx < 0 ? -dx : dx) < 1 && (dy < 0 ? -dy : dy) < 1
			                   ? (1 - (dx < 0 ? -dx : dx)) * (1 - (dy < 0 ? -dy : dy))
			                   : 0;
			sum += w * p->rgb[(j * p->width + i) * 3 + c];
			weights += w;
		}
	return sum / weights;
}

Test(bitmap, resampling_is_what_its_header_says)
{
	static const struct rectangle parts[] = {
	        {0, 0, 23, 17}, {3, 2, 11, 7}, {5, 5, 1, 1}, {0, 0, 1, 17}, {7.25, 1.5, 12.5, 15.5}};
	static const int sizes[] = {1, 2, 7, 16, 31};
	uint8_t rgb[17 * 23 * 3], out[3 * 31 * 31], mirrored[3 * 31 * 31];
	struct bitmap p = {.width = 23, .height = 17, .full_width = 23, .full_height = 17, .rgb = rgb};
	struct resample_scratch scratch = {0};
	for (size_t i = 0; i < sizeof rgb; i++)
		rgb[i] = (uint8_t)(i * i * 31 + i * 7);
	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
		for (size_t m = 0; m < sizeof sizes / sizeof *sizes; m++) {
			int n = sizes[m];
			resample(&p, &parts[k], n, false, &scratch, out);
			resample(&p, &parts[k], n, true, &scratch, mirrored);
			for (int i = 0; i < 3 * n * n; i++) {
				int c = i / (n * n), y = i / n % n, x = i % n;
				double expected = pixel_by_definition(&p, &parts[k], n, x, y, c);
				cr_assert_float_eq(out[i], expected, .51, "part %zu size %d", k, n);
				cr_assert(abs(mirrored[i - x + n - 1 - x] - out[i]) <= 1);
			}
		}
	resample_clear(&scratch);
}

static const struct transform imagenet = {224, 256, {.08, 1}, {.75, 4 / 3.0}, true, true};

Test(bitmap, random_parts_have_the_areas_and_ratios_of_the_transform)
{
	double low = 1, high = 0, narrow = 9, wide = 0, mean = 0;
	for (uint64_t i = 0; i < 2000; i++) {
		struct stream coins = stream_of(1, RNG_AUGMENT, 0, i);
		struct rectangle r = transform_part(&imagenet, 500, 375, &coins);
		double area = r.width * r.height / (500 * 375), ratio = r.width / r.height;
		cr_assert(r.x >= 0 && r.y >= 0 && r.x + r.width <= 500 && r.y + r.height <= 375);
		low = area < low ? area : low;
		high = area > high ? area : high;
		narrow = ratio < narrow ? ratio : narrow;
		wide = ratio > wide ? ratio : wide;
		mean += area / 2000;
	}
	cr_assert(low > .079 && low < .1 && high > .9 && high <= 1, "%g to %g", low, high);
	cr_assert(narrow > .74 && narrow < .8 && wide > 1.25 && wide < 1.35, "%g to %g", narrow, wide);
	cr_assert(mean > .40 && mean < .50, "%g", mean); /* large ones fit more rarely */
}

Test(bitmap, without_coins_it_is_the_middle)
{
	struct rectangle r = transform_part(&imagenet, 512, 256, NULL);
	cr_assert(r.width == 224 && r.height == 224 && r.x == 144 && r.y == 16);
	struct stream coins = stream_of(1, RNG_AUGMENT, 0, 0);
	struct rectangle strip =
	        transform_part(&imagenet, 3000, 2, &coins); /* no rectangle fits: the widest that may */
	cr_assert(strip.height == 2 && strip.width == 3);
}
