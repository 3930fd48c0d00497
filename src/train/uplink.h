/*
 * The uplink: a trainer's side of its transport. It holds the messages of a step and what is said beside
 * them, and sends buckets of messages while workers still compute.
 */
#ifndef SIGNSGD_TRAIN_UPLINK_H
#define SIGNSGD_TRAIN_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "train/replay.h"
#include "train/state.h"
#include "train/worker.h"
#include "train/workforce.h"
#include "transport/transport.h"

struct uplink {
	struct link link;
	bool borrowed; /* the link is the caller's to close */
	struct message_shape shape;
	struct exchange_rule rule;
	const void **pushes;     /* [count] the messages of hosted workers that are counted */
	void *pull;              /* [pull_bytes] the answer */
	bool *honest;            /* [M] */
	double *loss;            /* [M] of the present step; before the exchange of hosted workers only */
	double *sorted;          /* [M] scratch */
	int64_t *reported_born;  /* [M] state.born as this process, then as the root reports it */
	bool must_resync;        /* the root is further: fetch its state and compute nothing */
	struct train_state lent; /* the view of the state that the transport keeps */
	/* Messages in buckets: */
	size_t bucket;                     /* coordinates, a multiple of 64; 0: messages are sent whole */
	const struct workforce *workforce; /* whose messages */
	const struct exchange_request *present; /* of the present step */
	size_t *posted;                         /* [count] the transport has the coordinates from here on */
};

/* Borrow the link; NULL: open one on which all workers live in this process. -1 and a sentence. */
int uplink_open(struct uplink *u, const struct settings *s, const struct link *link, struct pool *pool,
                struct err *e);
/* Memory for messages, and buckets in *r where the transport wants them. The workforce is open. */
void uplink_prepare(struct uplink *u, const struct settings *s, struct round *r,
                    const struct workforce *workforce);
void uplink_close(struct uplink *u, const struct backend *be);

/* What a step asks of its transport, still without its pushes. */
struct exchange_request uplink_request(const struct uplink *u, uint64_t step, const struct state *st,
                                       int flags);
/* Buckets, where there are any: before the workers compute; then post what is made and not posted yet. */
void uplink_post_begin(struct uplink *u, struct exchange_request *request);
void uplink_post(struct uplink *u);
/* List the pushes of the workers that are counted, with their losses and what they report. */
void uplink_gather(struct uplink *u, const struct workforce *workforce, const struct replay *replay,
                   const struct state *st, struct exchange_request *request);

/* The hash of x (base/hash.h), by all lanes; 0 where no other process holds a copy of x. */
uint64_t uplink_hash(const struct uplink *u, const struct state *st, struct pool *pool);

#endif
