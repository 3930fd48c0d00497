#include "tests/support/h5_door.h"
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/damage.h"

void h5_door_save(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
}

struct h5 *h5_door_open(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	return f;
}

struct h5 *h5_door_edit(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	return f;
}

void h5_door_expect_sentence(const struct err *e, int code, const char *path, const char *what)
{
	cr_expect_eq(e->code, code, "%s", e->text);
	cr_expect_not_null(strstr(e->text, path), "'%s' does not name %s", e->text, path);
	cr_expect_not_null(strstr(e->text, what), "'%s' does not say '%s'", e->text, what);
}

void h5_door_expect_count_up(struct h5 *f, const char *path, size_t rows)
{
	struct err e = {0};
	int64_t *values = mem_array(rows, sizeof *values);
	cr_assert_eq(h5_read(f, path, H5_I64, rows, values, &e), 0, "%s", e.text);
	for (size_t i = 0; i < rows; i++)
		cr_assert_eq(values[i], (int64_t)i, "row %zu is %lld", i, (long long)values[i]);
	mem_free(values);
}

void h5_door_append_up_to(struct h5_column *c, size_t rows, uint64_t *state)
{
	while (h5_rows(c) < rows) {
		int64_t values[700];
		size_t first = h5_rows(c), count = damage_number(state) % 700 + 1;
		if (count > rows - first)
			count = rows - first;
		for (size_t i = 0; i < count; i++)
			values[i] = (int64_t)(first + i);
		h5_append(c, count, values);
	}
}

size_t h5_door_rows(struct h5 *f, const char *dataset)
{
	struct err e = {0};
	int rank;
	size_t dims[8];
	cr_assert_eq(h5_shape(f, dataset, &rank, dims, &e), 0, "%s", e.text);
	return dims[0];
}

double *h5_door_numbers(const char *path, const char *dataset, size_t *count)
{
	struct err e = {0};
	int rank;
	size_t dims[8];
	struct h5 *f = h5_door_open(path);
	cr_assert_eq(h5_shape(f, dataset, &rank, dims, &e), 0, "%s", e.text);
	*count = 1;
	for (int i = 0; i < rank; i++)
		*count *= dims[i];
	double *values = mem_array(*count, sizeof *values);
	cr_assert_eq(h5_read(f, dataset, H5_F64, *count, values, &e), 0, "%s", e.text);
	h5_close(f);
	return values;
}
