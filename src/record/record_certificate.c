/* The last row of the probe certificate, for summaries. */
#include <string.h>
#include "backend/backend.h"
#include "base/mem.h"
#include "record/record_internal.h"

#define STEP   "/probes/certificate/step"
#define TURNED "/probes/certificate/turned"

/* Row `row` of the shares, *turned [*count]. */
static int read_row(struct h5 *f, const char *path, size_t rows, double **turned, size_t *count,
                    struct err *e)
{
	int rank;
	size_t dims[8];
	if (h5_shape(f, TURNED, &rank, dims, e))
		return -1;
	if (rank != 2 || dims[0] != rows || dims[1] == 0 || dims[1] > VOTES_MOST)
		return err_user(e, "%s: " TURNED ": expected a row for each of the %zu in " STEP, path, rows);
	double *all = mem_array(dims[0] * dims[1], sizeof *all);
	int rc = h5_read(f, TURNED, H5_F64, dims[0] * dims[1], all, e);
	if (!rc) {
		*count = dims[1];
		*turned = mem_array(*count, sizeof **turned);
		memcpy(*turned, all + (rows - 1) * *count, *count * sizeof **turned);
	}
	mem_free(all);
	return rc ? -1 : 0;
}

int record_certificate(const char *path, int64_t *step, double **turned, size_t *count, struct err *e)
{
	void *steps = NULL;
	size_t rows = 0;
	struct h5 *f = h5_open(path, e);
	*turned = NULL;
	*count = 0;
	if (!f)
		return -1;
	int rc = record_check_format(f, path, e);
	if (!rc && h5_has(f, TURNED))
		rc = record_read_column(f, path, STEP, H5_I64, &steps, &rows, e);
	if (!rc && rows > 0) {
		*step = ((const int64_t *)steps)[rows - 1];
		rc = read_row(f, path, rows, turned, count, e);
	}
	mem_free(steps);
	h5_close(f);
	return rc ? -1 : 0;
}
