/*
 * The engine of rules: all laws that every rule has in common, and the work on the messages.
 *
 *  - n is the number of messages of this step. The precondition is checked in every step.
 *  - A message with a NaN or an infinity is removed; n and f fall by one each. If f does not suffice, or the
 *    precondition no longer holds, the step is withheld: there is no answer, the memory stays.
 *  - Ties go to the lower worker.
 *  - Sums over workers run in order of worker, in double. Sums over coordinates are one double a block of
 *    MEETING_BLOCK coordinates, and blocks are added in order. Distances are sums of squared differences.
 *  - What stands before a rule is a matrix of weights; distances behind it are taken anew.
 *
 * So the answer's bits depend neither on the number of lanes nor on how processes share the coordinates.
 *
 * A step has these phases:
 *   scan     each block of this process: squared distances of the rows. One reading of the messages
 *   gather   the blocks of the other processes (struct meeting)
 *   decide   what counts, weights: from the sums alone, so the same in every process
 *   combine  the answer's coordinates, then the memory's. One reading of the messages
 * Scan, gather and decide are repeated for every pre-aggregator and for a rule with a plan behind one; and
 * once where the plan wants the coordinate median and a message was removed. A rule without a plan is scanned
 * once, for what is not finite. So a rule by itself reads the messages twice, a rule with a plan behind `nnm`
 * three times, and none of them is ever copied: beside messages and answer there are some chunks for each
 * lane. Float messages in the memory of a machine with kernels for rules (backend/rules.h) stay there.
 */
#ifndef SIGNSGD_AGGREGATOR_RULE_RUN_H
#define SIGNSGD_AGGREGATOR_RULE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/aggregator.h"
#include "aggregator/rule.h"
#include "compressor/job.h"
#include "transport/meeting.h"

/*
 * Coordinates [begin, end) of a message as floats of the host: where they are, or at scratch [end - begin].
 * It may use the job's queue.
 */
typedef const float *rule_decode_fn(const struct step_job *job, const void *push, size_t begin, size_t end,
                                    float *scratch);

/* What became of the messages of the last step, by their places in the meeting. */
struct rule_report {
	/* Messages that counted and f of them; withheld as not finite: all of them, f as told. */
	int n, f;
	bool has_weights, has_scores, has_chosen, has_buckets;
	const char *idle;      /* the first stage that clips and has clipped nothing; NULL: none */
	const double *weights; /* [count] in the answer; none where it is no weighted sum of messages */
	const double *scores;  /* [count] NaN: it did not count */
	const bool *chosen;    /* [count] */
	const bool *removed;   /* [count] it was not finite */
	const int *bucket;     /* [count] the bucket that it was in; -1: in none */
	const char *withheld;  /* why, as a sentence; "": it was not */
};

struct rule_run {
	/* Set by the caller, who owns all of it, before rule_open(): */
	const struct aggregator *agg; /* a row with a rule */
	const void *state;            /* its parsed keys, with f resolved (rule_resolve()) */
	const struct backend *be;     /* whose memory the messages, the answer and `memory` are */
	struct queue *const *queues;  /* [lanes] NULL: `be` has none */
	int lanes, workers;           /* of the largest pool and the largest meeting */
	size_t n;
	uint64_t seed;
	struct message push;    /* the layout of messages */
	rule_decode_fn *decode; /* NULL: as the layout says */
	float *memory;          /* [rule_memory_floats()] the server memory, NULL where there is none */
	/* Written by rule_meet(): */
	struct rule_report report;
	struct rule_engine *engine;
};

/* Floats of the server memory: n, or 0. It begins as zero. */
size_t rule_memory_floats(const struct aggregator *agg, size_t n);

/* Bytes of what rule_open() allocates, for the memory plan. SIZE_MAX stands for more. */
size_t rule_bytes(const struct aggregator *agg, size_t workers, size_t n, size_t lanes);

/* Bytes of the memory of `be` that it allocates, for messages of this layout. 0: the host does the work. */
size_t rule_machine_bytes(const struct aggregator *agg, const void *state, const struct backend *be,
                          const struct message *push, size_t workers, size_t n);

/* Where the keys do not say f, it is this. */
void rule_resolve(const struct aggregator *agg, void *state, int byzantine);

/* The worker whose message the rule trusts; -1: it trusts none. */
int rule_trusted(const struct aggregator *agg, const void *state);

/*
 * The precondition of the rule and of all that stands before it, for n messages; f, if the keys do not say
 * it. -1 and a sentence.
 */
int rule_check(const struct aggregator *agg, const void *state, int n, int f, struct err *e);

/* What can be said of each step whatever the messages are. A mean weighs all alike, without a rule. */
struct rule_says {
	bool weights, chosen, buckets;
};
struct rule_says rule_says(const struct aggregator *agg, const void *state);

/*
 * The robustness of the whole chain for n messages of which f may be Byzantine (struct rule, kappa). NAN
 * where none is known: also without a rule, and where its precondition does not hold.
 */
double rule_kappa(const struct aggregator *agg, const void *state, int n, int f);

void rule_open(struct rule_run *r);
void rule_close(struct rule_run *r);

/* A step. MEETING_FAILED and a sentence where gather() failed. */
enum meeting_end rule_meet(struct rule_run *r, const struct meeting *m, struct err *e);

#endif
