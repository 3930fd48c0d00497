/* For tests of the HDF5 door: open or end the test, columns that count up, sentences. */
#ifndef SIGNSGD_TESTS_SUPPORT_H5_DOOR_H
#define SIGNSGD_TESTS_SUPPORT_H5_DOOR_H

#include "h5/h5.h"
#include "tests/support/h5_files.h"

static inline void save(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
}

static inline struct h5 *again(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	return f;
}

static inline struct h5 *edit(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	return f;
}

/* A refusal names the file and says all of these. */
static inline void expect_sentence(const struct err *e, int code, const char *path, const char *what)
{
	cr_expect_eq(e->code, code, "%s", e->text);
	cr_expect_not_null(strstr(e->text, path), "'%s' does not name %s", e->text, path);
	cr_expect_not_null(strstr(e->text, what), "'%s' does not say '%s'", e->text, what);
}

static inline void expect_count_up(struct h5 *f, const char *path, size_t rows)
{
	struct err e = {0};
	int64_t *values = mem_array(rows, sizeof *values);
	cr_assert_eq(h5_read(f, path, H5_I64, rows, values, &e), 0, "%s", e.text);
	for (size_t i = 0; i < rows; i++)
		cr_assert_eq(values[i], (int64_t)i, "row %zu is %lld", i, (long long)values[i]);
	mem_free(values);
}

static inline void append_up_to(struct h5_column *c, size_t rows, uint64_t *state)
{
	while (h5_rows(c) < rows) {
		int64_t values[700];
		size_t first = h5_rows(c), count = next_number(state) % 700 + 1;
		if (count > rows - first)
			count = rows - first;
		for (size_t i = 0; i < count; i++)
			values[i] = (int64_t)(first + i);
		h5_append(c, count, values);
	}
}

#endif
