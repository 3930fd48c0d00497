/*
 * An optimizer: what the answer does to the parameters, in every process alike.
 *
 * apply() works on a range of coordinates [begin, end), begin a multiple of 64 and end a multiple of 64 or n.
 */
#ifndef SIGNSGD_OPTIMIZER_OPTIMIZER_H
#define SIGNSGD_OPTIMIZER_OPTIMIZER_H

#include "compressor/job.h"
#include "config/key.h"

struct optimizer {
	struct row row;
	int takes;         /* the kinds of answers that it steps by: TAKES_ */
	bool own_momentum; /* has a momentum of its own; the experiment's `momentum` must be 0 */
	bool scale_free;   /* an answer that is k times as large makes the same step */
	/* Its memory: the same in every process, saved in checkpoints. NULL: none. */
	size_t (*memory_floats)(const void *state, size_t n);
	/* x [n] stepped by the answer, coordinates [begin, end). memory [memory_floats] or NULL. */
	void (*apply)(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
	              double decay, float *memory, float *x);
};

#endif
