/* Shift and mirror, a row at a time. */
#include "data/image/augment.h"

#include <string.h>

/* Move a row right by dx; black where nothing was. */
static void shift_row(const uint8_t *in, int width, int dx, uint8_t *out)
{
	int kept = width - (dx < 0 ? -dx : dx);
	memset(out, 0, (size_t)width);
	if (kept > 0)
		memcpy(out + (dx > 0 ? dx : 0), in + (dx < 0 ? -dx : 0), (size_t)kept);
}

static void mirror_row(uint8_t *row, int width)
{
	for (int x = 0; x < width / 2; x++) {
		uint8_t kept = row[x];
		row[x] = row[width - 1 - x];
		row[width - 1 - x] = kept;
	}
}

void augment_image(const struct augment *a, const struct data_shape *s, const struct stream *coins,
                   const uint8_t *in, uint8_t *out)
{
	uint32_t span = 2 * (uint32_t)a->pad + 1;
	int dy = a->pad - (int)stream_below(coins, 0, span), dx = a->pad - (int)stream_below(coins, 1, span);
	bool mirrored = a->flip && stream_bits(coins, 2) & 1;
	for (int c = 0; c < s->channels; c++) {
		for (int y = 0; y < s->height; y++, out += s->width) {
			int from = y - dy;
			if (from < 0 || from >= s->height)
				memset(out, 0, (size_t)s->width);
			else
				shift_row(in + (size_t)from * (size_t)s->width, s->width, dx, out);
			if (mirrored)
				mirror_row(out, s->width);
		}
		in += (size_t)s->height * (size_t)s->width;
	}
}
