#include "tests/support/ways.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/mem.h"
#include "record/record.h"
#include "tests/support/cli.h"

void ways_expect_same(const char *name, const char *other, const char *what)
{
	char path[2][160], different[128] = "";
	struct err e = {0};
	snprintf(path[0], sizeof path[0], "%s/%s.h5", cli_folder, name);
	snprintf(path[1], sizeof path[1], "%s/%s.h5", cli_folder, other);
	int same = record_same_final(path[1], path[0], different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s, %s: %s%s", name, what, same < 0 ? e.text : "other bits: ", different);
}

double ways_last(const char *name, const char *column)
{
	char path[160];
	double *values;
	size_t count;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	cr_assert_eq(record_column(path, column, &values, &count, &e), 0, "%s", e.text);
	cr_assert(count > 0, "%s: %s", path, column);
	double last = values[count - 1];
	mem_free(values);
	return last;
}
