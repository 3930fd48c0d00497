/* What all data sets share: their memory, and the folders where their files are searched for. */
#include "data/dataset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

void dataset_alloc(struct dataset *d)
{
	size_t features = shape_features(&d->shape);
	d->train_pixels = mem_array(d->shape.n_train, features);
	d->test_pixels = mem_array(d->shape.n_test, features);
	dataset_alloc_labels(d);
}

void dataset_alloc_labels(struct dataset *d)
{
	d->train_labels = mem_array(d->shape.n_train, sizeof *d->train_labels);
	d->test_labels = mem_array(d->shape.n_test, sizeof *d->test_labels);
}

void dataset_clear(struct dataset *d)
{
	mem_free(d->train_pixels);
	mem_free(d->train_labels);
	mem_free(d->test_pixels);
	mem_free(d->test_labels);
	mem_free(d->train_tokens);
	mem_free(d->test_tokens);
	mem_free(d->note);
	if (d->lazy_images)
		d->close_lazy_images(d->lazy_images);
	*d = (struct dataset){0};
}

/* The variable's value, or NULL when it is not set or empty. */
static const char *set_variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

char *dataset_cache(const struct data_source *s)
{
	const char *cache = set_variable("XDG_CACHE_HOME"), *home = set_variable("HOME");
	if (cache && *cache == '/') /* its specification: ignore a relative path */
		return mem_format("%s/signsgd/%s", cache, s->folder);
	return home ? mem_format("%s/.cache/signsgd/%s", home, s->folder) : NULL;
}

enum { PLACES_MAX = 7 };

struct places {
	int count;
	char *at[PLACES_MAX];
};

static void places_add(struct places *p, const char *dir, const char *folder)
{
	if (!dir || !*dir)
		return;
	p->at[p->count++] = mem_format("%s/%s", dir, folder);
	p->at[p->count++] = mem_string(dir);
}

static struct places places_of(const struct data_source *s, const char *const dirs[2])
{
	struct places p = {0};
	places_add(&p, dirs[0], s->folder);
	places_add(&p, dirs[1], s->folder);
	places_add(&p, set_variable("SIGNSGD_DATA"), s->folder);
	char *cache = dataset_cache(s);
	if (cache)
		p.at[p.count++] = cache;
	return p;
}

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

enum { NAMES = 4, NAME_SIZE = 256 };

/* The spellings of a file's name: unpacked ones first, because they are faster to read. */
static void names_of(const char *official, char names[NAMES][NAME_SIZE])
{
	size_t length = strlen(official);
	bool packed = length > 3 && !strcmp(official + length - 3, ".gz");
	if (length + sizeof ".gz" > NAME_SIZE)
		BUG("a data file's name is too long");
	for (int i = 0; i < NAMES; i++) {
		strcpy(names[i], official);
		char *mark = strstr(names[i], "-idx");
		if (packed && i % 2 == 0)
			names[i][length - 3] = '\0';
		if (!packed && i % 2 == 1)
			strcpy(names[i] + length, ".gz");
		if (mark && i >= 2)
			*mark = '.';
	}
}

static char *find_in(const struct places *p, const char *official)
{
	char names[NAMES][NAME_SIZE];
	names_of(official, names);
	for (int i = 0; i < p->count * NAMES; i++) {
		char *path = mem_format("%s/%s", p->at[i / NAMES], names[i % NAMES]);
		if (is_file(path))
			return path;
		mem_free(path);
	}
	return NULL;
}

/* The list of folders comes last: it may be cut off where the sentence is too long. */
static void say_missing(const struct data_source *s, const struct places *p, const char *name, struct err *e)
{
	struct buf list = {0};
	for (int i = 0; i < p->count; i++)
		buf_format(&list, "%s%s", i ? ", " : "", p->at[i]);
	if (s->by_hand)
		err_user(e, "data set %s: found no file %s, packed or not (%s); looked in %s", s->row.name,
		         name, s->by_hand, p->count ? list.text : "no place");
	else
		err_user(e,
		         "data set %s: found no file %s%s (`signsgd data fetch %s` downloads it); "
		         "looked in %s",
		         s->row.name, name, s->archive ? "" : ", packed or not", s->row.name,
		         p->count ? list.text : "no place, as none is given and HOME is not set");
	buf_clear(&list);
}

char *dataset_find(const struct data_source *s, const char *const dirs[2], const struct data_file *file,
                   struct err *e)
{
	struct places p = places_of(s, dirs);
	char *path = find_in(&p, file->name);
	if (!path)
		say_missing(s, &p, file->name, e);
	for (int i = 0; i < p.count; i++)
		mem_free(p.at[i]);
	return path;
}
