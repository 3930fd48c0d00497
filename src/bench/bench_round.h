/*
 * `signsgd bench round`: how long a transport takes for one round, without any training. Workers encode
 * random vectors with the aggregator and push them, the aggregator combines the pushes, and the answer is
 * sent back. Every process of the transport calls bench_round() with the same options.
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

struct bench_round_options {
	const char *transport, *aggregator; /* as in an experiment: JSON, as in {"kind": "vote"} */
	size_t n;                           /* coordinates */
	int workers, lanes;                 /* lanes of this process */
	int64_t rounds;                     /* how many are timed; 0: as many as fit in `seconds` */
	double seconds;
	bool check; /* use different vectors in every round, and compare every answer with a plain combine */
	bool sums;  /* with check: the answers may differ by rounding, because floats are added in another
	               order */
	/* Called instead of the transport's open(), if that needs more than settings. NULL: not used. */
	int (*open)(void *ctx, const struct choice *transport, const struct transport_env *env,
	            struct link *link, struct err *e);
	void *ctx;
};

struct bench_round_result {
	bool root; /* this process prints; in the others the times stay 0 */
	int64_t rounds;
	double round_s, round_s_low, round_s_high; /* median and quartiles, with rounds one after another */
	double wait_s;                             /* median of the time until the last vote came */
	uint64_t bytes_up, bytes_down, bytes_busiest;
	int64_t wrong; /* with check: rounds whose answer here differs from a plain combine */
};

/* -1 and a sentence. */
int bench_round(const struct bench_round_options *o, struct bench_round_result *out, struct err *e);

#endif
