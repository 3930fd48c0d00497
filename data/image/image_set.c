/* The list of a folder's images. */
#include "data/image/image_set.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "data/image/image_set_internal.h"
#include "data/image/image_set_walk.h"

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int take_classes(struct image_set *p, struct walk *w, struct err *e)
{
	if (walk_classes(w, "train", e))
		return -1;
	if (w->n == 0)
		return err_user(e, "%s/train: holds no folders, expected one a class", p->path);
	if (w->n > CLASSES_MAX)
		return err_user(e, "%s/train: found %zu classes, expected at most %d", p->path, w->n,
		                CLASSES_MAX);
	p->n_classes = (int)w->n;
	p->classes = mem_array(w->n, sizeof *p->classes);
	for (size_t i = 0; i < w->n; i++)
		p->classes[i] = arena_string(&p->names, w->at[i].name);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Refuse a class that train/ does not have: its files would be left out in silence. */
static int check_classes(const struct image_set *p, const char *split, struct walk *w, struct err *e)
{
	if (walk_classes(w, split, e))
		return -1;
	for (size_t i = 0; i < w->n; i++)
		if (!bsearch(&w->at[i].name, p->classes, (size_t)p->n_classes, sizeof *p->classes, by_bytes))
			return err_user(e, "%s/%s/%s: is a class that %s/train does not have", p->path, split,
			                w->at[i].name, p->path);
	return 0;
}

/*
 * A split's files class by class into `w`; ends [classes]: how many there are up to each. A class without any
 * to train on is refused, as torchvision does.
 */
static int walk_split(const struct image_set *p, int split, const char *name, struct walk *w, size_t *ends,
                      struct err *e)
{
	int rc = 0;
	w->n = 0;
	for (int c = 0; c < p->n_classes && !rc; c++) {
		char *folder = mem_format("%s/%s", name, p->classes[c]),
		     *path = mem_format("%s/%s", p->path, folder);
		size_t before = w->n;
		if (split == TRAIN || is_folder(path))
			rc = walk_class(w, folder, e);
		if (!rc && split == TRAIN && w->n == before)
			rc = err_user(e, "%s: holds no images, expected some of every class in train/", path);
		ends[c] = w->n;
		mem_free(path);
		mem_free(folder);
	}
	return rc;
}

static void take_files(struct image_set *p, int split, const struct walk *w, const size_t *ends)
{
	size_t at = 0;
	image_set_alloc(p, split, w->n);
	for (int c = 0; c < p->n_classes; c++)
		for (; at < ends[c]; at++)
			p->at[split][at] = (struct image_file){
			        .name = arena_format(&p->names, "%s/%s", w->at[at].folder, w->at[at].name),
			        .label = (uint16_t)c};
}

static int scan_split(struct image_set *p, int split, const char *name, struct walk *w, struct err *e)
{
	size_t *ends = mem_array((size_t)p->n_classes, sizeof *ends);
	int rc = split == VAL ? check_classes(p, name, w, e) : 0;
	if (!rc)
		rc = walk_split(p, split, name, w, ends, e);
	if (!rc && w->n == 0)
		rc = err_user(e, "%s/%s: holds no images, expected CLASS/FILE with the ending of an image",
		              p->path, name);
	if (!rc && w->n > UINT32_MAX)
		rc = err_user(e, "%s/%s: holds more images than 32 bits count", p->path, name);
	if (!rc)
		take_files(p, split, w, ends);
	mem_free(ends);
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
	struct arena names = {0};
	struct left_out unused = {0};
	struct walk w = {.root = p->path, .arena = &names, .unused = &unused};
	int rc = !val || take_classes(p, &w, e) || scan_split(p, TRAIN, "train", &w, e) ||
	                         scan_split(p, VAL, val, &w, e)
	                 ? -1
	                 : 0;
	p->left_out = unused.all;
	p->left_out_what = left_out_text(&unused, &p->names);
	mem_free(unused.kind);
	mem_free(w.at);
	arena_clear(&names);
	return rc;
}

static void find_untested(struct image_set *p)
{
	bool *tested = mem_alloc((size_t)p->n_classes * sizeof *tested); /* [n_classes] */
	for (size_t i = 0; i < p->n[VAL]; i++)
		tested[p->at[VAL][i].label] = true;
	for (int c = p->n_classes - 1; c >= 0; c--)
		if (!tested[c]) {
			p->untested++;
			p->untested_one = p->classes[c];
		}
	mem_free(tested);
}

struct image_set *image_set_open(const char *path, struct err *e)
{
	struct image_set *p = mem_alloc(sizeof *p);
	p->path = mem_string(path);
	p->pack = -1;
	if ((is_folder(path) ? scan(p, e) : pack_read(p, e)) == 0) {
		find_untested(p);
		return p;
	}
	image_set_close(p);
	return NULL;
}

void image_set_close(struct image_set *p)
{
	if (!p)
		return;
	if (p->pack >= 0)
		close(p->pack);
	for (int split = 0; split < SPLITS; split++)
		mem_free(p->at[split]);
	mem_free(p->classes);
	arena_clear(&p->names);
	mem_free(p->path);
	mem_free(p);
}

void image_set_warn(const struct image_set *p)
{
	static char *said; /* so that a sweep says it once */
	if (said && !strcmp(said, p->path))
		return;
	mem_free(said);
	said = mem_string(p->path);
	if (p->pack >= 0 && !p->sealed)
		log_warn("%s: was packed before packs had a seal, so that damage is not noticed; `signsgd "
		         "data "
		         "pack` makes it anew",
		         p->path);
	struct buf b = {0};
	if (p->left_out)
		buf_format(&b, "; %zu file%s left out, because of the name or the place: %s", p->left_out,
		           p->left_out == 1 ? " is" : "s are", p->left_out_what);
	if (p->untested)
		buf_format(&b, "; classes without an image to test on: %d of %d, such as %s", p->untested,
		           p->n_classes, p->untested_one);
	if (b.length)
		log_warn("%s: %s", p->path, b.text + 2);
	buf_clear(&b);
}

void image_set_thin(struct image_set *p, int split, size_t n)
{
	if (n > p->n[split])
		BUG("more images are to be kept than there are");
	for (size_t i = 0; i < n; i++)
		p->at[split][i] = p->at[split][i * p->n[split] / n];
	p->n[split] = n;
}

void image_set_hold_out(struct image_set *p, const uint8_t *held, size_t count)
{
	size_t all = p->n[TRAIN];
	image_set_alloc(p, HELD_OUT, count);
	p->n[TRAIN] = p->n[HELD_OUT] = 0;
	for (size_t i = 0; i < all; i++) {
		int to = held[i] ? HELD_OUT : TRAIN;
		p->at[to][p->n[to]++] = p->at[TRAIN][i];
	}
}
