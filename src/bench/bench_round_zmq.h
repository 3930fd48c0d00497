/*
 * Rounds over ZeroMQ, timed: this process is the server, and starts one for each worker, with throw-away
 * keys.
 */
#ifndef SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H
#define SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H

#include <stdbool.h>
#include "tests/netlab/nodes.h"
#include "bench/bench_round.h"

/*
 * o->open and o->ctx are filled in. Over ipc; tcp: over the loopback interface and encrypted; hosts (or
 * NULL): so over their network, this process being on host 0 already, worker m on host m + 1. Starts
 * processes, so there may be no threads yet. -1 and a sentence.
 */
int round_zmq(struct round_bench_options *o, bool tcp, const struct net_nodes *nodes,
              struct round_bench_result *out, struct err *e);

#endif
