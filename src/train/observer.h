/* The observer: what a run shows of itself beside its parameters. It changes nothing. */
#ifndef SIGNSGD_TRAIN_OBSERVER_H
#define SIGNSGD_TRAIN_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>
#include "experiment/experiment.h"
#include "probe/probe.h"
#include "train/evaluate.h"
#include "train/state.h"
#include "train/uplink.h"
#include "train/worker.h"
#include "train/workforce.h"

struct observer {
	struct settings probed; /* the settings without the probes that cannot work in this process */
	struct probe *probe;    /* NULL: the run is not recorded */
	struct evaluation evaluation;
	double last_loss;    /* of the last step in which an honest worker was counted */
	bool losses_dropped; /* more than half of all workers sent one in the last step that is not believed
	                      */
	uint64_t bytes;      /* sent up and down so far */
};

/*
 * Choose the probes. Some need the messages and gradients of all workers; if not all workers are in this
 * process, such probes are left out, and the root warns. The evaluation is opened later, by evaluate_open().
 */
void observer_open(struct observer *o, const struct settings *s, bool root, int hosted);
void observer_close(struct observer *o);

/*
 * Can this transport's processes record what is asked for? Some of it looks at the honest workers' vectors,
 * some at all votes: -1 and a sentence where these are in other processes.
 */
int observer_check(const struct settings *s, const struct transport *t, struct err *e);

/* Probe a step, between the exchange and the apply. pull NULL: the step is withheld. */
void observer_step(struct observer *o, const struct round *r, const struct workforce *workforce,
                   const struct uplink *u, const void *pull);
/* Probe the parameters of the state. */
void observer_applied(struct observer *o, const struct state *st);

#endif
