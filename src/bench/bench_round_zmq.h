/*
 * Rounds over ZeroMQ, timed: this process is the server, and starts one for each worker, with throw-away
 * keys.
 */
#ifndef SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H
#define SIGNSGD_BENCH_BENCH_ROUND_ZMQ_H

#include "bench/bench_round.h"

/* Where the processes of a round are. */
struct bench_round_place {
	const char *
	        address; /* at which the server listens: ipc://NAME, or tcp://HOST:PORT, which is encrypted */
	/* Called first in the process of each worker 0 .. workers - 1, which may move elsewhere. NULL: none.
	 */
	int (*enter)(const void *ctx, int worker, struct err *e);
	const void *ctx;
};

/*
 * o->open and o->ctx are filled in. Starts processes, so there may be no threads yet. -1 and a sentence, also
 * where enter() said no.
 */
int bench_round_zmq(struct bench_round_options *o, const struct bench_round_place *place,
                    struct bench_round_result *out, struct err *e);

#endif
