/* Gather, shift and mirror, a row at a time: see backend/gather.h. */
#include "backend/gather.h"

#include <string.h>

/* What one image's random numbers say. */
struct change {
	int dx, dy; /* shift to the right and down */
	bool mirrored;
};

static struct change change_of(const struct gather *from, const struct stream *coins)
{
	uint32_t span = 2 * (uint32_t)from->pad + 1;
	return (struct change){.dy = from->pad - (int)stream_below(coins, 0, span),
	                       .dx = from->pad - (int)stream_below(coins, 1, span),
	                       .mirrored = from->flip && stream_bits(coins, 2) & 1};
}

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

static void change_plane(const struct gather *from, struct change how, const uint8_t *in, uint8_t *out)
{
	for (int y = 0; y < from->height; y++, out += from->width) {
		int row = y - how.dy;
		if (row < 0 || row >= from->height)
			memset(out, 0, (size_t)from->width);
		else
			shift_row(in + (size_t)row * (size_t)from->width, from->width, how.dx, out);
		if (how.mirrored)
			mirror_row(out, from->width);
	}
}

void gather_on_host(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                    const struct stream *coins, uint8_t *out, int32_t *label)
{
	size_t plane = (size_t)from->height * (size_t)from->width, image = plane * (size_t)from->channels;
	(void)q;
	for (size_t i = 0; i < count; i++, out += image) {
		const uint8_t *in = from->pixels + index[i] * image;
		label[i] = from->labels[index[i]];
		if (from->pad == 0 && !from->flip) {
			memcpy(out, in, image);
			continue;
		}
		struct stream own = *coins;
		own.step += i;
		struct change how = change_of(from, &own);
		for (size_t c = 0; c < (size_t)from->channels; c++)
			change_plane(from, how, in + c * plane, out + c * plane);
	}
}
