/*
 * The backend `guarded`: the kernels of `ref` on memory that nobody else can touch. It is a machine whose
 * memory is not the host's, without such a machine: whoever reads or writes it past backend/memory.h, on any
 * lane, ends the process with a fault and a sentence that names the allocation.
 *
 * Two ranges of addresses of the same size are reserved. Addresses of the first are given out; they can be
 * neither read nor written. What is behind them is at the same place in the second range, where only kernels
 * and memory calls look (guarded_at()). An allocation ends at a page that cannot be touched in either range,
 * and addresses are not used twice, so that a kernel that runs over the end, or works on what was released,
 * faults too.
 */
#ifndef SIGNSGD_BACKEND_GUARDED_GUARDED_H
#define SIGNSGD_BACKEND_GUARDED_GUARDED_H

#include "backend/memory.h"

extern const struct memory guarded_memory;

/* Reserve the addresses and name allocations when they are touched; once for the process. */
void guarded_open(void);

/*
 * Where kernels find what is behind an address; NULL stays NULL. An address that alloc() has not given out is
 * a bug of the caller: memory of the host was handed to a kernel.
 */
void *guarded_at(const void *address);

/* A queue that queue_open() has made, in which no other thread works at the moment; anything else is a bug of
 * the caller. Work lasts from begin to end. */
void guarded_begin(struct queue *q);
void guarded_end(struct queue *q);

#endif
