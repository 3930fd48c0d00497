/* Levels as bytes: see compressor/levels.h. */
#include "compressor/levels.h"
#include <stdlib.h>

static uint32_t base_of(const struct levels_form *f)
{
	return 2 * (uint32_t)f->most + 1;
}

/* Of one block. */
static size_t bytes_of(const struct levels_form *f, size_t block_bytes, size_t count)
{
	return count == LEVELS_BLOCK ? block_bytes : digits_block_bytes(base_of(f), count);
}

/* With Elias, a coordinate costs most where none is 0: a gap of 1, a sign, and the longest size. */
uint64_t levels_bits_most(const struct levels_form *f, size_t d)
{
	return f->coding == LEVELS_FIXED ? 8 * (uint64_t)digits_bytes(base_of(f), d)
	                                 : d * (2 + (uint64_t)elias_bits((uint64_t)f->most));
}

/* --- writing -------------------------------------------------------------------------------------------- */

void levels_begin(struct levels_writer *w, const struct levels_form *f, unsigned char *out)
{
	*w = (struct levels_writer){.form = *f, .bits = {.at = out}, .gap = 1};
	if (f->coding == LEVELS_FIXED)
		w->block_bytes = digits_block_bytes(base_of(f), LEVELS_BLOCK);
}

static void put_digits(struct levels_writer *w, const int16_t *levels, size_t count)
{
	uint16_t digits[LEVELS_BLOCK];
	size_t bytes = bytes_of(&w->form, w->block_bytes, count);
	for (size_t i = 0; i < count; i++)
		digits[i] = (uint16_t)(levels[i] + w->form.most);
	digits_pack(base_of(&w->form), count, digits, bytes, w->bits.at);
	w->bits.at += bytes;
}

static void put_elias(struct levels_writer *w, const int16_t *levels, size_t count, bool last)
{
	for (size_t i = 0; i < count; i++, w->gap++) {
		if (levels[i] == 0)
			continue;
		elias_put(&w->bits, w->gap);
		bits_put(&w->bits, levels[i] < 0, 1);
		elias_put(&w->bits, (uint64_t)abs(levels[i]));
		w->gap = 0;
	}
	if (last && w->gap > 1)
		elias_put(&w->bits, w->gap);
	if (last)
		w->gap = 1;
}

void levels_put(struct levels_writer *w, const int16_t *levels, size_t count, bool last)
{
	if (w->form.coding == LEVELS_FIXED)
		put_digits(w, levels, count);
	else
		put_elias(w, levels, count, last);
}

unsigned char *levels_end(struct levels_writer *w)
{
	bits_end(&w->bits);
	return w->bits.at;
}

/* --- reading -------------------------------------------------------------------------------------------- */

void levels_open(struct levels_reader *r, const struct levels_form *f, const unsigned char *in, size_t bytes)
{
	*r = (struct levels_reader){.form = *f, .bits = {.at = in, .bits = 8 * bytes}};
	if (f->coding == LEVELS_FIXED)
		r->block_bytes = digits_block_bytes(base_of(f), LEVELS_BLOCK);
}

static const char *take_digits(struct levels_reader *r, int16_t *levels, size_t count)
{
	uint16_t digits[LEVELS_BLOCK];
	size_t bytes = bytes_of(&r->form, r->block_bytes, count), at = r->bits.next / 8;
	if (bytes > r->bits.bits / 8 - at)
		return "ends before its levels do";
	if (!digits_unpack(base_of(&r->form), count, r->bits.at + at, bytes, digits))
		return "has levels that are packed as none are";
	for (size_t i = 0; i < count; i++)
		levels[i] = (int16_t)(digits[i] - r->form.most);
	r->bits.next += 8 * bytes;
	return NULL;
}

/* A level that is not 0; 0: there is none. */
static int take_level(struct levels_reader *r)
{
	bool negative = bits_take(&r->bits);
	int size = (int)elias_take(&r->bits, (uint64_t)r->form.most);
	return negative ? -size : size;
}

static const char *take_elias(struct levels_reader *r, int16_t *levels, size_t count, size_t left)
{
	for (size_t i = 0; i < count; i++) {
		if (!r->gap_known) {
			uint64_t gap = elias_take(&r->bits, (uint64_t)(left - i) + 1);
			if (gap == 0)
				return "has a gap that leads nowhere, or ends where a gap is expected";
			r->gap_known = true;
			r->zeros = gap - 1;
		}
		levels[i] = 0;
		if (r->zeros > 0) {
			r->zeros--;
			continue;
		}
		levels[i] = (int16_t)take_level(r);
		if (levels[i] == 0)
			return "has a level beyond the largest, or ends where a level is expected";
		r->gap_known = false;
	}
	if (count == left)
		r->gap_known = false; /* the gap to the coordinate behind the range */
	return NULL;
}

const char *levels_take(struct levels_reader *r, int16_t *levels, size_t count, size_t left)
{
	return r->form.coding == LEVELS_FIXED ? take_digits(r, levels, count)
	                                      : take_elias(r, levels, count, left);
}

const char *levels_close(const struct levels_reader *r)
{
	return bits_ended(&r->bits) ? NULL : "has bytes or bits behind its last level";
}
