/* What data sets and models both need to know of each other: the shape of a sample, and a batch of them. */
#ifndef SIGNSGD_BASE_SHAPE_H
#define SIGNSGD_BASE_SHAPE_H

#include <stddef.h>
#include <stdint.h>

struct data_shape {
	size_t n_train, n_test;      /* samples; 0 for data set `none` */
	int channels, height, width; /* of a sample; features = channels * height * width */
	int n_classes;
};

static inline size_t shape_features(const struct data_shape *s)
{
	return (size_t)s->channels * (size_t)s->height * (size_t)s->width;
}

/* A mini-batch, and whose turn it is. Models without data use only the last three. */
struct batch {
	int count;            /* samples */
	const float *x;       /* [count][features], normalised; NULL without data */
	const int32_t *label; /* [count]; NULL without data */
	uint64_t seed;
	uint32_t worker;
	uint64_t step;
};

#endif
