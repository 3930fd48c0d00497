/* Reading vectors: see vectors.h. */
#include "cmd/vectors.h"
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include "base/mem.h"
#include "base/text.h"
#include "config/json.h"
#include "h5/h5_stream.h"

static const char DATASET[] = "/vectors";

void vectors_clear(struct vectors *v)
{
	mem_free(v->at);
	*v = (struct vectors){0};
}

static const char *shown_path(const char *path, char out[256])
{
	return text_shown(path, out, 256);
}

/* Memory for as many; dims that no memory holds are refused. */
static int make_room(struct vectors *v, const char *path, size_t count, size_t n, size_t most, struct err *e)
{
	char shown[256];
	if (count == 0 || n == 0)
		return err_user(e, "%s: found %zu vectors of %zu coordinates, expected at least one of each",
		                shown_path(path, shown), count, n);
	if (count > most)
		return err_user(e, "%s: found %zu vectors, expected at most %zu", shown_path(path, shown),
		                count, most);
	if (n > SIZE_MAX / sizeof(float) / count)
		return err_user(e, "%s: found %zu vectors of %zu coordinates, which no memory holds",
		                shown_path(path, shown), count, n);
	*v = (struct vectors){.count = count, .n = n, .at = mem_array(count * n, sizeof(float))};
	return 0;
}

/* --- JSON --------------------------------------------------------------------------------------------- */

static int take_row(const struct json *row, size_t n, float *to, struct err *e)
{
	if (row->type != JSON_ARRAY || row->count != n)
		return json_bad(e, row, "an array of %zu numbers, as the first vector is", n);
	for (const struct json *x = row->child; x; x = x->next) {
		if (x->type != JSON_NUMBER || fabs(x->number) > (double)FLT_MAX)
			return json_bad(e, x, "a number that a float of 32 bits holds");
		*to++ = (float)x->number;
	}
	return 0;
}

static int read_json(struct vectors *v, const char *path, size_t most, struct err *e)
{
	struct arena a = {0};
	struct json *root = json_read_file(&a, path, e);
	int rc = root ? 0 : -1;
	if (root && (root->type != JSON_ARRAY || !root->child || root->child->type != JSON_ARRAY))
		rc = json_bad(e, root, "an array of vectors, each an array of numbers");
	if (!rc)
		rc = make_room(v, path, root->count, root->child->count, most, e);
	size_t i = 0;
	for (const struct json *row = root ? root->child : NULL; row && !rc; row = row->next)
		rc = take_row(row, v->n, v->at + i++ * v->n, e);
	arena_clear(&a);
	return rc;
}

/* --- HDF5 --------------------------------------------------------------------------------------------- */

static int read_dataset(struct vectors *v, struct h5 *f, const char *path, size_t most, struct err *e)
{
	int rank;
	size_t dims[8];
	char shown[256];
	if (!h5_has(f, DATASET))
		return err_user(e, "%s: has no dataset %s [vectors][coordinates]", shown_path(path, shown),
		                DATASET);
	if (h5_shape(f, DATASET, &rank, dims, e))
		return -1;
	if (rank != 2)
		return err_user(e, "%s: %s: found %d dimensions, expected 2: [vectors][coordinates]",
		                shown_path(path, shown), DATASET, rank);
	if (make_room(v, path, dims[0], dims[1], most, e))
		return -1;
	return h5_read(f, DATASET, H5_F32, v->count * v->n, v->at, e);
}

/* The file is left on disk: beside its vectors, memory has no image of it. */
static int read_h5(struct vectors *v, const char *path, size_t most, struct err *e)
{
	struct err ignored = {0};
	struct h5 *f = h5_stream_open(path, e);
	if (!f)
		return -1;
	int rc = read_dataset(v, f, path, most, e);
	h5_stream_close(f, &ignored);
	return rc;
}

int vectors_read(struct vectors *v, const char *path, size_t most, struct err *e)
{
	size_t length = strlen(path);
	bool json = length > 5 && !strcasecmp(path + length - 5, ".json");
	*v = (struct vectors){0};
	int rc = json ? read_json(v, path, most, e) : read_h5(v, path, most, e);
	if (rc)
		vectors_clear(v);
	return rc;
}
