#include "tests/support/backend_tables.h"
#include <criterion/criterion.h>
#include <math.h>
#include "backend/cpu/cpu.h"
#include "base/rng.h"
#include "registry.h"

const struct backend_row *backend_tables_row(const char *name)
{
	return (const struct backend_row *)family_find(&family_backends, name);
}

int backend_tables_all(struct backend tables[TABLES_MAX])
{
	struct err e = {0};
	const struct cpu_level *level;
	int count = 1;
	cr_assert_eq(backend_tables_row("ref")->open(&tables[0], NULL, &e), 0);
	for (size_t i = 0; (level = cpu_level_at(i)) && count < TABLES_MAX; i++)
		cpu_open_level(level, &tables[count++]);
	cr_assert_geq(count, 2);
	return count;
}

void backend_tables_fill(uint32_t which, size_t n, float *v)
{
	struct stream s = stream_of(21, RNG_TEST, which, n);
	for (size_t i = 0; i < n; i++)
		v[i] = 2 * stream_uniform(&s, i) - 1;
}

void backend_tables_expect_near(const struct backend *b, const char *what, size_t n, size_t i, double found,
                                double expected, double size)
{
	cr_assert(fabs(found - expected) <= 1e-6 * size,
	          "%s of %s (%s), n = %zu, element %zu: %.9g, not %.9g", what, b->name, b->detail, n, i,
	          found, expected);
}
