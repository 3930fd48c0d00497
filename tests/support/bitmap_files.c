#include "tests/support/bitmap_files.h"
#include <stdlib.h>
#include <string.h>

void made_colour(double x, double y, int rgb[3])
{
	rgb[0] = (int)(20 + 200 * x);
	rgb[1] = (int)(30 + 180 * y);
	rgb[2] = (int)(220 - 150 * x);
}

/* Row y of the image, RGB. */
static void made_row(int width, int height, int y, uint8_t *row)
{
	for (int x = 0; x < width; x++) {
		int rgb[3];
		made_colour((x + .5) / width, (y + .5) / height, rgb);
		for (int c = 0; c < 3; c++)
			row[3 * x + c] = (uint8_t)rgb[c];
	}
}

/* An APP1 segment with an orientation, among other tags. */
static void put_exif(struct jpeg_compress_struct *jpeg, const struct jpeg_kind *k)
{
	uint8_t little[] = {'E',
	                    'x',
	                    'i',
	                    'f',
	                    0,
	                    0,
	                    'I',
	                    'I',
	                    42,
	                    0,
	                    8,
	                    0,
	                    0,
	                    0,
	                    2,
	                    0,
	                    0x0f,
	                    1,
	                    2,
	                    0,
	                    1,
	                    0,
	                    0,
	                    0,
	                    'a',
	                    0,
	                    0,
	                    0,
	                    0x12,
	                    1,
	                    3,
	                    0,
	                    1,
	                    0,
	                    0,
	                    0,
	                    (uint8_t)k->orientation,
	                    0,
	                    0,
	                    0,
	                    0,
	                    0,
	                    0,
	                    0};
	uint8_t big[] = {'E', 'x', 'i', 'f', 0,    0, 'M', 'M', 0, 42, 0, 0, 0,
	                 8,   0,   1,   1,   0x12, 0, 3,   0,   0, 0,  1, 0, (uint8_t)k->orientation,
	                 0,   0,   0,   0,   0,    0};
	if (k->orientation && k->big_endian)
		jpeg_write_marker(jpeg, JPEG_APP0 + 1, big, sizeof big);
	else if (k->orientation)
		jpeg_write_marker(jpeg, JPEG_APP0 + 1, little, sizeof little);
}

/* RGB to the inks of Adobe's files, which are stored inverted; black is what all have in common. */
static void to_inks(const uint8_t *rgb, int width, uint8_t *inks)
{
	for (int x = 0; x < width; x++) {
		int most = 1;
		for (int c = 0; c < 3; c++)
			most = rgb[3 * x + c] > most ? rgb[3 * x + c] : most;
		for (int c = 0; c < 3; c++)
			inks[4 * x + c] = (uint8_t)(rgb[3 * x + c] * 255 / most);
		inks[4 * x + 3] = (uint8_t)most;
	}
}

struct made make_jpeg(const struct jpeg_kind *k)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr error;
	unsigned char *out = NULL;
	unsigned long n = 0;
	int inks = k->stored == JCS_CMYK || k->stored == JCS_YCCK, grey = k->stored == JCS_GRAYSCALE;
	uint8_t *row = calloc(4, (size_t)k->width), *other = calloc(4, (size_t)k->width);
	jpeg.err = jpeg_std_error(&error);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &out, &n);
	jpeg.image_width = (JDIMENSION)k->width;
	jpeg.image_height = (JDIMENSION)k->height;
	jpeg.input_components = inks ? 4 : grey ? 1 : 3;
	jpeg.in_color_space = inks ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg_set_colorspace(&jpeg, k->stored);
	jpeg_set_quality(&jpeg, 95, TRUE);
	jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = k->sampling;
	if (inks)
		jpeg.write_Adobe_marker = TRUE;
	if (k->progressive)
		jpeg_simple_progression(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	put_exif(&jpeg, k);
	for (int y = 0; y < k->height; y++) {
		JSAMPROW line = row;
		made_row(k->width, k->height, y, row);
		if (inks) {
			to_inks(row, k->width, other);
			line = other;
		}
		if (grey)
			for (int x = 0; x < k->width; x++)
				row[x] = row[3 * x + 1];
		jpeg_write_scanlines(&jpeg, &line, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	free(row);
	free(other);
	return (struct made){out, n};
}

static void png_take(png_structp png, png_bytep bytes, png_size_t n)
{
	struct made *m = png_get_io_ptr(png);
	m->at = realloc(m->at, m->n + n);
	memcpy(m->at + m->n, bytes, n);
	m->n += n;
}

static void png_no_flush(png_structp png)
{
	(void)png;
}

static struct made make_png_of(int width, int height, int type, int depth, int in_palette)
{
	struct made m = {0};
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	uint8_t *row = calloc(8, (size_t)width), *rgb = calloc(3, (size_t)width);
	png_set_write_fn(png, &m, png_take, png_no_flush);
	png_set_check_for_invalid_index(png, 0);
	png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type, PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_color palette[256];
	for (int i = 0; i < 256; i++)
		palette[i] = (png_color){50, (uint8_t)i, 60};
	if (type == PNG_COLOR_TYPE_PALETTE)
		png_set_PLTE(png, info, palette, in_palette);
	png_write_info(png, info);
	int has_alpha = (type & PNG_COLOR_MASK_ALPHA) != 0, colours = type & PNG_COLOR_MASK_COLOR ? 3 : 1;
	int channels = type == PNG_COLOR_TYPE_PALETTE ? 1 : colours + has_alpha, bytes = depth / 8;
	for (int y = 0; y < height; y++) {
		made_row(width, height, y, rgb);
		for (int x = 0; x < width; x++)
			for (int c = 0; c < channels; c++) {
				uint8_t value = c >= colours && channels > 1 ? (uint8_t)(255 * x / width)
				                : channels > 2               ? rgb[3 * x + c]
				                                             : rgb[3 * x + 1];
				memset(row + (channels * x + c) * bytes, value, (size_t)bytes);
			}
		png_write_row(png, row);
	}
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	free(row);
	free(rgb);
	return m;
}

struct made make_png(int width, int height, int type, int depth)
{
	return make_png_of(width, height, type, depth, 256);
}

struct made make_short_palette(void)
{
	return make_png_of(8, 8, PNG_COLOR_TYPE_PALETTE, 8, 10);
}
