/* HDF5's default driver: one file on disk. */
#include "h5/h5_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "h5/h5_internal.h"
#include "base/mem.h"

static struct h5 *on_disk(const char *path, hid_t id)
{
	struct h5 *f = mem_alloc(sizeof *f);
	struct stat st;
	f->path = mem_string(path);
	f->id = id;
	f->size = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
	return f;
}

struct h5 *h5_stream_create(const char *path, struct err *e)
{
	h5_library_start();
	hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	if (id >= 0)
		return on_disk(path, id);
	err_world(e, "%s: cannot be written as an HDF5 file", path);
	return NULL;
}

struct h5 *h5_stream_open(const char *path, struct err *e)
{
	bool sealed;
	struct h5_span span;
	if (h5_seal_check_file(path, &sealed, &span, e))
		return NULL;
	h5_library_start();
	hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (id < 0) {
		err_user(e, "%s: HDF5 cannot open it", path);
		return NULL;
	}
	struct h5 *f = on_disk(path, id);
	f->sealed = sealed;
	f->span = span;
	return f;
}

bool h5_stream_sealed(const struct h5 *f, uint64_t begin, uint64_t bytes)
{
	return f->sealed && f->span.begin == begin && f->span.bytes == bytes;
}

void h5_stream_reserve(struct h5 *f, const char *path, enum h5_type type, uint64_t count, uint64_t *begin)
{
	hsize_t extent = count;
	hid_t made = h5_must(f, path, "make properties", H5Pcreate(H5P_DATASET_CREATE));
	h5_must(f, path, "lay out the dataset", H5Pset_layout(made, H5D_CONTIGUOUS));
	h5_must(f, path, "lay out the dataset", H5Pset_alloc_time(made, H5D_ALLOC_TIME_EARLY));
	h5_must(f, path, "lay out the dataset", H5Pset_fill_time(made, H5D_FILL_TIME_NEVER));
	hid_t space = h5_must(f, path, "make a shape", H5Screate_simple(1, &extent, NULL));
	hid_t id = h5_must(f, path, "make the dataset",
	                   H5Dcreate2(f->id, path, h5_stored(type), space, H5P_DEFAULT, made, H5P_DEFAULT));
	haddr_t at = H5Dget_offset(id);
	if (at == HADDR_UNDEF)
		die("%s: %s: HDF5 gave the dataset no place", f->path, path);
	*begin = at;
	H5Dclose(id);
	H5Sclose(space);
	H5Pclose(made);
}

int h5_stream_place(struct h5 *f, const char *path, uint64_t *begin, uint64_t *bytes, struct err *e)
{
	hid_t id = h5_has(f, path) ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
	if (id < 0)
		return err_user(e, "%s: has no dataset %s", f->path, path);
	hid_t space = H5Dget_space(id), type = H5Dget_type(id);
	hssize_t count = H5Sget_simple_extent_npoints(space);
	haddr_t at = H5Dget_offset(id);
	int bytewise = H5Tget_size(type) == 1;
	H5Tclose(type);
	H5Sclose(space);
	H5Dclose(id);
	if (at == HADDR_UNDEF || count < 0 || !bytewise)
		return err_user(e, "%s: %s: is not contiguous bytes", f->path, path);
	if (at > f->size || (uint64_t)count > f->size - at)
		return err_user(e, "%s: %s: goes on behind the file's end", f->path, path);
	*begin = at;
	*bytes = (uint64_t)count;
	return 0;
}

int h5_stream_close(struct h5 *f, struct err *e)
{
	int rc = 0;
	if (H5Fclose(f->id) < 0)
		rc = err_world(e, "%s: cannot be written: HDF5 could not close it", f->path);
	mem_free(f->path);
	mem_free(f);
	return rc;
}
