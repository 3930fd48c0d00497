/*
 * Election coding: each worker computes gradients of several parts of the data and sends the majority of
 * their signs, so that a vote counts each part several times. The parts are the workers' shards, M of them,
 * and the batch of a part is the same for every worker that has it.
 *
 * Source: Sohn, Han, Choi, Moon, "Election Coding for Distributed Learning", NeurIPS 2020 (arXiv 1910.06093).
 */
#ifndef SIGNSGD_DATA_PARTITION_CODING_H
#define SIGNSGD_DATA_PARTITION_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"
#include "config/key.h"

/* A row of the family `codings`: the matrix G of Sohn et al. */
struct coding {
	struct row row;
	/* Can M workers have it? -1 and a sentence. NULL: any can. */
	int (*check)(const void *state, int workers, struct err *e);
	/* Has that worker that part? A function of these alone. */
	bool (*holds)(const void *state, uint64_t seed, int workers, int worker, int part);
};

/* Which parts each worker has: at[first[w]] to at[first[w + 1] - 1], ascending, at least one. */
struct parts {
	const int *first; /* [M + 1] */
	const int *at;
};

/* A worker that a row gives no part has its own, so that nobody votes without data. In the arena. */
const struct parts *parts_make(struct arena *a, const struct choice *coding, uint64_t seed, int workers);

static inline int parts_count(const struct parts *p, int worker)
{
	return p->first[worker + 1] - p->first[worker];
}

#endif
