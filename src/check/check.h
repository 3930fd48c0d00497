/*
 * `signsgd check`: every kernel of every backend is compared with ref, which defines it, on random and
 * extreme input of many sizes.
 *
 * kernel_table.h is the table of kernels, kernel_memory.h the memory and numbers that they work on;
 * check_cases.c says with which sizes and settings a kernel is checked, check_judge.c judges one case,
 * check.c walks through kernels and backends. check_image.h does the same for layers on images, and
 * check_image_moves.c for what moves their numbers.
 */
#ifndef SIGNSGD_CHECK_CHECK_H
#define SIGNSGD_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/backend.h"

struct check_result {
	const char *kernel, *backend;
	bool passed;
	size_t cases;
	double worst, allowed; /* relative error; 0 allowed means bit for bit */
	char where[128];       /* the first failing case: "n = 65, policy abstain" */
};

/*
 * Calls `tell` for every kernel of one backend; or, where `only` has no row, of every listed backend but ref
 * that opens here; the others are said. The cpu backend is checked at each level of this processor. Returns
 * the number that failed; -1 and a sentence where the one cannot be opened.
 */
int check_run(const struct choice *only, void (*tell)(void *ctx, const struct check_result *r), void *ctx,
              struct err *e);

/* A table of kernels to compare with ref, and its name in results. */
struct check_table {
	const char *name;
	struct backend kernels;
};

/* The same for the given tables. */
int check_tables(const struct backend *ref, const struct check_table *tables, size_t count,
                 void (*tell)(void *ctx, const struct check_result *r), void *ctx);

#endif
