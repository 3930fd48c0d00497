/* How coordinates are arranged in messages: see transport.h. */
#include <string.h>
#include "backend/sign.h"
#include "transport/transport.h"

struct planes planes_of(int bits, size_t bytes, size_t n)
{
	struct planes p = {.count = 1, .bits = bits};
	if (bits == 0)
		return (struct planes){0};
	p.count = (int)(bytes / planes_stride(&p, n));
	return p;
}

size_t planes_offset(const struct planes *p, size_t n, size_t i)
{
	if (p->bits == 1)
		return i == n ? sign_plane_bytes(n) : i / 8;
	return i * (size_t)p->bits / 8;
}

size_t planes_stride(const struct planes *p, size_t n)
{
	return planes_offset(p, n, n);
}

bool planes_padding_clear(const struct planes *p, size_t n, const void *message)
{
	size_t bytes = planes_stride(p, n);
	for (int plane = 0; p->bits == 1 && plane < p->count; plane++) {
		const unsigned char *at = (const unsigned char *)message + (size_t)plane * bytes;
		if (n % 8 != 0 && at[n / 8] >> n % 8)
			return false;
		for (size_t i = (n + 7) / 8; i < bytes; i++)
			if (at[i])
				return false;
	}
	return true;
}

size_t planes_range_bytes(const struct planes *p, size_t n, size_t begin, size_t end)
{
	return (size_t)p->count * (planes_offset(p, n, end) - planes_offset(p, n, begin));
}

void planes_take(const struct planes *p, size_t n, size_t begin, size_t end, const void *message, void *range)
{
	size_t from = planes_offset(p, n, begin), bytes = planes_offset(p, n, end) - from;
	for (int plane = 0; plane < p->count; plane++)
		memcpy((unsigned char *)range + (size_t)plane * bytes,
		       (const unsigned char *)message + (size_t)plane * planes_stride(p, n) + from, bytes);
}

void planes_put(const struct planes *p, size_t n, size_t begin, size_t end, const void *range, void *message)
{
	size_t to = planes_offset(p, n, begin), bytes = planes_offset(p, n, end) - to;
	for (int plane = 0; plane < p->count; plane++)
		memcpy((unsigned char *)message + (size_t)plane * planes_stride(p, n) + to,
		       (const unsigned char *)range + (size_t)plane * bytes, bytes);
}

size_t planes_bucket(size_t n, size_t buckets)
{
	return ((n + buckets - 1) / buckets + 63) / 64 * 64;
}
