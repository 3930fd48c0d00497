/* Which workers were counted, /voters, and what went wrong, /faults. */
#include <inttypes.h>
#include <string.h>
#include "base/mem.h"
#include "record/record_internal.h"

struct record_voters {
	struct h5_column *step, *born;
	size_t workers;
	int32_t *row; /* [workers] */
};

struct record_voters *record_voters_open(struct h5 *f, size_t workers)
{
	struct record_voters *v = mem_alloc(sizeof *v);
	v->workers = workers;
	v->row = mem_array(workers, sizeof *v->row);
	v->step = h5_column(f, "/voters/step", H5_I64, 0, NULL, "steps", "steps done, from 1");
	v->born = h5_column(
	        f, "/voters/since", H5_I32, 1, &workers, "steps",
	        "born of each worker that was counted: steps done when its momentum was last reset; "
	        "-1: it was not counted");
	h5_scale(f, "/voters/since", "/voters/step");
	return v;
}

void record_voters_add(struct record_voters *v, int64_t step, const int64_t *born)
{
	for (size_t m = 0; m < v->workers; m++)
		v->row[m] = (int32_t)born[m];
	h5_append(v->step, 1, &step);
	h5_append(v->born, 1, v->row);
}

void record_voters_close(struct record_voters *v)
{
	if (!v)
		return;
	h5_column_close(v->step);
	h5_column_close(v->born);
	mem_free(v->row);
	mem_free(v);
}

struct record_faults {
	struct record_faults *next;
	char *path;
	size_t rows;
	uint64_t *earlier, *sum; /* [rows] */
};

/* What the file counted before a resumption. Zero where it is new, or has another number of rows. */
static void read_earlier(struct h5 *f, struct record_faults *k)
{
	struct err ignored = {0};
	if (h5_has(f, k->path) && h5_read(f, k->path, H5_U64, k->rows, k->earlier, &ignored))
		memset(k->earlier, 0, k->rows * sizeof *k->earlier);
}

static struct record_faults *kind_of(struct h5 *f, struct record_faults **list, const char *kind, size_t rows)
{
	char *path = mem_format("/faults/%s", kind);
	for (struct record_faults *k = *list; k; k = k->next)
		if (strcmp(k->path, path) == 0) {
			mem_free(path);
			return k;
		}
	struct record_faults *k = mem_alloc(sizeof *k);
	*k = (struct record_faults){.next = *list, .path = path, .rows = rows};
	k->earlier = mem_array(rows, sizeof *k->earlier);
	k->sum = mem_array(rows, sizeof *k->sum);
	read_earlier(f, k);
	*list = k;
	return k;
}

void record_faults_add(struct h5 *f, struct record_faults **list, const char *kind, size_t rows,
                       const uint64_t *counts)
{
	struct record_faults *k = kind_of(f, list, kind, rows);
	for (size_t i = 0; i < rows; i++)
		k->sum[i] = k->earlier[i] + counts[i];
	h5_write(f, k->path, H5_U64, 1, &rows, k->sum);
}

void record_faults_clear(struct record_faults **list)
{
	while (*list) {
		struct record_faults *k = *list;
		*list = k->next;
		mem_free(k->path);
		mem_free(k->earlier);
		mem_free(k->sum);
		mem_free(k);
	}
}

/* One kind, if it ever happened. */
static int say_kind(struct h5 *f, const char *kind, struct buf *out, struct err *e)
{
	char *path = mem_format("/faults/%s", kind);
	size_t dims[8] = {0};
	int rank, rc = h5_shape(f, path, &rank, dims, e), said = 0;
	uint64_t *counts = rc || rank != 1 ? NULL : mem_array(dims[0], sizeof *counts);
	if (counts)
		rc = h5_read(f, path, H5_U64, dims[0], counts, e);
	for (size_t m = 0; !rc && counts && m < dims[0]; m++) {
		if (counts[m] == 0)
			continue;
		if (said++ == 0)
			buf_format(out, "%s%s: ", out->length ? "; " : "", kind);
		else
			buf_add(out, ", ");
		buf_format(out, "%" PRIu64 " of ", counts[m]);
		if (m + 1 < dims[0])
			buf_format(out, "worker %zu", m);
		else
			buf_add(out, "nobody known");
	}
	mem_free(counts);
	mem_free(path);
	return rc;
}

int record_say_faults(const char *path, struct buf *out, struct err *e)
{
	struct h5 *f = h5_open(path, e);
	size_t count = 0;
	int rc = f ? 0 : -1;
	char **kinds = f ? h5_names(f, "/faults", &count) : NULL;
	buf_add(out, "");
	for (size_t i = 0; i < count && !rc; i++)
		rc = say_kind(f, kinds[i], out, e);
	if (count > 0 && !rc && out->length == 0)
		buf_add(out, "nothing");
	mem_free(kinds);
	h5_close(f);
	return rc;
}

static int read_all(struct h5 *f, const char *path, size_t workers, int64_t *steps, int32_t **born,
                    struct err *e)
{
	size_t dims[8] = {0};
	int rank;
	if (record_check_format(f, path, e))
		return -1;
	if (!h5_has(f, "/voters/since"))
		return err_user(e,
		                "%s: says nothing of voters (/voters/since): every worker was counted in "
		                "each step, and "
		                "`signsgd simulate` without --replay gives the same bits",
		                path);
	if (h5_shape(f, "/voters/since", &rank, dims, e))
		return -1;
	if (rank != 2 || dims[1] != workers)
		return err_user(e,
		                "%s: /voters/since: found %d dimensions and %zu workers, expected 2 and %zu",
		                path, rank, rank == 2 ? dims[1] : 0, workers);
	*steps = (int64_t)dims[0];
	*born = mem_array(dims[0] * workers, sizeof **born);
	return h5_read(f, "/voters/since", H5_I32, dims[0] * workers, *born, e);
}

int record_read_voters(const char *path, size_t workers, int64_t *steps, int32_t **born, struct err *e)
{
	struct h5 *f = h5_open(path, e);
	if (!f)
		return -1;
	*born = NULL;
	int rc = read_all(f, path, workers, steps, born, e);
	if (rc) {
		mem_free(*born);
		*born = NULL;
	}
	h5_close(f);
	return rc;
}
