/* The workforce of a process: its lanes, the workers that it hosts, and the feed that they are fed from. */
#ifndef SIGNSGD_TRAIN_WORKFORCE_H
#define SIGNSGD_TRAIN_WORKFORCE_H

#include "base/pool.h"
#include "train/feed.h"
#include "train/lane.h"
#include "train/state.h"
#include "train/worker.h"

struct workforce {
	struct pool *pool;
	struct feed feed;
	struct lane *lanes;         /* [pool_lanes] */
	struct worker *workers;     /* [count] in order of id */
	struct probe_worker *shown; /* [count] what probes see of them */
	int count;                  /* may be 0 at a root: the workers live elsewhere */
};

/*
 * Lanes and workers, once the feed and the state are open. env gets the first lane's model as its sibling.
 * `shows_signs`: probes want the signs of gradients.
 */
void workforce_open(struct workforce *w, const struct settings *s, struct model_env *env,
                    const struct state *st, bool shows_signs);
/* The feed too. */
void workforce_close(struct workforce *w);

/* x has changed: let the model renew what it keeps of it. */
void workforce_load(struct workforce *w, const float *x);

/* Seconds that a lane spent on getting its batches in this step, on average. */
double workforce_data_s(const struct workforce *w);

#endif
