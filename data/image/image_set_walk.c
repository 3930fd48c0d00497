/* Walking a folder breadth first: a list of folders grows while it is gone through. */
#include "data/image/image_set_walk.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { FOLDERS_MAX = 1 << 16 /* in a class: more are links to each other */, KINDS_SAID = 8 };

/* --- what is left out ---------------------------------------------------------------------------------- */

static void left_out_add(struct left_out *l, struct arena *arena, const char *what, const char *path)
{
	size_t k = 0;
	while (k < l->kinds && strcasecmp(l->kind[k].what, what))
		k++;
	if (k == l->kinds) {
		l->kind = mem_resize(l->kind, ++l->kinds * sizeof *l->kind);
		char *kept = arena_string(arena, what);
		for (char *c = kept; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		l->kind[k] = (struct left_out_kind){kept, 0};
	}
	l->kind[k].n++;
	l->all++;
	if (!l->example || strcmp(path, l->example) < 0)
		l->example = arena_string(arena, path);
}

static int most_first(const void *a, const void *b)
{
	const struct left_out_kind *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->what, y->what);
}

const char *left_out_text(struct left_out *l, struct arena *arena)
{
	struct buf b = {0};
	size_t rest = l->all;
	if (!l->all)
		return NULL;
	qsort(l->kind, l->kinds, sizeof *l->kind, most_first);
	for (size_t k = 0; k < l->kinds && k < KINDS_SAID; k++) {
		buf_format(&b, "%zu %s, ", l->kind[k].n, l->kind[k].what);
		rest -= l->kind[k].n;
	}
	if (rest)
		buf_format(&b, "%zu others, ", rest);
	buf_format(&b, "such as %s", l->example);
	const char *text = arena_string(arena, b.text);
	buf_clear(&b);
	return text;
}

/* --- one folder ---------------------------------------------------------------------------------------- */

/* torchvision's IMG_EXTENSIONS. */
static bool is_image_name(const char *name)
{
	static const char *const endings[] = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
	                                      ".pgm", ".tif",  ".tiff", ".webp"};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
		if (!strcasecmp(dot, endings[i]))
			return true;
	return false;
}

static const char *ending_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && dot != name && dot[1] ? dot : "without an ending";
}

static void add(struct walk *w, const char *folder, const char *name)
{
	if (w->n == w->size) {
		w->size = w->size ? 2 * w->size : 64;
		w->at = mem_resize(w->at, w->size * sizeof *w->at);
	}
	w->at[w->n++] = (struct walk_file){folder, name};
}

/* Links are followed; one that leads nowhere is a file, which cannot be read. */
static bool is_folder_entry(DIR *dir, const struct dirent *entry)
{
	struct stat st;
	if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

typedef void entry_fn(struct walk *w, void *ctx, const char *folder, const char *name, bool is_folder);

/* Call `each` for every entry of root/FOLDER. -1 and a sentence. */
static int each_entry(struct walk *w, const char *folder, entry_fn *each, void *ctx, struct err *e)
{
	char *path = mem_format("%s/%s", w->root, folder);
	DIR *dir = opendir(path);
	int rc = dir ? 0 : err_user(e, "%s: cannot be read: %s", path, strerror(errno));
	errno = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir)); errno = 0)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			each(w, ctx, folder, entry->d_name, is_folder_entry(dir, entry));
	if (dir && errno)
		rc = err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	if (dir)
		closedir(dir);
	mem_free(path);
	return rc;
}

static void leave_out(struct walk *w, const char *what, const char *folder, const char *name)
{
	char *path = mem_format("%s/%s", folder, name);
	left_out_add(w->unused, w->arena, what, path);
	mem_free(path);
}

static int by_folder_and_name(const void *a, const void *b)
{
	const struct walk_file *x = a, *y = b;
	int folders = x->folder == y->folder ? 0 : strcmp(x->folder, y->folder);
	return folders ? folders : strcmp(x->name, y->name);
}

static void sort(struct walk *w, size_t first)
{
	if (w->n > first)
		qsort(w->at + first, w->n - first, sizeof *w->at, by_folder_and_name);
}

/* --- classes ------------------------------------------------------------------------------------------- */

static void take_class(struct walk *w, void *ctx, const char *folder, const char *name, bool is_folder)
{
	(void)ctx;
	if (is_folder)
		add(w, folder, arena_string(w->arena, name));
	else
		leave_out(w, is_image_name(name) ? "images outside of a class" : ending_of(name), folder,
		          name);
}

int walk_classes(struct walk *w, const char *folder, struct err *e)
{
	w->n = 0;
	if (each_entry(w, folder, take_class, NULL, e))
		return -1;
	sort(w, 0);
	return 0;
}

/* --- images -------------------------------------------------------------------------------------------- */

struct found {
	const char *path; /* below the root, in the arena */
	const char *real; /* without links, in the arena; NULL: it is gone */
	size_t above;     /* its place in the list; the first folder, the root, is its own */
};

struct folders {
	struct found *at;
	size_t n, size, now; /* now: the one that is gone through */
};

/* Both without links. */
static bool is_or_holds(const char *folder, const char *other)
{
	size_t n = strlen(folder);
	return strncmp(folder, other, n) == 0 &&
	       (other[n] == '/' || other[n] == '\0' || folder[n - 1] == '/');
}

/*
 * Is it the folder number `below`, or one that holds it or any folder on the way to it from the root of the
 * set? What such a folder holds besides is of other classes, or no part of the set.
 */
static bool leads_back(const struct folders *l, size_t below, const char *real)
{
	for (size_t i = below;; i = l->at[i].above) {
		if (l->at[i].real && is_or_holds(real, l->at[i].real))
			return true;
		if (l->at[i].above == i)
			return false;
	}
}

static const char *real_path(struct walk *w, const char *folder)
{
	char *path = mem_format("%s/%s", w->root, folder), *real = realpath(path, NULL);
	const char *kept = real ? arena_string(w->arena, real) : NULL;
	free(real);
	mem_free(path);
	return kept;
}

static void push(struct folders *l, const char *path, const char *real)
{
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 16;
		l->at = mem_resize(l->at, l->size * sizeof *l->at);
	}
	l->at[l->n] = (struct found){path, real, l->now};
	l->n++;
}

/* A folder that is gone meanwhile is entered all the same: opening it gives the sentence. */
static void take_folder(struct walk *w, struct folders *l, const char *folder, const char *name)
{
	const char *path = arena_format(w->arena, "%s/%s", folder, name), *real = real_path(w, path);
	if (real && leads_back(l, l->now, real))
		leave_out(w, "links to a folder above them", folder, name);
	else
		push(l, path, real);
}

/* The way to a class: the root, what holds classes, the class. `now` is the last. */
static void push_way(struct walk *w, struct folders *l, const char *folder)
{
	const char *const way[] = {".", "train", "val", "test", arena_string(w->arena, folder)};
	for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
		push(l, way[i], real_path(w, way[i]));
		l->now = i;
	}
}

static void take_entry(struct walk *w, void *ctx, const char *folder, const char *name, bool is_folder)
{
	if (is_folder)
		take_folder(w, ctx, folder, name);
	else if (is_image_name(name))
		add(w, folder, arena_string(w->arena, name));
	else
		leave_out(w, ending_of(name), folder, name);
}

int walk_class(struct walk *w, const char *folder, struct err *e)
{
	struct folders l = {0};
	size_t first = w->n;
	int rc = 0;
	char *path = mem_format("%s/%s", w->root, folder);
	push_way(w, &l, folder);
	for (; !rc && l.now < l.n; l.now++)
		rc = l.n > FOLDERS_MAX
		             ? err_user(e, "%s: holds more than %d folders; do links lead in a circle?", path,
		                        FOLDERS_MAX)
		             : each_entry(w, l.at[l.now].path, take_entry, &l, e);
	sort(w, first);
	mem_free(path);
	mem_free(l.at);
	return rc;
}
