/*
 * The layers of a vector of coordinates: the model's parameter tensors, one after the other, as peers of this
 * program scale and weigh them one by one (a weight and its bias are two).
 */
#ifndef SIGNSGD_COMPRESSOR_LAYERS_H
#define SIGNSGD_COMPRESSOR_LAYERS_H

#include <stddef.h>

/* Coordinates [begin, end), not empty. */
struct layer_range {
	size_t begin, end;
	/* Of a matrix in row order, (end - begin) / rows numbers each; a convolution's weight is one row an
	 * output channel. 0: no matrix. */
	size_t rows;
};

/* Together they are all of the vector, in its order. NULL stands for one layer that is all of it. */
struct layers {
	size_t count; /* at least 1 */
	const struct layer_range *at;
};

/* How many there are, and the one with this number, of n coordinates. */
static inline size_t layers_count(const struct layers *l)
{
	return l ? l->count : 1;
}

static inline struct layer_range layers_at(const struct layers *l, size_t n, size_t i)
{
	return l ? l->at[i] : (struct layer_range){.begin = 0, .end = n};
}

/* The layer of n coordinates that has coordinate i. */
static inline size_t layers_find(const struct layers *l, size_t n, size_t i)
{
	size_t low = 0, high = layers_count(l);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (layers_at(l, n, middle).begin <= i)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* A range of coordinates cut where layers end. */
struct layer_piece {
	size_t begin, end; /* coordinates */
	size_t layer;      /* that they are of */
};

/* The piece of [begin, end), not empty, that begins it. */
static inline struct layer_piece layers_piece(const struct layers *l, size_t n, size_t begin, size_t end)
{
	size_t layer = layers_find(l, n, begin), to = layers_at(l, n, layer).end;
	return (struct layer_piece){begin, to < end ? to : end, layer};
}

#endif
