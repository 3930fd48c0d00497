#include "tests/support/guarded.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "tests/support/cli.h"

void guarded_run(const char *command, const char *experiment, const char *options, const char *backend,
                 const char *name)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("%s %s/e.json %s --set backend=%s --out %s/%s.h5 --overwrite --quiet", command,
	                 cli_folder, options, backend, cli_folder, name),
	             0, "%s %s on %s: %s", command, options, backend, cli_err);
}

/* A dataset's numbers; free with mem_free(). */
static double *numbers(struct h5 *f, const char *path, size_t *count)
{
	struct err e = {0};
	size_t dims[8];
	int rank;
	cr_assert_eq(h5_shape(f, path, &rank, dims, &e), 0, "%s", e.text);
	*count = 1;
	for (int i = 0; i < rank; i++)
		*count *= dims[i];
	double *values = mem_array(*count, sizeof *values);
	cr_assert_eq(h5_read(f, path, H5_F64, *count, values, &e), 0, "%s", e.text);
	return values;
}

static void expect_same_numbers(struct h5 *a, struct h5 *b, const char *path)
{
	size_t count, others;
	double *left = numbers(a, path, &count), *right = numbers(b, path, &others);
	cr_expect(count == others && memcmp(left, right, count * sizeof *left) == 0, "%s differs", path);
	mem_free(left);
	mem_free(right);
}

static bool is_time(const char *name)
{
	size_t length = strlen(name);
	return length > 2 && strcmp(name + length - 2, "_s") == 0;
}

static void expect_same_group(struct h5 *a, struct h5 *b, const char *group)
{
	size_t count = 0, others = 0;
	char **names = h5_names(a, group, &count), **theirs = h5_names(b, group, &others);
	cr_expect_eq(count, others, "%s: %zu and %zu", group, count, others);
	for (size_t i = 0; i < count && count == others; i++) {
		char *path = mem_format("%s/%s", group, names[i]);
		if (!is_time(names[i]))
			expect_same_numbers(a, b, path);
		mem_free(path);
	}
	mem_free(names);
	mem_free(theirs);
}

static void expect_same_probes(struct h5 *a, struct h5 *b)
{
	size_t count = 0;
	char **names = h5_names(a, "/probes", &count);
	for (size_t i = 0; i < count; i++) {
		char *group = mem_format("/probes/%s", names[i]);
		expect_same_group(a, b, group);
		mem_free(group);
	}
	mem_free(names);
}

static struct h5 *open_result(const char *name)
{
	struct err e = {0};
	char *path = mem_format("%s/%s.h5", cli_folder, name);
	struct h5 *f = h5_open(path, &e);
	cr_assert(f, "%s", e.text);
	mem_free(path);
	return f;
}

void guarded_expect_same(const char *name, const char *other)
{
	static const char *const groups[] = {"/final", "/steps", "/evals"};
	struct h5 *a = open_result(name), *b = open_result(other);
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		expect_same_group(a, b, groups[i]);
	expect_same_probes(a, b);
	h5_close(a);
	h5_close(b);
}

void guarded_expect_near(const char *name, const char *other, const char *path, double relative)
{
	size_t count, others;
	struct h5 *a = open_result(name), *b = open_result(other);
	double *left = numbers(a, path, &count), *right = numbers(b, path, &others);
	cr_assert_eq(count, others, "%s", path);
	for (size_t i = 0; i < count; i++)
		cr_expect(fabs(left[i] - right[i]) <= relative * fabs(right[i]),
		          "%s of %s, row %zu: %.9g and %.9g", path, name, i, left[i], right[i]);
	mem_free(left);
	mem_free(right);
	h5_close(a);
	h5_close(b);
}

void guarded_expect_as_ref(const char *experiment, const char *options)
{
	guarded_run("simulate", experiment, options, "ref", "ref");
	guarded_run("simulate", experiment, options, "guarded", "guarded");
	guarded_expect_same("ref", "guarded");
}
