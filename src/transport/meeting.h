/*
 * The messages of one step, where they meet, for a rule that must see them all at once. Several processes may
 * each have a share of the coordinates: [begin, end), whole blocks of MEETING_BLOCK, or up to n.
 */
#ifndef SIGNSGD_TRANSPORT_MEETING_H
#define SIGNSGD_TRANSPORT_MEETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"

/* Coordinates of a block: sums over coordinates are one double a block, added in order. */
enum { MEETING_BLOCK = 65536 };

/* How many there are of n coordinates. */
static inline size_t meeting_blocks(size_t n)
{
	return (n + MEETING_BLOCK - 1) / MEETING_BLOCK;
}

enum meeting_end {
	MEETING_FAILED = -1,  /* with a sentence */
	MEETING_ANSWERED = 0, /* pull's coordinates [begin, end) are written */
	MEETING_WITHHELD = 1, /* no answer in this step: pull is not written */
	MEETING_ABSENT = 2,   /* this process has no share, has read no message and decides nothing */
};

struct meeting {
	uint64_t step; /* from 0 */
	int count;
	const int *ids;            /* [count] the workers whose messages these are, ascending */
	const void *const *pushes; /* [count] whole messages, of which this process reads its share */
	size_t n, begin, end; /* coordinates of a message; the share of this process, which may be empty */
	void *pull;
	struct pool *pool;
	/*
	 * sums [blocks of n][each]: those of this process's blocks are set, the function fills in all others.
	 * Every process calls it equally often with the same `each`. -1 and a sentence. NULL: this process
	 * has all the coordinates.
	 */
	int (*gather)(void *self, double *sums, size_t each, struct err *e);
	void *self;
	/*
	 * [count] false; set to true for a message that is left out because it is not finite. Its worker
	 * stays counted. The same in every process that has a share.
	 */
	bool *removed;
};

typedef enum meeting_end meeting_fn(void *ctx, const struct meeting *m, struct err *e);

#endif
