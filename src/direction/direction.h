/*
 * A direction: the vector that a worker hands to the compressor, made of its gradients.
 *
 * Each worker has a memory m of n floats, zero at first. It is part of the worker's state: saved, sent and
 * reset as its momentum, which it is (train/state.h). Once a step the gradient enters the memory, and the
 * vector v comes of both.
 *
 * turn() works on a range of coordinates [begin, end), begin a multiple of 64 and end a multiple of 64 or n,
 * so that a message can be made of the parts of a gradient that are final already. A row that must see the
 * whole gradient first says so (`whole`); its turn() always gets 0..n.
 */
#ifndef SIGNSGD_DIRECTION_DIRECTION_H
#define SIGNSGD_DIRECTION_DIRECTION_H

#include "compressor/job.h"
#include "config/key.h"

/* What turn() works on: the vectors of one worker, and what a lane lends it. All of it is memory of the
 * machine. */
struct turning {
	float beta;     /* the experiment's momentum in this step */
	const float *g; /* [n] the gradient */
	float *m, *v;   /* [n] memory and vector, which are one where the row is in_place */
	float *scratch; /* [scratch_floats] */
	double *number; /* for a sum */
};

struct direction {
	struct row row;
	bool own_momentum; /* its own keys say what it remembers; the experiment's `momentum` must be 0 */
	/* v is m: v = (1 - beta) g + beta v. A compressor that can makes it together with its message. */
	bool in_place;
	bool whole;
	/* What a lane lends beside v, for layers of n coordinates. NULL: nothing. */
	size_t (*scratch_floats)(const struct layers *layers, size_t n);
	/* m and v of the gradient, coordinates [begin, end). job->state: the row's. */
	void (*turn)(const struct step_job *job, const struct turning *t, size_t begin, size_t end);
};

#endif
