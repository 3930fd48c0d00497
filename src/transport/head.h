/*
 * The head of a round, which each process of a launched job sends to all others before the round's data: the
 * heads show whether the root leaves, whether all are at the same step of the same run, and whether the
 * parameters agree.
 */
#ifndef SIGNSGD_TRANSPORT_HEAD_H
#define SIGNSGD_TRANSPORT_HEAD_H

#include "transport/transport.h"

struct round_head {
	uint64_t step, x_hash, n, push_bytes, pull_bytes;
	int64_t flags;
};

/* Flags of heads only, beside enum exchange_flag. */
enum {
	HEAD_LEAVE = 1 << 8, /* the root: the run is over */
	HEAD_GONE = 1 << 9,  /* another process: it takes part in no further round */
};

/* The head of this process. stop: as in struct transport_env. */
struct round_head head_of(const struct exchange_request *x, const volatile sig_atomic_t *stop);

/*
 * Compare the heads [processes], of a transport with this name; all processes do, so that all end with the
 * same sentence. 0; 1: the root has left; -1 and a sentence.
 */
int heads_compare(const char *name, const struct round_head *heads, int processes, struct err *e);

/* What all of them want together (enum exchange_flag). */
int heads_flags(const struct round_head *heads, int processes);

#endif
