/*
 * Inside of the cpu backend: the same kernels compiled for several instruction sets (levels), one of which is
 * chosen when the program starts.
 *
 * backend/cpu/plain.c, backend/cpu/avx2.c and backend/cpu/avx512.c each define a few primitives (load bits
 * into lanes, count bits, ...), include the kernels (*.inc.h) and end in one table. A level is NULL if the
 * compiler cannot produce its instructions, as on another processor family.
 */
#ifndef SIGNSGD_BACKEND_CPU_CPU_H
#define SIGNSGD_BACKEND_CPU_CPU_H

#include "backend/backend.h"
#include "backend/cpu/product.h"

/*
 * The bandwidth baseline: loops that only move bytes, as fast as this level can. A kernel with the same
 * traffic cannot be faster. Sizes in floats or words.
 */
struct bandwidth_baseline {
	uint64_t (*read[2])(size_t words, const uint64_t *x); /* one stream read, in two ways */
	void (*copy)(size_t n, const float *x, float *out);   /* one read, one written */
	void (*update)(size_t n, float *x);                   /* one read and written back */
	void (*triad)(size_t n, const float *x, const float *y,
	              float *out);          /* two read, one written; out may be y */
	void (*fill)(size_t n, float *out); /* one written */
	void (*fold)(size_t words, int count, const uint64_t *const *x,
	             uint64_t *out); /* count read, one written */
};

struct cpu_level {
	const char *name;                /* of SIGNSGD_CPU: "base", "avx2", "avx512" */
	const char *shown;               /* "plain C", "AVX2", "AVX-512" */
	void (*fill)(struct backend *b); /* the level's kernels; memory is the same for all */
	const struct products *(*products)(void);
	struct bandwidth_baseline baseline;
};

extern const struct cpu_level *const cpu_base, *const cpu_avx2, *const cpu_avx512;

/* Level number i, 0 the lowest, of those that this processor has; NULL behind the last. */
const struct cpu_level *cpu_level_at(size_t i);

/* The level that the backend uses: the highest, or the one that SIGNSGD_CPU names. NULL and a sentence. */
const struct cpu_level *cpu_level_chosen(struct err *e);

/* Fill the table of the cpu backend for a level that this processor has. */
void cpu_open_level(const struct cpu_level *level, struct backend *b);
#endif
