/*
 * A transport: carries every worker's push to where the votes meet, and the answer back. It moves opaque
 * bytes and counts them; what they mean is the aggregator's. A process hosts the workers first ..
 * first + count - 1.
 */
#ifndef SIGNSGD_TRANSPORT_TRANSPORT_H
#define SIGNSGD_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/key.h"
#include "base/pool.h"

/* What runs where the votes meet: pull's coordinates [begin, end) from the pushes of the voters. */
typedef void combine_fn(void *ctx, int count, const void *const *pushes, size_t begin, size_t end,
                        void *pull);

struct exchange {
	size_t n; /* coordinates */
	size_t push_bytes, pull_bytes;
	const void *const *pushes; /* [hosted] */
	void *pull;                /* [pull_bytes], written */
	bool separable;
	combine_fn *combine;
	void *ctx;
	/* Written by the transport: */
	int n_voters;
	uint64_t bytes_up, bytes_down; /* this step, all workers together */
};

struct transport_env {
	int workers;
	struct pool *pool;
};

struct transport {
	struct row row;
	/* NULL and a sentence when it cannot. Sets *first and *count, the workers hosted here. */
	void *(*open)(const void *state, const struct transport_env *env, int *first, int *count,
	              struct err *e);
	/* One round. -1 and a sentence when the round cannot be held. */
	int (*exchange)(void *self, struct exchange *x, struct err *e);
	void (*close)(void *self);
};

#endif
