/*
 * The root's state to the other processes of a launched job, and workers' own states back to it: sync() and
 * collect() of transport.h, over whatever carries bytes from process to process.
 */
#ifndef SIGNSGD_TRANSPORT_CARRIER_H
#define SIGNSGD_TRANSPORT_CARRIER_H

#include "transport/transport.h"

struct carrier {
	void *self;
	int rank, size, workers;
	const int *first; /* [size + 1] process r has the workers first[r] .. first[r + 1] - 1 */
	bool shares;      /* every process has a share of the coordinates, also of the rule's memory */
	/* From process 0 to all. -1 and a sentence. */
	int (*broadcast)(void *self, void *at, size_t bytes, struct err *e);
	/* From one process to another, one of which is 0; all others do nothing. -1 and a sentence. */
	int (*carry)(void *self, void *at, size_t bytes, int from, int to, struct err *e);
	/* The share of process r: coordinates [*begin, *end) of n. */
	void (*share)(const void *self, size_t n, int r, size_t *begin, size_t *end);
};

/* All processes call them. */
int carrier_sync(const struct carrier *c, struct train_state *st, struct err *e);
int carrier_collect(const struct carrier *c, struct train_state *st, struct err *e);

#endif
