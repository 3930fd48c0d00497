/* Bits, and Elias' code: see compressor/elias.h. */
#include "compressor/elias.h"

enum { GROUPS_MOST = 8 /* of binary digits in the code of any 64-bit number: 64, 6, 3, 2 and the end */ };

void bits_put(struct bit_writer *w, uint64_t value, int count)
{
	while (count > 0) {
		int taken = 8 - w->count < count ? 8 - w->count : count;
		uint32_t top = (uint32_t)(value >> (count - taken)) & ((1U << taken) - 1);
		w->held = w->held << taken | top;
		w->count += taken;
		count -= taken;
		if (w->count == 8) {
			*w->at++ = (unsigned char)w->held;
			w->held = 0;
			w->count = 0;
		}
	}
}

void bits_end(struct bit_writer *w)
{
	if (w->count > 0)
		bits_put(w, 0, 8 - w->count);
}

unsigned bits_take(struct bit_reader *r)
{
	size_t next = r->next++;
	return next < r->bits ? r->at[next / 8] >> (7 - next % 8) & 1U : 0;
}

bool bits_ended(const struct bit_reader *r)
{
	struct bit_reader rest = *r;
	if (rest.next > rest.bits || rest.bits - rest.next > 7)
		return false;
	while (rest.next < rest.bits)
		if (bits_take(&rest))
			return false;
	return true;
}

/* Binary digits of n >= 1. */
static int digits_of(uint64_t n)
{
	int count = 0;
	for (; n > 0; n >>= 1)
		count++;
	return count;
}

void elias_put(struct bit_writer *w, uint64_t n)
{
	uint64_t group[GROUPS_MOST];
	int groups = 0;
	for (; n > 1; n = (uint64_t)digits_of(n) - 1)
		group[groups++] = n;
	while (groups > 0) {
		groups--;
		bits_put(w, group[groups], digits_of(group[groups]));
	}
	bits_put(w, 0, 1);
}

int elias_bits(uint64_t n)
{
	int bits = 1;
	for (; n > 1; n = (uint64_t)digits_of(n) - 1)
		bits += digits_of(n);
	return bits;
}

uint64_t elias_take(struct bit_reader *r, uint64_t most)
{
	uint64_t n = 1;
	while (bits_take(r)) {
		if (n >= 63)
			return 0;
		uint64_t value = 1;
		for (uint64_t i = 0; i < n; i++)
			value = value << 1 | bits_take(r);
		n = value;
	}
	return n <= most && r->next <= r->bits ? n : 0;
}
