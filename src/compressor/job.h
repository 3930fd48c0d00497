/* What every message of one step has in common: the worker encodes with it, the server combines with it. */
#ifndef SIGNSGD_COMPRESSOR_JOB_H
#define SIGNSGD_COMPRESSOR_JOB_H

#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"

struct step_job {
	const void *state; /* of the row whose functions get this job: its parsed keys */
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	uint64_t seed;
	uint64_t step; /* from 0 */
	size_t n;      /* coordinates of a vector */
};

#endif
