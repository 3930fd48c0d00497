/* Files, groups, types. HDF5 works in memory that is ours (its core driver with our buffer). */
#include "h5/h5.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "h5/h5_disk.h"
#include "h5/h5_seal.h"
#include "h5/h5_internal.h"
#include "base/mem.h"

enum { IMAGE_STEP = 256 * 1024, NAME_BYTES = 64 };

hid_t h5_must(const struct h5 *f, const char *path, const char *what, hid_t id)
{
	if (id < 0)
		die("%s: %s: HDF5 could not %s", f->path, path, what);
	return id;
}

hid_t h5_stored(enum h5_type type)
{
	const hid_t types[] = {
	        [H5_F64] = H5T_IEEE_F64LE, [H5_F32] = H5T_IEEE_F32LE, [H5_I64] = H5T_STD_I64LE,
	        [H5_U64] = H5T_STD_U64LE,  [H5_I32] = H5T_STD_I32LE,  [H5_U32] = H5T_STD_U32LE,
	        [H5_U8] = H5T_STD_U8LE,
	};
	return types[type];
}

hid_t h5_native(enum h5_type type)
{
	const hid_t types[] = {
	        [H5_F64] = H5T_NATIVE_DOUBLE, [H5_F32] = H5T_NATIVE_FLOAT, [H5_I64] = H5T_NATIVE_INT64,
	        [H5_U64] = H5T_NATIVE_UINT64, [H5_I32] = H5T_NATIVE_INT32, [H5_U32] = H5T_NATIVE_UINT32,
	        [H5_U8] = H5T_NATIVE_UINT8,
	};
	return types[type];
}

/*
 * HDF5's file-image callbacks. Wherever HDF5 would copy the file's image, it gets our one buffer. So a file
 * is in memory once, and h5_flush() writes it from there.
 */
static void *image_give(size_t bytes, H5FD_file_image_op_t op, void *f)
{
	(void)bytes;
	(void)op;
	return ((struct h5 *)f)->image;
}

static void *image_copy(void *to, const void *from, size_t bytes, H5FD_file_image_op_t op, void *f)
{
	(void)bytes;
	(void)op;
	(void)f;
	if (to != from)
		BUG("HDF5 has a second image of the file");
	return to;
}

static void *image_grow(void *old, size_t bytes, H5FD_file_image_op_t op, void *at)
{
	struct h5 *f = at;
	(void)op;
	if (old != f->image)
		BUG("HDF5 has a second image of the file");
	f->image = mem_resize(f->image, bytes);
	f->size = bytes;
	return f->image;
}

static herr_t image_free(void *image, H5FD_file_image_op_t op, void *f)
{
	(void)image; /* h5_close() does it */
	(void)op;
	(void)f;
	return 0;
}

static void *image_owner(void *f)
{
	return f;
}

static herr_t image_owner_free(void *f)
{
	(void)f;
	return 0;
}

/* It must come before the library is initialised. */
static void no_exit_handler(void)
{
	H5dont_atexit();
}

void h5_library_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, no_exit_handler);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Create a file, or open f->image. HDF5 knows files by name; the name we give it can exist nowhere. */
static hid_t open_image(struct h5 *f, bool create, unsigned flags)
{
	static unsigned long count;
	char name[NAME_BYTES];
	H5FD_file_image_callbacks_t calls = {image_give,  image_copy,       image_grow, image_free,
	                                     image_owner, image_owner_free, f};
	h5_library_start();
	snprintf(name, sizeof name, "/dev/null/%lu", count++);
	hid_t access = h5_must(f, "/", "make properties", H5Pcreate(H5P_FILE_ACCESS));
	h5_must(f, "/", "choose the memory driver", H5Pset_fapl_core(access, IMAGE_STEP, false));
	h5_must(f, "/", "take the file's image", H5Pset_file_image_callbacks(access, &calls));
	if (!create)
		h5_must(f, "/", "take the file's image", H5Pset_file_image(access, f->image, f->size));
	hid_t id = create ? H5Fcreate(name, H5F_ACC_EXCL, H5P_DEFAULT, access) : H5Fopen(name, flags, access);
	H5Pclose(access);
	return id;
}

static struct h5 *new_file(const char *path)
{
	struct h5 *f = mem_alloc(sizeof *f);
	f->path = mem_string(path);
	f->id = H5I_INVALID_HID;
	return f;
}

static void free_file(struct h5 *f)
{
	mem_free(f->image);
	mem_free(f->path);
	mem_free(f);
}

struct h5 *h5_create(const char *path)
{
	struct h5 *f = new_file(path);
	f->id = h5_must(f, "/", "make a file in memory", open_image(f, true, 0));
	return f;
}

static struct h5 *load(const char *path, bool sealed, unsigned flags, struct err *e)
{
	struct h5 *f = new_file(path);
	if (h5_disk_load(path, sealed, &f->image, &f->size, e) == 0) {
		f->id = open_image(f, false, flags);
		if (f->id >= 0)
			return f;
		err_user(e, "%s: the file is damaged: HDF5 cannot open it", path);
	}
	free_file(f);
	return NULL;
}

struct h5 *h5_edit(const char *path, struct err *e)
{
	return load(path, false, H5F_ACC_RDWR, e);
}

struct h5 *h5_open(const char *path, struct err *e)
{
	return load(path, false, H5F_ACC_RDONLY, e);
}

struct h5 *h5_open_sealed(const char *path, struct err *e)
{
	return load(path, true, H5F_ACC_RDONLY, e);
}

int h5_flush(struct h5 *f, bool sync, struct err *e)
{
	h5_must(f, "/", "bring the file's image up to date", H5Fflush(f->id, H5F_SCOPE_GLOBAL));
	ssize_t bytes = H5Fget_file_image(f->id, NULL, 0);
	if (bytes <= 0 || (size_t)bytes > f->size)
		BUG("HDF5's image is not where we think");
	if (h5_disk_save(f->path, f->image, (size_t)bytes, sync, e))
		return -1;
	f->written = (size_t)bytes + H5_SEAL_BYTES;
	return 0;
}

size_t h5_image_bytes(const struct h5 *f)
{
	return f->written;
}

void h5_close(struct h5 *f)
{
	if (!f)
		return;
	if (H5Fget_obj_count(f->id, H5F_OBJ_ALL) != 1)
		BUG("a file is closed while something in it, a column perhaps, is still open");
	H5Fclose(f->id);
	free_file(f);
}

bool h5_has(struct h5 *f, const char *path)
{
	if (strcmp(path, "/") == 0)
		return true;
	char *prefix = mem_string(path);
	bool there = true;
	/* HDF5 answers for the last name only when all before it are there. */
	for (char *slash = strchr(prefix + 1, '/'); there && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		there = H5Lexists(f->id, prefix, H5P_DEFAULT) > 0;
		*slash = '/';
	}
	there = there && H5Lexists(f->id, prefix, H5P_DEFAULT) > 0;
	mem_free(prefix);
	return there;
}

struct names {
	struct buf text; /* every name with its final 0 */
	size_t count;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *at)
{
	struct names *n = at;
	(void)group;
	(void)info;
	buf_bytes(&n->text, name, strlen(name) + 1);
	n->count++;
	return 0;
}

char **h5_names(struct h5 *f, const char *group, size_t *count)
{
	struct names n = {0};
	hsize_t from = 0;
	*count = 0;
	hid_t id = H5Gopen2(f->id, group, H5P_DEFAULT);
	if (id < 0)
		return NULL;
	herr_t failed = H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, &from, add_name, &n);
	H5Gclose(id);
	size_t pointers = (n.count + 1) * sizeof(char *);
	char **names = failed < 0 ? NULL : mem_alloc(pointers + n.text.length);
	if (names && n.count > 0) {
		char *at = memcpy((char *)names + pointers, n.text.text, n.text.length);
		for (size_t i = 0; i < n.count; i++, at += strlen(at) + 1)
			names[i] = at;
		*count = n.count;
	}
	buf_clear(&n.text);
	return names;
}

hid_t h5_link_properties(void)
{
	hid_t links = H5Pcreate(H5P_LINK_CREATE);
	if (links < 0 || H5Pset_create_intermediate_group(links, 1) < 0)
		die("HDF5: cannot make properties");
	return links;
}

void h5_group(struct h5 *f, const char *path)
{
	if (h5_has(f, path))
		return;
	hid_t links = h5_link_properties();
	H5Gclose(
	        h5_must(f, path, "make the group", H5Gcreate2(f->id, path, links, H5P_DEFAULT, H5P_DEFAULT)));
	H5Pclose(links);
}

void h5_remove(struct h5 *f, const char *path)
{
	if (h5_has(f, path))
		h5_must(f, path, "remove it", H5Ldelete(f->id, path, H5P_DEFAULT));
}

void h5_version(char out[32])
{
	unsigned major = 0, minor = 0, release = 0;
	H5get_libversion(&major, &minor, &release);
	snprintf(out, 32, "%u.%u.%u", major, minor, release);
}
