/* Which coordinates are the largest, and how they are said: see compressor/sparse.h. */
#include "compressor/sparse.h"
#include <math.h>
#include <string.h>

size_t sparse_count(const struct sparse_form *f, size_t d)
{
	double share = floor(f->share * (double)d);
	size_t count = share >= 1 ? (size_t)share : 1;
	return count < d ? count : d;
}

size_t sparse_bytes(const struct sparse_form *f, size_t d)
{
	size_t count = sparse_count(f, d);
	return count * sizeof(uint32_t) + (f->signs ? (count + 7) / 8 : count * sizeof(float));
}

/* --- the largest ------------------------------------------------------------------------------------------
 */

/* The order of |x| is that of its bits as a number, and those of NaN are above those of infinity. */
static uint32_t size_of(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits & INT32_MAX;
}

enum { DIGIT = 8, VALUES = 1 << DIGIT, BITS = 32 };

/* What is chosen: all that are larger than `size`, and so many of those that are as large. */
struct threshold {
	uint32_t size;
	size_t equal;
};

/*
 * The size of number `count` of p [d] in falling order, found from its highest digit on: of those whose
 * digits so far are the threshold's, it is counted how many have which next one.
 */
static struct threshold threshold_of(const float *p, size_t d, size_t count)
{
	struct threshold t = {.size = 0, .equal = count};
	for (int shift = BITS - DIGIT; shift >= 0; shift -= DIGIT) {
		size_t have[VALUES] = {0};
		uint32_t above = shift + DIGIT < BITS ? t.size >> (shift + DIGIT) : 0;
		for (size_t i = 0; i < d; i++) {
			uint32_t size = size_of(p[i]);
			if (shift + DIGIT >= BITS || size >> (shift + DIGIT) == above)
				have[size >> shift & (VALUES - 1)]++;
		}
		uint32_t digit = VALUES - 1;
		for (; have[digit] < t.equal; digit--)
			t.equal -= have[digit];
		t.size |= digit << shift;
	}
	return t;
}

/* --- bytes ------------------------------------------------------------------------------------------------
 */

static uint32_t index_at(const unsigned char *in, size_t k)
{
	uint32_t index;
	memcpy(&index, in + k * sizeof index, sizeof index);
	return index;
}

static float value_at(const unsigned char *values, size_t k)
{
	float value;
	memcpy(&value, values + k * sizeof value, sizeof value);
	return value;
}

static bool bit_at(const unsigned char *signs, size_t k)
{
	return signs[k / 8] >> k % 8 & 1;
}

static bool is_minus(float x, size_t coordinate, const struct stream *coins)
{
	if (x > 0 || x < 0)
		return x < 0;
	return stream_bits(coins, coordinate / 64) >> coordinate % 64 & 1;
}

void sparse_write(const struct sparse_form *f, const float *p, size_t d, size_t first,
                  const struct stream *coins, unsigned char *out)
{
	size_t count = sparse_count(f, d), k = 0;
	struct threshold t = threshold_of(p, d, count);
	unsigned char *said = out + count * sizeof(uint32_t);
	if (f->signs)
		memset(said, 0, (count + 7) / 8);
	for (size_t i = 0; i < d && k < count; i++) {
		uint32_t size = size_of(p[i]), index = (uint32_t)i;
		if (size < t.size || (size == t.size && t.equal == 0))
			continue;
		t.equal -= size == t.size;
		memcpy(out + k * sizeof index, &index, sizeof index);
		if (f->signs)
			said[k / 8] |= (unsigned char)(is_minus(p[i], first + i, coins) << k % 8);
		else
			memcpy(said + k * sizeof p[i], &p[i], sizeof p[i]);
		k++;
	}
}

static const char *refuses_said(const struct sparse_form *f, const unsigned char *said, size_t count)
{
	if (f->signs)
		return count % 8 && said[count / 8] >> count % 8 ? "has bits behind its last sign" : NULL;
	for (size_t k = 0; k < count; k++)
		if (!isfinite(value_at(said, k)))
			return "has a value that is not finite";
	return NULL;
}

const char *sparse_refuses(const struct sparse_form *f, const unsigned char *in, size_t d)
{
	size_t count = sparse_count(f, d);
	for (size_t k = 0; k < count; k++) {
		if (index_at(in, k) >= d)
			return "names a coordinate that is not there";
		if (k > 0 && index_at(in, k) == index_at(in, k - 1))
			return "names a coordinate twice";
		if (k > 0 && index_at(in, k) < index_at(in, k - 1))
			return "names coordinates in no ascending order";
	}
	return refuses_said(f, in + count * sizeof(uint32_t), count);
}

void sparse_read(const struct sparse_form *f, const unsigned char *in, size_t d, float *out)
{
	size_t count = sparse_count(f, d);
	const unsigned char *said = in + count * sizeof(uint32_t);
	memset(out, 0, d * sizeof *out);
	for (size_t k = 0; k < count; k++)
		out[index_at(in, k)] = f->signs ? (bit_at(said, k) ? -1 : 1) : value_at(said, k);
}

void sparse_forget(const struct sparse_form *f, const unsigned char *in, size_t d, float *p)
{
	size_t count = sparse_count(f, d);
	for (size_t k = 0; k < count; k++)
		p[index_at(in, k)] = 0;
}
