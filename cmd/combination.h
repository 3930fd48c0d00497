/* What an aggregator makes of vectors, outside of any run. */
#ifndef SIGNSGD_CMD_COMBINATION_H
#define SIGNSGD_CMD_COMBINATION_H

#include "aggregator/method.h"
#include "aggregator/rule_run.h"
#include "base/pool.h"
#include "cmd/vectors.h"

struct combination {
	struct method method; /* f of a rule is resolved (rule_resolve()); the optimizer is not used */
	uint64_t seed;
	int64_t step;
	int lanes;
	const struct vectors *in;
	/* Made by combination_open() and combination_make(): */
	float *answer;                /* [n] the signs of a vote are -1, 0 and 1 */
	const double *weights;        /* [count] of the vectors in the answer, or NULL */
	const double *scores;         /* [count] or NULL; NaN: removed */
	const bool *chosen, *removed; /* [count] or NULL */
	struct rule_run run;
	double *own_weights;
	struct backend be;
	struct pool *pool;
	void **pushes;     /* [count] messages: the vectors themselves, or made of them */
	void *pull, *code; /* of a compressor with codes: the present message */
	float *scratch;    /* step_job.scratch of the lanes */
};

/* -1 and a sentence where the precondition does not hold. Close with combination_clear() in any case. */
int combination_open(struct combination *c, struct err *e);

/* Make messages of the vectors and the answer of these; as often as one likes. -1 and a sentence where there
 * is none. */
int combination_make(struct combination *c, struct err *e);
void combination_clear(struct combination *c);

#endif
