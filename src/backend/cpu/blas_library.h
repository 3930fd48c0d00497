/*
 * OpenBLAS, opened while the program runs and not linked to it. What it decides when it starts, it decides
 * from two variables of the environment, and for the whole life of the process: which processor it has
 * kernels for, and how many threads it makes. Its guess about the processor is wrong where the processor is
 * newer than the library (0.3.21 takes an Intel model 207 for a Prescott and multiplies without AVX), and
 * its threads would be idle, because lanes are the program's own.
 *
 * So it is told: one thread, and where its kernels are not made for the widest vectors that this processor
 * has, it is closed and opened again with the name of kernels that are. A value of OPENBLAS_CORETYPE that
 * names such slow kernels, or kernels that this processor cannot run, is passed over in the same way. With
 * SIGNSGD_CPU=avx2 vectors of 32 bytes count as the widest.
 */
#ifndef SIGNSGD_BACKEND_CPU_BLAS_LIBRARY_H
#define SIGNSGD_BACKEND_CPU_BLAS_LIBRARY_H

#include <cblas.h>

struct blas_library {
	__typeof__(cblas_sgemm) *sgemm;
	const char *name; /* "OpenBLAS 0.3.21 (Zen)", "OpenBLAS 0.3.21 (Haswell, after Prescott)" */
	const char *slow; /* a sentence if slow kernels had to be taken; NULL */
};

/* The library, opened by the first call; as long as the process lives. Dies if it cannot be opened. */
const struct blas_library *blas_library(void);

/*
 * Have the library make its buffers for `lanes` calls at a time, now. Later it would wait for ever where the
 * system has no memory; this dies with a sentence. Not to be called while products are computed.
 */
void blas_library_reserve(int lanes);

#endif
