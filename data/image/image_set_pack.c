/* Packs: writing one from a folder, and reading its list. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5/h5_lock.h"
#include "h5/h5_replace.h"
#include "h5/h5_seal.h"
#include "h5/h5_stream.h"
#include "data/image/image_set_internal.h"

/* --- writing ------------------------------------------------------------------------------------------ */

static int size_of(const struct image_set *p, struct image_file *f, struct err *e)
{
	struct stat st;
	char *path = mem_format("%s/%s", p->path, f->name);
	int rc = stat(path, &st) ? err_user(e, "%s: cannot be read: %s", path, strerror(errno)) : 0;
	if (!rc && strchr(f->name, '\n'))
		rc = err_user(e, "%s: has a line end in its name, which a pack cannot hold", path);
	f->bytes = rc ? 0 : (uint64_t)st.st_size;
	mem_free(path);
	return rc;
}

/* Set every file's place, counted from the beginning of /bytes. */
static int place_files(const struct image_set *p, uint64_t *all, struct err *e)
{
	*all = 0;
	for (int split = 0; split < 2; split++)
		for (size_t i = 0; i < p->n[split]; i++) {
			struct image_file *f = &p->at[split][i];
			if (size_of(p, f, e))
				return -1;
			f->begin = *all;
			*all += f->bytes;
		}
	return 0;
}

static void write_lines(struct h5 *f, const char *path, const struct buf *lines)
{
	const size_t n = lines->length;
	h5_write(f, path, H5_U8, 1, &n, lines->text);
}

/* Everything but the bytes. */
static void write_list(struct h5 *f, const struct image_set *p, uint64_t all)
{
	size_t n = p->n[TRAIN] + p->n[VAL], ends = n + 1, at = 0;
	uint64_t *offset = mem_array(ends, sizeof *offset);
	int32_t *label = mem_array(n, sizeof *label);
	uint8_t *split = mem_array(n, 1);
	struct buf names = {0}, classes = {0};
	for (int s = 0; s < 2; s++)
		for (size_t i = 0; i < p->n[s]; i++, at++) {
			const struct image_file *file = &p->at[s][i];
			offset[at] = file->begin;
			label[at] = file->label;
			split[at] = (uint8_t)s;
			buf_format(&names, "%s\n", file->name);
		}
	offset[n] = all;
	for (int c = 0; c < p->n_classes; c++)
		buf_format(&classes, "%s\n", p->classes[c]);
	h5_write(f, "/offset", H5_U64, 1, &ends, offset);
	h5_write(f, "/label", H5_I32, 1, &n, label);
	h5_write(f, "/split", H5_U8, 1, &n, split);
	write_lines(f, "/name", &names);
	write_lines(f, "/class", &classes);
	h5_set_text(f, "/", "kind", PACK_KIND);
	h5_set_int(f, "/", "version", PACK_VERSION);
	h5_set_int(f, "/", "left_out", (int64_t)p->left_out);
	if (p->left_out)
		h5_set_text(f, "/", "left_out_what", p->left_out_what);
	buf_clear(&names);
	buf_clear(&classes);
	mem_free(offset);
	mem_free(label);
	mem_free(split);
}

static int write_all(int fd, const char *path, const void *bytes, size_t n, uint64_t at, struct err *e)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = pwrite(fd, (const char *)bytes + done, n - done, (off_t)(at + done));
		if (put < 0 && errno != EINTR)
			return err_world(e, "%s: cannot be written: %s", path, strerror(errno));
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

/* A pack that is being written: its list is there, its bytes are not. */
struct writing {
	const struct image_set *p;
	const char *path;
	int fd;
	struct h5_span bytes; /* crc: of those so far */
	uint64_t sums;        /* where /crc32 stands */
	void (*tell)(uint64_t done, uint64_t all);
};

/* One file's bytes; sum [4]: their CRC-32, lowest byte first. */
static int write_file(struct writing *w, const struct image_file *f, struct file_bytes *b, uint8_t sum[4],
                      struct err *e)
{
	if (image_set_read(w->p, f, b, e))
		return -1;
	if (b->n != f->bytes)
		return err_world(e, "%s/%s: changed while it was packed", w->p->path, f->name);
	uint32_t crc = h5_crc32(0, b->at, b->n);
	for (int i = 0; i < 4; i++)
		sum[i] = (uint8_t)(crc >> 8 * i);
	w->bytes.crc = h5_crc32(w->bytes.crc, b->at, b->n);
	if (w->tell)
		w->tell(f->begin + f->bytes, w->bytes.bytes);
	return write_all(w->fd, w->path, b->at, b->n, w->bytes.begin + f->begin, e);
}

static int write_bytes(struct writing *w, struct err *e)
{
	struct file_bytes b = {0};
	size_t n = w->p->n[TRAIN] + w->p->n[VAL], at = 0;
	uint8_t *sums = mem_array(n, 4);
	int rc = w->fd < 0 ? err_world(e, "%s: cannot be written: %s", w->path, strerror(errno)) : 0;
	for (int split = 0; split < 2; split++)
		for (size_t i = 0; i < w->p->n[split] && !rc; i++, at++)
			rc = write_file(w, &w->p->at[split][i], &b, sums + 4 * at, e);
	if (!rc)
		rc = write_all(w->fd, w->path, sums, 4 * n, w->sums, e);
	if (!rc)
		rc = h5_seal_append(w->path, &w->bytes, e);
	if (!rc && fsync(w->fd))
		rc = err_world(e, "%s: cannot be written: %s", w->path, strerror(errno));
	mem_free(sums);
	mem_free(b.at);
	return rc;
}

/*
 * A whole pack to `part`, which becomes `path`. The list goes first, so that what is left by a process that
 * was killed is known as a pack, and may be written over.
 */
static int write_pack(struct writing *w, const char *path, struct err *e)
{
	struct h5 *f = h5_stream_create(w->path, e);
	if (!f)
		return -1;
	write_list(f, w->p, w->bytes.bytes);
	h5_stream_reserve(f, "/crc32", H5_U32, w->p->n[TRAIN] + w->p->n[VAL], &w->sums);
	h5_stream_reserve(f, "/bytes", H5_U8, w->bytes.bytes, &w->bytes.begin);
	int rc = h5_stream_close(f, e);
	w->fd = open(w->path, O_WRONLY | O_CLOEXEC);
	if (!rc)
		rc = write_bytes(w, e);
	if (w->fd >= 0)
		close(w->fd);
	if (!rc && rename(w->path, path))
		rc = err_world(e, "%s: cannot be renamed to %s: %s", w->path, path, strerror(errno));
	if (rc)
		unlink(w->path);
	return rc;
}

int image_set_pack(const struct image_set *p, const char *path, void (*tell)(uint64_t done, uint64_t all),
                   struct err *e)
{
	uint64_t all;
	char *target, *part;
	if (p->pack >= 0)
		return err_user(e, "%s: is a pack already, expected a folder", p->path);
	if (place_files(p, &all, e) || h5_may_replace(path, H5_PACK, &target, e) < 0)
		return -1;
	int rc = all ? 0 : err_user(e, "%s: all files are empty", p->path);
	char *beside = mem_format("%s.part", target);
	struct h5_lock lock = {0};
	if (!rc && !h5_lock_take(&lock, target, e) && h5_may_replace(beside, H5_PACK, &part, e) >= 0) {
		struct writing w = {.p = p, .path = part, .bytes = {.bytes = all}, .tell = tell};
		rc = write_pack(&w, target, e);
		mem_free(part);
	} else {
		rc = -1;
	}
	h5_lock_release(&lock);
	mem_free(beside);
	mem_free(target);
	return rc;
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* A pack's list as the file has it. */
struct list {
	size_t n;
	uint64_t *offset; /* [n + 1] */
	int32_t *label;   /* [n] */
	uint8_t *split;   /* [n] */
	uint32_t *crc;    /* [n]; NULL: the pack has no seal */
	uint64_t begin, bytes;
};

/* *version: 1 or 2. */
static int check_kind(struct h5 *f, int64_t *version, struct err *e)
{
	struct err ignored = {0};
	char *kind = h5_get_text(f, "/", "kind", &ignored);
	int is = kind && strcmp(kind, PACK_KIND) == 0;
	mem_free(kind);
	if (!is)
		return err_user(e, "is an HDF5 file, but none of `signsgd data pack`");
	if (h5_get_int(f, "/", "version", version, e))
		return -1;
	if (*version == PACK_VERSION || *version == PACK_UNSEALED)
		return 0;
	return err_user(e, "found pack version %lld, expected %d or %d", (long long)*version, PACK_UNSEALED,
	                PACK_VERSION);
}

/* Read text of *count lines (0: any number), each with its line end, into lines [*count] in the set's arena.
 */
static int read_lines(struct image_set *p, struct h5 *f, const char *path, size_t *count, char ***lines,
                      struct err *e)
{
	int rank;
	size_t dims[8], found = 0;
	if (h5_shape(f, path, &rank, dims, e))
		return -1;
	if (rank != 1)
		return err_user(e, "%s: found %d dimensions, expected one", path, rank);
	char *text = arena_alloc(&p->names, dims[0] + 1);
	if (h5_read(f, path, H5_U8, dims[0], text, e))
		return -1;
	for (size_t i = 0; i < dims[0]; i++)
		found += text[i] == '\n';
	if (found == 0 || strlen(text) != dims[0] || text[dims[0] - 1] != '\n' || (*count && found != *count))
		return err_user(e, "%s: found %zu lines, expected %zu", path, found, *count);
	*count = found;
	*lines = mem_array(found, sizeof **lines);
	for (size_t i = 0; i < found; i++) {
		(*lines)[i] = text;
		text = strchr(text, '\n');
		*text++ = '\0';
	}
	return 0;
}

/* The sums of a sealed pack. */
static int read_sums(struct h5 *f, struct list *l, struct err *e)
{
	if (!h5_stream_sealed(f, l->begin, l->bytes))
		return err_user(
		        e, "has no seal: the pack was cut short or changed by another program; `signsgd data "
		           "pack` makes it anew");
	l->crc = mem_array(l->n, sizeof *l->crc);
	return h5_read(f, "/crc32", H5_U32, l->n, l->crc, e);
}

static int read_left_out(struct image_set *p, struct h5 *f, struct err *e)
{
	int64_t count = 0;
	if (h5_get_int(f, "/", "left_out", &count, e))
		return -1;
	char *what = count > 0 ? h5_get_text(f, "/", "left_out_what", e) : NULL;
	p->left_out = what ? (size_t)count : 0;
	p->left_out_what = what ? arena_string(&p->names, what) : NULL;
	mem_free(what);
	return count > 0 && !what ? -1 : 0;
}

static int read_list(struct h5 *f, struct list *l, struct err *e)
{
	int rank;
	size_t dims[8];
	if (h5_stream_place(f, "/bytes", &l->begin, &l->bytes, e) || h5_shape(f, "/label", &rank, dims, e))
		return -1;
	if (rank != 1 || dims[0] == 0)
		return err_user(e, "/label: found no list of labels");
	l->n = dims[0];
	l->offset = mem_array(l->n + 1, sizeof *l->offset);
	l->label = mem_array(l->n, sizeof *l->label);
	l->split = mem_array(l->n, 1);
	return h5_read(f, "/offset", H5_U64, l->n + 1, l->offset, e) ||
	                       h5_read(f, "/label", H5_I32, l->n, l->label, e) ||
	                       h5_read(f, "/split", H5_U8, l->n, l->split, e)
	               ? -1
	               : 0;
}

static int check_list(const struct image_set *p, const struct list *l, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->offset[i] > l->offset[i + 1] || l->offset[i + 1] > l->bytes)
			return err_user(e, "/offset: file %zu goes from byte %llu to %llu of %llu", i,
			                (unsigned long long)l->offset[i],
			                (unsigned long long)l->offset[i + 1], (unsigned long long)l->bytes);
		if (l->label[i] < 0 || l->label[i] >= p->n_classes)
			return err_user(e, "/label: found %d, expected 0 to %d", l->label[i],
			                p->n_classes - 1);
		if (l->split[i] > VAL)
			return err_user(e, "/split: found %d, expected 0 or 1", l->split[i]);
	}
	return 0;
}

static void fill(struct image_set *p, const struct list *l, char **names)
{
	size_t n[2] = {0};
	for (size_t i = 0; i < l->n; i++)
		n[l->split[i]]++;
	for (int split = 0; split < 2; split++)
		image_set_alloc(p, split, n[split]);
	n[TRAIN] = n[VAL] = 0;
	for (size_t i = 0; i < l->n; i++)
		p->at[l->split[i]][n[l->split[i]]++] =
		        (struct image_file){.name = names[i],
		                            .label = (uint16_t)l->label[i],
		                            .begin = l->begin + l->offset[i],
		                            .bytes = l->offset[i + 1] - l->offset[i],
		                            .crc = l->crc ? l->crc[i] : 0};
}

static int take_list(struct image_set *p, struct h5 *f, struct err *e)
{
	struct list l = {0};
	size_t classes = 0;
	char **names = NULL;
	int64_t version = 0;
	int rc = check_kind(f, &version, e) || read_lines(p, f, "/class", &classes, &p->classes, e) ? -1 : 0;
	if (!rc && classes > CLASSES_MAX)
		rc = err_user(e, "/class: found %zu classes, expected at most %d", classes, CLASSES_MAX);
	p->n_classes = rc ? 0 : (int)classes;
	if (!rc)
		rc = read_list(f, &l, e) || check_list(p, &l, e) || read_lines(p, f, "/name", &l.n, &names, e)
		             ? -1
		             : 0;
	if (!rc && version != PACK_UNSEALED)
		rc = read_sums(f, &l, e) || read_left_out(p, f, e) ? -1 : 0;
	p->sealed = l.crc != NULL;
	if (!rc)
		fill(p, &l, names);
	if (!rc && (p->n[TRAIN] == 0 || p->n[VAL] == 0))
		rc = err_user(e, "found %zu training and %zu validation images, expected some of each",
		              p->n[TRAIN], p->n[VAL]);
	mem_free(names);
	mem_free(l.offset);
	mem_free(l.label);
	mem_free(l.split);
	mem_free(l.crc);
	return rc;
}

int pack_read(struct image_set *p, struct err *e)
{
	p->pack = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below */
	if (p->pack < 0)
		return err_user(
		        e,
		        "%s: cannot be read: %s; expected a folder with train/ and val/, or a pack of "
		        "`signsgd data pack`",
		        p->path, strerror(errno));
	struct h5 *f = h5_stream_open(p->path, e);
	if (!f)
		return -1;
	int rc = take_list(p, f, e);
	h5_stream_close(f, e);
	return rc ? err_prefix(e, "%s", p->path) : 0;
}
