/* What data sets and models both need to know of each other: the shape of a sample, and a batch of them. */
#ifndef SIGNSGD_BASE_SHAPE_H
#define SIGNSGD_BASE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_shape {
	size_t n_train, n_test;      /* samples; text: tokens; 0 for data set `none` */
	size_t n_validation;         /* held out of the training set, and not in n_train (data/hold_out.h) */
	int channels, height, width; /* of a sample; features = channels * height * width */
	int n_classes;               /* text: size of the vocabulary */
	int window;                  /* text: most positions of a sequence in a step; 0: samples are images */
	int bptt;                    /* text: usual positions of a sequence in a step */
	bool random_length; /* text: the positions of a step are random, around bptt (data/text/text_walk.h)
	                     */
};

static inline size_t shape_features(const struct data_shape *s)
{
	return (size_t)s->channels * (size_t)s->height * (size_t)s->width;
}

/* All samples (tokens) that there are. */
static inline size_t shape_samples(const struct data_shape *s)
{
	return s->n_train + s->n_validation + s->n_test;
}

/*
 * A mini-batch, and whose turn it is. Models without data use only the last three. x, token, label, carry and
 * running are the machine's memory (backend/memory.h).
 *
 * Images: x and a label each. Text: `count` sequences side by side, `length` positions of each; the label
 * of a position is the token that follows it.
 */
struct batch {
	int count;            /* samples */
	int length;           /* text: positions of a sequence; not looked at for images */
	const float *x;       /* [count][features], normalised; NULL without images */
	const int32_t *token; /* [length][count]; NULL without text */
	const int32_t *label; /* [count], text: [length][count]; NULL without data */
	/* A model's state beside its parameters (models/model.h), NULL where it has none: */
	float *carry;   /* [carry_floats] of these sequences, read and written */
	float *running; /* [running_floats] grad(): brought up to date, or NULL; eval(): read, never NULL */
	uint64_t seed;
	uint32_t worker;
	uint64_t step;
	/*
	 * grad(): told, as the gradient is made from its end to its beginning, that g's coordinates from
	 * `begin` on are final. A model may say it never, or seldom. NULL: nobody listens.
	 */
	void (*ready)(void *ctx, size_t begin);
	void *ready_ctx;
};

static inline void batch_ready(const struct batch *b, size_t begin)
{
	if (b->ready)
		b->ready(b->ready_ctx, begin);
}

#endif
