/* Kernels that show what the stand-in for a GPU does with kernels: tests/cuda/test_stand_in.c. */
#ifndef SIGNSGD_TESTS_CUDA_STAND_IN_KERNELS_H
#define SIGNSGD_TESTS_CUDA_STAND_IN_KERNELS_H

#include "backend/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { STAND_IN_THREADS = 96 }; /* of a block: three warps */

/* x[n]: every number is its double and one. */
void stand_in_step(struct queue *q, unsigned n, unsigned *x);

/* out[block]: the sum of the block's STAND_IN_THREADS numbers of x [blocks][STAND_IN_THREADS]. barriers =
 * false: with all barriers but the last left out. */
void stand_in_sum(struct queue *q, unsigned blocks, bool barriers, const unsigned *x, unsigned *out);

/* What a warp says to x[96]: out [7][96] in the order of the kernel. */
void stand_in_warps(struct queue *q, const unsigned *x, unsigned *out);

/* out[0] = the number at the address that stands in memory. */
void stand_in_follow(struct queue *q, unsigned *const *address, unsigned *out);

/* Where each thread of a launch of blocks 2 x 3 x 2 of 4 x 2 x 2 threads was: out[192] counts them. */
void stand_in_count(struct queue *q, unsigned *out);

enum stand_in_fault {
	BARRIER_IN_A_BRANCH,
	BARRIER_AFTER_THE_END,
	BALLOT_IN_A_BRANCH,
	HALF_A_WARP,
	PART_OF_A_MASK
};

void stand_in_fault(struct queue *q, enum stand_in_fault fault);

/* A launch of no thread. */
void stand_in_no_threads(struct queue *q);

#ifdef __cplusplus
}
#endif

#endif
