/* Binary PGM and PPM (P5, P6) with values of up to 8 bits: a header of numbers, then the samples. */
#include "data/image/bitmap_internal.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 1 << 30 };

struct cursor {
	const uint8_t *at, *end;
};

static int is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number of the header, after spaces and comments, and one space behind it. -1: there is none. */
static long next_number(struct cursor *c)
{
	long value = 0;
	int digits = 0, comment = 0;
	for (; c->at < c->end && (comment || is_space(*c->at) || *c->at == '#'); c->at++)
		comment = comment ? *c->at != '\n' && *c->at != '\r' : *c->at == '#';
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && value < NUMBER_MAX; c->at++, digits++)
		value = 10 * value + (*c->at - '0');
	if (!digits || c->at == c->end || !is_space(*c->at))
		return -1;
	c->at++;
	return value;
}

/* value of 0 to `most` to 0 to 255, rounded as Pillow does: halves to even. */
static uint8_t scaled(unsigned value, unsigned most)
{
	unsigned twice = 2 * 255 * (value < most ? value : most), whole = twice / (2 * most),
	         rest = twice - 2 * most * whole;
	return (uint8_t)(whole + (rest > most || (rest == most && whole % 2)));
}

int bitmap_pnm(const uint8_t *bytes, size_t n, struct bitmap *p, char why[WHY_BYTES])
{
	struct cursor c = {bytes + 2, bytes + n};
	size_t channels = bytes[1] == '6' ? RGB : 1;
	if (c.at == c.end || !is_space(*c.at)) {
		snprintf(why, WHY_BYTES,
		         "is no image: it begins as no JPEG, PNG, WebP, BMP, PPM or PGM file");
		return -1;
	}
	long width = next_number(&c), height = next_number(&c), most = next_number(&c);
	if (width < 0 || height < 0 || most < 1) {
		snprintf(why, WHY_BYTES, "is a damaged PPM or PGM file: its header is no three numbers");
		return -1;
	}
	if (most > 255) {
		snprintf(why, WHY_BYTES, "is a PPM or PGM file of values up to %ld, expected at most 255",
		         most);
		return -1;
	}
	if (bitmap_size(p, (uint64_t)width, (uint64_t)height, why))
		return -1;
	size_t samples = (size_t)width * (size_t)height * channels;
	if ((size_t)(c.end - c.at) < samples) {
		snprintf(why, WHY_BYTES, "is a PPM or PGM file that ends early: found %zu of %zu samples",
		         (size_t)(c.end - c.at), samples);
		return -1;
	}
	for (size_t i = 0; i < samples; i++) {
		uint8_t value = scaled(c.at[i], (unsigned)most);
		if (channels == 1)
			memset(p->rgb + RGB * i, value, RGB);
		else
			p->rgb[i] = value;
	}
	return 0;
}
