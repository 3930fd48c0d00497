/* A weighted vote with the messages of a round, on any backend's memory. */
#ifndef SIGNSGD_TESTS_SUPPORT_WEIGHTED_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_WEIGHTED_FIXTURE_H

#include "aggregator/method.h"
#include "aggregator/rule_run.h"

enum { BALLOT_WORKERS_MOST = 16, BALLOT_SEED = 7 };

struct ballot {
	struct arena arena;
	struct backend be;
	struct method method;
	struct rule_run run;
	struct meeting meeting; /* of all coordinates; its count and ids are the caller's to set */
	struct pool *pool;
	struct queue **queues;           /* [lanes] */
	void *push[BALLOT_WORKERS_MOST]; /* by place; of the machine */
	int ids[BALLOT_WORKERS_MOST];
	size_t n, memory_floats;
	float *answer; /* [n] of the host, after ballot_meet(): -1, 0 or 1 */
};

/* `json`: the aggregator, as in an experiment; workers' zeros abstain. Free with ballot_clear(). */
void ballot_init(struct ballot *b, const char *backend, const char *json, int workers, size_t n,
                 const struct layers *layers, int lanes);
void ballot_clear(struct ballot *b);

/* The message of a place: v [n], whose signs count. */
void ballot_say(struct ballot *b, int place, const float *v);

/* A round by this process. */
enum meeting_end ballot_meet(struct ballot *b, uint64_t step);

/* The server memory, in `out` [memory_floats]. */
void ballot_memory(const struct ballot *b, float *out);

#endif
