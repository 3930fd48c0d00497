/* Choosing the rectangle, and applying the transform. */
#include "data/image/transform.h"

#include <math.h>

enum {
	TRIES = 10,
	DRAWS = 4 /* numbers of a try */,
	MIRROR_AT = 2 * (TRIES + 1) /* a word behind all tries */
};

/* Try number `number`. Width 0: it does not fit into the image. */
static struct rectangle draw_part(const struct transform *t, int width, int height,
                                  const struct stream *coins, uint64_t number)
{
	double u[DRAWS];
	for (uint64_t i = 0; i < DRAWS; i++)
		u[i] = (double)stream_uniform(coins, DRAWS * number + i);
	double area = (t->scale[0] + u[0] * (t->scale[1] - t->scale[0])) * width * height;
	double low = log(t->ratio[0]), ratio = exp(low + u[1] * (log(t->ratio[1]) - low));
	double w = round(sqrt(area * ratio)), h = round(sqrt(area / ratio));
	if (w < 1 || h < 1 || w > width || h > height)
		return (struct rectangle){0};
	return (struct rectangle){floor(u[2] * (width - w + 1)), floor(u[3] * (height - h + 1)), w, h};
}

static struct rectangle in_the_middle(int width, int height, double w, double h)
{
	return (struct rectangle){(width - w) / 2, (height - h) / 2, w, h};
}

struct rectangle transform_part(const struct transform *t, int width, int height, const struct stream *coins)
{
	int shorter = width < height ? width : height;
	double side = (double)shorter * t->size / t->resize, ratio = (double)width / height;
	if (!coins || !t->crop)
		return in_the_middle(width, height, side, side);
	for (uint64_t i = 0; i < TRIES; i++) {
		struct rectangle part = draw_part(t, width, height, coins, i);
		if (part.width > 0)
			return part;
	}
	if (ratio < t->ratio[0])
		return in_the_middle(width, height, width, fmax(1, round(width / t->ratio[0])));
	if (ratio > t->ratio[1])
		return in_the_middle(width, height, fmax(1, round(height * t->ratio[1])), height);
	return in_the_middle(width, height, width, height);
}

/* Asked by the decoder when it knows the image's size. */
struct asking {
	const struct transform *transform;
	const struct stream *coins;
};

static void ask(void *ctx, int width, int height, double *shrink)
{
	const struct asking *a = ctx;
	struct rectangle part = transform_part(a->transform, width, height, a->coins);
	*shrink = fmin(part.width, part.height) / a->transform->size;
}

int transform_apply(const struct transform *t, const uint8_t *bytes, size_t n, const struct stream *coins,
                    struct transform_scratch *scratch, uint8_t *out, char why[200])
{
	struct asking asking = {t, coins};
	const struct bitmap_need need = {ask, &asking};
	struct bitmap *p = &scratch->bitmap;
	if (bitmap_decode(bytes, n, &need, p, why))
		return -1;
	struct rectangle part = transform_part(t, p->full_width, p->full_height, coins);
	bool mirrored = coins && t->flip && stream_bits(coins, MIRROR_AT) & 1;
	resample(p, &part, t->size, mirrored, &scratch->resample, out);
	return 0;
}

void transform_scratch_clear(struct transform_scratch *scratch)
{
	bitmap_clear(&scratch->bitmap);
	resample_clear(&scratch->resample);
}
