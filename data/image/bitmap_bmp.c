/*
 * BMP: uncompressed images of 1, 4, 8 (palettes), 16, 24 and 32 bits, rows from the bottom or from the top,
 * with the headers of OS/2 (12 bytes) and Windows (40 bytes and more). Compressed ones (run lengths, JPEG or
 * PNG inside) are rare and refused by name. A pixel of 16 or 32 bits is cut by three masks; a channel of b
 * bits is scaled by 255 / (2^b - 1), rounded down, as Pillow does.
 */
#include "data/image/bitmap_internal.h"

#include <stdio.h>
#include <string.h>

enum {
	FILE_HEADER = 14,
	OS2_HEADER = 12,
	WINDOWS_HEADER = 40,
	MASKS_HEADER = 52, /* the masks are part of it */
	PALETTE_MAX = 256,
	PLAIN = 0,
	BITFIELDS = 3,
	CHANNEL_BITS_MAX = 8
};

struct bmp {
	const uint8_t *bytes;
	size_t n, header, pixels; /* bytes of the file, of the second header; where the pixels begin */
	uint64_t width, height;
	unsigned bits, compression;
	int from_top;
	uint32_t mask[RGB];
	uint8_t palette[PALETTE_MAX][RGB];
	unsigned colours;
};

static uint32_t little(const uint8_t *p, int bytes)
{
	uint32_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

static int refuse(char why[WHY_BYTES], const char *what)
{
	snprintf(why, WHY_BYTES, "is a BMP file %s", what);
	return -1;
}

static int ends_early(char why[WHY_BYTES])
{
	return refuse(why, "that ends early");
}

static int read_header(struct bmp *b, char why[WHY_BYTES])
{
	if (b->n < FILE_HEADER + 4)
		return ends_early(why);
	const uint8_t *h = b->bytes + FILE_HEADER;
	b->pixels = little(b->bytes + 10, 4);
	b->header = little(h, 4);
	if (b->header != OS2_HEADER && (b->header < WINDOWS_HEADER || b->header > b->n))
		return refuse(why, "with a damaged header: its length is not known");
	if (b->n < FILE_HEADER + b->header)
		return ends_early(why);
	if (b->header == OS2_HEADER) {
		b->width = little(h + 4, 2);
		b->height = little(h + 6, 2);
		b->bits = little(h + 10, 2);
		return 0;
	}
	int32_t height = (int32_t)little(h + 8, 4);
	b->width = little(h + 4, 4);
	b->height = (uint64_t)(height < 0 ? -(int64_t)height : height);
	b->from_top = height < 0;
	b->bits = little(h + 14, 2);
	b->compression = little(h + 16, 4);
	b->colours = little(h + 32, 4);
	return 0;
}

static int check_header(const struct bmp *b, char why[WHY_BYTES])
{
	static const char *const compressions[] = {
	        "", "with run lengths of 8 bits", "with run lengths of 4 bits",
	        "", "that holds a JPEG",          "that holds a PNG"};
	unsigned bits = b->bits;
	if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
		snprintf(why, WHY_BYTES, "is a BMP file of %u bits a pixel, expected 1, 4, 8, 16, 24 or 32",
		         bits);
		return -1;
	}
	if (b->compression == PLAIN || (b->compression == BITFIELDS && (bits == 16 || bits == 32)))
		return 0;
	const char *known = b->compression < sizeof compressions / sizeof *compressions
	                            ? compressions[b->compression]
	                            : "";
	snprintf(why, WHY_BYTES, "is a BMP file %s, which is not read; expected an uncompressed one",
	         *known ? known : "of an unknown compression");
	return -1;
}

static int read_masks(struct bmp *b, char why[WHY_BYTES])
{
	static const uint32_t of_16[RGB] = {0x7c00, 0x3e0, 0x1f}, of_32[RGB] = {0xff0000, 0xff00, 0xff};
	memcpy(b->mask, b->bits == 16 ? of_16 : of_32, sizeof b->mask);
	if (b->compression != BITFIELDS)
		return 0;
	/* behind a header of 40 bytes, and at the same place inside of the longer ones */
	const size_t at = FILE_HEADER + WINDOWS_HEADER;
	if (b->n < at + RGB * 4)
		return ends_early(why);
	for (size_t c = 0; c < RGB; c++) {
		uint32_t mask = little(b->bytes + at + 4 * c, 4), low = mask & (~mask + 1);
		uint32_t most = low ? mask / low : 0;
		if (most == 0 || most >= 1U << CHANNEL_BITS_MAX || (most & (most + 1)))
			return refuse(why, "with a colour mask that is no run of 1 to 8 bits");
		b->mask[c] = mask;
	}
	return 0;
}

static int read_palette(struct bmp *b, char why[WHY_BYTES])
{
	size_t entry = b->header == OS2_HEADER ? 3 : 4;
	size_t at = FILE_HEADER + b->header;
	if (b->bits > 8)
		return 0;
	if (b->colours == 0)
		b->colours = 1U << b->bits;
	if (b->colours > PALETTE_MAX)
		return refuse(why, "with a palette of more than 256 colours");
	if (at + b->colours * entry > b->n)
		return ends_early(why);
	for (unsigned i = 0; i < b->colours; i++)
		for (int c = 0; c < RGB; c++)
			b->palette[i][c] = b->bytes[at + i * entry + (size_t)(RGB - 1 - c)];
	return 0;
}

/* 0, or -1 where a pixel names no colour of the palette. */
static int row_of_palette(const struct bmp *b, const uint8_t *in, uint8_t *out)
{
	for (size_t x = 0; x < b->width; x++, out += RGB) {
		unsigned shift = (unsigned)(8 - b->bits - x * b->bits % 8);
		unsigned index = (unsigned)in[x * b->bits / 8] >> shift & ((1U << b->bits) - 1);
		if (index >= b->colours)
			return -1;
		memcpy(out, b->palette[index], RGB);
	}
	return 0;
}

static void row_of_masks(const struct bmp *b, const uint8_t *in, uint8_t *out)
{
	int bytes = (int)b->bits / 8;
	for (size_t x = 0; x < b->width; x++, in += bytes, out += RGB)
		for (int c = 0; c < RGB; c++) {
			uint32_t mask = b->mask[c], low = mask & (~mask + 1);
			out[c] = (uint8_t)((little(in, bytes) & mask) / low * 255 / (mask / low));
		}
}

static int read_rows(const struct bmp *b, struct bitmap *p, char why[WHY_BYTES])
{
	size_t stride = (size_t)(b->width * b->bits + 31) / 32 * 4;
	if (b->pixels < FILE_HEADER + b->header)
		return refuse(why, "with a damaged header: its pixels begin inside of it");
	if (b->pixels > b->n || stride * b->height > b->n - b->pixels)
		return ends_early(why);
	for (size_t y = 0; y < b->height; y++) {
		const uint8_t *in = b->bytes + b->pixels + y * stride;
		uint8_t *out = p->rgb + (b->from_top ? y : b->height - 1 - y) * (size_t)b->width * RGB;
		if (b->bits > 8)
			row_of_masks(b, in, out);
		else if (row_of_palette(b, in, out))
			return refuse(why, "that is damaged: a pixel names a colour behind its palette");
	}
	return 0;
}

int bitmap_bmp(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	struct bmp b = {.bytes = bytes, .n = n};
	if (read_header(&b, why) || check_header(&b, why) || bitmap_size(p, b.width, b.height, why) ||
	    read_masks(&b, why) || read_palette(&b, why))
		return -1;
	return read_rows(&b, p, why);
}
