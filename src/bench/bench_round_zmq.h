/*
 * Time rounds over ZeroMQ. This process is the server, and starts a process for each worker. The keys are
 * made for this run only.
 */
#ifndef SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H
#define SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H

#include "bench/bench_round.h"

/* Where the processes of a round are. */
struct bench_round_place {
	const char *
	        address; /* at which the server listens: ipc://NAME, or tcp://HOST:PORT, which is encrypted */
	/*
	 * Called first in the process of each worker, 0 .. workers - 1; it may move the process, for example
	 * to another network namespace. NULL: not called.
	 */
	int (*enter)(const void *ctx, int worker, struct err *e);
	const void *ctx;
};

/*
 * Sets o->open and o->ctx. Call it before any thread is started, because it forks. -1 and a sentence, also if
 * enter() fails.
 */
int bench_round_zmq(struct bench_round_options *o, const struct bench_round_place *place,
                    struct bench_round_result *out, struct err *e);

#endif
