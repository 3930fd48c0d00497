/*
 * The vector of a worker that has several parts of the data (data/partition/coding.h): the sum of the signs
 * of their gradients, in whose place it stands. Its sign is their majority, and where that is a tie the
 * compressor's `zero` decides. A gradient that is 0, or no number, adds nothing.
 */
#ifndef SIGNSGD_TRAIN_CODED_H
#define SIGNSGD_TRAIN_CODED_H

#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"
#include "data/partition/coding.h"

/* In a lane; all of it is memory of the machine. */
struct coded {
	float *sum;              /* [n] NULL: the run has no coding */
	uint64_t *vote, *silent; /* planes of one gradient's signs */
};

void coded_open(struct coded *c, const struct backend *be, size_t n);
void coded_close(struct coded *c, const struct backend *be);
/* What coded_open() allocates. */
size_t coded_bytes(size_t n);

/* Add the signs of g [n]; the first gradient of a worker in a step begins the sum. */
void coded_add(const struct coded *c, const struct backend *be, struct queue *q, size_t n, bool first,
               const float *g);

/* Gradients that the counted workers have computed in a step, by `born` [workers] (transport.h). */
int64_t coded_gradients(const struct parts *parts, const int64_t *born, int workers);

#endif
