/* The definition of `gather`: one pixel of the batch at a time, as backend/gather.h says. */
#include "backend/ref/ref.h"

/* Of the plane `in`, moved right and down by dx and dy; black where nothing was. */
static uint8_t moved(const struct gather *from, const uint8_t *in, int y, int x, int dy, int dx)
{
	int row = y - dy, column = x - dx;
	if (row < 0 || row >= from->height || column < 0 || column >= from->width)
		return 0;
	return in[row * from->width + column];
}

static void gather_image(const struct gather *from, const uint8_t *in, const struct stream *coins,
                         uint8_t *out)
{
	uint32_t span = 2 * (uint32_t)from->pad + 1;
	int dy = from->pad > 0 ? from->pad - (int)stream_below(coins, 0, span) : 0;
	int dx = from->pad > 0 ? from->pad - (int)stream_below(coins, 1, span) : 0;
	bool mirrored = from->flip && stream_bits(coins, 2) & 1;
	for (int c = 0; c < from->channels; c++) {
		for (int y = 0; y < from->height; y++)
			for (int x = 0; x < from->width; x++)
				*out++ = moved(from, in, y, mirrored ? from->width - 1 - x : x, dy, dx);
		in += from->height * from->width;
	}
}

void ref_gather(HOST_QUEUE, const struct gather *from, size_t count, const uint32_t *index,
                const struct stream *coins, uint8_t *out, int32_t *label)
{
	size_t image = (size_t)from->channels * (size_t)from->height * (size_t)from->width;
	for (size_t i = 0; i < count; i++) {
		struct stream own = {0};
		if (from->pad > 0 || from->flip) {
			own = *coins;
			own.step += i;
		}
		gather_image(from, from->pixels + index[i] * image, &own, out + i * image);
		label[i] = from->labels[index[i]];
	}
}
