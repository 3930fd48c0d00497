/* Windows over the columns of a text. */
#include "data/text/text_walk.h"

#include <math.h>

#include "base/err.h"
#include "base/rng.h"

#define USUAL     0.95f /* share of the steps whose length is around bptt */
#define DEVIATION 5.0

/* The step's length if the text had no end. */
static int unbounded_length(const struct text_walk *w)
{
	if (!w->random_length)
		return w->bptt;
	struct stream s = stream_of(w->seed, RNG_ORDER, 0, w->step);
	float z[4];
	stream_normal4(&s, 1, z); /* block 0 has the coin */
	double mean = stream_uniform(&s, 0) < USUAL ? w->bptt : w->bptt / 2.0;
	double length = floor(mean + DEVIATION * (double)z[0]);
	return (int)fmin(fmax(length, TEXT_LENGTH_LEAST), w->bptt + TEXT_LENGTH_MORE);
}

static void measure(struct text_walk *w)
{
	size_t left = w->positions - w->position;
	w->length = unbounded_length(w);
	if ((size_t)w->length > left)
		w->length = (int)left;
}

static void restart(struct text_walk *w)
{
	w->step = w->epoch = 0;
	w->position = 0;
	measure(w);
}

static void advance(struct text_walk *w)
{
	w->step++;
	w->position += (size_t)w->length;
	if (w->position == w->positions) {
		w->position = 0;
		w->epoch++;
	}
	measure(w);
}

void text_walk_init(struct text_walk *w, const struct data_shape *s, size_t columns, uint64_t seed)
{
	*w = (struct text_walk){.positions = text_positions(s->n_train, columns),
	                        .bptt = s->bptt,
	                        .random_length = s->random_length,
	                        .seed = seed};
	if (w->positions == 0)
		BUG("a text shorter than its columns");
	restart(w);
}

void text_walk_to(struct text_walk *w, uint64_t step)
{
	if (step < w->step)
		restart(w);
	while (w->step < step)
		advance(w);
}

uint64_t text_walk_steps(const struct data_shape *s, size_t columns, uint64_t seed)
{
	struct text_walk w;
	text_walk_init(&w, s, columns, seed);
	if (!w.random_length)
		return (w.positions + (size_t)w.bptt - 1) / (size_t)w.bptt;
	while (w.epoch == 0)
		advance(&w);
	return w.step;
}

void text_gather(const int32_t *text, size_t positions, size_t first, size_t count, size_t position,
                 int length, int32_t *token, int32_t *label)
{
	for (size_t c = 0; c < count; c++) {
		const int32_t *from = text + (first + c) * positions + position;
		for (size_t t = 0; t < (size_t)length; t++) {
			token[t * count + c] = from[t];
			label[t * count + c] = from[t + 1];
		}
	}
}
