/*
 * Which tokens of a text a worker sees in which step.
 *
 * The text is cut into workers x batch columns of equal length, one behind the other; what is left at its end
 * (fewer tokens than columns) is not used. All columns are read side by side, a window of some positions a
 * step, worker w's the columns w batch to w batch + batch - 1; the label of a position is the token behind
 * it. At the end of the columns the window is shorter, and the next step begins anew.
 *
 * The length of a window is bptt, or random as in Merity et al. 2018: around bptt in 95 of 100 steps, around
 * bptt / 2 in the others, normal with deviation 5, rounded down, at least 5 and at most bptt + 20. It is a
 * function of (seed, step), the same for all workers; the position of a step is the sum of the lengths before
 * it, so nothing of this has a place in a checkpoint.
 */
#ifndef SIGNSGD_DATA_TEXT_TEXT_WALK_H
#define SIGNSGD_DATA_TEXT_TEXT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/shape.h"

enum { TEXT_LENGTH_LEAST = 5, TEXT_LENGTH_MORE = 20 };

/* Most positions of a window: data_shape.window of a text. */
static inline int text_window(int bptt, bool random_length)
{
	return random_length ? bptt + TEXT_LENGTH_MORE : bptt;
}

/* Positions of each of so many columns: one less than the tokens that are there for it. */
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
	size_t position; /* in the columns; 0: the carry begins anew */
	int length;
};

/* At step 0. columns = workers * batch; there must be positions. */
void text_walk_init(struct text_walk *w, const struct data_shape *s, size_t columns, uint64_t seed);

/* Go to a step: to the one after the present in no time, to others from the beginning. */
void text_walk_to(struct text_walk *w, uint64_t step);

/* Steps of the first pass over the columns. */
uint64_t text_walk_steps(const struct data_shape *s, size_t columns, uint64_t seed);

/*
 * `length` positions of `count` columns of a text from column `first` on, as a batch has them:
 * token, label [length][count].
 */
void text_gather(const int32_t *text, size_t positions, size_t first, size_t count, size_t position,
                 int length, int32_t *token, int32_t *label);

#endif
