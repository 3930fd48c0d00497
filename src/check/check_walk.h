/* Inside of check: a kernel's walk through its cases (check_cases.c), and the judgement of each
 * (check_judge.c). */
#ifndef SIGNSGD_CHECK_CHECK_WALK_H
#define SIGNSGD_CHECK_CHECK_WALK_H

#include "check/check.h"
#include "check/kernel_memory.h"

/* Where a table with memory of its own works; all zero for others. */
struct walk_far {
	struct kernel_memory memory;
	struct queue *queue;
};

struct walk {
	const struct kernel *kernel;
	const struct backend *ref;
	const struct check_table *table; /* [count] */
	struct check_result *result;     /* [count] */
	size_t count;
	uint64_t cases;
	struct kernel_memory given;           /* inputs, and contents of the outputs before a job */
	struct walk_far *far;                 /* [count] */
	struct kernel_memory want, got, size; /* results: ref's, the table's, ref's for absolute values */
};

enum {
	WALK_FLOATS = 80000, /* enough for the largest case and its guards */
	WALK_WORKERS = 257,
	WALK_GUARD = 32 /* elements behind an array that no kernel may write */
};

/* All cases of the walk's kernel. */
void walk_cases(struct walk *w);

/* One case: fill the memory, run ref and every table, compare. `sizes` has sizes and settings. */
void walk_case(struct walk *w, struct kernel_job sizes, enum kernel_flavour flavour, size_t shift);

#endif
