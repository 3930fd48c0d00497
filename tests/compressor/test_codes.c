/*
 * Levels and the largest coordinates as bytes: against what integers of any size and strings of bits make of
 * them (tests/golden/codes.json), back again, and what bytes are refused for.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "compressor/levels.h"
#include "compressor/sparse.h"
#include "tests/support/json_help.h"

TestSuite(codes, .fini = json_help_clear, .timeout = 240);

enum { GUARD = 16 };

static const struct json *golden(const char *what)
{
	struct err e = {0};
	struct json *all = json_read_file(&json_help_arena, "tests/golden/codes.json", &e);
	cr_assert(all, "%s", e.text);
	return json_member(all, what)->child;
}

static double number_of(const struct json *c, const char *key)
{
	return json_member(c, key)->number;
}

/* A text of hexadecimal digits as bytes, with a guard behind them. */
static unsigned char *bytes_of(const struct json *hex, size_t *bytes)
{
	*bytes = strlen(hex->string) / 2;
	unsigned char *out = arena_alloc(&json_help_arena, *bytes + GUARD);
	for (size_t i = 0; i < *bytes; i++) {
		unsigned value;
		cr_assert_eq(sscanf(hex->string + 2 * i, "%2x", &value), 1);
		out[i] = (unsigned char)value;
	}
	return out;
}

static void *buffer(size_t bytes)
{
	unsigned char *out = arena_alloc(&json_help_arena, bytes + GUARD);
	memset(out, 0x5a, bytes + GUARD);
	return out;
}

static void expect_bytes(const char *what, const unsigned char *got, size_t bytes, const struct json *hex)
{
	size_t expected;
	const unsigned char *want = bytes_of(hex, &expected);
	cr_assert_eq(bytes, expected, "%s: %zu bytes, not %zu", what, bytes, expected);
	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq(got[i], want[i], "%s: byte %zu is %02x, not %02x", what, i, got[i], want[i]);
	cr_assert_eq(got[bytes], 0x5a, "%s: written behind the end", what);
}

/* --- digits ------------------------------------------------------------------------------------------- */

Test(codes, digits_are_a_number)
{
	for (const struct json *c = golden("digits"); c; c = c->next) {
		const struct json *list = json_member(c, "digits"), *digit = list->child;
		uint32_t base = (uint32_t)number_of(c, "base");
		uint16_t *digits = buffer(list->count * 2), *again = buffer(list->count * 2);
		unsigned char *out = buffer(digits_bytes(base, list->count)), *at = out;
		for (size_t i = 0; i < list->count; i++, digit = digit->next)
			digits[i] = (uint16_t)digit->number;
		for (size_t i = 0; i < list->count; i += DIGITS_BLOCK) {
			size_t count = list->count - i < DIGITS_BLOCK ? list->count - i : DIGITS_BLOCK;
			size_t bytes = digits_block_bytes(base, count);
			digits_pack(base, count, digits + i, bytes, at);
			cr_assert(digits_unpack(base, count, at, bytes, again + i));
			at += bytes;
		}
		expect_bytes("digits", out, (size_t)(at - out), json_member(c, "bytes"));
		cr_assert_eq(memcmp(digits, again, list->count * sizeof *digits), 0);
	}
}

Test(codes, bytes_of_digits_are_the_fewest)
{
	for (const struct json *c = golden("digits_bytes"); c; c = c->next)
		cr_expect_eq(digits_bytes((uint32_t)number_of(c, "base"), (size_t)number_of(c, "count")),
		             (size_t)number_of(c, "bytes"));
	/* the formula of the whole, where all are one block */
	for (size_t d = 1; d <= DIGITS_BLOCK; d++)
		for (int levels = 1; levels <= 8; levels *= 2)
			cr_expect_eq(digits_bytes(2 * (uint32_t)levels + 1, d),
			             (size_t)ceil((double)d * log2(2 * levels + 1) / 8), "%zu, %d", d,
			             levels);
}

/* 3^5 = 243 of the 256 values of a byte are five digits. */
Test(codes, bytes_that_are_no_digits_are_refused)
{
	uint16_t digits[5];
	size_t refused = 0;
	cr_assert_eq(digits_block_bytes(3, 5), 1);
	for (unsigned value = 0; value < 256; value++) {
		unsigned char byte = (unsigned char)value;
		refused += !digits_unpack(3, 5, &byte, 1, digits);
	}
	cr_assert_eq(refused, 256 - 243);
}

/* --- Elias -------------------------------------------------------------------------------------------- */

Test(codes, elias_is_the_recursive_one)
{
	for (const struct json *c = golden("elias"); c; c = c->next) {
		unsigned char *out = buffer(GUARD);
		const char *bits = json_member(c, "bits")->string;
		struct bit_writer w = {.at = out};
		uint64_t n = (uint64_t)number_of(c, "n");
		elias_put(&w, n);
		bits_end(&w);
		cr_assert_eq(elias_bits(n), (int)strlen(bits));
		cr_assert_eq((size_t)(w.at - out), (strlen(bits) + 7) / 8);
		struct bit_reader r = {.at = out, .bits = 8 * (size_t)(w.at - out)};
		for (size_t i = 0; bits[i]; i++)
			cr_assert_eq(bits_take(&r), bits[i] == '1', "%.0f: bit %zu", (double)n, i);
		cr_assert(bits_ended(&r));
		r.next = 0;
		cr_assert_eq(elias_take(&r, n), n);
		r.next = 0;
		cr_assert_eq(elias_take(&r, n - 1), 0, "above the most");
		r = (struct bit_reader){.at = out, .bits = strlen(bits) - 1};
		cr_assert_eq(elias_take(&r, n), 0, "cut off");
	}
}

/* No code is another one's begin, so that any sequence is read as it was written. */
Test(codes, elias_numbers_follow_each_other)
{
	enum { COUNT = 70000 };
	unsigned char *out = mem_array((size_t)COUNT * 4, 1);
	struct bit_writer w = {.at = out};
	for (uint64_t n = 1; n <= COUNT; n++)
		elias_put(&w, n);
	bits_end(&w);
	struct bit_reader r = {.at = out, .bits = 8 * (size_t)(w.at - out)};
	for (uint64_t n = 1; n <= COUNT; n++)
		cr_assert_eq(elias_take(&r, COUNT), n);
	cr_assert(bits_ended(&r));
	mem_free(out);
}

/* --- levels ------------------------------------------------------------------------------------------- */

struct ranges {
	size_t count, total;
	size_t d[8];
	int16_t *levels; /* of all, one range after the other */
};

static struct ranges ranges_of(const struct json *c)
{
	const struct json *list = json_member(c, "ranges");
	struct ranges r = {.count = list->count};
	for (const struct json *range = list->child; range; range = range->next)
		r.total += range->count;
	r.levels = arena_alloc(&json_help_arena, r.total * sizeof *r.levels);
	size_t at = 0, k = 0;
	for (const struct json *range = list->child; range; range = range->next) {
		r.d[k++] = range->count;
		for (const struct json *level = range->child; level; level = level->next)
			r.levels[at++] = (int16_t)level->number;
	}
	return r;
}

static size_t block_of(size_t left)
{
	return left < LEVELS_BLOCK ? left : LEVELS_BLOCK;
}

static size_t write_levels(const struct ranges *r, const struct levels_form *f, unsigned char *out)
{
	const int16_t *levels = r->levels;
	struct levels_writer w;
	levels_begin(&w, f, out);
	for (size_t k = 0; k < r->count; k++)
		for (size_t left = r->d[k]; left > 0;) {
			size_t count = block_of(left);
			levels_put(&w, levels, count, count == left);
			levels += count;
			left -= count;
		}
	return (size_t)(levels_end(&w) - out);
}

/* NULL, and the levels in out; or what is wrong. */
static const char *read_levels(const struct ranges *r, const struct levels_form *f, const unsigned char *in,
                               size_t bytes, int16_t *out)
{
	struct levels_reader reader;
	levels_open(&reader, f, in, bytes);
	for (size_t k = 0; k < r->count; k++)
		for (size_t left = r->d[k]; left > 0;) {
			size_t count = block_of(left);
			const char *wrong = levels_take(&reader, out, count, left);
			if (wrong)
				return wrong;
			out += count;
			left -= count;
		}
	return levels_close(&reader);
}

static uint64_t most_bits(const struct ranges *r, const struct levels_form *f)
{
	uint64_t bits = 0;
	for (size_t k = 0; k < r->count; k++)
		bits += levels_bits_most(f, r->d[k]);
	return bits;
}

/* Bytes that were cut anywhere are refused, and so is one more. */
static void check_lengths(const struct ranges *r, const struct levels_form *f, const unsigned char *in,
                          size_t bytes)
{
	int16_t *out = mem_array(r->total, sizeof *out);
	for (size_t cut = 0; cut <= bytes + 1; cut++) {
		unsigned char *exact = mem_alloc(cut); /* the address sanitizer watches its end */
		memcpy(exact, in, cut < bytes ? cut : bytes);
		const char *wrong = read_levels(r, f, exact, cut, out);
		cr_assert_eq(wrong == NULL, cut == bytes, "%zu of %zu bytes: %s", cut, bytes, wrong);
		mem_free(exact);
	}
	mem_free(out);
}

Test(codes, levels_are_as_defined)
{
	for (const struct json *c = golden("levels"); c; c = c->next) {
		const struct ranges r = ranges_of(c);
		int16_t *again = buffer(r.total * sizeof *again);
		for (int coding = LEVELS_FIXED; coding <= LEVELS_ELIAS; coding++) {
			const struct levels_form f = {(enum levels_coding)coding, (int)number_of(c, "most")};
			size_t most = (size_t)((most_bits(&r, &f) + 7) / 8);
			unsigned char *out = buffer(most);
			size_t bytes = write_levels(&r, &f, out);
			cr_assert_leq(bytes, most);
			cr_assert(coding == LEVELS_ELIAS || bytes == most);
			expect_bytes(LEVELS_CODING_NAMES[coding], out, bytes,
			             json_member(c, LEVELS_CODING_NAMES[coding]));
			cr_assert_null(read_levels(&r, &f, out, bytes, again));
			cr_assert_eq(memcmp(again, r.levels, r.total * sizeof *again), 0);
			check_lengths(&r, &f, out, bytes);
		}
	}
}

/* All levels of a few coordinates, and of three ranges: none is longer than the most. */
Test(codes, no_levels_are_longer_than_the_most)
{
	enum { D = 7, ALL = 2187 }; /* 3^7 */
	const struct levels_form f = {LEVELS_ELIAS, 1};
	int16_t levels[D], again[D];
	const struct ranges r = {.count = 3, .total = D, .d = {4, 1, 2}, .levels = levels};
	size_t most = (size_t)((most_bits(&r, &f) + 7) / 8), longest = 0;
	for (int number = 0; number < ALL; number++) {
		unsigned char out[32];
		for (int i = 0, rest = number; i < D; i++, rest /= 3)
			levels[i] = (int16_t)(rest % 3 - 1);
		size_t bytes = write_levels(&r, &f, out);
		cr_assert_leq(bytes, most);
		cr_assert_null(read_levels(&r, &f, out, bytes, again));
		cr_assert_eq(memcmp(levels, again, sizeof levels), 0);
		longest = bytes > longest ? bytes : longest;
	}
	cr_assert_eq(longest, most);
}

static const char *refusal(const struct levels_form *f, size_t d, const char *bits)
{
	unsigned char in[8] = {0};
	int16_t out[16];
	const struct ranges r = {.count = 1, .total = d, .d = {d}};
	struct bit_writer w = {.at = in};
	for (; *bits; bits++)
		bits_put(&w, *bits == '1', 1);
	bits_end(&w);
	return read_levels(&r, f, in, (size_t)(w.at - in), out);
}

Test(codes, levels_that_nobody_wrote_are_refused)
{
	const struct levels_form f = {LEVELS_ELIAS, 3};
	cr_expect_null(refusal(&f, 2,
	                       "0"
	                       "1"
	                       "110"
	                       "0"
	                       "0"
	                       "0"));
	cr_expect_null(refusal(&f, 2, "110"), "a gap of 3 ends a range of 2");
	cr_expect_str_eq(refusal(&f, 2, "101000"),
	                 "has a gap that leads nowhere, or ends where a gap is expected");
	cr_expect_str_eq(refusal(&f, 2, "00101000"),
	                 "has a level beyond the largest, or ends where a level is expected");
	cr_expect_str_eq(refusal(&f, 2, "1100000001"), "has bytes or bits behind its last level");
	cr_expect_str_eq(refusal(&f, 2, "1101"), "has bytes or bits behind its last level");
	cr_expect_str_eq(refusal(&f, 2, ""), "has a gap that leads nowhere, or ends where a gap is expected");
	cr_expect_str_eq(refusal(&f, 2, "1111111111111111111111111111111111111111"),
	                 "has a gap that leads nowhere, or ends where a gap is expected");
}

/* Any bytes: refused, or exactly what is written of the levels that they say. */
Test(codes, any_bytes_are_refused_or_written_again)
{
	enum { D = 6, DRAWS = 100000 };
	const struct stream s = stream_of(1, RNG_TEST, 0, 0);
	int16_t levels[D];
	size_t good = 0;
	for (uint64_t k = 0; k < DRAWS; k++) {
		unsigned char in[4], again[32];
		uint64_t word = stream_bits(&s, k);
		const struct levels_form f = {(enum levels_coding)(word >> 32 & 1),
		                              1 + (int)(word >> 33 & 3)};
		const struct ranges r = {.count = 2, .total = D, .d = {2, 4}, .levels = levels};
		size_t bytes = word >> 40 & 3;
		for (size_t i = 0; i < bytes; i++)
			in[i] = (unsigned char)(word >> 8 * i);
		if (read_levels(&r, &f, in, bytes, levels))
			continue;
		good++;
		cr_assert_eq(write_levels(&r, &f, again), bytes);
		cr_assert_eq(memcmp(in, again, bytes), 0);
	}
	cr_assert_gt(good, 100);
}

/* --- the largest coordinates ---------------------------------------------------------------------------- */

static void expect_said(const struct sparse_form *f, const unsigned char *in, const float *p, size_t d)
{
	float *out = buffer(d * sizeof *out), *left = buffer(d * sizeof *left);
	size_t said = 0;
	memcpy(left, p, d * sizeof *left);
	sparse_read(f, in, d, out);
	sparse_forget(f, in, d, left);
	for (size_t i = 0; i < d; i++) {
		bool chosen = out[i] != 0;
		float want = f->signs ? (p[i] < 0 ? -1.0F : 1.0F) : p[i];
		said += chosen;
		cr_assert_eq(out[i], chosen ? want : 0);
		cr_assert_eq(left[i], chosen ? 0 : p[i]);
	}
	cr_assert_eq(said, sparse_count(f, d));
}

Test(codes, the_largest_are_as_sorting_finds_them)
{
	const struct stream coins = stream_of(1, RNG_ZERO, 0, 0);
	for (const struct json *c = golden("sparse"); c; c = c->next) {
		const struct json *list = json_member(c, "p"), *value = list->child;
		size_t d = list->count;
		float *p = arena_alloc(&json_help_arena, d * sizeof *p);
		for (size_t i = 0; i < d; i++, value = value->next)
			p[i] = (float)value->number;
		for (int signs = 0; signs <= 1; signs++) {
			const struct sparse_form f = {number_of(c, "share"), signs};
			unsigned char *out = buffer(sparse_bytes(&f, d));
			sparse_write(&f, p, d, 0, &coins, out);
			expect_bytes("sparse", out, sparse_bytes(&f, d),
			             json_member(c, signs ? "signs" : "values"));
			cr_assert_null(sparse_refuses(&f, out, d));
			expect_said(&f, out, p, d);
		}
	}
}

static void choose(const float *p, size_t d, double share, uint32_t *chosen)
{
	const struct sparse_form f = {share, false};
	const struct stream coins = stream_of(1, RNG_ZERO, 0, 0);
	unsigned char out[256];
	sparse_write(&f, p, d, 0, &coins, out);
	memcpy(chosen, out, sparse_count(&f, d) * sizeof *chosen);
}

/* NaN is larger than all, so that who diverges says so. */
Test(codes, strange_values_are_the_largest)
{
	static const float p[] = {1, -INFINITY, 0, NAN, 3.4e38F, -0.0F, 1e-40F};
	static const uint32_t want[][7] = {{3},          {1, 3},          {1, 3, 4},
	                                   {0, 1, 3, 4}, {0, 1, 3, 4, 6}, {0, 1, 2, 3, 4, 6}};
	for (size_t k = 1; k <= 6; k++) {
		uint32_t chosen[7];
		choose(p, 7, ((double)k + 0.5) / 7, chosen);
		cr_expect_eq(memcmp(chosen, want[k - 1], k * sizeof *chosen), 0, "%zu", k);
	}
}

Test(codes, signs_of_zeros_are_coins)
{
	enum { D = 130, FIRST = 100 };
	const struct sparse_form f = {1, true};
	const struct stream coins = stream_of(3, RNG_ZERO, 2, 5);
	float p[D] = {0}, out[D];
	unsigned char in[D * 4 + (D + 7) / 8];
	p[7] = NAN;
	p[8] = -1;
	sparse_write(&f, p, D, FIRST, &coins, in);
	sparse_read(&f, in, D, out);
	for (size_t i = 0; i < D; i++) {
		bool minus = i == 8 || (stream_bits(&coins, (FIRST + i) / 64) >> (FIRST + i) % 64 & 1);
		cr_expect_eq(out[i], minus ? -1 : 1, "%zu", i);
	}
}

static const char *sparse_refusal(const struct sparse_form *f, const uint32_t index[3], const void *said,
                                  size_t bytes)
{
	unsigned char *in = mem_alloc(3 * sizeof *index + bytes);
	memcpy(in, index, 3 * sizeof *index);
	memcpy(in + 3 * sizeof *index, said, bytes);
	cr_assert_eq(sparse_bytes(f, 6), 3 * sizeof *index + bytes);
	const char *wrong = sparse_refuses(f, in, 6);
	mem_free(in);
	return wrong;
}

Test(codes, coordinates_that_nobody_chose_are_refused)
{
	static const uint32_t good[3] = {0, 2, 5}, beyond[3] = {0, 2, 6}, far[3] = {0, UINT32_MAX, 5},
	                      twice[3] = {0, 2, 2}, falling[3] = {2, 0, 5};
	static const float values[3] = {1, -2, 0},
	                   strange[][3] = {{1, NAN, 2}, {INFINITY, 1, 2}, {1, 2, -INFINITY}};
	const struct sparse_form f = {0.5, false}, s = {0.5, true};
	cr_expect_null(sparse_refusal(&f, good, values, sizeof values));
	cr_expect_str_eq(sparse_refusal(&f, beyond, values, sizeof values),
	                 "names a coordinate that is not there");
	cr_expect_str_eq(sparse_refusal(&f, far, values, sizeof values),
	                 "names a coordinate that is not there");
	cr_expect_str_eq(sparse_refusal(&f, twice, values, sizeof values), "names a coordinate twice");
	cr_expect_str_eq(sparse_refusal(&f, falling, values, sizeof values),
	                 "names coordinates in no ascending order");
	for (size_t k = 0; k < 3; k++)
		cr_expect_str_eq(sparse_refusal(&f, good, strange[k], sizeof values),
		                 "has a value that is not finite");
	for (unsigned bits = 0; bits < 256; bits++) {
		unsigned char byte = (unsigned char)bits;
		cr_expect_eq(sparse_refusal(&s, good, &byte, 1) == NULL, bits < 8);
	}
}

Test(codes, bytes_of_the_largest)
{
	static const struct {
		double share;
		size_t d, count;
	} cases[] = {{0.01, 1, 1}, {0.01, 99, 1}, {0.01, 100, 1}, {0.01, 25450, 254}, {1, 7, 7}, {0.5, 3, 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t k = cases[i].count;
		const struct sparse_form f = {cases[i].share, false}, s = {cases[i].share, true};
		cr_expect_eq(sparse_count(&f, cases[i].d), k);
		cr_expect_eq(sparse_bytes(&f, cases[i].d), k * 8);
		cr_expect_eq(sparse_bytes(&s, cases[i].d), k * 4 + (k + 7) / 8);
	}
}
