/* Functions whose bodies are compiled into their callers, whatever those are compiled for. */
#ifndef SIGNSGD_BASE_INLINE_H
#define SIGNSGD_BASE_INLINE_H

/* Also into functions for a wider instruction set by __attribute__((target)), and into kernels of a GPU. */
#ifdef __CUDACC__
#define INLINE_ANYWHERE static __host__ __device__ inline
#else
#define INLINE_ANYWHERE static inline __attribute__((always_inline))
#endif

#endif
