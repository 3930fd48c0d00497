/* `signsgd data`: list data sets with their files, fetch files, pack and verify a folder of images. */
#include <string.h>
#include "cmd/data_verify.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/table.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/mem.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/fetch/fetch.h"
#include "data/image/image_set.h"
#include "registry.h"

static const struct data_source *find_source(const char *name, struct err *e)
{
	const struct row *r = family_find(&family_data, name);
	char shown[80], said[FAMILY_MEANT];

	if (r)
		return (const struct data_source *)r;
	const char *meant = family_meant(&family_data, name, said);
	text_shown(name, shown, sizeof(shown));
	if (*meant)
		err_user(e, "there is no data set '%s'; %s", shown, meant);
	else
		err_user(e, "there is no data set '%s'; 'signsgd data list' shows them", shown);
	return NULL;
}

/* A cell about where the row's files are. */
static void place_cell(struct table *t, const struct data_source *s, const char *dir)
{
	const char *const dirs[2] = {dir, NULL};
	int found = 0, all = 0;
	char *path = NULL;

	for (const struct data_file *f = s->files; f && f->name; f++, all++) {
		struct err e = {0};
		char *here = dataset_find(s, dirs, f, &e);
		found += here != NULL;
		if (path)
			mem_free(here);
		else
			path = here;
	}
	if (path)
		*strrchr(path, '/') = '\0';
	if (!all && s->by_hand)
		table_cell(t, "%s", s->by_hand);
	else if (!all)
		table_cell(t, "%s",
		           s->readers ? "a folder of yours"
		           : s->load  ? "made by the program"
		                      : "no data");
	else if (found == all)
		table_cell(t, "in %s", path);
	else
		table_cell(t, "%d of %d files found; get them with 'signsgd data fetch %s'", found, all,
		           s->row.name);
	mem_free(path);
}

static int list(const char *dir)
{
	struct table t;

	table_init(&t, "lw");
	for (size_t i = 0; family_data.rows[i]; i++) {
		table_cell(&t, "%s", family_data.rows[i]->name);
		place_cell(&t, (const struct data_source *)family_data.rows[i], dir);
	}
	table_print(&t, stdout, 0);
	table_clear(&t);
	return EXIT_DONE;
}

static void show_progress(const struct fetch_news *news, double begin)
{
	char done[32], all[32], rate[32];
	double took = clock_s() - begin;

	if (!progress_due())
		return;
	log_bytes((double)news->done, done);
	log_bytes((double)news->file->bytes, all);
	log_bytes(took > 0 ? (double)news->done / took : 0, rate);
	progress_show(false, "%s: %s of %s, %s/s", news->file->name, done, all, rate);
}

static void tell(void *ctx, const struct fetch_news *news)
{
	double *begin = ctx;

	switch (news->event) {
	case FETCH_KEPT:
		log_say("%s is there and right, kept", news->path);
		break;
	case FETCH_BEGIN:
		log_say("asking %s", news->text);
		*begin = clock_s();
		break;
	case FETCH_BYTES:
		show_progress(news, *begin);
		break;
	case FETCH_FAILED:
		progress_end();
		log_warn("%s", news->text);
		break;
	case FETCH_DONE:
		progress_end();
		log_say("%s is there, its SHA-256 is right", news->path);
		break;
	}
}

/*
 * DIR/FOLDER: --data DIR finds it, and data sets whose files have the same names do not get into each other's
 * way.
 */
static char *folder_for(const struct data_source *s, const char *to, struct err *e)
{
	char *folder = to ? mem_format("%s/%s", to, s->folder) : dataset_cache(s);

	if (!folder)
		err_user(e, "no place to put the files of %s: HOME is not set; give --to DIR", s->row.name);
	return folder;
}

static int fetch(const char *name, const char *to, const char *from, struct err *e)
{
	const struct data_source *s = find_source(name, e);
	double begin = 0;

	if (!s)
		return -1;
	if (!s->files && !s->by_hand)
		return err_user(e, "data set %s has no files to fetch", name);
	char *folder = folder_for(s, to, e);
	if (!folder)
		return -1;
	int failed = data_fetch(s, folder, from, tell, &begin, e);
	progress_end();
	mem_free(folder);
	return failed;
}

static void tell_packed(uint64_t done, uint64_t all)
{
	char packed[32], whole[32];

	if (!progress_due())
		return;
	log_bytes((double)done, packed);
	log_bytes((double)all, whole);
	progress_show(false, "packed %s of %s", packed, whole);
}

static int pack(const char *dir, const char *out, struct err *e)
{
	char shown[256];

	if (!out)
		return err_user(e, "data pack needs -o FILE.h5, the file to write");
	struct image_set *p = image_set_open(dir, e);
	if (!p)
		return -1;
	image_set_warn(p);
	int failed = image_set_pack(p, out, tell_packed, e);
	progress_end();
	if (!failed)
		log_say("wrote %s: %zu training and %zu validation images of %d classes",
		        text_shown(out, shown, sizeof(shown)), p->n[TRAIN], p->n[VAL], p->n_classes);
	image_set_close(p);
	return failed;
}

/* What the verbs take behind them. */
static const struct {
	const char *name, *takes;
	size_t words;
} verbs[] = {{"list", "no name", 0},
             {"fetch", "the name of one data set", 1},
             {"pack", "one folder", 1},
             {"verify", "one folder or pack", 1}};

static int first(const char *word, struct err *e)
{
	char shown[80];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, word))
			return 0;
	return err_user(e,
	                "data takes 'list', 'fetch NAME', 'pack DIR -o FILE.h5' or 'verify PATH', found '%s'",
	                text_shown(word, shown, sizeof(shown)));
}

static int check_words(const char *verb, size_t words, struct err *e)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, verb) && words != verbs[i].words)
			return err_user(e, "data %s takes %s, found %zu", verb, verbs[i].takes, words);
	return 0;
}

static int data(const struct args *a)
{
	struct err e = {0};
	const char *verb = a->n_rest ? a->rest[0] : "list";
	size_t words = a->n_rest ? a->n_rest - 1 : 0;

	if (first(verb, &e) || check_words(verb, words, &e))
		return cmd_fail(&e);
	if (!strcmp(verb, "list"))
		return list(args_value(a, "data"));
	if (!strcmp(verb, "pack"))
		pack(a->rest[1], args_value(a, "o") ? args_value(a, "o") : args_value(a, "out"), &e);
	else if (!strcmp(verb, "verify"))
		data_verify(a->rest[1], &e);
	else
		fetch(a->rest[1], args_value(a, "to"), args_value(a, "from"), &e);
	return e.code ? cmd_fail(&e) : EXIT_DONE;
}

static const struct option options[] = {
        {"to", "DIR",
         "fetch: put the files into DIR/NAME (of CIFAR: the official folder in DIR), found later with --data "
         "DIR (default: the cache)"},
        {"from", "URL", "fetch: take URL/FILE in place of the official addresses"},
        {"data", "DIR", "list: look into this folder first"},
        {"o", "FILE", "pack: the file to write"},
        {"out", "FILE", "the same"},
        {NULL, NULL, NULL},
};

const struct command cmd_data = {
        .name = "data",
        .about = "list data sets, fetch their files, pack and verify images",
        .usage = "data list | data fetch NAME | data pack DIR -o FILE | data verify PATH",
        .details =
                "Files are looked for in DIR/NAME and DIR, for DIR the one of --data, of data.dir in the "
                "experiment file and of the environment variable SIGNSGD_DATA, and then in "
                "~/.cache/signsgd/NAME (or $XDG_CACHE_HOME/signsgd/NAME), where fetch puts them. What is "
                "fetched must have the official SHA-256; other files stay. Pack puts the images of a folder "
                "with "
                "train/CLASS/ and val/CLASS/ into one file, as they are, which data imagefolder reads "
                "like the folder. A pack is sealed. Verify reads every image of a folder or a pack and names "
                "those that are damaged.",
        .example = "signsgd data list\n"
                   "signsgd data fetch fashion-mnist\n"
                   "signsgd data fetch mnist --to data-sets\n"
                   "signsgd data pack imagenet -o imagenet.h5\n"
                   "signsgd data verify imagenet.h5",
        .options = options,
        .first = first,
        .run = data,
};
