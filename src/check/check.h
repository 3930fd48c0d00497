/*
 * `signsgd check` and `signsgd bench`: one table of kernels, each with what it does to random and extreme
 * input; the walk compares every backend with ref, or times it beside the machine's own bandwidth.
 */
#ifndef SIGNSGD_CHECK_CHECK_H
#define SIGNSGD_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/backend.h"

struct check_result {
	const char *kernel, *backend;
	bool passed;
	size_t cases;
	double worst, allowed; /* relative error; 0 allowed means bit for bit */
	char where[128];       /* the failing case: "n = 65, policy abstain" */
};

/*
 * Calls `tell` for every kernel of every backend but ref, the cpu backend at each level of this processor.
 * Returns the number that failed.
 */
int check_run(void (*tell)(void *ctx, const struct check_result *r), void *ctx);

/* A table to compare with ref, and how results name it. */
struct check_table {
	const char *name;
	struct backend kernels;
};

/* The same for these tables alone. */
int check_tables(const struct backend *ref, const struct check_table *tables, size_t count,
                 void (*tell)(void *ctx, const struct check_result *r), void *ctx);

struct bench_row {
	const char *kernel, *backend;
	int lanes;
	size_t n;
	int workers;            /* M for votes, else 0 */
	double ms;              /* median */
	double ms_low, ms_high; /* quartiles */
	double gbps;            /* bytes that must move / median */
	double limit_gbps;      /* plain loops over the same bytes in the same run, median */
	double ratio;           /* gbps / limit_gbps, median of the paired ratios; NaN without a limit */
};

struct bench_options {
	const char *kernel; /* only kernels whose name contains this, or NULL */
	size_t n;           /* 0: the two standard sizes */
	double seconds;     /* about how long each row may take */
};

void bench_run(const struct bench_options *o, void (*tell)(void *ctx, const struct bench_row *r), void *ctx);

#endif
