/*
 * `signsgd bench step`: what a step of the vote takes besides its gradients (momentum, messages, the count,
 * the answer's step), compared with plain loops that move the bytes that must move.
 */
#ifndef SIGNSGD_BENCH_BENCH_STEP_H
#define SIGNSGD_BENCH_BENCH_STEP_H

#include <stddef.h>
#include "base/err.h"

enum { BENCH_STEP_N_MOST = 1000000000, BENCH_STEP_WORKERS_MOST = 4096 };

struct bench_step_options {
	size_t n; /* coordinates */
	int workers, lanes;
	double seconds; /* about how long it may take */
};

/* Seconds are medians over the steps. */
struct bench_step_result {
	size_t steps;
	double encode_s, exchange_s, apply_s; /* as the columns of /steps */
	double baseline_s;
	double bytes;                        /* that must move in a step: gradients are read, not made */
	double ratio, ratio_low, ratio_high; /* of the three together to the baseline of the same step: median
	                                        and quartiles */
};

/* Train `quadratic`, whose gradient is a copy; each step takes turns with its baseline. -1 and a sentence. */
int bench_step(const struct bench_step_options *o, struct bench_step_result *out, struct err *e);

#endif
