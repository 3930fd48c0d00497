/* Attributes, and datasets that hold one text. */
#include <string.h>

#include "base/mem.h"
#include "h5/h5_internal.h"

/*
 * Texts are strings of variable length, UTF-8: the only kind of attribute that h5py gives as `str` and
 * h5dump prints without padding.
 */
static hid_t text_type(void)
{
	hid_t type = H5Tcopy(H5T_C_S1);
	if (type < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
		die("HDF5: cannot make the type of a text");
	return type;
}

static void set(struct h5 *f, const char *path, const char *name, hid_t stored, hid_t native,
                const void *value)
{
	hid_t object = h5_must(f, path, "find it", H5Oopen(f->id, path, H5P_DEFAULT));
	if (H5Aexists(object, name) > 0)
		h5_must(f, path, "replace an attribute", H5Adelete(object, name));
	hid_t space = h5_must(f, path, "make an attribute", H5Screate(H5S_SCALAR));
	hid_t id = h5_must(f, path, "make an attribute",
	                   H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT));
	h5_must(f, path, "write an attribute", H5Awrite(id, native, value));
	H5Aclose(id);
	H5Sclose(space);
	H5Oclose(object);
}

void h5_set_text(struct h5 *f, const char *path, const char *name, const char *value)
{
	hid_t type = text_type();
	set(f, path, name, type, type, &value);
	H5Tclose(type);
}

void h5_set_int(struct h5 *f, const char *path, const char *name, int64_t value)
{
	set(f, path, name, h5_stored(H5_I64), h5_native(H5_I64), &value);
}

void h5_set_real(struct h5 *f, const char *path, const char *name, double value)
{
	set(f, path, name, h5_stored(H5_F64), h5_native(H5_F64), &value);
}

/* Does a type and space hold one value of the class? A text: of variable length. */
static bool holds_one(hid_t type, hid_t space, H5T_class_t class)
{
	bool one = H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == class &&
	           (class != H5T_STRING || H5Tis_variable_str(type) > 0);
	H5Tclose(type);
	H5Sclose(space);
	return one;
}

/* Read the attribute's one value of the class. */
static int get(struct h5 *f, const char *path, const char *name, H5T_class_t class, const char *expected,
               hid_t native, void *value, struct err *e)
{
	if (!h5_has(f, path) || H5Aexists_by_name(f->id, path, name, H5P_DEFAULT) <= 0)
		return err_user(e, "%s: %s: has no attribute '%s'", f->path, path, name);
	hid_t id = H5Aopen_by_name(f->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
	int rc = 0;
	if (id < 0 || !holds_one(H5Aget_type(id), H5Aget_space(id), class))
		rc = err_user(e, "%s: %s: attribute '%s' is not %s", f->path, path, name, expected);
	else if (H5Aread(id, native, value) < 0)
		rc = err_user(e, "%s: %s: attribute '%s' cannot be read", f->path, path, name);
	if (id >= 0)
		H5Aclose(id);
	return rc;
}

int h5_get_int(struct h5 *f, const char *path, const char *name, int64_t *value, struct err *e)
{
	return get(f, path, name, H5T_INTEGER, "an integer", h5_native(H5_I64), value, e);
}

int h5_get_real(struct h5 *f, const char *path, const char *name, double *value, struct err *e)
{
	return get(f, path, name, H5T_FLOAT, "a real number", h5_native(H5_F64), value, e);
}

/* Our own copy of a text that HDF5 allocated (NULL when it is empty). */
static char *take_text(char *text)
{
	char *copy = mem_string(text ? text : "");
	H5free_memory(text);
	return copy;
}

char *h5_get_text(struct h5 *f, const char *path, const char *name, struct err *e)
{
	char *text = NULL;
	hid_t type = text_type();
	int rc = get(f, path, name, H5T_STRING, "a text", type, &text, e);
	H5Tclose(type);
	return rc ? NULL : take_text(text);
}

void h5_write_text(struct h5 *f, const char *path, const char *value)
{
	hid_t links = h5_link_properties(), type = text_type(), space = H5Screate(H5S_SCALAR);
	if (h5_has(f, path))
		h5_must(f, path, "replace the text", H5Ldelete(f->id, path, H5P_DEFAULT));
	hid_t id = h5_must(f, path, "make the text",
	                   H5Dcreate2(f->id, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT));
	h5_must(f, path, "write the text", H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value));
	H5Dclose(id);
	H5Sclose(space);
	H5Tclose(type);
	H5Pclose(links);
}

char *h5_read_text(struct h5 *f, const char *path, struct err *e)
{
	char *text = NULL;
	hid_t id = h5_has(f, path) ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
	if (id < 0) {
		err_user(e, "%s: has no dataset %s", f->path, path);
		return NULL;
	}
	hid_t type = text_type();
	int rc = 0;
	if (!holds_one(H5Dget_type(id), H5Dget_space(id), H5T_STRING))
		rc = err_user(e, "%s: %s: is not a text", f->path, path);
	else if (H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) < 0)
		rc = err_user(e, "%s: %s: cannot be read", f->path, path);
	H5Tclose(type);
	H5Dclose(id);
	return rc ? NULL : take_text(text);
}
