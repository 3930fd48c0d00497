/*
 * The server of a shard, a range of a run's coordinates (transport/zmq/shard.h). It combines messages; it has
 * no data, no model and no parameters.
 */
#ifndef SIGNSGD_TRAIN_SHARD_H
#define SIGNSGD_TRAIN_SHARD_H

#include "transport/zmq/shard.h"

/* Wait for the main server, then serve its run until it ends. -1 and a sentence. */
int shard_run(struct zmq_shard *h, struct pool *pool, struct err *e);

#endif
