/*
 * Which tokens of a text a worker sees in which step.
 *
 * The text is cut into workers x batch columns of equal length, one behind the other; the remainder (fewer
 * tokens than columns) is not used. Worker w reads columns w batch to w batch + batch - 1. In each step every
 * column is read at the same window of positions; the label of a position is the token behind it. The last
 * window of the columns may be shorter; after it, the next step starts at the beginning of the columns.
 *
 * The length of a window is bptt, or random as in Merity et al. 2018: around bptt in 95 of 100 steps, around
 * bptt / 2 in the others, normal with deviation 5, rounded down, at least 5 and at most bptt + 20. It is a
 * function of (seed, step) and the same for all workers. The position of a step is the sum of the lengths
 * before it, so none of this is saved in a checkpoint.
 */
#ifndef SIGNSGD_DATA_TEXT_TEXT_WALK_H
#define SIGNSGD_DATA_TEXT_TEXT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/shape.h"

enum { TEXT_LENGTH_LEAST = 5, TEXT_LENGTH_MORE = 20 };

/* The largest number of positions of a window: data_shape.window of a text. */
static inline int text_window(int bptt, bool random_length)
{
	return random_length ? bptt + TEXT_LENGTH_MORE : bptt;
}

/* Positions of a column when `tokens` are cut into `columns`: the last token of the text is only a label. */
static inline size_t text_positions(size_t tokens, size_t columns)
{
	return tokens > 0 ? (tokens - 1) / columns : 0;
}

struct text_walk {
	size_t positions; /* of a column */
	int bptt;
	bool random_length;
	uint64_t seed;
	/* Of the present step: */
	uint64_t step, epoch;
	size_t position; /* in the columns; 0: the carry is reset */
	int length;
};

/* Start at step 0. columns = workers * batch; the text must have at least one position for each. */
void text_walk_init(struct text_walk *w, const struct data_shape *s, size_t columns, uint64_t seed);

/* Go to a step. Forward walks step by step; back starts again at step 0. */
void text_walk_to(struct text_walk *w, uint64_t step);

/* Steps of the first pass over the columns. */
uint64_t text_walk_steps(const struct data_shape *s, size_t columns, uint64_t seed);

/*
 * Copy a window into a batch: `length` positions from `position` on, of `count` columns from `first` on.
 * token, label [length][count].
 */
void text_gather(const int32_t *text, size_t positions, size_t first, size_t count, size_t position,
                 int length, int32_t *token, int32_t *label);

#endif
