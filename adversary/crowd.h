/*
 * Attacks that see the crowd: colluders who know what all honest workers send in the present step, before it
 * is sent. They are outside Definition 1 of Bernstein et al. 2019, which holds for struct attack alone, and
 * have a type of their own: forge() of a blind attack cannot be given this view.
 *
 * All honest workers compute first. Then one vector is forged, which every colluder hands to the compressor:
 * under `sign` the signs of the forged vector are sent. The colluders' momenta stay honest, as under all
 * attacks on messages. So all workers must be in one process.
 *
 * Like a blind attack's, vectors are memory of the machine: they are read and written through kernels and the
 * calls of backend/memory.h alone.
 */
#ifndef SIGNSGD_ADVERSARY_CROWD_H
#define SIGNSGD_ADVERSARY_CROWD_H

#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"

/* What the colluders of a step know. Only workers that are counted in the step are in it. */
struct crowd_view {
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	size_t n;            /* coordinates of a vector */
	uint64_t step;       /* from 0 */
	int h, f;            /* honest workers, colluders; h is 0 only in a repeated run that counts none */
	const float *const *honest; /* [h] -> [n] what they hand to the compressor, in order of worker */
	/* [h] -> the honest messages where these are signs (backend/sign.h: the vote plane, and the abstain
	 * plane if they abstain); NULL: messages are no signs. */
	const uint64_t *const *signs;
	bool abstains;
	/* [f] -> [n] what the colluders would send if they were honest; zeros where they have no data */
	const float *const *own;
};

struct crowd_attack {
	struct attack attack; /* sees ATTACK_CROWD, acts_on ATTACK_MESSAGE, no forge() and no memory */
	/*
	 * Write coordinates [begin, end) of out [n]; begin is a multiple of 64. Lanes share the coordinates:
	 * what is written to one must not depend on the range.
	 */
	void (*forge)(const void *state, const struct crowd_view *view, size_t begin, size_t end, float *out);
};

/* An attack that sees the crowd, by its row; NULL: the attack is blind. */
const struct crowd_attack *crowd_attack_of(const struct attack *a);

enum { CROWD_CHUNK = 2048 }; /* coordinates at a time that stay in the nearest cache */

/*
 * mu of the papers: the mean of the honest vectors' coordinates [begin, begin + count), to memory of the
 * host. The sum runs over workers in their order, in double. 0 where h is 0. count is at most CROWD_CHUNK.
 */
void crowd_mean(const struct crowd_view *view, size_t begin, size_t count, double *mean);

#endif
