/* /meta/extended: how often the length of a run was changed, after which step, and what its id was before. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "record/record_internal.h"

#define STEPS "/meta/extended/step"
#define IDS   "/meta/extended/id"

int record_add_extension(struct h5 *f, const char *path, const struct record_extended *was, struct err *e)
{
	char *ids = h5_has(f, IDS) ? h5_read_text(f, IDS, e) : mem_string("");
	if (!ids)
		return err_prefix(e, "%s", path);
	char *more = mem_format("%s%s\n", ids, was->id);
	struct h5_column *steps = h5_column(f, STEPS, H5_I64, 0, NULL, "steps",
	                                    "steps done when the length of the run was changed");
	h5_append(steps, 1, &was->step);
	h5_column_close(steps);
	h5_write_text(f, IDS, more);
	mem_free(ids);
	mem_free(more);
	return 0;
}

/* A line of ids a row. */
static int fill(const char *path, const int64_t *steps, const char *ids, struct record_extended *rows,
                size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(ids, "\n");
		if (length == 0 || length >= sizeof rows[i].id)
			return err_user(e, "%s: " IDS ": the file is damaged: row %zu is no id", path, i);
		rows[i].step = steps[i];
		snprintf(rows[i].id, sizeof rows[i].id, "%.*s", (int)length, ids);
		ids += length + (ids[length] == '\n');
	}
	return 0;
}

static int read_rows(struct h5 *f, const char *path, struct record_extended **rows, size_t *count,
                     struct err *e)
{
	void *steps = NULL;
	if (record_check_format(f, path, e))
		return -1;
	if (!h5_has(f, IDS))
		return 0;
	char *ids = h5_read_text(f, IDS, e);
	if (!ids || record_read_column(f, path, STEPS, H5_I64, &steps, count, e)) {
		mem_free(ids);
		return -1;
	}
	*rows = mem_array(*count, sizeof **rows);
	int rc = fill(path, steps, ids, *rows, *count, e);
	mem_free(steps);
	mem_free(ids);
	return rc;
}

int record_extensions(const char *path, struct record_extended **rows, size_t *count, struct err *e)
{
	struct h5 *f = h5_open(path, e);
	*rows = NULL;
	*count = 0;
	if (!f)
		return -1;
	int rc = read_rows(f, path, rows, count, e);
	h5_close(f);
	if (!rc)
		return 0;
	mem_free(*rows);
	*rows = NULL;
	*count = 0;
	return -1;
}
