/*
 * `signsgd bench`: how long every kernel takes on every backend, compared with the bandwidth baseline: what
 * plain loops over the same bytes reach in the same run.
 */
#ifndef SIGNSGD_BENCH_BENCH_KERNEL_H
#define SIGNSGD_BENCH_BENCH_KERNEL_H

#include <stddef.h>
#include "config/key.h"

struct bench_kernel_options {
	const char *kernel; /* only kernels whose name contains this, or NULL */
	size_t n;           /* 0: the two standard sizes */
	double seconds;     /* about how long each row may take */
	struct choice only; /* this backend alone; without a row: every one that opens here */
};

struct bench_kernel_row {
	const char *kernel, *backend;
	int lanes;
	size_t n;
	int workers;            /* M for votes, else 0 */
	double ms;              /* median */
	double ms_low, ms_high; /* quartiles */
	double gbps;            /* bytes that must move / median */
	double limit_gbps;      /* of the bandwidth baseline, median */
	double ratio;           /* gbps / limit_gbps, median of the paired ratios; NaN without a limit */
};

/* Times the kernels, and calls `tell` for every row after it was timed. -1 and a sentence: the backend that
 * was asked for cannot be opened. */
int bench_kernel(const struct bench_kernel_options *o,
                 void (*tell)(void *ctx, const struct bench_kernel_row *r), void *ctx, struct err *e);

#endif
