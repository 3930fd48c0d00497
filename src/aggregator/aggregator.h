/*
 * An aggregator: how a worker's vector becomes a message (encode), how the server turns messages into an
 * answer (combine), and how the answer changes the parameters (apply). One row holds all three, because they
 * share one byte layout.
 *
 * encode(), combine() and apply() work on a range of coordinates [begin, end), begin a multiple of 64 and end
 * a multiple of 64 or n, so that lanes, and shards on several machines, can share the work. A row whose work
 * cannot be divided has separable = false and always gets 0..n. Pushes and pulls are whole messages; a call
 * touches only the coordinates of its range.
 */
#ifndef SIGNSGD_AGGREGATOR_AGGREGATOR_H
#define SIGNSGD_AGGREGATOR_AGGREGATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "compressor/job.h"
#include "config/key.h"

struct aggregator {
	struct row row;
	bool separable;
	bool float_mean; /* pushes are floats [n] and the pull is their mean, as an all-reduce makes it */
	/*
	 * How the answer is made of messages that must be seen all at once (aggregator/rule_run.h); combine()
	 * is then NULL and separable false. The state begins with a struct rule_keys. NULL: by combine().
	 */
	const struct rule *rule;
	bool own_momentum; /* has a momentum of its own; the experiment's `momentum` must be 0 */
	/* Precondition on M workers of which f are declared Byzantine. NULL: none. */
	int (*check)(const void *state, int workers, int byzantine, struct err *e);
	size_t (*push_bytes)(const void *state, size_t n);
	size_t (*pull_bytes)(const void *state, size_t n);
	/* Of a separable row: bits of a coordinate in each plane of a push and of a pull. The size of the
	 * message gives the number of planes. A plane of single bits is one of backend/sign.h. */
	int push_bits, pull_bits;
	/* The optimizer's memory: the same in every process, saved in checkpoints. NULL: none. */
	size_t (*memory_floats)(const void *state, size_t n);

	/* v [n] -> push [push_bytes], by `worker`, coordinates [begin, end). */
	void (*encode)(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
	               void *push);
	/*
	 * The momentum v = (1 - beta) g + beta v, then encode() of v, on the same coordinates: the same bits
	 * with less memory traffic. NULL: there is nothing to win, callers do one after the other.
	 */
	void (*encode_momentum)(const struct step_job *job, uint32_t worker, float beta, const float *g,
	                        float *v, size_t begin, size_t end, void *push);
	/* pushes [count] of the voters in order of worker -> pull [pull_bytes], coordinates [begin, end). */
	void (*combine)(const struct step_job *job, int count, const void *const *pushes, size_t begin,
	                size_t end, void *pull);
	/* x [n] stepped by the answer, coordinates [begin, end). memory [memory_floats] or NULL. */
	void (*apply)(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
	              double decay, float *memory, float *x);

	/* For probes: the signs in a push or in the pull, as planes of sign.h (abstain: [words], always
	 * written). */
	void (*push_signs)(const struct step_job *job, const void *push, uint64_t *vote, uint64_t *abstain);
	void (*pull_signs)(const struct step_job *job, const void *pull, uint64_t *vote, uint64_t *abstain);
};

#endif
