/* `signsgd bench round --transport zmq`: a server here, and a process for each worker. */
#ifndef SIGNSGD_CMD_BENCH_ROUND_ZMQ_H
#define SIGNSGD_CMD_BENCH_ROUND_ZMQ_H

#include <stdbool.h>
#include "round_bench.h"

/*
 * o->open and o->ctx are filled in. tcp: over the loopback interface and encrypted, instead of ipc. Starts
 * processes, so there may be no threads yet. -1 and a sentence.
 */
int bench_round_zmq(struct round_bench_options *o, bool tcp, struct round_bench_result *out, struct err *e);

#endif
