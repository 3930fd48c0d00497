/* Checkpoints: /state holds one dataset a part, each with a checksum; the file is sealed (h5/h5_disk.h). */
#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "h5/h5.h"
#include "h5/h5_disk.h"
#include "base/mem.h"

enum { CHECKPOINT_FORMAT = 1, PART_PATH_BYTES = 256 };

void checkpoint_path(const char *run_path, char *out, size_t size)
{
	size_t length = strlen(run_path);
	if (length > 3 && strcmp(run_path + length - 3, ".h5") == 0)
		length -= 3;
	int needed = snprintf(out, size, "%.*s.checkpoint.h5", (int)length, run_path);
	if (needed < 0 || (size_t)needed >= size)
		die("%s: the path of its checkpoint is longer than %zu bytes", run_path, size - 1);
}

/* Of the values as they stand in memory, which is how they stand in the file. */
static int64_t checksum(const struct checkpoint_part *part, const float *values)
{
	return h5_crc32(0, values, part->count * sizeof *values);
}

static void part_path(char out[PART_PATH_BYTES], const char *name)
{
	if (snprintf(out, PART_PATH_BYTES, "/state/%s", name) >= PART_PATH_BYTES)
		BUG("a checkpoint's part with so long a name");
}

int checkpoint_write(const char *path, const char *run_id, int64_t step, size_t count,
                     const struct checkpoint_part *parts, struct err *e)
{
	char at[PART_PATH_BYTES];
	struct h5 *f = h5_create(path);
	h5_set_int(f, "/", "checkpoint_version", CHECKPOINT_FORMAT);
	h5_set_text(f, "/", "run_id", run_id);
	h5_set_int(f, "/", "step", step);
	for (size_t i = 0; i < count; i++) {
		part_path(at, parts[i].name);
		h5_write(f, at, H5_F32, 1, &parts[i].count, parts[i].at);
		h5_set_int(f, at, "crc32", checksum(&parts[i], parts[i].at));
		if (parts[i].number)
			h5_set_int(f, at, "number", *parts[i].number);
	}
	int rc = h5_flush(f, true, e);
	h5_close(f);
	return rc;
}

static int check_identity(struct h5 *f, const char *path, const char *run_id, int64_t *step, struct err *e)
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
	int rc = 0;
	if (strcmp(id, run_id) != 0)
		rc = err_user(e, "%s: is a checkpoint of another run: found id %s, expected %s", path, id,
		              run_id);
	mem_free(id);
	if (rc || h5_get_int(f, "/", "step", step, e))
		return -1;
	if (*step < 0)
		return err_user(e, "%s: found step %" PRId64 ", expected none below 0", path, *step);
	return 0;
}

/* Read a part to scratch memory to see that it is whole. */
static int check_part(struct h5 *f, const char *path, const struct checkpoint_part *part, float *scratch,
                      struct err *e)
{
	char at[PART_PATH_BYTES];
	int64_t expected, found;
	part_path(at, part->name);
	if (h5_read(f, at, H5_F32, part->count, scratch, e) || h5_get_int(f, at, "crc32", &expected, e))
		return -1;
	found = checksum(part, scratch);
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

/* All parts twice: first to see that they are good, then to where they belong. */
static int read_parts(struct h5 *f, const char *path, size_t count, struct checkpoint_part *parts,
                      struct err *e)
{
	char at[PART_PATH_BYTES];
	size_t largest = 0;
	for (size_t i = 0; i < count; i++)
		largest = parts[i].count > largest ? parts[i].count : largest;
	float *scratch = mem_array(largest, sizeof *scratch); /* [largest] */
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		part_path(at, parts[i].name);
		parts[i].missing = parts[i].optional && !h5_has(f, at);
		if (!parts[i].missing)
			rc = check_part(f, path, &parts[i], scratch, e);
	}
	mem_free(scratch);
	for (size_t i = 0; i < count && !rc; i++) {
		part_path(at, parts[i].name);
		if (parts[i].missing)
			continue;
		if (h5_read(f, at, H5_F32, parts[i].count, parts[i].at, e))
			die("%s",
			    e->text); /* it could be read a moment ago, and now arrays are half filled */
		read_number(f, at, parts[i].number);
	}
	return rc;
}

int checkpoint_read(const char *path, const char *run_id, int64_t *step, size_t count,
                    struct checkpoint_part *parts, struct err *e)
{
	int64_t found;
	struct h5 *f = h5_open_sealed(path, e);
	if (!f)
		return -1;
	int rc = check_identity(f, path, run_id, &found, e) || read_parts(f, path, count, parts, e) ? -1 : 0;
	if (!rc)
		*step = found;
	h5_close(f);
	return rc;
}
