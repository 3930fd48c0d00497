/*
 * The uplink: a trainer's side of its transport. It holds the messages of a step and the values sent with
 * them (losses, born), and sends buckets of messages while workers still compute.
 */
#ifndef SIGNSGD_TRAIN_UPLINK_H
#define SIGNSGD_TRAIN_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "aggregator/rule_run.h"
#include "base/pool.h"
#include "probe/probe.h"
#include "train/replay.h"
#include "train/state.h"
#include "train/worker.h"
#include "train/workforce.h"
#include "transport/transport.h"

struct uplink {
	struct link link;
	bool borrowed;             /* the caller closes the link */
	const struct round *round; /* what messages are made and combined with */
	struct message_shape shape;
	struct exchange_rule rule;
	const void **pushes; /* [count] the messages in the request, or their mirrors */
	void *pull;          /* [pull_bytes] the answer */
	void *pull_seen;     /* its mirror, which the transport writes; or the answer itself */
	bool mirrors;        /* the transport does not read the machine's memory (transport.h, on_machine) */
	struct backend host; /* combines what is in mirrors */
	/* Of an aggregator with a rule, where votes meet: */
	struct rule_run run;
	struct queue **queues; /* [lanes] of the lanes; NULL: messages are on the host */
	uint64_t *sum;         /* of the machine, for the hash of x; NULL: it is not sent */
	bool *honest;          /* [M] */
	double *loss;   /* [M] of the present step; before the exchange, only of this process's workers */
	double *sorted; /* [M] scratch */
	int64_t *reported_born;  /* [M] state.born as sent to the root; exchange() then updates it */
	bool must_resync;        /* the root is ahead: get its state instead of computing */
	struct train_state lent; /* the view of the state that is lent to the transport */
	const struct workforce *workforce; /* the workers whose messages are sent */
	struct probe *probe;               /* sees the votes where they are combined; NULL: none */
	/* For messages in buckets: */
	size_t bucket; /* coordinates, a multiple of 64; 0: messages are sent whole */
	const struct exchange_request *present; /* the request of the present step */
	size_t *posted;                         /* [count] coordinates from here on were posted */
	size_t n_marks;
	struct mark **marks; /* [count][buckets] behind the buckets of a message on their way to the host */
	struct mark *taken;  /* behind the answer on its way to the machine */
};

/* What a transport must know of the rule of these settings. It has no ctx. */
struct exchange_rule uplink_rule(const struct settings *s);

/* Borrow the link. link = NULL: open one with all workers in this process. -1 and a sentence. */
int uplink_open(struct uplink *u, const struct settings *s, const struct backend *be, const struct link *link,
                struct pool *pool, struct err *e);
/* The backend that combines messages: `be`, the machine's, or the host's for what is in mirrors. */
const struct backend *uplink_combines(const struct uplink *u, const struct backend *be);
/* Allocate messages; set buckets in *r if the transport wants them. Workforce and state must be open. */
void uplink_prepare(struct uplink *u, const struct settings *s, struct round *r,
                    const struct workforce *workforce, const struct state *st);
void uplink_close(struct uplink *u, const struct backend *be);

/* The request of a step, without its pushes. */
struct exchange_request uplink_request(const struct uplink *u, uint64_t step, const struct state *st,
                                       int flags);
/*
 * With buckets: call uplink_post_begin() before the workers compute. uplink_post() posts the buckets that are
 * made but not posted yet, and waits until they are with the host.
 */
void uplink_post_begin(struct uplink *u, struct exchange_request *request);
void uplink_post(struct uplink *u);
/*
 * List the pushes of this process's workers in *request, with their losses and born. With replay, only of
 * workers that were counted in the recorded run.
 */
void uplink_gather(struct uplink *u, const struct workforce *workforce, const struct replay *replay,
                   const struct state *st, struct exchange_request *request);

/*
 * Bring the mirrors that the transport reads up to date: uplink_show() all of the shared state, before the
 * step; uplink_show_running() the running statistics, when the workers have computed. uplink_take() takes
 * what a round brought: running statistics and, unless the step is withheld, the answer.
 */
void uplink_show(const struct uplink *u, struct state *st);
void uplink_show_running(const struct uplink *u, struct state *st);
void uplink_take(const struct uplink *u, struct state *st, bool withheld);

/* The hash of x (base/hash.h), computed by all lanes; 0 if no other process holds a copy of x. */
uint64_t uplink_hash(const struct uplink *u, const struct state *st, struct pool *pool);

#endif
