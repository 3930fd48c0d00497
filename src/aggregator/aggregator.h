/*
 * An aggregator: how the server turns the workers' messages into an answer. What a message says is the
 * compressor's (compressor/compressor.h), what the answer does to the parameters the optimizer's
 * (optimizer/optimizer.h); aggregator/method.h puts the three together.
 *
 * combine() works on a range of coordinates [begin, end), begin a multiple of 64 and end a multiple of 64 or
 * n, so that lanes, and shards on several machines, can share the work. A row whose work cannot be divided
 * has separable = false and always gets 0..n. Pushes and pulls are whole messages; a call touches only the
 * coordinates of its range.
 */
#ifndef SIGNSGD_AGGREGATOR_AGGREGATOR_H
#define SIGNSGD_AGGREGATOR_AGGREGATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "compressor/job.h"
#include "config/key.h"

struct aggregator {
	struct row row;
	const char *compressor; /* the name of the one that workers use with it where no other is chosen */
	int takes;              /* the kinds of messages that it combines: TAKES_ */
	enum message_kind answers;
	bool separable;
	bool majority;   /* the answer is the sign of the plain sum of the voters' signs */
	bool float_mean; /* of floats, the answer is their mean, as an all-reduce makes it */
	/*
	 * How the answer is made of messages that must be seen all at once (aggregator/rule_run.h); combine()
	 * is then NULL and separable false. The state begins with a struct rule_keys. NULL: by combine().
	 */
	const struct rule *rule;
	/* Of signs that are added with weights (aggregator/weighted.h): how it weighs. combine() is then NULL
	 * and separable false. The state is a struct weighted_keys. NULL: it has no such weights. */
	const struct weighing *weighing;
	/* Of messages with scales: each is clipped to so many times the median of all; 0, or NULL: it is not.
	 */
	double (*clip_scale)(const void *state);
	/* Of signs: has the answer an abstain plane? NULL: no. */
	bool (*abstains)(const void *state);
	/* pushes [count] of the voters in order of worker -> pull, coordinates [begin, end). */
	void (*combine)(const struct step_job *job, int count, const void *const *pushes, size_t begin,
	                size_t end, void *pull);
};

/* Must it see all messages at once? Then aggregator/rule_run.h answers. */
static inline bool aggregator_meets(const struct aggregator *a)
{
	return a->rule || a->weighing;
}

#endif
