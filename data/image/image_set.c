/* The list of a folder's images. */
#include "data/image/image_set.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/image/image_set_internal.h"

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Names [n] that live in the arena. */
struct names {
	const char **at;
	size_t n, size;
};

static void names_add(struct names *l, const char *name)
{
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 64;
		l->at = mem_resize(l->at, l->size * sizeof *l->at);
	}
	l->at[l->n++] = name;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_image_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") || !strcasecmp(dot, ".png"));
}

/* The names in a folder, sorted: those of folders, or those of images. */
static int list_folder(struct image_set *p, const char *path, bool folders, struct names *out, struct err *e)
{
	DIR *dir = opendir(path);
	if (!dir)
		return err_user(e, "%s: cannot be read: %s", path, strerror(errno));
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		bool wanted = entry->d_name[0] != '.';
		if (wanted && folders) {
			char *below = mem_format("%s/%s", path, entry->d_name);
			wanted = is_folder(below);
			mem_free(below);
		} else if (wanted) {
			wanted = entry->d_type != DT_DIR && is_image_name(entry->d_name);
		}
		if (wanted)
			names_add(out, arena_string(&p->names, entry->d_name));
	}
	int failed = errno;
	closedir(dir);
	if (failed)
		return err_world(e, "%s: cannot be read: %s", path, strerror(failed));
	if (out->n)
		qsort(out->at, out->n, sizeof *out->at, by_bytes);
	return 0;
}

static int take_classes(struct image_set *p, const char *train, struct err *e)
{
	struct names l = {0};
	int rc = list_folder(p, train, true, &l, e);
	if (!rc && l.n == 0)
		rc = err_user(e, "%s: holds no folders, expected one a class", train);
	if (!rc && l.n > CLASSES_MAX)
		rc = err_user(e, "%s: found %zu classes, expected at most %d", train, l.n, CLASSES_MAX);
	if (!rc) {
		p->n_classes = (int)l.n;
		p->classes = mem_array(l.n, sizeof *p->classes);
		for (size_t i = 0; i < l.n; i++)
			p->classes[i] = arena_string(&p->names, l.at[i]);
	}
	mem_free(l.at);
	return rc;
}

/* Append a split's files to `l` as "SPLIT/CLASS/FILE"; of_class: how many each class has. */
static int list_split(struct image_set *p, const char *split, struct names *l, size_t *of_class,
                      struct err *e)
{
	int rc = 0;
	for (int c = 0; c < p->n_classes && !rc; c++) {
		struct names files = {0};
		char *path = mem_format("%s/%s/%s", p->path, split, p->classes[c]);
		if (is_folder(path))
			rc = list_folder(p, path, false, &files, e);
		for (size_t i = 0; i < files.n; i++)
			names_add(l, arena_format(&p->names, "%s/%s/%s", split, p->classes[c], files.at[i]));
		of_class[c] = files.n;
		mem_free(files.at);
		mem_free(path);
	}
	return rc;
}

/* Refuse a class that train/ does not have: its files would be left out in silence. */
static int check_classes(struct image_set *p, const char *split, struct err *e)
{
	struct names l = {0};
	char *path = mem_format("%s/%s", p->path, split);
	int rc = list_folder(p, path, true, &l, e);
	for (size_t i = 0; i < l.n && !rc; i++)
		if (!bsearch(&l.at[i], p->classes, (size_t)p->n_classes, sizeof *p->classes, by_bytes))
			rc = err_user(e, "%s/%s: is a class that %s/train does not have", path, l.at[i],
			              p->path);
	mem_free(path);
	mem_free(l.at);
	return rc;
}

static int scan_split(struct image_set *p, int split, const char *name, struct err *e)
{
	struct names l = {0};
	size_t *of_class = mem_array((size_t)p->n_classes, sizeof *of_class), at = 0;
	int rc = check_classes(p, name, e) || list_split(p, name, &l, of_class, e) ? -1 : 0;
	if (!rc && l.n == 0)
		rc = err_user(e, "%s/%s: holds no images, expected CLASS/FILE.jpg, .jpeg or .png", p->path,
		              name);
	if (!rc && l.n > UINT32_MAX)
		rc = err_user(e, "%s/%s: holds more images than 32 bits count", p->path, name);
	if (!rc) {
		image_set_alloc(p, split, l.n);
		for (int c = 0; c < p->n_classes; c++)
			for (size_t i = 0; i < of_class[c]; i++, at++)
				p->at[split][at] =
				        (struct image_file){.name = l.at[at], .label = (uint16_t)c};
	}
	mem_free(of_class);
	mem_free(l.at);
	return rc;
}

/* What the folder of a split is called: the first of two names that is there. NULL and a sentence: neither.
 */
static const char *split_folder(const struct image_set *p, const char *name, const char *other, struct err *e)
{
	const char *const names[] = {name, other};
	for (int i = 0; i < 2; i++) {
		char *path = mem_format("%s/%s", p->path, names[i]);
		bool there = is_folder(path);
		mem_free(path);
		if (there)
			return names[i];
	}
	err_user(e, "%s: found no folder %s/, expected train/ and val/ (or test/), a folder a class in each",
	         p->path, name);
	return NULL;
}

static int scan(struct image_set *p, struct err *e)
{
	const char *val = split_folder(p, "train", "train", e) ? split_folder(p, "val", "test", e) : NULL;
	char *train = mem_format("%s/train", p->path);
	int rc = !val || take_classes(p, train, e) || scan_split(p, TRAIN, "train", e) ||
	                         scan_split(p, VAL, val, e)
	                 ? -1
	                 : 0;
	mem_free(train);
	return rc;
}

struct image_set *image_set_open(const char *path, struct err *e)
{
	struct image_set *p = mem_alloc(sizeof *p);
	p->path = mem_string(path);
	p->pack = -1;
	if ((is_folder(path) ? scan(p, e) : pack_read(p, e)) == 0)
		return p;
	image_set_close(p);
	return NULL;
}

void image_set_close(struct image_set *p)
{
	if (!p)
		return;
	if (p->pack >= 0)
		close(p->pack);
	for (int split = 0; split < 2; split++)
		mem_free(p->at[split]);
	mem_free(p->classes);
	arena_clear(&p->names);
	mem_free(p->path);
	mem_free(p);
}

void image_set_thin(struct image_set *p, int split, size_t n)
{
	if (n > p->n[split])
		BUG("more images are to be kept than there are");
	for (size_t i = 0; i < n; i++)
		p->at[split][i] = p->at[split][i * p->n[split] / n];
	p->n[split] = n;
}
