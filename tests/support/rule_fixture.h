/* One rule with the messages of a step, on any backend's memory, for the tests of rules. */
#ifndef SIGNSGD_TESTS_SUPPORT_RULE_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_RULE_FIXTURE_H

#include "aggregator/rule_run.h"

enum { RULE_WORKERS_MOST = 33, RULE_RIG_D = 4, RULE_RIG_ROWS = 7 };

/* X7 of tests/golden/rules.json; its first five rows are X5. */
extern const float rule_rig_x[RULE_RIG_ROWS][RULE_RIG_D];

struct rule_rig {
	struct arena arena;
	struct backend be;
	struct rule_run run;
	struct meeting meeting; /* of all messages and coordinates; the pool is pool */
	struct pool *pool;
	struct queue **queues;         /* [lanes] */
	void *push[RULE_WORKERS_MOST]; /* [workers][n] of the machine */
	int ids[RULE_WORKERS_MOST];
	float *answer; /* [n] of the host, after rule_rig_meet() */
};

/*
 * `json`: {"kind": ...} or a name in quotes, as in an experiment; without its key f, that is 0. Ends the test
 * where it is refused. Free with rule_rig_clear().
 */
void rule_rig_init(struct rule_rig *r, const char *backend, const char *json, int workers, size_t n,
                   int lanes);
void rule_rig_clear(struct rule_rig *r);

/* The message of a worker. v [n] */
void rule_rig_say(struct rule_rig *r, int worker, const float *v);

/* The first rows of X7, for n = 4. */
void rule_rig_say_rows(struct rule_rig *r, int rows);

/* The server memory becomes v [n]; without one, nothing happens. */
void rule_rig_remember(struct rule_rig *r, const float *v);

/* A step by this process alone. */
enum meeting_end rule_rig_meet(struct rule_rig *r, uint64_t step);

/* The server memory, in `out` [n]. */
void rule_rig_memory(const struct rule_rig *r, float *out);

#endif
