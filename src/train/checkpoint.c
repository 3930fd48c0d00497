/* Checkpoints: /state holds a dataset for each array, with a checksum; the file is sealed (h5/h5_seal.h). */
#include "train/checkpoint.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "h5/h5_seal.h"

enum { CHECKPOINT_FORMAT = 1, ARRAY_PATH_BYTES = 256 };

void checkpoint_path(const char *run_path, char *out, size_t size)
{
	size_t length = strlen(run_path);
	if (length > 3 && strcmp(run_path + length - 3, ".h5") == 0)
		length -= 3;
	int needed = snprintf(out, size, "%.*s.checkpoint.h5", (int)length, run_path);
	if (needed < 0 || (size_t)needed >= size)
		die("%s: the path of its checkpoint is longer than %zu bytes", run_path, size - 1);
}

/* The checksum of the values as stored in memory; the file stores the same bytes. */
static int64_t checksum(const struct checkpoint_array *array, const float *values)
{
	return h5_crc32(0, values, array->count * sizeof *values);
}

static void array_path(char out[ARRAY_PATH_BYTES], const char *name)
{
	if (snprintf(out, ARRAY_PATH_BYTES, "/state/%s", name) >= ARRAY_PATH_BYTES)
		BUG("the name of a checkpoint's array is too long");
}

int checkpoint_write(const char *path, const char *run_id, int64_t step, size_t count,
                     const struct checkpoint_array *arrays, struct err *e)
{
	char at[ARRAY_PATH_BYTES];
	struct h5 *f = h5_create(path);
	h5_set_int(f, "/", "checkpoint_version", CHECKPOINT_FORMAT);
	h5_set_text(f, "/", "run_id", run_id);
	h5_set_int(f, "/", "step", step);
	for (size_t i = 0; i < count; i++) {
		array_path(at, arrays[i].name);
		h5_write(f, at, H5_F32, 1, &arrays[i].count, arrays[i].at);
		h5_set_int(f, at, "crc32", checksum(&arrays[i], arrays[i].at));
		if (arrays[i].number)
			h5_set_int(f, at, "number", *arrays[i].number);
	}
	int rc = h5_flush(f, true, e);
	h5_close(f);
	return rc;
}

static int read_identity(struct h5 *f, const char *path, char run_id[65], int64_t *step, struct err *e)
{
	int64_t version;
	if (h5_get_int(f, "/", "checkpoint_version", &version, e))
		return -1;
	if (version != CHECKPOINT_FORMAT)
		return err_user(e, "%s: found checkpoint version %" PRId64 ", expected %d", path, version,
		                CHECKPOINT_FORMAT);
	char *id = h5_get_text(f, "/", "run_id", e);
	if (!id)
		return -1;
	snprintf(run_id, 65, "%s", id);
	mem_free(id);
	if (h5_get_int(f, "/", "step", step, e))
		return -1;
	if (*step < 0)
		return err_user(e, "%s: found step %" PRId64 ", expected none below 0", path, *step);
	return 0;
}

static int check_identity(struct h5 *f, const char *path, const char *run_id, int64_t *step, struct err *e)
{
	char found[65];
	if (read_identity(f, path, found, step, e))
		return -1;
	if (strcmp(found, run_id) == 0)
		return 0;
	return err_user(e, "%s: is a checkpoint of another run: found id %s, expected %s", path, found,
	                run_id);
}

int checkpoint_peek(const char *path, char run_id[65], int64_t *step, struct err *e)
{
	struct h5 *f = h5_open_sealed(path, e);
	if (!f)
		return -1;
	int rc = read_identity(f, path, run_id, step, e);
	h5_close(f);
	return rc;
}

/* Read an array into scratch memory to check that it is intact. */
static int check_array(struct h5 *f, const char *path, const struct checkpoint_array *array, float *scratch,
                       struct err *e)
{
	char at[ARRAY_PATH_BYTES];
	int64_t expected, found;
	array_path(at, array->name);
	if (h5_read(f, at, H5_F32, array->count, scratch, e) || h5_get_int(f, at, "crc32", &expected, e))
		return -1;
	found = checksum(array, scratch);
	if (found != expected)
		return err_user(
		        e, "%s: %s: the array is damaged: found checksum %08" PRIx64 ", expected %08" PRIx64,
		        path, at, (uint64_t)found, (uint64_t)expected);
	return 0;
}

static void read_number(struct h5 *f, const char *at, int64_t *number)
{
	struct err ignored = {0};
	int64_t found;
	if (number && !h5_get_int(f, at, "number", &found, &ignored))
		*number = found;
}

/* Read all arrays twice: first to check that they are intact, then into their own memory. */
static int read_arrays(struct h5 *f, const char *path, size_t count, struct checkpoint_array *arrays,
                       struct err *e)
{
	char at[ARRAY_PATH_BYTES];
	size_t largest = 0;
	for (size_t i = 0; i < count; i++)
		largest = arrays[i].count > largest ? arrays[i].count : largest;
	float *scratch = mem_array(largest, sizeof *scratch); /* [largest] */
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		array_path(at, arrays[i].name);
		arrays[i].missing = arrays[i].optional && !h5_has(f, at);
		if (!arrays[i].missing)
			rc = check_array(f, path, &arrays[i], scratch, e);
	}
	mem_free(scratch);
	for (size_t i = 0; i < count && !rc; i++) {
		array_path(at, arrays[i].name);
		if (arrays[i].missing)
			continue;
		if (h5_read(f, at, H5_F32, arrays[i].count, arrays[i].at, e))
			die("%s",
			    e->text); /* the first reading succeeded, and now some arrays are overwritten */
		read_number(f, at, arrays[i].number);
	}
	return rc;
}

int checkpoint_read(const char *path, const char *run_id, int64_t *step, size_t count,
                    struct checkpoint_array *arrays, struct err *e)
{
	int64_t found;
	struct h5 *f = h5_open_sealed(path, e);
	if (!f)
		return -1;
	int rc =
	        check_identity(f, path, run_id, &found, e) || read_arrays(f, path, count, arrays, e) ? -1 : 0;
	if (!rc)
		*step = found;
	h5_close(f);
	return rc;
}
