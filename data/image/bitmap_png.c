/*
 * PNG by libpng, which leaves by longjmp() when it cannot go on. Chunks about gamma and colour spaces are not
 * looked at: the bytes of the pixels are the pixels, as Pillow takes them.
 */
#include "data/image/bitmap_internal.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct decoder {
	png_structp png;
	png_infop info;
	const uint8_t *at, *end;
	png_bytepp rows;
	char *why; /* [WHY_BYTES] */
};

static void give_up(png_structp png, png_const_charp text)
{
	struct decoder *d = png_get_error_ptr(png);
	snprintf(d->why, WHY_BYTES, "is a damaged PNG file: %.150s", text);
	png_longjmp(png, 1);
}

/* libpng warns of chunks that are of no use here; damage to pixels is an error. */
static void pass_over(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void give_bytes(png_structp png, png_bytep to, size_t n)
{
	struct decoder *d = png_get_io_ptr(png);
	if (n > (size_t)(d->end - d->at))
		png_error(png, "it ends early");
	memcpy(to, d->at, n);
	d->at += n;
}

/* How the rows come from libpng. */
enum rows { ROWS_RGB, ROWS_GREY_16 /* big-endian */, ROWS_INDEX /* a byte a pixel */ };

/* RGB of 8 bits where libpng can make it as it is wanted here. Returns what it will make. */
static enum rows choose(png_structp png, int type, int depth)
{
	if (type == PNG_COLOR_TYPE_PALETTE) {
		png_set_packing(png);
		return ROWS_INDEX;
	}
	if (type == PNG_COLOR_TYPE_GRAY && depth == 16)
		return ROWS_GREY_16;
	png_set_strip_16(png);
	if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
		png_set_expand_gray_1_2_4_to_8(png);
	if (!(type & PNG_COLOR_MASK_COLOR))
		png_set_gray_to_rgb(png);
	png_set_strip_alpha(png);
	return ROWS_RGB;
}

/* In place, from the right. Pillow cuts such values off at 255. Returns whether any was. */
static bool cut_grey(uint8_t *row, size_t width)
{
	bool cut = false;
	for (size_t x = width; x-- > 0;) {
		uint8_t high = row[2 * x], grey = high ? 255 : row[2 * x + 1];
		cut |= high != 0;
		memset(row + RGB * x, grey, RGB);
	}
	return cut;
}

static void finish_grey(struct bitmap *p)
{
	bool cut = false;
	for (size_t y = 0; y < (size_t)p->height; y++)
		cut |= cut_grey(p->rgb + y * (size_t)p->width * RGB, (size_t)p->width);
	if (cut)
		snprintf(p->note, sizeof p->note,
		         "is a grey PNG file of 16 bits; values above 255 are white, as Pillow has it");
}

/* Look colours up, in place, from the right of each row. libpng takes any index and would draw black. */
static void finish_palette(png_structp png, png_infop info, struct bitmap *p)
{
	png_colorp palette;
	int colours = 0;
	png_get_PLTE(png, info, &palette, &colours);
	for (size_t y = 0; y < (size_t)p->height; y++) {
		uint8_t *row = p->rgb + y * (size_t)p->width * RGB;
		for (size_t x = (size_t)p->width; x-- > 0;) {
			if (row[x] >= colours)
				png_error(png, "a pixel names a colour behind its palette");
			const png_color found = palette[row[x]];
			row[RGB * x] = found.red;
			row[RGB * x + 1] = found.green;
			row[RGB * x + 2] = found.blue;
		}
	}
}

static int decode(struct decoder *d, struct bitmap *p)
{
	png_structp png = d->png;
	if (setjmp(png_jmpbuf(png)))
		return -1;
	png_set_read_fn(png, d, give_bytes);
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_set_user_limits(png, BITMAP_PIXELS_MAX, BITMAP_PIXELS_MAX);
	png_read_info(png, d->info);
	png_uint_32 width = png_get_image_width(png, d->info), height = png_get_image_height(png, d->info);
	if (bitmap_size(p, width, height, d->why))
		return -1;
	enum rows made = choose(png, png_get_color_type(png, d->info), png_get_bit_depth(png, d->info));
	png_set_interlace_handling(png);
	png_read_update_info(png, d->info);
	if (png_get_rowbytes(png, d->info) != (size_t)width * (size_t)(made == ROWS_RGB       ? RGB
	                                                               : made == ROWS_GREY_16 ? 2
	                                                                                      : 1))
		png_error(png, "its rows have an unexpected length");
	d->rows = mem_array(height, sizeof *d->rows);
	for (size_t y = 0; y < height; y++)
		d->rows[y] = p->rgb + y * width * RGB;
	png_read_image(png, d->rows);
	png_read_end(png, NULL);
	if (made == ROWS_GREY_16)
		finish_grey(p);
	if (made == ROWS_INDEX)
		finish_palette(png, d->info, p);
	return 0;
}

int bitmap_png(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	struct decoder d = {.at = bytes, .end = bytes + n, .why = why};
	d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, give_up, pass_over);
	d.info = d.png ? png_create_info_struct(d.png) : NULL;
	if (!d.info)
		die("PNG: no memory for libpng's decoder");
	int rc = decode(&d, p);
	png_destroy_read_struct(&d.png, &d.info, NULL);
	mem_free(d.rows);
	return rc;
}
