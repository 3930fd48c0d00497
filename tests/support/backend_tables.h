/* For tests of kernels: every backend's table, at each level, and numbers to give them. */
#ifndef SIGNSGD_TESTS_SUPPORT_BACKEND_TABLES_H
#define SIGNSGD_TESTS_SUPPORT_BACKEND_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"

enum { N_MAX = 200, TABLES_MAX = 5 };

const struct backend_row *backend_tables_row(const char *name);

/* ref, then cpu at each level of this processor. Returns how many, at least 2. */
int backend_tables_all(struct backend tables[TABLES_MAX]);

/* v [n]: uniform in (-1, 1), other numbers for another `which`. */
void backend_tables_fill(uint32_t which, size_t n, float *v);

/* Ends the test where `found`, element i of n, differs from `expected` by more than 1e-6 of `size`. */
void backend_tables_expect_near(const struct backend *b, const char *what, size_t n, size_t i, double found,
                                double expected, double size);

#endif
