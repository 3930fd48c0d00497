/*
 * An attack: a row of the family `attacks`.
 *
 * A Byzantine worker's row decides what it sends. The types hold the paper's fault model (Bernstein et al.
 * 2019, Definition 1: blind, and not colluding): forge() gets one worker's own vector and a random stream of
 * its own, const, and nothing by which it could find another worker, the server or the parameters.
 *
 * Attacks that see more have another type: adversary/crowd.h.
 *
 * v, out and memory are memory of the machine: an attack reads and writes them through kernels and the calls
 * of backend/memory.h alone.
 *
 * acts_on MESSAGE: forge() replaces the vector that becomes the message; the worker's momentum stays honest.
 * acts_on GRADIENT: forge() replaces the gradient before it enters the momentum.
 */
#ifndef SIGNSGD_ADVERSARY_ATTACK_H
#define SIGNSGD_ADVERSARY_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/backend.h"
#include "config/key.h"
#include "base/rng.h"

enum attack_sees {
	ATTACK_OWN,
	ATTACK_CROWD /* the row is the first member of a struct crowd_attack */
};
enum attack_acts { ATTACK_GRADIENT, ATTACK_MESSAGE };

/* All that a blind attack can know. */
struct own_view {
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	size_t n;
	const float *v; /* [n] its own vector: gradient or message, as acts_on has it; NULL: without data */
	uint64_t step;  /* from 0 */
	struct stream stream; /* its own: (seed, RNG_ATTACK, worker, step) */
	/* v, out and memory are memory of the machine: touched by kernels and the calls of backend/memory.h.
	 */
	float *memory; /* [memory_floats], kept from step to step, saved in checkpoints; NULL if 0 */
};

struct attack {
	struct row row;
	enum attack_sees sees;
	enum attack_acts acts_on;
	/* It reads no vector of its own (own_view.v is NULL then), so a worker without data can do it. */
	bool without_data;
	size_t (*memory_floats)(const void *state, size_t n); /* NULL: none */
	/* Write all of out [n]; out is not v. NULL: the attack sees the crowd, and forges there. */
	void (*forge)(const void *state, const struct own_view *view, float *out);
};

const char *attack_acts_name(enum attack_acts a);
const char *attack_sees_name(enum attack_sees s);

#endif
