/* One method with all the memory of a step, and the sign law in integers: for test_aggregators.c and
 * test_vote.c.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_AGGREGATOR_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_AGGREGATOR_FIXTURE_H

#include "aggregator/judge.h"
#include "base/rng.h"
#include "tests/support/methods.h"

enum { WORKERS_MOST = 33, GUARD_BYTES = 64, SEED = 2019 };

/* Every buffer has a guard behind it. */
struct rig {
	struct arena arena;
	struct backend be;
	struct method method;
	const char *name; /* the text that it was made of */
	struct step_job job;
	int workers;
	size_t push_bytes, pull_bytes, memory_bytes, worker_bytes;
	void *push[WORKERS_MOST]; /* [workers][push_bytes] */
	float *own[WORKERS_MOST]; /* [workers][worker_bytes / 4] memories of the compressor */
	void *pull;               /* [pull_bytes] */
	float *memory;            /* [memory_bytes / 4] */
	float *x;                 /* [n] */
	float *scratch, *seen;    /* of the job */
	struct judge judge;
	struct pool *pool;
};

/* Zeroed bytes [bytes] with a guard behind them. Free with mem_free(). */
void *rig_buffer(size_t bytes);

/* Has nothing been written behind such a buffer? */
bool rig_guard_holds(const void *buffer, size_t bytes);

/* `json`: as methods_read() takes it. Free with rig_clear(). */
void rig_init(struct rig *r, const struct row *backend, const char *json, int workers, size_t n);
/* The same of a model with layers, which are borrowed; NULL: none are known. */
void rig_init_layers(struct rig *r, const struct row *backend, const char *json, int workers, size_t n,
                     const struct layers *layers);

void rig_clear(struct rig *r);

/* The row of the backend "ref". */
const struct row *rig_ref(void);

/* The parts of a step: v [n] into a push, coordinates begin to end of all pushes into the pull, those of the
 * pull into x. A rule sees all of the pushes at once, whatever the range.
 */
void rig_encode(struct rig *r, uint32_t worker, const float *v);
void rig_combine(struct rig *r, size_t begin, size_t end);
void rig_apply(struct rig *r, size_t begin, size_t end, double lr, double decay);

/* The whole step of workers that all say v, at that rate. */
void rig_step(struct rig *r, const float *v, double lr, double decay);

/* Of SIGN_RANDOM, SIGN_POSITIVE and SIGN_ABSTAIN. */
extern const char *const rig_policy_names[3];

/* The sign law in integers: -1, 0 or +1 where v may be 0 under a policy with coins of (purpose, worker). */
int rig_says(double v, int policy, enum purpose purpose, uint32_t worker, uint64_t step, size_t i);

#endif
