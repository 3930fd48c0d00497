/* What the parts of weighted votes share: weighted.c remembers and weighs, weighted_chunk.c works on
 * coordinates. */
#ifndef SIGNSGD_AGGREGATOR_WEIGHTED_INTERNAL_H
#define SIGNSGD_AGGREGATOR_WEIGHTED_INTERNAL_H

#include <math.h>
#include "aggregator/weighted.h"

enum { WEIGHTED_WORDS = 16, WEIGHTED_CHUNK = 64 * WEIGHTED_WORDS /* coordinates at a time */ };

/* A logarithm costs more than all else, and coordinates that share a history share a weight. */
enum { WEIGHTED_MEMO_BITS = 9 };

struct weighted_memo {
	uint64_t a, c; /* as bits */
	double w;
};

/* Scratch of a lane. */
struct weighted_lane {
	const uint64_t **vote, **silent; /* [workers] where this thread reads a chunk of each message */
	uint64_t *seen;                  /* [2][workers][WEIGHTED_WORDS] for what it cannot read in place */
	/* [WEIGHTED_CHUNK] of the present chunk: sums, and sums of the weights' sizes; a worker's weights. */
	double *sum, *size, *w;
	struct weighted_memo *memo; /* [1 << WEIGHTED_MEMO_BITS] */
	float *a, *rest;            /* [WEIGHTED_CHUNK] a worker's, of coordinates: first and second floats */
	uint64_t answer[WEIGHTED_WORDS], quiet[WEIGHTED_WORDS];
};

struct weighted_engine {
	enum weighted_level level;
	size_t layers;              /* weights of a worker: of WEIGHTED_LAYER, else 1 */
	size_t most;                /* of them in a block, at most */
	size_t *first;              /* [blocks] the first of them in each block */
	struct weighted_lane *lane; /* [lanes] */
	size_t numbers;             /* in the memory behind the coordinates */
	float *seen;                /* [2 numbers] them, as the memory has them */
	double *w;                  /* [workers][layers] weights of this round, by place */
	double *c;                  /* [workers] before this round, by place */
	bool by_coordinate;         /* this round: weights are those of coordinates */
	size_t each;                /* sums of a block */
	double *sums;               /* [blocks][each] twice the agreement [workers][most]; of
	                               WEIGHTED_COORDINATE then weights [workers] */
	double *agreement;          /* [layers] */
	double *weights;            /* [workers] in the report */
	bool *removed;              /* [workers] false */
};

/* One round of one run. */
struct weighted_round {
	const struct rule_run *run;
	struct weighted_engine *engine;
	const struct meeting *meeting;
};

static inline const struct weighted_keys *weighted_keys(const struct rule_run *r)
{
	return r->state;
}

/* Of each worker, how many floats the memory has of every coordinate. */
static inline size_t weighted_vectors(const void *state)
{
	const struct weighted_keys *k = state;
	return k->weights != WEIGHTED_COORDINATE ? 0 : k->rho < 1 ? 2 : 1;
}

/* value = first + rest, but for what is below 2^-48 of it. */
static inline void weighted_split(double value, float *first, float *rest)
{
	*first = (float)value;
	*rest = (float)(value - (double)*first);
}

/* Whose message a place of the meeting has. */
static inline size_t weighted_worker(const struct meeting *m, int place)
{
	return (size_t)(m->ids ? m->ids[place] : place);
}

/* The weight for agreement a in c counted rounds. */
static inline double weighted_of(const struct weighted_keys *k, double a, double c)
{
	double p = c > 0 ? fmin(1, a / c) : 1;
	double w = log((p + k->e) / (1 - p + k->e));
	return c > 0 ? fmax(-k->w_max, fmin(k->w_max, w)) : 1;
}

/* The share's coordinates: the answer, the sums of its blocks, the memory of coordinates. */
void weighted_combine(struct weighted_round *w);

#endif
