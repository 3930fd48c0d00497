/*
 * What the server would answer: for attacks of colluders who try it (crowd_ask_fn). The chain is the run's
 * own, with scratch of its own: nothing that a step leaves behind changes. The messages of the colluders are
 * made where their real ones will be made later in the step.
 */
#ifndef SIGNSGD_TRAIN_CROWD_ANSWER_H
#define SIGNSGD_TRAIN_CROWD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/crowd.h"
#include "aggregator/judge.h"
#include "aggregator/rule_run.h"
#include "experiment/experiment.h"
#include "train/state.h"
#include "train/worker.h"
#include "train/workforce.h"

struct crowd_chain {
	const struct round *round;
	const struct workforce *workforce;
	const struct state *st;
	const struct backend *be; /* that combines messages: the machine's, or the host's */
	bool on_host;             /* the host's, which has no queues */
	float *scratch;           /* step_job.scratch there, lane after lane */
	uint64_t seed;            /* the colluders', for what the server draws by lot */
	struct judge judge;       /* of messages with scales, and of codes */
	struct rule_run run;
	struct queue **queues; /* [lanes]; NULL on the host */
	float *memory;         /* a copy of what the server remembers; NULL: it remembers nothing */
	size_t unsaid_floats;  /* of a colluder's copy of what its compressor remembers; 0: nothing */
	float *unsaid;         /* [colluders][unsaid_floats] */
	double scale;          /* of the answer: 1, or 1 over the learning rate that is inside it */
	void *pull;
	void *sent;   /* a compressed answer; NULL: it is not compressed */
	double *sums; /* [blocks] squared distances */
	/* Of the present step: workers that are counted, in their order, and the colluders among them. */
	int count, colluders;
	const void **pushes;      /* [workers] */
	int *ids;                 /* [workers] */
	struct worker **colluder; /* [workers] */
	/* Of the present question: */
	const struct crowd_view *view;
	const float *forged;
};

/* Borrows all of it. Workers and state are open; `combines` is the backend where the run's own messages are
 * combined. */
void crowd_chain_open(struct crowd_chain *c, const struct settings *s, const struct workforce *w,
                      const struct round *r, const struct state *st, const struct backend *combines);
void crowd_chain_close(struct crowd_chain *c);

/* Floats of the copy of what a colluder's compressor remembers, or 0: for the memory plan. */
size_t crowd_unsaid_floats(const struct settings *s, size_t n);

/* A step begins; its workers follow, in their order. */
void crowd_chain_begin(struct crowd_chain *c);
void crowd_chain_add(struct crowd_chain *c, struct worker *w);

/* What comes of it if all colluders hand `forged` [n] to the compressor. Runs on all lanes. */
void crowd_chain_answer(struct crowd_chain *c, const struct crowd_view *view, const float *forged,
                        struct crowd_answer *answer);

#endif
