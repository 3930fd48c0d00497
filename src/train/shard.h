/*
 * The server of a part of a run's coordinates (transport/zmq/shard.h): it combines votes, and has neither
 * data nor model nor parameters.
 */
#ifndef SIGNSGD_TRAIN_SHARD_H
#define SIGNSGD_TRAIN_SHARD_H

#include "transport/zmq/shard.h"

/* Serve a run from its beginning, when the main server comes, to its end. -1 and a sentence. */
int shard_run(struct zmq_shard *h, struct pool *pool, struct err *e);

#endif
