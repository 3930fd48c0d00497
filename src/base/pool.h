/*
 * Lanes: the threads of one process that compute in parallel.
 *
 * A pool holds `lanes` threads, the caller's own among them (lane 0). pool_run() hands out the items
 * 0..n-1, each to exactly one lane, and returns when all are done. Which lane got which item is left to
 * chance, so an item's result must depend on the item alone; a lane only lends its scratch memory.
 *
 * Threads that wait spin for a short while (a step of a small model takes microseconds) and then sleep.
 */
#ifndef SIGNSGD_BASE_POOL_H
#define SIGNSGD_BASE_POOL_H

#include <stddef.h>

struct pool;

/* Dies when threads cannot be made. lanes >= 1. */
struct pool *pool_open(int lanes);
void pool_close(struct pool *p);
int pool_lanes(const struct pool *p);

/* Not to be called from inside a job. */
void pool_run(struct pool *p, size_t n_items, void (*job)(void *ctx, int lane, size_t item), void *ctx);

/* Cores this process may run on (affinity counted). */
int pool_cores(void);

#endif
