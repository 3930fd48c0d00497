/*
 * The colluders of a run whose attack sees the crowd (adversary/crowd.h): when all workers of a step have
 * computed, one vector is forged, by all lanes, which all colluders send. Where each sends a vector of its
 * own, it is forged when the colluder's message is made (struct round, collude), in that lane.
 *
 * A worker that a repeated run does not count in a step is not in the view of that step.
 */
#ifndef SIGNSGD_TRAIN_CROWD_H
#define SIGNSGD_TRAIN_CROWD_H

#include "adversary/crowd.h"
#include "base/err.h"
#include "train/crowd_answer.h"
#include "train/replay.h"
#include "train/state.h"
#include "train/worker.h"
#include "train/workforce.h"
#include "transport/transport.h"

struct crowd {
	const struct crowd_attack *attack; /* NULL: no Byzantine worker sees the crowd */
	const void *state;
	uint64_t from; /* the first step in which they attack */
	const struct workforce *workforce;
	const struct round *round;
	struct crowd_view view; /* of the present step; each lane has a copy with its own queue */
	float *forged;          /* [n]; NULL: each colluder sends a vector of its own */
	float *memory;          /* of the state; NULL: it has none */
	const float **honest, **own;
	const uint64_t **signs;   /* [workers] each */
	int *ids;                 /* [workers] of the colluders in the view */
	double *numbers;          /* [workers + CROWD_NUMBERS] */
	double *sums;             /* [blocks][most] of a round; NULL: nothing is measured */
	double *totals;           /* [most] */
	size_t each;              /* sums of a block in the present round */
	int measured;             /* the present round */
	struct crowd_chain chain; /* of an attack that asks */
};

/* The attack of these settings, if it sees the crowd and somebody is Byzantine; or NULL. */
const struct crowd_attack *crowd_of(const struct settings *s);

/* Floats of the memory that such an attack keeps, or 0. */
size_t crowd_memory_floats(const struct settings *s, size_t n);
/* The most sums that it needs of a block, or 0. */
size_t crowd_sums(const struct settings *s);
/* Does it ask for answers, and does each colluder send a vector of its own? */
bool crowd_asks(const struct settings *s);
bool crowd_each(const struct settings *s);

/* Is that transport one where the attack of these settings finds its crowd? -1 and a sentence if not. */
int crowd_check(const struct settings *s, const struct transport *t, struct err *e);

/* Borrows all of it, and gives *r what is forged. All workers must be in this process, whose messages the
 * backend `combines` combines. */
void crowd_open(struct crowd *c, const struct settings *s, const struct workforce *w, struct round *r,
                const struct state *st, const struct backend *combines);
void crowd_close(struct crowd *c, const struct backend *be);

/* Forge what the colluders of the present step send. Does nothing without such an attack. */
void crowd_forge(struct crowd *c, const struct replay *replay, const struct state *st);

#endif
