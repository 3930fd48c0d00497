/*
 * `signsgd bench round`: how long a transport takes for one round, without any training: pushes of an
 * aggregator over random vectors, its own combine where they meet, the answer back. Every process of the
 * transport calls it with the same options.
 */
#ifndef SIGNSGD_BENCH_BENCH_ROUND_H
#define SIGNSGD_BENCH_BENCH_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct choice;
struct link;
struct transport_env;

struct round_bench_options {
	const char *transport, *aggregator; /* as in an experiment: JSON, as in {"kind": "vote"} */
	size_t n;                           /* coordinates */
	int workers, lanes;                 /* lanes of this process */
	int64_t rounds;                     /* to be timed; 0: as many as fit in `seconds` */
	double seconds;
	bool check; /* other vectors in every round, and every answer compared with a plain combine */
	bool sums;  /* with check: floats may have been added in another order */
	/* In place of the transport's own open(), where it must be told more. NULL: its own. */
	int (*open)(void *ctx, const struct choice *transport, const struct transport_env *env,
	            struct link *link, struct err *e);
	void *ctx;
};

struct round_bench_result {
	bool root; /* this process's word is the one to print; the others' times stay 0 */
	int64_t rounds;
	double round_s, round_s_low, round_s_high; /* median and quartiles, round behind round */
	double wait_s;                             /* median of the time until the last vote was there */
	uint64_t bytes_up, bytes_down, bytes_busiest;
	int64_t wrong; /* with check: rounds whose answer here was another one */
};

/* -1 and a sentence. */
int round_bench(const struct round_bench_options *o, struct round_bench_result *out, struct err *e);

#endif
