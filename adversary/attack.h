/*
 * An attack: a row of the family `attacks`.
 *
 * A Byzantine worker's row decides what it sends. The types hold the paper's fault model (Bernstein et al.
 * 2019, Definition 1: blind, and not colluding): each function below gets what is one worker's own and a
 * random stream of its own, const, and nothing by which it could find another worker, the server or the
 * parameters.
 *
 * Attacks that see more have another type: adversary/crowd.h.
 *
 * v, out, memory and message are memory of the machine: an attack reads and writes them through kernels and
 * the calls of backend/memory.h alone. Labels are the host's.
 *
 * acts_on says where on the way from a batch to a message the attack stands, and so which function it has:
 * DATA: relabel() changes the labels of its own batches; gradient, momentum and message follow from them.
 * GRADIENT: forge() replaces the gradient before it enters the momentum.
 * MESSAGE: forge() replaces the vector that becomes the message; the worker's momentum stays honest.
 * PACKED: corrupt() changes the message that the compressor has made; momentum and compressor know nothing
 * of it.
 */
#ifndef SIGNSGD_ADVERSARY_ATTACK_H
#define SIGNSGD_ADVERSARY_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/backend.h"
#include "base/err.h"
#include "config/key.h"
#include "base/rng.h"

enum attack_sees {
	ATTACK_OWN,
	ATTACK_CROWD,    /* the row is the first member of a struct crowd_attack */
	ATTACK_SEES_THEN /* what the attack that it becomes sees */
};
enum attack_acts {
	ATTACK_GRADIENT,
	ATTACK_MESSAGE,
	ATTACK_DATA,
	ATTACK_PACKED,
	ATTACK_ACTS_THEN /* on what the attack that it becomes acts on */
};

/* All that a blind attack can know. */
struct own_view {
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	size_t n;
	const float *v; /* [n] its own vector: gradient or message, as acts_on has it; NULL: without data */
	uint64_t step;  /* of the run, from 0 */
	uint64_t age;   /* of the attack: 0 in the first step in which the worker attacks */
	struct stream stream; /* its own: (seed, RNG_ATTACK, worker, step) */
	/* v, out and memory are memory of the machine: touched by kernels and the calls of backend/memory.h.
	 */
	float *memory; /* [memory_floats], kept from step to step, saved in checkpoints; NULL if 0 */
};

/* All that an attack on the packed message can know: its own, as the compressor has made it. */
struct packed_view {
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	size_t n;            /* coordinates */
	int planes;   /* that it begins with, of backend/sign.h: 0; 1, votes; 2, votes and abstentions */
	size_t bytes; /* of all; behind the planes, whole floats */
	struct stream stream; /* its own: (seed, RNG_ATTACK, worker, step) */
};

/* What a run is, to an attack that does not fit every run. */
struct attack_env {
	int workers, byzantine;
	int classes;      /* of the data's labels; 0: no data, or a text, whose labels are its own tokens */
	const char *data; /* name of the data set */
};

struct attack {
	struct row row;
	enum attack_sees sees;
	enum attack_acts acts_on;
	/*
	 * It multiplies its own vector, coordinate by coordinate, by numbers that it chose before it saw it:
	 * a blind multiplicative adversary (Bernstein et al. 2019, Definition 1), the only kind that their
	 * Theorem 2 covers. MULTIPLIES_SIGNS: where the message is signs; floats it changes as no number that
	 * was chosen before does.
	 */
	enum attack_multiplies { MULTIPLIES_NOT, MULTIPLIES, MULTIPLIES_SIGNS } multiplicative;
	const char *elsewhere; /* what other libraries call it, "LIBRARY: NAME; ..."; NULL: none has it */
	/* Does it fit the run? -1 and a sentence about the attack. NULL: it fits all. */
	int (*check)(const void *state, const struct attack_env *env, struct err *e);
	/* It reads no vector of its own (own_view.v is NULL then), so a worker without data can do it. */
	bool without_data;
	size_t (*memory_floats)(const void *state, size_t n); /* NULL: none */
	/* Write all of out [n]; out is not v. NULL: the attack sees the crowd, and forges there; or acts on
	 * data or the packed message. */
	void (*forge)(const void *state, const struct own_view *view, float *out);
	/* Change labels [count], each below `classes`, of the batch of a step. */
	void (*relabel)(const void *state, int classes, size_t count, int32_t *label);
	/* Change the message, which must stay one that its compressor could have made, but for numbers. */
	void (*corrupt)(const void *state, const struct packed_view *view, void *message);
	/* The attack that it becomes, with the values of its keys, and in which step. NULL: it is one itself.
	 */
	const struct choice *(*then)(const void *state, uint64_t *after);
};

/* What the Byzantine workers of a run do, and from which step on; before it they are honest. */
struct adversary {
	const struct attack *attack; /* what it becomes, where it becomes another; never without a choice */
	const void *state;
	uint64_t from; /* 0 for most */
};

struct adversary adversary_of(const struct choice *c);

/* "invert", or "sleeper+invert" of what becomes another; into out. Returns out. */
enum { ATTACK_NAME = 64 };
const char *attack_name(const struct choice *c, char out[ATTACK_NAME]);

/* Words for lists. covered: by Theorem 2, "yes", "no", "signs" where messages are signs, or "then", as the
 * attack that it becomes.
 */
const char *attack_acts_name(enum attack_acts a);
const char *attack_sees_name(enum attack_sees s);
const char *attack_covered_name(const struct attack *a);

#endif
