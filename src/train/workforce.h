/* The workforce of a process: its lanes, its workers, and the feed from which they get samples. */
#ifndef SIGNSGD_TRAIN_WORKFORCE_H
#define SIGNSGD_TRAIN_WORKFORCE_H

#include "base/pool.h"
#include "train/feed.h"
#include "train/group.h"
#include "train/lane.h"
#include "train/state.h"
#include "train/worker.h"

struct workforce {
	struct pool *pool;
	struct feed feed;
	struct lane *lanes;         /* [pool_lanes] */
	struct worker *workers;     /* [count] in order of id */
	struct groups groups;       /* of these, as lanes take them */
	struct probe_worker *shown; /* [count] what probes see of them */
	bool mirrors;               /* messages have mirrors */
	bool coded;                 /* messages are memory of the host */
	int count;                  /* may be 0 at the root, if all workers are in other processes */
};

/*
 * Create lanes and workers. The feed and the state must be open. The first lane's model becomes env's
 * sibling. `shows_signs`: probes want the signs of gradients. `mirrors`: the transport reads mirrors of the
 * messages.
 */
void workforce_open(struct workforce *w, const struct settings *s, struct model_env *env,
                    const struct state *st, bool shows_signs, bool mirrors);
/* Closes the feed too. */
void workforce_close(struct workforce *w);

/* x has changed: let the model update what it derives from x. */
void workforce_load(struct workforce *w, const float *x);

/* Is there a message that was not made beside its gradient? Those of attacks that replace it are not. */
bool workforce_owes(const struct workforce *w);

/* Seconds that a lane spent on getting its batches in this step, on average. */
double workforce_data_s(const struct workforce *w);
/* The same of momentum and messages, while the workers computed. */
double workforce_encode_s(const struct workforce *w);

#endif
