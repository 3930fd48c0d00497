/*
 * A stand-in for cuDNN: the functions that the program calls, with the interface of the real ones. It
 * computes in double, takes channels-last arrays only, and expects of its caller what the real one does:
 * sizes that agree, the workspace that it has asked for (which it overwrites), descriptors and handles that
 * are open.
 */
#ifndef SIGNSGD_TESTS_CUDA_STAND_IN_CUDNN_H
#define SIGNSGD_TESTS_CUDA_STAND_IN_CUDNN_H

#include "backend/cuda/library.h"
#include "tests/cuda/stand_in.h"

/* Statuses of cuDNN 9. */
enum { NOT_INITIALIZED = 1001, BAD_PARAM = 2000, NOT_SUPPORTED = 3000, EXECUTION_FAILED = 5000 };

/* Handles and descriptors: what they are, and 0 when they are closed. */
enum known { HANDLE = 0x646e6e01, TENSOR, FILTER, CONV, ACTIVATION };

struct object {
	int known;
	cudaStream_t stream;                 /* handle */
	int type, n, c, h, w;                /* tensor, filter: n is `out`, c is `in` of a group */
	int pad[2], stride[2], math, groups; /* conv */
	int nan;                             /* activation */
};

static inline struct object *as(void *p, enum known known)
{
	struct object *o = p;
	return o && o->known == (int)known ? o : NULL;
}

/* What cuDNN is given begins at a multiple of 16 bytes: its kernels read as much at once. */
static inline void *array_at(const void *p, const char *who)
{
	if ((uintptr_t)p % 16 != 0)
		emulated_bug("%s: the address %p is no multiple of 16 bytes", who, (void *)p);
	return emulated_at(p, who);
}

#endif
