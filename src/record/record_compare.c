/* Do two runs end in the same bits? */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "record/record_internal.h"

/* One dataset's bytes and shape; all that a run ends with is of floats and whole numbers. */
struct tensor {
	int rank;
	size_t dims[8], count;
	double *values; /* [count] floats and counters up to 2^53 are doubles without loss */
};

static int tensor_read(struct h5 *f, const char *path, struct tensor *p, struct err *e)
{
	*p = (struct tensor){.count = 1};
	if (h5_shape(f, path, &p->rank, p->dims, e))
		return -1;
	for (int i = 0; i < p->rank; i++)
		p->count *= p->dims[i];
	p->values = mem_array(p->count, sizeof *p->values);
	return h5_read(f, path, H5_F64, p->count, p->values, e);
}

/* 1: the same, 0: different, -1: cannot be read. */
static int same_tensor(struct h5 *a, struct h5 *b, const char *name, struct err *e)
{
	char *path = mem_format("/final/%s", name);
	struct tensor left = {0}, right = {0};
	int same = -1;
	if (!h5_has(b, path))
		same = 0;
	else if (!tensor_read(a, path, &left, e) && !tensor_read(b, path, &right, e))
		same = left.rank == right.rank && !memcmp(left.dims, right.dims, sizeof left.dims) &&
		       !memcmp(left.values, right.values, left.count * sizeof *left.values);
	mem_free(left.values);
	mem_free(right.values);
	mem_free(path);
	return same;
}

static int compare(struct h5 *a, struct h5 *b, char *different, size_t size, struct err *e)
{
	size_t count = 0, others = 0;
	char **names = h5_names(a, "/final", &count), **theirs = h5_names(b, "/final", &others);
	int same = count == others;
	if (!names || !theirs)
		same = err_user(e, "there are no final parameters to compare; is the run finished?");
	else if (!same)
		snprintf(different, size, "%zu tensors and %zu", count, others);
	for (size_t i = 0; same == 1 && i < count; i++) {
		same = same_tensor(a, b, names[i], e);
		if (same == 0)
			snprintf(different, size, "%s", names[i]);
	}
	mem_free(names);
	mem_free(theirs);
	return same;
}

int record_same_final(const char *path, const char *other, char *different, size_t size, struct err *e)
{
	struct h5 *a = h5_open(path, e), *b = a ? h5_open(other, e) : NULL;
	int same = a && b ? compare(a, b, different, size, e) : -1;
	h5_close(a);
	h5_close(b);
	return same < 0 ? err_prefix(e, "%s and %s", path, other) : same;
}
