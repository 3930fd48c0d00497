/* Datasets: of fixed shape, and columns that grow. */
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

#include "h5/h5.h"
#include "h5/h5_internal.h"
#include "base/mem.h"

enum {
	RANK_MAX = 8,
	CHUNK_BYTES = 8 * 1024, /* small, because a file has some thirty columns and short runs are many */
	RATIO_MAX = 1100        /* no filter of HDF5 packs tighter (deflate: 1032) */
};

struct h5_column {
	hid_t id;
	char *where; /* "FILE: /path", for sentences */
	enum h5_type type;
	int row_rank;
	hsize_t dims[RANK_MAX]; /* [1 + row_rank] rows, then the row's own */
};

void h5_write(struct h5 *f, const char *path, enum h5_type type, int rank, const size_t *dims,
              const void *values)
{
	hsize_t extent[RANK_MAX];
	if (rank < 0 || rank > RANK_MAX)
		BUG("a dataset of that rank");
	for (int i = 0; i < rank; i++)
		extent[i] = dims[i];
	if (h5_has(f, path))
		h5_must(f, path, "replace the dataset", H5Ldelete(f->id, path, H5P_DEFAULT));
	hid_t links = h5_link_properties();
	hid_t space = h5_must(f, path, "make a shape",
	                      rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR));
	hid_t id = h5_must(f, path, "make the dataset",
	                   H5Dcreate2(f->id, path, h5_stored(type), space, links, H5P_DEFAULT, H5P_DEFAULT));
	h5_must(f, path, "write the dataset",
	        H5Dwrite(id, h5_native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
	H5Dclose(id);
	H5Sclose(space);
	H5Pclose(links);
}

/* Open a dataset of numbers. Negative and a sentence when it is not there or holds something else. */
static hid_t open_numbers(struct h5 *f, const char *path, struct err *e)
{
	hid_t id = h5_has(f, path) ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
	if (id < 0)
		return err_user(e, "%s: has no dataset %s", f->path, path);
	hid_t type = H5Dget_type(id);
	H5T_class_t class = H5Tget_class(type);
	H5Tclose(type);
	if (class == H5T_INTEGER || class == H5T_FLOAT)
		return id;
	H5Dclose(id);
	return err_user(e, "%s: %s: holds no numbers", f->path, path);
}

/* A damaged file may state any shape. An impossible one is refused here, before anybody allocates for it. */
static int shape_of(struct h5 *f, const char *path, hid_t id, int *rank, size_t dims[8], struct err *e)
{
	hsize_t extent[RANK_MAX];
	hid_t space = H5Dget_space(id);
	*rank = H5Sget_simple_extent_ndims(space);
	bool simple =
	        *rank >= 0 && *rank <= RANK_MAX && H5Sget_simple_extent_dims(space, extent, NULL) == *rank;
	H5Sclose(space);
	if (!simple)
		return err_user(e, "%s: %s: found no shape of at most %d dimensions", f->path, path,
		                RANK_MAX);
	size_t count = 1, most = f->size * RATIO_MAX;
	for (int i = 0; i < *rank; i++) {
		dims[i] = (size_t)extent[i];
		if (__builtin_mul_overflow(count, dims[i], &count) || count > most)
			return err_user(e, "%s: %s: found more values than a file of %zu bytes can hold",
			                f->path, path, f->size);
	}
	return 0;
}

int h5_shape(struct h5 *f, const char *path, int *rank, size_t dims[8], struct err *e)
{
	hid_t id = open_numbers(f, path, e);
	if (id < 0)
		return -1;
	int rc = shape_of(f, path, id, rank, dims, e);
	H5Dclose(id);
	return rc;
}

static int read_numbers(struct h5 *f, const char *path, hid_t id, enum h5_type type, size_t count,
                        void *values, struct err *e)
{
	int rank;
	size_t dims[RANK_MAX], found = 1;
	if (shape_of(f, path, id, &rank, dims, e))
		return -1;
	for (int i = 0; i < rank; i++)
		found *= dims[i];
	if (found != count)
		return err_user(e, "%s: %s: found %zu values, expected %zu", f->path, path, found, count);
	if (H5Dread(id, h5_native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
		return err_user(e, "%s: %s: the file is damaged: HDF5 cannot read this dataset", f->path,
		                path);
	return 0;
}

int h5_read(struct h5 *f, const char *path, enum h5_type type, size_t count, void *values, struct err *e)
{
	hid_t id = open_numbers(f, path, e);
	if (id < 0)
		return -1;
	int rc = read_numbers(f, path, id, type, count, values, e);
	H5Dclose(id);
	return rc;
}

/* Bytes of one row in the file. */
static size_t row_bytes(const struct h5_column *c)
{
	size_t bytes = H5Tget_size(h5_stored(c->type));
	for (int i = 1; i <= c->row_rank; i++)
		bytes *= (size_t)c->dims[i];
	return bytes;
}

size_t h5_column_bytes(size_t row_bytes, size_t rows)
{
	size_t of_chunk = row_bytes < CHUNK_BYTES ? CHUNK_BYTES / row_bytes : 1;
	return (rows + of_chunk - 1) / of_chunk * of_chunk * row_bytes;
}

/*
 * No chunk cache: the file is in memory already. HDF5's default would take up to 1 MiB more for each column
 * and make appending slower.
 */
static hid_t without_cache(const struct h5 *f, const char *path)
{
	hid_t access = h5_must(f, path, "make properties", H5Pcreate(H5P_DATASET_ACCESS));
	h5_must(f, path, "do without a cache", H5Pset_chunk_cache(access, 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT));
	return access;
}

static hid_t make_column(struct h5 *f, const char *path, const struct h5_column *c)
{
	hsize_t most[RANK_MAX], chunk[RANK_MAX];
	size_t bytes = row_bytes(c);
	memcpy(most, c->dims, sizeof most);
	memcpy(chunk, c->dims, sizeof chunk);
	most[0] = H5S_UNLIMITED;
	chunk[0] = bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1;
	hid_t links = h5_link_properties(), space = H5Screate_simple(1 + c->row_rank, c->dims, most);
	hid_t made = h5_must(f, path, "make properties", H5Pcreate(H5P_DATASET_CREATE));
	hid_t access = without_cache(f, path);
	h5_must(f, path, "cut the column into chunks", H5Pset_chunk(made, 1 + c->row_rank, chunk));
	hid_t id = h5_must(f, path, "make the column",
	                   H5Dcreate2(f->id, path, h5_stored(c->type), space, links, made, access));
	H5Pclose(access);
	H5Pclose(made);
	H5Sclose(space);
	H5Pclose(links);
	return id;
}

/* Take over the length of the column that is there, if its rows are like ours. */
static hid_t continue_column(struct h5 *f, const char *path, struct h5_column *c)
{
	int rank;
	size_t dims[RANK_MAX];
	struct err e = {0};
	if (h5_shape(f, path, &rank, dims, &e))
		die("%s", e.text);
	bool like = rank == 1 + c->row_rank;
	for (int i = 1; like && i < rank; i++)
		like = dims[i] == c->dims[i];
	if (!like)
		die("%s: %s: cannot be continued: its rows have another shape", f->path, path);
	c->dims[0] = dims[0];
	hid_t access = without_cache(f, path);
	hid_t id = h5_must(f, path, "open the column", H5Dopen2(f->id, path, access));
	H5Pclose(access);
	return id;
}

struct h5_column *h5_column(struct h5 *f, const char *path, enum h5_type type, int row_rank,
                            const size_t *row_dims, const char *unit, const char *about)
{
	struct h5_column *c = mem_alloc(sizeof *c);
	if (row_rank < 0 || row_rank >= RANK_MAX)
		BUG("a column of that rank");
	c->where = mem_format("%s: %s", f->path, path);
	c->type = type;
	c->row_rank = row_rank;
	for (int i = 0; i < row_rank; i++) {
		if (row_dims[i] == 0)
			BUG("a column of empty rows");
		c->dims[1 + i] = row_dims[i];
	}
	c->id = h5_has(f, path) ? continue_column(f, path, c) : make_column(f, path, c);
	h5_set_text(f, path, "unit", unit);
	h5_set_text(f, path, "about", about);
	return c;
}

static void set_rows(struct h5_column *c, hsize_t rows)
{
	c->dims[0] = rows;
	if (H5Dset_extent(c->id, c->dims) < 0)
		die("%s: HDF5 could not make the column %llu rows long", c->where, (unsigned long long)rows);
}

void h5_append(struct h5_column *c, size_t rows, const void *values)
{
	hsize_t from[RANK_MAX] = {c->dims[0]}, count[RANK_MAX];
	if (rows == 0)
		return;
	set_rows(c, c->dims[0] + rows);
	memcpy(count, c->dims, sizeof count);
	count[0] = rows;
	hid_t file = H5Dget_space(c->id), memory = H5Screate_simple(1 + c->row_rank, count, NULL);
	if (H5Sselect_hyperslab(file, H5S_SELECT_SET, from, NULL, count, NULL) < 0 ||
	    H5Dwrite(c->id, h5_native(c->type), memory, file, H5P_DEFAULT, values) < 0)
		die("%s: HDF5 could not append %zu rows", c->where, rows);
	H5Sclose(memory);
	H5Sclose(file);
}

size_t h5_rows(const struct h5_column *c)
{
	return (size_t)c->dims[0];
}

int h5_truncate(struct h5 *f, const char *path, size_t rows, struct err *e)
{
	int rank, rc = 0;
	size_t dims[RANK_MAX];
	hsize_t extent[RANK_MAX];
	hid_t id = open_numbers(f, path, e);
	if (id < 0)
		return -1;
	if (shape_of(f, path, id, &rank, dims, e))
		rc = -1;
	else if (rank == 0 || dims[0] < rows)
		rc = err_user(e, "%s: %s: found %zu rows, expected at least %zu", f->path, path,
		              rank ? dims[0] : 0, rows);
	for (int i = 0; !rc && i < rank; i++)
		extent[i] = i ? dims[i] : rows;
	if (!rc && dims[0] > rows && H5Dset_extent(id, extent) < 0)
		rc = err_user(e, "%s: %s: cannot be cut to %zu rows, expected a column", f->path, path, rows);
	H5Dclose(id);
	return rc;
}

void h5_column_close(struct h5_column *c)
{
	if (!c)
		return;
	H5Dclose(c->id);
	mem_free(c->where);
	mem_free(c);
}

void h5_scale(struct h5 *f, const char *path, const char *scale)
{
	hid_t data = h5_must(f, path, "open the dataset", H5Dopen2(f->id, path, H5P_DEFAULT));
	hid_t along = h5_must(f, scale, "open the dataset", H5Dopen2(f->id, scale, H5P_DEFAULT));
	if (H5DSis_scale(along) <= 0)
		h5_must(f, scale, "make it a dimension scale", H5DSset_scale(along, strrchr(scale, '/') + 1));
	if (H5DSis_attached(data, along, 0) <= 0)
		h5_must(f, path, "attach a dimension scale", H5DSattach_scale(data, along, 0));
	H5Dclose(along);
	H5Dclose(data);
}
