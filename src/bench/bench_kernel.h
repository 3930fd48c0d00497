/*
 * `signsgd bench`: the table of kernels (check/kernel_table.h), each timed on every backend beside a plain
 * loop that moves the same bytes (struct bandwidth_baseline).
 */
#ifndef SIGNSGD_BENCH_BENCH_KERNEL_H
#define SIGNSGD_BENCH_BENCH_KERNEL_H

#include <stddef.h>

struct bench_row {
	const char *kernel, *backend;
	int lanes;
	size_t n;
	int workers;            /* M for votes, else 0 */
	double ms;              /* median */
	double ms_low, ms_high; /* quartiles */
	double gbps;            /* bytes that must move / median */
	double limit_gbps;      /* the baseline in the same run, median */
	double ratio;           /* gbps / limit_gbps, median of the paired ratios; NaN without a limit */
};

struct bench_options {
	const char *kernel; /* only kernels whose name contains this, or NULL */
	size_t n;           /* 0: the two standard sizes */
	double seconds;     /* about how long each row may take */
};

/* Calls `tell` for every row. */
void bench_run(const struct bench_options *o, void (*tell)(void *ctx, const struct bench_row *r), void *ctx);

#endif
