/* For tests of kernels: every machine's table, at each level, and numbers to give them. */
#ifndef SIGNSGD_TESTS_SUPPORT_BACKEND_TABLES_H
#define SIGNSGD_TESTS_SUPPORT_BACKEND_TABLES_H

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "base/mem.h"
#include "registry.h"

enum { N_MAX = 200, TABLES_MAX = 4 };

static inline const struct backend_row *row_named(const char *name)
{
	return (const struct backend_row *)family_find(&family_backends, name);
}

/* ref, and cpu at each level of this processor. */
static inline int all_tables(struct backend tables[TABLES_MAX])
{
	struct err e = {0};
	const struct cpu_level *level;
	int count = 1;
	cr_assert_eq(row_named("ref")->open(&tables[0], &e), 0);
	for (size_t i = 0; (level = cpu_level_at(i)); i++)
		cpu_open_level(level, &tables[count++]);
	cr_assert_geq(count, 2);
	return count;
}

/* Uniform in (-1, 1). */
static inline void fill(uint32_t which, size_t n, float *v)
{
	struct stream s = stream_of(21, RNG_TEST, which, n);
	for (size_t i = 0; i < n; i++)
		v[i] = 2 * stream_uniform(&s, i) - 1;
}

static inline void expect_near(const struct backend *b, const char *what, size_t n, size_t i, double found,
                               double expected, double size)
{
	cr_assert(fabs(found - expected) <= 1e-6 * size,
	          "%s of %s (%s), n = %zu, element %zu: %.9g, not %.9g", what, b->name, b->detail, n, i,
	          found, expected);
}

#endif
